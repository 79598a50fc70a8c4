"""What torchrun restarts goes on with its own run, and with no other.

A call of ``torchrun`` is the folder in which it keeps the errors of its processes; a new process has a new name.
"""

import json

import pytest
from experiment.helpers import CONFIG, QUICK, everything, log, ring, trained, weights

from gnnneg import Run, UserError, distributed
from gnnneg.cli import early, main
from gnnneg.experiment import train_config
from gnnneg.training.fit import _Loop


class Killed(BaseException):
    pass


@pytest.fixture
def torchrun(monkeypatch):
    """Puts this process into a call of torchrun as one that has just been started."""
    number = iter(range(100))

    def start(call: str, attempt: int = 0):
        for name, value in {
            "TORCHELASTIC_ERROR_FILE": f"/tmp/{call}/none_x/attempt_{attempt}/0/error.json",
            "TORCHELASTIC_RUN_ID": "none",
            "TORCHELASTIC_RESTART_COUNT": str(attempt),
            "WORLD_SIZE": "1",
            "RANK": "0",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(distributed, "PROCESS", f"process {next(number)}")

    return start


@pytest.fixture
def struck(monkeypatch):
    """Kills training at its second validation, once."""

    def strike():
        validate, count = _Loop.validate, []

        def validated(self, evaluate):
            count.append(1)
            if len(count) == 2:
                monkeypatch.setattr(_Loop, "validate", validate)
                raise Killed
            validate(self, evaluate)

        monkeypatch.setattr(_Loop, "validate", validated)

    return strike


@pytest.mark.parametrize("attempt", [1, 0], ids=["a process died", "a machine joined or left"])
def test_a_run_from_python_ends_where_one_that_was_never_killed_ends(tmp_path, torchrun, struck, attempt):
    trained(ring(), tmp_path / "whole", 4)
    torchrun("one")
    struck()
    with pytest.raises(Killed):
        trained(ring(), tmp_path / "run", 4)
    assert len(log(tmp_path / "run")) < 8
    torchrun("one", attempt)
    run = trained(ring(), tmp_path / "run", 4)
    assert log(tmp_path / "run") == log(tmp_path / "whole")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    assert run.metrics == Run.load(tmp_path / "whole").metrics
    torchrun("one", attempt + 1)  # something after it failed
    assert trained(ring(), tmp_path / "run", 4).metrics == run.metrics
    assert log(tmp_path / "run") == log(tmp_path / "whole")


def test_a_config_goes_on_by_the_command_line(tmp_path, torchrun, struck, capsys):
    command = ["train", str(CONFIG), *QUICK, "--out"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    torchrun("one")
    struck()
    with pytest.raises(Killed):
        main([*command, str(tmp_path / "run")])
    torchrun("one", 1)
    assert main([*command, str(tmp_path / "run")]) == 0
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    told = json.loads((tmp_path / "run" / "environment.json").read_text())["launch"]
    assert told == {"torchrun": ["/tmp/one/none_x"], "process": "process 0"}


def test_the_run_of_another_call_is_refused_at_every_attempt(tmp_path, torchrun):
    """Whose folder it is was forgotten at the second attempt: it was resumed, whatever its config."""
    train_config(CONFIG, QUICK, tmp_path / "before", progress=False)  # without torchrun
    torchrun("one")
    train_config(CONFIG, QUICK, tmp_path / "run", progress=False)
    for out in ("before", "run"):
        there = everything(tmp_path / out)
        for attempt in (0, 1):
            torchrun("two", attempt)
            with pytest.raises(UserError, match=f"{out} is not empty: go on with 'gnnneg resume"):
                train_config(CONFIG, [*QUICK, "--seed", "1"], tmp_path / out, progress=False)
            with pytest.raises(UserError, match=f"{out} is not empty"):
                train_config(CONFIG, QUICK, tmp_path / out, progress=False)
        assert everything(tmp_path / out) == there


def test_another_config_of_the_same_call_is_refused(tmp_path, torchrun):
    torchrun("one")
    train_config(CONFIG, QUICK, tmp_path / "run", progress=False)
    there = everything(tmp_path / "run")
    torchrun("one", 1)
    with pytest.raises(UserError, match="holds a run of another config, by seed"):
        train_config(CONFIG, [*QUICK, "--seed", "1"], tmp_path / "run", progress=False)
    assert everything(tmp_path / "run") == there


def test_one_process_does_not_train_twice_into_a_folder(tmp_path, torchrun):
    torchrun("one")
    trained(ring(), tmp_path / "run")
    with pytest.raises(UserError, match="run is not empty"):
        trained(ring(), tmp_path / "run")


def test_any_machine_that_was_there_is_enough(monkeypatch):
    """The calls of all machines are asked for, one for each machine; without torchrun there are none."""
    monkeypatch.delenv("TORCHELASTIC_ERROR_FILE", raising=False)
    assert distributed.launch() == []
    monkeypatch.setattr(distributed, "of_all", lambda mine: [mine, mine, "/tmp/a/none_y"])
    assert distributed.launch() == ["/tmp/a/none_y"]
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", "/tmp/b/none_z/attempt_3/1/error.json")
    assert distributed.launch() == ["/tmp/a/none_y", "/tmp/b/none_z"]


def test_nobody_refuses_the_folder_before_it_is_known_whose_it_is(tmp_path, torchrun):
    """Also of one process: torchrun numbers it too."""
    (tmp_path / "config.yaml").touch()
    with pytest.raises(UserError, match="is not empty"):
        early.config(str(CONFIG), [], str(tmp_path), new=True)
    torchrun("one", 1)
    early.config(str(CONFIG), [], str(tmp_path), new=True)
