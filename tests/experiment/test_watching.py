"""Who watches training: what they are told, what their failing does, and how they end it."""

import json

import pytest
from experiment.helpers import CONFIG, QUICK, ring, trained

from gnnneg import Stop, UserError, Watcher, resume, train_config
from gnnneg.errors import MissingExtra


class Heard(Watcher):
    """Writes down what it is told, and does at each record what it is given."""

    def __init__(self, does=lambda record: None, begins=lambda setup: None, ends=lambda result: None):
        self.does, self.begins, self.ends = does, begins, ends
        self.told = []

    def begin(self, setup):
        self.told.append(("begin", setup.path))
        self.begins(setup)

    def record(self, record):
        self.told.append(("record", record))
        self.does(record)

    def end(self, result):
        self.told.append(("end", result))
        self.ends(result)

    @property
    def records(self):
        return [what for kind, what in self.told if kind == "record"]


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def failing(*_):
    raise OSError(28, "No space left on device")


def test_it_is_told_what_the_log_has_and_the_result_at_the_end(tmp_path):
    heard = Heard()
    run = trained(ring(), tmp_path / "run", epochs=2, track=[heard])
    assert [kind for kind, _ in heard.told] == ["begin"] + ["record"] * 4 + ["end"]
    assert heard.records == lines(tmp_path / "run")
    assert heard.told[0][1] == tmp_path / "run"
    assert heard.told[-1][1] == run.result
    assert trained(ring(), None, epochs=1, track=[heard]).result == heard.told[-1][1]


def test_one_that_fails_is_told_of_once_and_the_others_hear_on(tmp_path):
    broken, heard = Heard(failing), Heard(ends=failing)
    with pytest.warns(UserWarning, match="^Heard failed") as told:
        run = trained(ring(), tmp_path / "run", epochs=2, track=[broken, heard])
    assert [str(one.message) for one in told] == [
        "Heard failed in epoch 1 and is left out from here on: OSError: [Errno 28] No space left on device.",
        "Heard failed at the end: OSError: [Errno 28] No space left on device.",
    ]
    assert len(broken.told) == 2
    assert len(heard.records) == 4
    assert run.metrics["test"]
    assert len(lines(tmp_path / "run")) == 4


def test_one_that_cannot_begin_keeps_training_from_beginning(tmp_path):
    first = Heard()
    with pytest.raises(UserError, match=r"^Heard cannot watch this run: OSError: .*No space left on device\.$"):
        trained(ring(), tmp_path / "run", track=[first, Heard(begins=failing)])
    assert first.told[-1] == ("end", None)
    assert not (tmp_path / "run").exists()

    def missing(setup):
        raise MissingExtra("track", "MLflow")

    with pytest.raises(MissingExtra, match=r"^MLflow needs the extra 'track'"):
        trained(ring(), tmp_path / "run", track=[Heard(begins=missing)])


def test_one_that_stops_leaves_a_run_that_goes_on_to_the_same(tmp_path):
    """By the checkpoint of that moment, validation of that epoch included."""

    def second(record):
        if "valid" in record and record["epoch"] == 2:
            raise Stop("It promises nothing.")

    settings = [*QUICK, "--fit.epochs", "3"]
    heard, after = Heard(second), Heard(begins=failing)
    with pytest.raises(Stop, match="promises nothing"):
        train_config(CONFIG, settings, tmp_path / "a", progress=False, track=[heard])
    assert heard.told[-1] == ("end", None)
    assert [record["epoch"] for record in heard.records] == [1, 1, 2, 2]
    with pytest.warns(UserWarning, match="Heard could not go on with this run: OSError"):
        resume(tmp_path / "a", progress=False, track=[after, heard])
    assert [record["epoch"] for record in heard.records] == [1, 1, 2, 2, 3, 3]
    train_config(CONFIG, settings, tmp_path / "b", progress=False)
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in "ab"]
    assert weights[0] == weights[1]
    assert [one["step"] for one in lines(tmp_path / "a")] == [one["step"] for one in lines(tmp_path / "b")]


def test_a_reason_to_stop_that_says_nothing_says_how_to_go_on(tmp_path):
    def now(record):
        raise Stop

    with pytest.raises(Stop, match=r"^Interrupted in epoch 2 of 2, step 4: go on with 'gnnneg resume .*run'\.$"):
        trained(ring(), tmp_path / "run", track=[Heard(now)])


def test_what_one_does_to_what_it_is_told_reaches_nobody_else(tmp_path):
    spoiling, heard = Heard(dict.clear, ends=dict.clear), Heard()
    run = trained(ring(), tmp_path / "run", epochs=1, track=[spoiling, heard])
    assert heard.records == lines(tmp_path / "run")
    assert run.metrics["test"]["mrr"] == heard.told[-1][1]["metrics"]["test"]["mrr"] > 0
