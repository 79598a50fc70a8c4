"""Run folders of version 0.1 as they lay on disk before names and options moved: they open and say what they said."""

import json
import shutil
import warnings
from pathlib import Path

import pytest

from gnnneg import Run
from gnnneg.cli import main

HERE = Path(__file__).parent / "runs_of_0_1"
RUNS = ["link", "dual", "kvsall"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy, since some verbs write beside a run."""
    return Path(shutil.copytree(HERE, tmp_path / "runs"))


@pytest.mark.parametrize("name", RUNS)
def test_says_what_it_said(folder: Path, name: str) -> None:
    said = json.loads((folder / name / "result.json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # options that have another name now
        run = Run.load(folder / name)
        found = run.evaluate()
        figures, _ = run.classify()
        drawn = None if name == "kvsall" else run.negatives(statements=20)
    then = said["metrics"]["test"]
    classified = then.pop("classification")
    for part in ("head", "tail"):
        assert found.pop(part) == pytest.approx(then.pop(part))
    assert found == pytest.approx(then)
    assert figures == pytest.approx(classified)
    assert drawn is None or drawn["examples"]


@pytest.mark.parametrize("name", RUNS)
def test_finished_stays_finished(folder: Path, name: str, capsys: pytest.CaptureFixture) -> None:
    before = (folder / name / "result.json").read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert main(["resume", str(folder / name)]) == 0
    assert "finished" in capsys.readouterr().err
    assert (folder / name / "result.json").read_bytes() == before


def test_all_in_one_report(folder: Path) -> None:
    page = folder / "report.html"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert main(["report", *(str(folder / name) for name in RUNS), "--out", str(page)]) == 0
    assert page.stat().st_size > 10_000
