"""Every number that a public class is given is in range, or refused in one sentence that says the range.

Each numeric parameter of every example part is tried with NaN, infinities, negative, zero and huge numbers: what comes
out is an object that works, or a ``UserError``.
"""

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from examples import CHANNELS, EXAMPLES, NODES, bed, kge, known, made_by, messages, name, toy
from torch import Tensor

from gnnneg.candidates import Private
from gnnneg.checks import below_one, draws, finite, fraction, not_negative, positive, step_size, table, whole, widths
from gnnneg.config.signature import parameters
from gnnneg.decoders import DistMult, Polar
from gnnneg.errors import UserError
from gnnneg.evaluation import Evaluator
from gnnneg.generators import DANS, Adversary
from gnnneg.interfaces import (
    Corruption,
    Decoder,
    Drawn,
    Encoder,
    Generator,
    Loss,
    Model,
    Penalty,
    Sampler,
    Similarity,
    SoftLabel,
    Task,
    Weighing,
)
from gnnneg.losses import InfoNCE, LogSigmoid
from gnnneg.models import NBFNet, NodeClassifier
from gnnneg.penalties import Lp
from gnnneg.records import Negatives, Query, Triplets
from gnnneg.samplers import All, Mixture, Popular, PreBatch

WRONG = (math.nan, math.inf, -math.inf, -1, 0, 10**12, -0.5, 1.5, 1e30)
BATCH = Triplets(*(column[:4] for column in toy()))
QUERY, TARGET = Query(BATCH.head_index, BATCH.rel_type), BATCH.tail_index


def given(cls: type, args: tuple, kwargs: dict) -> dict[str, Any]:
    """All arguments of an object by name, defaults filled in."""
    bound = inspect.signature(cls).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def kinds(annotation: Any) -> set[type]:
    """``int`` and ``float``, as far as an annotation has them, also within a collection."""
    if annotation in (int, float):
        return {annotation}
    if typing.get_origin(annotation) in (typing.Union, types.UnionType) or typing.get_origin(annotation) is not None:
        return set().union(*map(kinds, typing.get_args(annotation)))
    return set()


def within(annotation: Any) -> bool:
    """Whether the numbers stand in a collection."""
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    inner = typing.get_args(annotation) if union else (annotation,)
    return any(typing.get_origin(one) is not None and kinds(one) for one in inner)


def trials(cls: type, arguments: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each numeric parameter with each number that may be wrong for it."""
    for parameter, (annotation, _) in parameters(cls).items():
        wanted = kinds(annotation)
        for value in WRONG:
            if not wanted or (isinstance(value, float) and float not in wanted):
                continue
            value = value if int in wanted else float(value)  # tests are run with types checked
            if not within(annotation):
                yield parameter, value
                continue
            now = arguments.get(parameter)
            if isinstance(now, list | tuple) and now:
                yield parameter, type(now)([*now[:-1], value])
                yield parameter, type(now)([value] * len(now))
            yield parameter, [value]


def works(part: Any) -> None:
    """Takes a step, where that is cheap; what it refuses, it refuses in a sentence."""
    draw = torch.Generator().manual_seed(0)
    scorer = kge().scorer(kge().encode(None), QUERY)
    if isinstance(part, Loss):
        settled(part(torch.zeros(4, 1), torch.ones(4, 3), torch.ones(1, 1)))
    elif isinstance(part, Penalty):
        settled(part(scorer, QUERY, TARGET))
    elif isinstance(part, SoftLabel):
        settled(torch.as_tensor(part(QUERY, TARGET[:, None])))
    elif isinstance(part, Evaluator) and getattr(part, "seeds", 0) < 100:  # so often begins k-means anew
        part(kge(), bed())
    elif isinstance(part, Weighing):
        settled(part(BATCH))
    elif isinstance(part, Corruption):
        part(BATCH, draw)
    elif isinstance(part, Similarity):
        own = 8 if isinstance(part, Polar) else part.parts * 12  # Polar's queries have a third part
        part(torch.rand(4, part.parts * 12 if own > 8 else 12), Private(torch.rand(4, 2, own)))
    elif isinstance(part, Encoder):
        settled(part(messages())[torch.arange(3)]) if type(part).__name__ != "GNN" else None
    elif isinstance(part, Decoder):
        part(torch.rand(4, CHANNELS), BATCH.rel_type)
    elif isinstance(part, NBFNet | NodeClassifier):
        pass
    elif isinstance(part, Model):
        settled(part(messages(), *BATCH))
    elif isinstance(part, Sampler):
        drawn = part(QUERY, TARGET, scorer, draw)
        settled(drawn.weight)
        assert drawn.index.numel()
        assert 0 <= int(drawn.index.min()) <= int(drawn.index.max()) < NODES
    elif isinstance(part, Adversary):
        works(DANS(known(), CHANNELS, 1, 1, width=12, adversary=part))
    elif isinstance(part, Generator):
        negatives = Negatives(torch.randint(NODES, (4, 3), generator=draw), torch.ones(1, 1))
        made = part(Drawn(scorer, QUERY, TARGET, negatives, draw))
        settled(made.score)
        settled(torch.as_tensor(made.scale))
    elif isinstance(part, Task):
        settled(part(type(part.examples(toy()))(*(column[:4] for column in part.examples(toy()))), draw))


def settled(value: Tensor) -> None:
    assert not value.isnan().any()


def distinct() -> list[Callable]:
    """One example of each class."""
    found: dict[type, Callable] = {}
    for make in EXAMPLES:
        found.setdefault(made_by(make), make)
    return list(found.values())


@pytest.mark.parametrize("make", [*distinct(), Adversary], ids=name)
def test_a_number_is_in_range_or_refused(make):
    example = make()
    cls = type(example)
    made_with = getattr(example, "made_with", None)
    arguments = given(cls, *made_with) if made_with is not None else given(cls, getattr(make, "args", ()), {})
    wrong = []
    for parameter, value in trials(cls, arguments):
        try:
            works(cls(**{**arguments, parameter: value}))
        except UserError as error:
            if "\n" in str(error) or len(str(error)) > 400:
                wrong.append((parameter, value, f"not one short sentence: {error}"))
        except Exception as error:
            wrong.append((parameter, value, f"{type(error).__name__}: {str(error)[:200]}"))
    assert not wrong, "\n".join(map(str, wrong))


# written by hand: what is refused, and what is not


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (finite, [0, -1, 0.5, 1e30, None], [math.nan, math.inf, -math.inf, "3", True, [1], 10**400, 1j]),
        (positive, [1e-37, 1, 1e30, None], [0, -1, -1e-300, 1e-300, math.nan, math.inf, "1", False]),
        (not_negative, [0, 1, 1e30, None], [-1e-300, math.nan, math.inf, "1", True]),
        (fraction, [0, 1, 0.5, None], [-0.01, 1.01, math.nan, math.inf, True]),
        (below_one, [0, 0.999, None], [1, -0.01, math.nan, 10**12]),
        (step_size, [0, 1e-9, 100, None], [-1e-9, -1, 101, math.nan, math.inf]),
        (whole, [1, 2**31, None], [0, -1, 1.0, math.nan, 2**31 + 1, 10**12, True, "1"]),
        (widths, [1, 65536, None], [0, -1, 65537, 1.5]),
        (draws, [1, 1 << 24], [0, -1, (1 << 24) + 1, 2.0]),
    ],
)
def test_ranges(check, good, bad):
    for value in good:
        check("Part", given=value)
    for value in bad:
        with pytest.raises(UserError, match=r"Part\(given=.*\): give a"):
            check("Part", given=value)


def test_a_table_that_fits_no_memory():
    table("Part", rows=1 << 20, columns=1 << 16)
    with pytest.raises(UserError, match=r"Part\(rows=1,048,577, columns=65,536\): a table of 68,719,542,272 numbers"):
        table("Part", rows=(1 << 20) + 1, columns=1 << 16)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Popular(known(), 5, alpha=math.nan), "Popular(alpha=nan): give a finite number."),
        (lambda: Popular(known(), 5, alpha=1e9), "gives entities no finite weight"),
        (lambda: Popular(known(), 5, smoothing=-5.0), "Popular(smoothing=-5.0): give a finite number, 0 or more."),
        (lambda: DistMult(3, 0), "DistMult(hidden_channels=0): give a whole number from 1 to 65,536."),
        (lambda: Mixture([]), "Mixture(samplers=[]): give at least one."),
        (lambda: Mixture([All(NODES)], [math.nan]), "Mixture(shares[0]=nan): give a finite number, 0 or more."),
        (lambda: PreBatch(0), "PreBatch(batches=0): give a whole number from 1 to 1,000,000."),
        (lambda: InfoNCE(math.inf), "InfoNCE(temperature=inf): give a finite number above 0."),
        (lambda: LogSigmoid(adversarial=-1.0), "LogSigmoid(adversarial=-1.0): give a finite number, 0 or more."),
        (lambda: Lp(-1.0), "Lp(weight=-1.0): give a finite number, 0 or more."),
        (lambda: Lp(0.1, p=0), "Lp(p=0): give a whole number from 1 to 100."),
        (lambda: kge(dropout=1.5), "KGEModel(dropout=1.5): give a number between 0 and 1."),
    ],
)
def test_one_sentence_with_the_range(make, told):
    with pytest.raises(UserError) as caught:
        make()
    assert told in str(caught.value)


def test_popular_takes_a_negative_alpha():
    """Which draws rare entities more often: any finite number has a meaning."""
    share = Popular(known(), 5, alpha=-1.0).log_share.exp()
    count = torch.bincount(known().answer, minlength=NODES) + 1.0
    assert torch.allclose(share, (1 / count) / (1 / count).sum(), atol=1e-6)
