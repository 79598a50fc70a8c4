"""Names of earlier versions work for one version more, say the new one, and are written down as the new one."""

import sys
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar

import pytest
import torch
from torch import Tensor

import gnnneg
from gnnneg import cli
from gnnneg.config import describe, override, resolve
from gnnneg.errors import UserError
from gnnneg.former import FormerName, former_names, takes_former_options
from gnnneg.interfaces import Part, Sampler, SoftLabel
from gnnneg.records import Negatives, Query


class Moved(Sampler):
    """A sampler whose name and option were others once."""

    former = ("Removed",)
    renamed: ClassVar = {"count": "num_negatives", "many": "num_negatives"}

    def __init__(self, num_negatives: int = 3, shared: bool = False):
        super().__init__()
        self.num_negatives, self.shared = num_negatives, shared

    def forward(self, query: Query, target: Tensor, critic: object, rng: torch.Generator | None = None) -> Negatives:
        raise NotImplementedError


class Below(Moved):
    """Says the old name above."""

    def __init__(self, wanted: int):
        super().__init__(count=wanted)


class Apart(Moved):
    """Has an option of its own that is called as the other was."""

    def __init__(self, count: int):
        super().__init__(count + 1)


@takes_former_options
@dataclass
class Plain:
    """No part."""

    renamed: ClassVar = {"size": "rows"}
    rows: int = 0


def test_option_in_python() -> None:
    with pytest.warns(FormerName, match=r"^Moved: 'count' is now called 'num_negatives': use the new name") as seen:
        part = Moved(count=7)
    assert part.num_negatives == 7
    assert part.made_with == ((), {"num_negatives": 7})
    assert seen[0].filename == __file__  # it is the line that is to be changed
    with pytest.warns(FormerName, match="^Plain: 'size' is now called 'rows'"):
        assert Plain(size=4) == Plain(4)  # type: ignore[call-arg]


@pytest.mark.parametrize("given", [{"count": 1, "num_negatives": 1}, {"num_negatives": 2, "count": 1}])
def test_both_names_are_refused(given: dict[str, int]) -> None:
    words = "'num_negatives' was once called 'count', and both are given: leave 'count' out."
    with pytest.raises(UserError, match=f"^Moved: {words}"):
        Moved(**given)
    with pytest.raises(UserError, match=rf"^task.sampler \(Moved\): {words}"):
        resolve(Sampler, {"class_path": "Moved", "init_args": given}, "task.sampler")
    warnings.simplefilter("ignore", FormerName)
    with pytest.raises(UserError, match="'num_negatives' was once called 'count', and both"):
        Moved(count=1, many=1)


def test_option_below() -> None:
    with pytest.warns(FormerName, match="count"):
        part = Below(7)
    assert part.num_negatives == 7
    assert Apart(count=7).num_negatives == 8
    assert Apart(count=7).made_with == ((), {"count": 7})


def test_option_in_a_config() -> None:
    tree = {"sampler": {"class_path": "Moved", "init_args": {"count": 2}}}
    override(tree, ["--sampler.count", "5"])
    with pytest.warns(FormerName, match=r"^task.sampler \(Moved\): 'count' is now called 'num_negatives'"):
        plan = resolve(Sampler, tree["sampler"], "task.sampler")
    assert plan.plain() == {"class_path": f"{__name__}.Moved", "init_args": {"num_negatives": 5, "shared": False}}
    with pytest.warns(FormerName):
        again = Moved(count=5)
    assert describe(again, {}, "task.sampler")["init_args"] == {"num_negatives": 5}


@pytest.mark.parametrize("name", ["Removed", "gnnneg.samplers.Removed", "gnnneg.samplers.removed.Removed"])
def test_class_in_a_config(name: str) -> None:
    with pytest.warns(FormerName, match="^'Removed' is now called 'Moved': use the new name"):
        plan = resolve(Sampler, {"class_path": name}, "task.sampler")
    assert plan.plain()["class_path"] == f"{__name__}.Moved"


def test_class_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("once")
    module.Moved, module.__getattr__ = Moved, former_names("once")  # type: ignore[attr-defined, method-assign]
    monkeypatch.setitem(sys.modules, "once", module)
    with pytest.warns(FormerName, match="^'Removed' is now called 'Moved'") as seen:
        assert module.Removed is Moved
    assert seen[0].filename == __file__
    with pytest.raises(AttributeError, match=r"^module 'once' has no attribute 'Other'"):
        module.Other  # noqa: B018


def test_class_in_the_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gnnneg.Uniform, "former", ("Even",), raising=False)
    with pytest.warns(FormerName, match="^'Even' is now called 'Uniform'") as seen:
        assert gnnneg.Even is gnnneg.Uniform
    assert seen[0].filename == __file__
    with pytest.raises(AttributeError, match=r"^module 'gnnneg' has no attribute 'Uneven'"):
        gnnneg.Uneven  # noqa: B018


def test_attributes() -> None:
    part = Part()
    with pytest.warns(FormerName, match=r"^Part: 'figures' is now called 'monitored'") as seen:
        assert part.figures() == {}
    assert seen[0].filename == __file__
    model = gnnneg.NBFNet(2)
    with pytest.warns(FormerName, match=r"^NBFNet: 'footprint' is now called 'activations'"):
        model.footprint = 7
    assert model.activations == 7


def test_attributes_of_a_class_below() -> None:
    with pytest.warns(FormerName, match=r"^Old: 'figures' is now called 'monitored'") as seen:

        class Old(Part):
            def figures(self) -> dict[str, float]:
                return {"loss": 1.0}

    assert seen[0].filename == __file__
    assert Old().monitored() == {"loss": 1.0}


def test_soft_label() -> None:
    for module in (gnnneg, gnnneg.interfaces):
        with pytest.warns(FormerName, match=r"^'Label' is now called 'SoftLabel'"):
            assert module.Label is SoftLabel


def test_command_line_says_so(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_run", lambda words: Moved(count=int(words[0])).num_negatives)
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("ignore", DeprecationWarning)  # as Python does by itself
        assert cli.main(["7"]) == 7
    assert capsys.readouterr().err == (
        "Warning: Moved: 'count' is now called 'num_negatives': use the new name, since the next version does not know "
        "the old one.\n"
    )
