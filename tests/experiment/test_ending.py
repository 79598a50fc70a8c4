"""A finished run stays as it is, what is damaged is made anew, and nothing that was learnt is thrown away."""

import json
import shutil
from pathlib import Path

import pytest
from experiment.helpers import everything, log, ring, trained, weights

from gnnneg import Run, UserError
from gnnneg.cli import main
from gnnneg.experiment import resume


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("ending") / "run"
    trained(ring(), run, 4)
    return run


@pytest.fixture
def run(original, tmp_path) -> Path:
    shutil.copytree(original, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("kept", [True, False])
def test_a_finished_run_stays_as_it_is(run, capsys, kept):
    """Without its checkpoints, too: people delete them to save space."""
    if not kept:
        shutil.rmtree(run / "checkpoints")
    before = everything(run)
    assert main(["resume", str(run)]) == 0
    out, err = capsys.readouterr()
    assert err == f"{run} is finished, and stays as it is.\n"
    assert "best epoch" in out
    assert main(["resume", str(run), "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out), err) == (json.loads(before["result.json"]), "")
    assert everything(run) == before


def cut(name: str, share: float = 0.5):
    def harm(run: Path) -> None:
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[: int(len(content) * share)])

    return harm


HARM = {
    "no result": lambda run: (run / "result.json").unlink(),
    "half a result": cut("result.json"),
    "half a model": cut("model/model.safetensors"),
    "no model": lambda run: (run / "model" / "model.safetensors").unlink(),
    "half of what the model is": cut("model/config.json"),
    "half the ranks": cut("ranks.parquet"),
    "no ranks": lambda run: (run / "ranks.parquet").unlink(),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_what_is_damaged_is_made_anew(original, run, harm):
    harm(run)
    resume(run, progress=False)
    assert weights(run) == weights(original)
    assert Run.load(run).metrics == Run.load(original).metrics
    assert Run.load(run).evaluate() == Run.load(original).evaluate()
    same = ("model/config.json", "ranks.parquet", "config.yaml", "data.json")
    assert all((run / name).read_bytes() == (original / name).read_bytes() for name in same)


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_nothing_is_started_over_without_checkpoints(run, harm):
    shutil.rmtree(run / "checkpoints")
    harm(run)
    before = everything(run)
    with pytest.raises(UserError, match=r"cannot be resumed \(.*\), because its checkpoints are missing: train"):
        resume(run, progress=False)
    assert everything(run) == before


def test_more_epochs_go_on(run, tmp_path):
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 4", "epochs: 7"))
    resume(run, progress=False)
    trained(ring(), tmp_path / "whole", 7)
    assert weights(run) == weights(tmp_path / "whole")
    assert log(run) == log(tmp_path / "whole")


def test_what_a_killed_writer_left_is_swept(run):
    (run / "result.json").unlink()
    mine = ["model/model.safetensors.9-a.tmp", "result.json.9-a.tmp", "checkpoints/000000009.pt.9-a.tmp"]
    theirs = ["calibration.json.9-a.tmp", "note.tmp"]
    for name in (*mine, *theirs):
        (run / name).touch()
    resume(run, progress=False)
    assert not any((run / name).exists() for name in mine)
    assert all((run / name).exists() for name in theirs)


# the log


def test_noise_in_the_log_is_one_sentence(run):
    (run / "result.json").unlink()
    content = (run / "metrics.jsonl").read_bytes()
    for noise in (b"\x80\x81", b"{", b"[1]", b"[" * 100_000, b"3", b"\x00"):
        (run / "metrics.jsonl").write_bytes(noise + b"\n" + content)
        with pytest.raises(UserError, match=r"metrics\.jsonl is damaged in line 1 \(.*\): mend the line, or delete"):
            resume(run, progress=False)


def test_a_log_that_lost_lines_is_told_and_goes_on(original, run):
    (run / "result.json").unlink()
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:3]) + lines[3][:5])
    with pytest.warns(UserWarning, match=r"metrics\.jsonl has 3 lines of the 8 that were written"):
        resume(run, progress=False)
    assert weights(run) == weights(original)
    (run / "metrics.jsonl").unlink()
    (run / "result.json").unlink()
    with pytest.warns(UserWarning, match="has 0 lines of the 3"):
        resume(run, progress=False)


def test_a_damaged_result_says_how_to_get_it_again(run):
    (run / "result.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"result\.json is damaged .*: copy the run again, or delete it, and 'gnn"):
        Run.load(run)


@pytest.mark.parametrize("said", [{}, {"metrics": []}, {"metrics": {"test": 1}, "time": {}, "memory": {}}])
def test_a_result_that_lacks_a_part_is_damaged(original, run, said):
    (run / "result.json").write_text(json.dumps(said))
    with pytest.raises(UserError, match=r"result\.json is damaged \(a part is missing\)"):
        Run.load(run)
    resume(run, progress=False)
    assert Run.load(run).metrics == Run.load(original).metrics


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95])
def test_a_config_that_was_cut_is_never_taken_for_whole(run, share):
    """What is cut off would be filled in by defaults: figures by another filter, without a word."""
    cut("config.yaml", share)(run)
    for verb in (Run.load, lambda path: resume(path, progress=False)):
        with pytest.raises(UserError, match=r"config\.yaml") as caught:
            verb(run)
        assert "\n" not in str(caught.value)


def test_what_a_config_means_is_said_of_its_file(run):
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("class_path: Uniform", "class_path: Unifrom"))
    (run / "result.json").unlink()
    with pytest.raises(UserError, match=r"config\.yaml: task\.sampler: .*'Unifrom'; did you mean 'Uniform'"):
        resume(run, progress=False)


@pytest.mark.filterwarnings("ignore:.*has 0 lines")
@pytest.mark.parametrize("there", [True, False])
def test_a_log_that_is_a_link_writes_into_no_other_file(run, tmp_path, there):
    """A run folder of somebody else's may hold one."""
    target = tmp_path / "mine.txt"
    if there:
        target.write_text("")
    (run / "metrics.jsonl").unlink()
    (run / "metrics.jsonl").symlink_to(target)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 4", "epochs: 5"))
    resume(run, progress=False)
    assert target.exists() is there
    assert not there or target.read_text() == ""
    assert log(run)


@pytest.mark.parametrize("name", ["model", "checkpoints"])
def test_a_folder_that_is_a_link_out_of_the_run_is_not_written_to(run, tmp_path, name):
    """A run folder of somebody else's may name another run's model; one that is whole is read all the same."""
    shutil.move(run / name, tmp_path / "mine")
    (run / name).symlink_to(tmp_path / "mine")
    assert resume(run, progress=False).evaluate()["mrr"] > 0
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 4", "epochs: 5"))
    before = everything(tmp_path / "mine")
    with pytest.raises(UserError, match=f"{name} is a link to a place outside the run"):
        resume(run, progress=False)
    assert everything(tmp_path / "mine") == before
    (run / name).unlink()
    shutil.move(tmp_path / "mine", run / "inside")
    (run / name).symlink_to("inside")
    resume(run, progress=False)
