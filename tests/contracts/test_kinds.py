"""An argument of another kind than its parameter asks for is refused when a part is made, not when it is used.

Each simple parameter of every example part is tried with nothing, words, truth values and fractions.
"""

import inspect
from dataclasses import fields
from inspect import unwrap
from typing import Any

import pytest
from examples import EXAMPLES, Adversary, made_by, name

from gnnneg.checks import SINGLE, finite, kinds, positive
from gnnneg.config.signature import options, parameters
from gnnneg.data.catalogue import folder_of
from gnnneg.decoders import DistMult, Polar
from gnnneg.encoders import SampledNeighbors
from gnnneg.errors import UserError
from gnnneg.experiment.kept import Kept
from gnnneg.samplers import Mixture, Uniform
from gnnneg.training import Fit

# by what a parameter asks for: what it is not
WRONG = {
    int: (None, "3", 2.5, True, b"x", [3]),
    float: (None, "3", True, [1.0]),
    bool: ("3", 1, None),
    str: (3, True, None),
}


def checked(cls: type, **given: Any) -> None:
    """What a data class checks by itself: tests are run with the types of its constructor checked before."""
    made = object.__new__(cls)
    for one in fields(cls):
        object.__setattr__(made, one.name, given.get(one.name, one.default))
    made.__post_init__()


def first_of_each() -> list[Any]:
    return list({made_by(make): make for make in reversed(EXAMPLES)}.values())


@pytest.mark.parametrize("make", first_of_each(), ids=name)
def test_another_kind_is_refused_when_a_part_is_made(make: Any) -> None:
    example = make()
    cls = type(example)
    args, given = getattr(example, "made_with", (getattr(make, "args", ()), {}))
    bound = inspect.signature(cls).bind(*args, **given).arguments
    for parameter, (annotation, _) in parameters(cls).items():
        asked = options(annotation)
        for kind, values in WRONG.items():
            for value in values if asked == (kind,) else ():
                with pytest.raises(UserError, match=parameter):
                    cls(**{**bound, parameter: value})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Uniform(5, "3"), r"Uniform\(num_negatives='3'\): give a whole number\."),
        (lambda: Uniform(5, num_negatives=None), r"Uniform\(num_negatives=None\): give a whole number\."),
        (lambda: DistMult(2, 4, bound=1e308), r"bound=1e\+308\): give .* that single precision holds"),
        (lambda: Polar(scale=None), r"Polar\(scale=None\): give a number"),
        (lambda: checked(Adversary, every=None), r"Adversary\(every=None\): give a whole number"),
        (lambda: checked(Adversary, conditional="yes"), "give true or false"),
        (lambda: Mixture([Uniform(5, 2)], True), r"Mixture\(shares=True\): give a list of numbers"),
        (lambda: SampledNeighbors(None, ["3"]), r"SampledNeighbors\(num_neighbors=\['3'\]\): give a list of whole"),
        (lambda: checked(Fit, epochs="3"), r"Fit\(epochs='3'\): give a whole number"),
        (lambda: checked(Fit, batch_size=2.5), r"Fit\(batch_size=2\.5\): give a whole number"),
        (lambda: checked(Fit, patience=True), r"Fit\(patience=True\): give a whole number or nothing"),
        (lambda: checked(Fit, metric=None), r"Fit\(metric=None\): give a text"),
        (lambda: checked(Fit, max_seconds=float("nan")), "give a number above 0"),
        (lambda: unwrap(folder_of)(3), "The data set is 3: give its name, or its folder"),
        (lambda: folder_of("a" * 5000), "no data set and no folder has so long a name"),
        (lambda: unwrap(Kept.__init__)(object(), 3, None, None, ()), "The run is 3: give its folder"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_it_is_said_what_is_wanted(make: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        make()


def test_what_is_looked_at_and_what_not() -> None:
    class Part:
        def __init__(self, a: int, b: "float | None" = None, c: int | list[int] | None = None, d: object = None):
            pass

    for good in ((1,), (1, "3"), (1, None, [1, 2]), (1, None, (1,)), (1, None, None, "x")):
        kinds(Part, good, {})  # an annotation that is a text is not looked at
    for bad in (("1",), (1, None, "x"), (1, None, [1, "2"])):
        with pytest.raises(UserError, match="give a whole number"):
            kinds(Part, bad, {})


def test_the_end_of_single_precision() -> None:
    finite("Part", x=SINGLE)
    positive("Part", x=1e38)
    for check in (finite, positive):
        with pytest.raises(UserError, match="that single precision holds"):
            check("Part", x=SINGLE * 1.001)
