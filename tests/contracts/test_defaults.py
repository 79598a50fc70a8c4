"""What an option is by default, its docstring says: the two are written apart, and neither changes alone."""

import inspect
import re
from collections.abc import Callable

import pytest
import torch
from evaluation.tabled import Tabled, coarse, index_of
from examples import EXAMPLES

from gnnneg import evaluation, losses, samplers
from gnnneg.data.hetero import from_hetero
from gnnneg.data.known import KnownAnswers
from gnnneg.data.splits import random_split, share_denied
from gnnneg.evaluation import (
    Calibration,
    Clustering,
    KnownNegatives,
    Testbed,
    clustering,
    diagnose,
    geometry,
    nearest,
    pair_classification,
    plane,
    predict,
    ranks,
)
from gnnneg.evaluation.asking import at_once
from gnnneg.evaluation.classification import scores
from gnnneg.evaluation.metrics import ndcg
from gnnneg.evaluation.predict import of_triplets
from gnnneg.losses import BCE, HaSa, InfoNCE, LimitBased, LogSigmoid, MarginRanking
from gnnneg.records import Triplets
from gnnneg.samplers import (
    KBGAN,
    KMAS,
    MCNS,
    Cached,
    Child,
    Diverse,
    HardDraw,
    Hardest,
    KHop,
    Nearest,
    Popular,
    PreBatch,
    RandomWalk,
    SelfPaced,
    Uniform,
)
from gnnneg.training import Fit

NAMED: list[Callable] = [
    *(KBGAN, KMAS, MCNS, Cached, Child, Diverse, HardDraw, Hardest, KHop, Nearest, Popular, PreBatch, RandomWalk),
    SelfPaced,
    *(Uniform, BCE, HaSa, InfoNCE, LimitBased, LogSigmoid, MarginRanking, Clustering, KnownNegatives, Testbed, Fit),
    *(Calibration.fit, at_once, clustering, diagnose, geometry, nearest, pair_classification, plane, predict, ranks),
    *(random_split, share_denied, KnownAnswers),
]
PUBLIC = [getattr(room, name) for room in (evaluation, losses, samplers) for name in room.__all__]
ALL = dict.fromkeys([*NAMED, *(one for one in PUBLIC if callable(one)), *(type(make()) for make in EXAMPLES)])


def documented(thing: Callable) -> dict[str, str]:
    """The options whose docstring names a value that they have by default."""
    said = (inspect.getdoc(thing) or "").partition("Args:\n")[2].partition("\n\n")[0]
    found = {}
    for entry in re.split(r"^    (?=\w+ \()", said, flags=re.MULTILINE)[1:]:
        value = re.search(r"\(default:\s+:obj:`([^`]*)`", entry)
        if value is not None:
            found[entry.partition(" ")[0]] = value.group(1).replace('"', "'")
    return found


@pytest.mark.parametrize("thing", ALL, ids=lambda thing: thing.__qualname__)
def test_the_docstring_says_the_default(thing):
    given = {
        name: one.default
        for name, one in inspect.signature(thing).parameters.items()
        if one.default is not one.empty and isinstance(one.default, int | float | str | None)
    }
    said = {name: value for name, value in documented(thing).items() if name in given}
    assert {name: repr(given[name]) for name in said} == said
    numbers = {name for name, value in given.items() if isinstance(value, int | float)}
    if "Args:" in (inspect.getdoc(thing) or ""):
        assert numbers <= said.keys()


# what no list of arguments names


def test_batches_of_statements_that_are_scored():
    many = Triplets(*(torch.zeros(1030, dtype=torch.long) for _ in range(3)))
    model = Tabled(coarse())
    scores(model, None, many)
    with torch.no_grad():
        of_triplets(model.eval(), model.encode(None), many, 12)
    assert model.asked == [(1024, 1), (6, 1)] * 2
    assert index_of(many).num_nodes == 12


def test_ndcg_is_of_the_first_five():
    assert ndcg(torch.tensor([5.0])) > 0
    assert ndcg(torch.tensor([6.0])) == 0


def test_shares_of_a_graph_that_has_no_splits():
    """Its docstring names several options in one entry."""
    default = {name: one.default for name, one in inspect.signature(from_hetero).parameters.items()}
    assert {name: default[name] for name in ("valid", "test", "seed", "zeros_denied", "apart")} == {
        "valid": 0.1,
        "test": 0.1,
        "seed": 0,
        "zeros_denied": False,
        "apart": False,
    }
