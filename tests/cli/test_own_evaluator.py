"""An evaluator of the user's own, by the command line alone."""

import json
import sys
from pathlib import Path

import pytest
from experiment.helpers import TINY

from gnnneg.cli import main

OWN = '''
from gnnneg import Evaluator, Findings, ranked


class Mean(Evaluator):
    """The mean rank."""

    falling = ("mean",)

    def __init__(self, split: str = "test"):
        super().__init__()
        self.split = split

    def forward(self, model, testbed):
        found = ranked(model, testbed.on(self.split), testbed.statements(self.split))
        return Findings({"mean": float(found.realistic.double().mean())})
'''
CONFIG = TINY % "UMLS" + "evaluation: [own_figures.Mean]\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with the evaluator, a config and a run."""
    path = tmp_path_factory.mktemp("own")
    (path / "own_figures.py").write_text(OWN)
    (path / "config.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.syspath_prepend(str(path))
        words = ["--allow", "own_figures", "--out", "run", "--quiet", "--fit.epochs", "1"]
        assert main(["train", "config.yaml", *words]) == 0
        yield path
    sys.modules.pop("own_figures", None)


def result(run: Path) -> dict:
    return json.loads((run / "result.json").read_text())


def test_a_run_keeps_its_figures_and_which_of_them_fall(home):
    found = result(home / "run")
    assert found["metrics"]["test"]["Mean"]["mean"] == pytest.approx(found["metrics"]["test"]["mr"])
    assert found["falling"] == {"Mean": ["mean"]}


def test_settings_beside_a_bare_list_of_evaluators(home):
    words = ["--allow", "own_figures", "--out", "untested", "--quiet", "--evaluation.test", "false"]
    assert main(["train", "config.yaml", *words]) == 0
    assert set(result(home / "untested")["metrics"]) == {"valid"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["own_figures.Meen"], "the module own_figures has no Meen; did you mean 'Mean'?"),
        (["own_figures.Mean", "--set", "split", "vallid"], "Split is one of train, valid, test, or None for all"),
    ],
)
def test_a_typing_error_is_told_in_a_sentence(words, said, home, capsys):
    assert main(["evaluate", "run", *words, "--allow", "own_figures"]) == 2
    assert said in capsys.readouterr().err
