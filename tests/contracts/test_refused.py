"""Each option that a constructor checks, just outside its range and at its edge.

``test_arguments`` lets a number pass with which a part still works. Here the sentence is wanted, option by option.
"""

import math
from collections.abc import Callable
from functools import partial

import pytest
from examples import CHANNELS, NODES, kge, known, toy

from gnnneg.data.pools import slots
from gnnneg.errors import UserError
from gnnneg.evaluation import Clustering, KnownNegatives, Ranking
from gnnneg.generators import DANS
from gnnneg.losses import BCE, HaSa, InfoNCE, LimitBased, LogSigmoid, MarginRanking
from gnnneg.samplers import (
    KBGAN,
    KMAS,
    MCNS,
    All,
    Cached,
    Child,
    Corrupt,
    Curriculum,
    Denied,
    Diverse,
    HardDraw,
    Hardest,
    Influence,
    KHop,
    Mixture,
    Nearest,
    Popular,
    PreBatch,
    Projected,
    RandomWalk,
    Relational,
    SelfPaced,
    Typed,
    Uniform,
)
from gnnneg.training import Fit

MANY = (1 << 24) + 1  # candidates, one more than a query can be given
HUGE = (1 << 31) + 1  # entities, one more than there can be
FACTS = known(toy(12))


def some() -> Uniform:
    return Uniform(NODES, 5)


OPTIONS: list[tuple[Callable, dict[str, list], dict[str, list]]] = [
    # what makes it, what is refused, what is not
    (All, {"num_nodes": [0, HUGE]}, {"num_nodes": [1]}),
    (
        lambda num_negatives=2, every=1, temperature=1.0: Cached(
            some(), FACTS, num_negatives, size=4, every=every, temperature=temperature
        ),
        {"num_negatives": [MANY], "every": [HUGE], "temperature": [-0.1, math.nan]},
        {"temperature": [0.0]},
    ),
    (
        lambda num_negatives=2, **rest: Child(some(), kge(), num_negatives, **rest),
        {"num_negatives": [0, MANY], "lr": [-0.1, 101.0], "temperature": [0.0, -1.0], "margin": [math.nan]},
        {"lr": [0.0], "margin": [-1.0]},
    ),
    (partial(Corrupt, FACTS), {"num_negatives": [0, MANY]}, {"num_negatives": [1]}),
    (partial(Denied, FACTS), {"num_negatives": [0, MANY]}, {"num_negatives": [1]}),
    (partial(Relational, FACTS), {"num_negatives": [0, MANY]}, {"num_negatives": [1]}),
    (
        lambda num_negatives=2, temperature=1.0: Diverse(some(), num_negatives, temperature),
        {"num_negatives": [0, MANY], "temperature": [0.0, math.inf]},
        {"num_negatives": [1]},
    ),
    (
        lambda num_negatives=2, temperature=1.0: HardDraw(some(), num_negatives, temperature),
        {"num_negatives": [0, MANY], "temperature": [0.0, math.inf]},
        {"num_negatives": [1]},
    ),
    (lambda num_negatives: Hardest(some(), num_negatives), {"num_negatives": [0, MANY]}, {"num_negatives": [1]}),
    (lambda num_negatives: Influence(some(), num_negatives), {"num_negatives": [0, MANY]}, {"num_negatives": [1]}),
    (
        lambda num_negatives=2, hops=2: KHop(FACTS, num_negatives, hops),
        {"num_negatives": [0, MANY], "hops": [0, 101]},
        {"hops": [1, 100]},
    ),
    (
        lambda num_negatives=2, hops=2: RandomWalk(FACTS, num_negatives, hops),
        {"num_negatives": [0, MANY], "hops": [0, 101]},
        {"hops": [1, 100]},
    ),
    (
        lambda **options: KBGAN(some(), kge(), **options),
        {"num_negatives": [0, MANY], "lr": [-0.1, 101.0], "temperature": [0.0], "momentum": [1.0, -0.1]},
        {"lr": [0.0], "momentum": [0.0]},
    ),
    (
        lambda num_negatives=2, **rest: KMAS(FACTS, num_negatives, **rest),
        {
            "num_negatives": [0, MANY],
            "share": [-0.1, 1.1],
            "warmup": [-0.1, 1.1],
            "peak": [-0.1, 1.1],
            "steps": [0, 1 << 54],
            "temperature": [0.0, math.inf],
        },
        {"share": [0.0, 1.0], "warmup": [0.0, 0.5], "peak": [0.1, 1.0], "steps": [1]},
    ),
    (
        lambda num_negatives=2, **rest: MCNS(FACTS, num_negatives, **rest),
        {
            "num_negatives": [0, MANY],
            "chains": [0, MANY],
            "alpha": [math.inf],
            "burn_in": [-1, 1_000_001],
            "local": [1.0, -0.1, math.nan],
        },
        {"burn_in": [0, 1_000_000], "local": [0.0, 0.99], "chains": [1]},
    ),
    (
        lambda num_nodes=NODES, num_negatives=2, num_neighbors=3, refresh=None: Nearest(
            num_nodes, num_negatives, num_neighbors, refresh
        ),
        {"num_nodes": [0, HUGE], "num_negatives": [0, MANY], "num_neighbors": [math.nan], "refresh": [0, HUGE]},
        {"num_neighbors": [1, NODES - 1], "refresh": [1, None]},
    ),
    (
        lambda num_negatives=2, **rest: Popular(FACTS, num_negatives, **rest),
        {"num_negatives": [0, MANY], "alpha": [math.inf], "smoothing": [-0.1]},
        {"smoothing": [0.5], "alpha": [0.0]},
    ),
    (PreBatch, {"batches": [0, 1_000_001]}, {"batches": [1, 1_000_000]}),
    (
        lambda num_nodes: Projected(DANS(FACTS, CHANNELS, 1, 1, width=4), num_nodes),
        {"num_nodes": [0, HUGE]},
        {"num_nodes": [1]},
    ),
    (
        lambda num_negatives=2, **rest: SelfPaced(some(), num_negatives, **rest),
        {"num_negatives": [0, MANY], "violation": [-0.1, math.nan], "rate": [-0.1, 1.1]},
        {"violation": [0.0], "rate": [0.0, 1.0]},
    ),
    (
        lambda num_nodes=NODES, num_negatives=2: Typed(slots(FACTS), num_nodes, num_negatives),
        {"num_nodes": [0, HUGE], "num_negatives": [0, MANY]},
        {"num_negatives": [1]},
    ),
    (lambda num_nodes: Uniform(num_nodes, 1), {"num_nodes": [HUGE]}, {"num_nodes": [1, 2]}),
    # losses
    (BCE, {"margin": [math.nan, math.inf]}, {"margin": [-1.0]}),
    (
        HaSa,
        {"prior": [1.0, -0.1], "hardness": [-0.1], "margin": [math.nan]},
        {"prior": [0.0, 0.99], "hardness": [0.0], "margin": [-1.0]},
    ),
    (InfoNCE, {"temperature": [0.0, -1.0]}, {"temperature": [0.001]}),
    (
        LimitBased,
        {"positive": [math.nan, -math.inf], "negative": [math.inf], "balance": [-0.1]},
        {"positive": [-1.0], "balance": [0.0]},
    ),
    (
        LogSigmoid,
        {"margin": [math.nan], "adversarial": [-0.1], "k": [0, MANY]},
        {"margin": [-1.0], "adversarial": [0.0], "k": [1, None]},
    ),
    (MarginRanking, {"margin": [math.nan], "k": [0, MANY]}, {"margin": [-1.0], "k": [1, None]}),
    # evaluators
    (Clustering, {"seeds": [0, 1_000_001]}, {"seeds": [1, 1_000_000]}),
    (KnownNegatives, {"num_random": [-1, MANY]}, {"num_random": [0]}),
    (Ranking, {"sampled": [0, HUGE]}, {"sampled": [1, None]}),
]
REFUSED = [(make, name, value) for make, bad, _ in OPTIONS for name, values in bad.items() for value in values]
TAKEN = [(make, name, value) for make, _, good in OPTIONS for name, values in good.items() for value in values]


@pytest.mark.parametrize(("make", "name", "value"), REFUSED)
def test_outside_its_range(make, name, value):
    with pytest.raises(UserError, match=rf"^\w+\({name}={str(value).replace('.', '[.]')}\): give a"):
        make(**{name: value})


@pytest.mark.parametrize(("make", "name", "value"), TAKEN)
def test_at_its_edge(make, name, value):
    make(**{name: value})


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Curriculum([some(), some()], [0, 1 << 54]), r"starts\[1\]=.*: give a whole number from 0 to"),
        (lambda: Curriculum([some()], [-1]), r"starts\[0\]=-1\): give a whole number from 0 to"),
        (lambda: Curriculum([], []), "of 0 samplers: give each its start"),
        (lambda: Mixture([some(), some()], [1.0]), "of 2 samplers with shares .1.0.: give each its share"),
        (lambda: Mixture([some(), some()], [0.0, 0.0]), "give each its share"),
        (lambda: Mixture([some(), some()], [0.5, -0.5]), r"shares\[1\]=-0.5\): give a finite number, 0 or more"),
        (lambda: InfoNCE(0.0099, learnable=True), "a learned temperature stays at 0.01 or above"),
        (lambda: LimitBased(2.0, 2.0), "give a larger number for negative"),
        (lambda: LogSigmoid(adversarial=1.0, k=1), "give one of the two"),
        (lambda: Ranking(sampled=3, per="side"), "leave sampled or per out"),
        (lambda: Uniform(NODES, 0), f"ask for 1 to {NODES}"),
        (lambda: Uniform(NODES, NODES + 1), f"ask for 1 to {NODES}"),
        (lambda: Nearest(NODES, 2, NODES), f"give 1 to {NODES - 1}"),
        (lambda: Nearest(NODES, 2, 0), f"give 1 to {NODES - 1}"),
        (lambda: Popular(FACTS, 2, alpha=1e9), "gives entities no finite weight"),
    ],
)
def test_two_options_that_do_not_go_together(make, told):
    with pytest.raises(UserError, match=told):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Curriculum([some(), some()], [0, 1]),
        lambda: Mixture([some(), some()], [0.0, 1.0]),
        lambda: Mixture([some()]),
        lambda: InfoNCE(0.01, learnable=True),
        lambda: InfoNCE(0.0099),
        lambda: LimitBased(-3.0, -2.9),
        lambda: LogSigmoid(adversarial=1.0),
        lambda: Uniform(NODES, NODES),
        lambda: Cached(some(), FACTS, 1, size=NODES - 1, every=1),
    ],
)
def test_two_options_that_do(make):
    make()


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("epochs", [-1], [0]),
        ("batch_size", [0], [1]),
        ("evaluate_every", [0], [1]),
        ("patience", [0], [1, None]),
        ("clip_norm", [0.0, -1.0, math.nan], [1e-9, None]),
        ("max_seconds", [0.0, math.nan], [1e-9, None]),
        ("checkpoint_seconds", [-1e-9, math.nan], [0.0]),
        ("metric", ["mr", "amr", "loss"], ["hits@10"]),
    ],
)
def test_options_of_fit(name, bad, good):
    for value in bad:
        with pytest.raises(UserError, match=f"^fit.{name} is "):
            Fit(**{name: value})
    for value in good:
        assert getattr(Fit(**{name: value}), name) == value
