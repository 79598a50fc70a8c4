"""Data that state and deny the same, as some published ones do, are not trained on until one of the two wins."""

import pytest
from experiment.helpers import SMALL

from gnnneg import UserError, train_config
from gnnneg.datasets import load
from gnnneg.experiment import untrained
from gnnneg.experiment.settings import DataSource

CARD = """
name: own
stated: {train: train.txt, test: test.txt}
denied: {train: no.txt}
files: {train.txt: {}, test.txt: {}, no.txt: {}}
"""


@pytest.fixture
def config(tmp_path):
    """``a r b`` is stated in train, ``b r a`` in test; both are denied in train, and so is ``c r b``."""
    for name, lines in (
        ("train.txt", "a r b\nb r c\nc r a\n"),
        ("test.txt", "b r a\n"),
        ("no.txt", "a r b\nb r a\nc r b\n"),
    ):
        (tmp_path / name).write_text(lines.replace(" ", "\t"))
    (tmp_path / "dataset.yaml").write_text(CARD)
    (tmp_path / "c.yaml").write_text(SMALL % tmp_path)
    return tmp_path / "c.yaml"


def test_published_contradictions_are_refused_before_training(config, tmp_path):
    for begin in (lambda: train_config(config, out=tmp_path / "run", progress=False), lambda: untrained(config)):
        with pytest.raises(UserError, match=r"2 statements are both stated and denied, such as 'a' 'r' 'b': say "):
            begin()
    assert not (tmp_path / "run").exists()
    assert load(tmp_path)["entity", "denied", "entity"].edge_type.numel() == 3, "to be looked at, they load"


@pytest.mark.parametrize(("wins", "stated", "denied"), [("stated", (3, 1), 1), ("denied", (2, 0), 3)])
def test_who_wins_is_an_option(config, tmp_path, wins, stated, denied):
    data = DataSource(str(tmp_path), wins=wins).load()
    split = data["entity", "stated", "entity"].split.tolist()
    assert (split.count(0), split.count(2)) == stated
    assert data["entity", "denied", "entity"].edge_type.numel() == denied
    assert data["entity"].names == ["a", "b", "c"]
    run = untrained(config, ["--data.wins", wins])
    assert run.data["entity", "denied", "entity"].edge_type.numel() == denied


def test_a_run_is_the_one_of_the_settled_data(config, tmp_path):
    with pytest.warns(UserWarning, match="no validation"):
        run = train_config(config, ["--data.wins", "stated"], tmp_path / "run", progress=False)
    assert run.metrics["test"]["mrr"] > 0
    with pytest.raises(UserError, match=r"won by 'stated' or 'denied', not 'both'"):
        train_config(config, ["--data.wins", "both"], tmp_path / "other", progress=False)
