"""What every evaluator promises."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from examples import bed, examples, kge, made_by, name
from torch.testing import assert_close

from gnnneg import config
from gnnneg.cli.findings import tell
from gnnneg.config.signature import parameters
from gnnneg.errors import UserError
from gnnneg.evaluation import Evaluator, Findings, Isotropy
from gnnneg.plain import to_json

evaluators = pytest.mark.parametrize("make", examples(Evaluator), ids=name)
ASK_NOTHING = (Isotropy,)  # of the data: they look at vectors alone
asking = [make for make in examples(Evaluator) if made_by(make) not in ASK_NOTHING]
pytestmark = pytest.mark.filterwarnings("ignore:Ties decide")


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr("gnnneg.evaluation.pairs.TREES", 2)  # for speed


def leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict | list):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(inner)
    else:
        yield tree


@evaluators
def test_figures_are_numbers_that_json_bears(make):
    found = make()(kge(), bed())
    assert all(
        value is None or (isinstance(value, int | float) and math.isfinite(value)) for value in leaves(found.figures)
    )
    assert json.loads(to_json(found.plain())) == found.plain()
    kept = found.kept()
    assert kept
    assert all(value is None or type(value) in (int, float) for value in leaves(kept))
    assert json.loads(to_json(kept)) == kept


@evaluators
def test_the_same_seed_the_same_findings(make):
    model = kge()
    one, two = (make()(model, bed(seed=3)) for _ in range(2))
    assert one.plain() == two.plain()
    assert one.remarks == two.remarks


@evaluators
def test_a_model_is_left_as_it_was(make):
    """In training, but for a part that was frozen; no number of it moves, and none has a gradient."""
    model = kge(dropout=0.5).train()
    model.decoder.eval()
    before, modes = {k: v.clone() for k, v in model.state_dict().items()}, [m.training for m in model.modules()]
    make()(model, bed())
    assert [module.training for module in model.modules()] == modes
    assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in model.parameters())


@evaluators
def test_dropout_is_off(make):
    torch.manual_seed(0)
    plain = kge()
    torch.manual_seed(0)
    dropping = kge(dropout=0.9).train()
    assert make()(plain, bed()).plain() == make()(dropping, bed()).plain()


@pytest.mark.parametrize("make", asking, ids=name)
def test_what_the_data_lack_is_said_in_a_sentence_before_and_after_training(make):
    for ask in (lambda: make().refuse(bed(bare=True)), lambda: make()(kge(), bed(bare=True))):
        with pytest.raises(UserError, match=r"^[A-Z].*[^.]\.$") as caught:
            ask()
        assert any(word in str(caught.value) for word in ("statements", "types", "pairs", "are no valid ones"))


@pytest.mark.parametrize("make", ASK_NOTHING)
def test_who_asks_nothing_needs_no_split(make):
    model = kge()
    assert make()(model, bed(bare=True)).plain() == make()(model, bed()).plain()


@evaluators
def test_a_config_makes_it_again(make):
    one = make()
    said = config.describe(one, {}, "evaluator")
    again = config.resolve(Evaluator, said, "evaluator").build({})
    assert type(again) is type(one)
    assert config.describe(again, {}, "evaluator") == said
    assert {key: getattr(again, key) for key in parameters(type(one))} == {
        key: getattr(one, key) for key in parameters(type(one))
    }


@evaluators
def test_it_says_which_splits_it_looks_at(make):
    one = make()
    assert one.split in ("train", "valid", "test")
    assert ("split" in parameters(type(one))) == (one.no_split == Evaluator.no_split)


@evaluators
def test_people_are_told(make, capsys):
    found = make()(kge(), bed())
    tell(make().split, found)
    said = capsys.readouterr().out
    assert said.strip()
    assert all(remark in said for remark in found.remarks)
    assert found.table is None or str(found.table.columns[0]) in said


@pytest.mark.parametrize("wrong", ["much", torch.tensor(1.0), [1.0]])
def test_what_is_no_number_is_refused(wrong):
    """A run's result.json could not be read again."""
    with pytest.raises(UserError, match=r"^Findings: worth is .*: figures are numbers, None, or dicts of these\.$"):
        Findings({"mrr": 0.5, "tail": {"worth": wrong}})
    assert Findings({"mrr": None, "tail": {"sure": True}}).kept() == {"mrr": None, "tail": {"sure": 1}}
