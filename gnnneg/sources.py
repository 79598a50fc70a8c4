"""What classes there are and what their constructors take, read from the source without running it.

For a command line that refuses a misspelt name before it imports what takes seconds. What a file does not say plainly
is not known, and then whoever runs the code decides.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.machinery import PathFinder
from pathlib import Path

CLASS = re.compile(r"^class (\w+)(?:\(([^()]*)\))?:", re.MULTILINE)
FORMER = re.compile(r"^    former\b.*= \((.*)\)$", re.MULTILINE)
# where the classes of other libraries are defined that a config may name, by the base that is asked for
ELSEWHERE = {"Optimizer": ("torch/optim",), "LRScheduler": ("torch/optim", "torch_geometric/nn")}


@dataclass(frozen=True)
class Source:
    """A class as its file defines it."""

    name: str
    bases: tuple[str, ...]
    file: Path

    @cached_property
    def _node(self) -> ast.ClassDef:
        body = ast.parse(self.file.read_bytes()).body
        return next(node for node in body if isinstance(node, ast.ClassDef) and node.name == self.name)

    @property
    def parameters(self) -> dict[str, str] | None:
        """The annotations of its constructor's parameters as they are written; None if it does not say them all."""
        methods = {item.name: item for item in self._node.body if isinstance(item, ast.FunctionDef)}
        init = methods.get("__init__")
        if init is not None:
            given = init.args
            if given.vararg or given.kwarg:
                return None
            listed = [*given.posonlyargs, *given.args, *given.kwonlyargs][1:]
            return {one.arg: ast.unparse(one.annotation) if one.annotation else "" for one in listed}
        if self.bases or not any("dataclass" in ast.unparse(one) for one in self._node.decorator_list):
            return None
        fields = (item for item in self._node.body if isinstance(item, ast.AnnAssign))
        written = {ast.unparse(field.target): ast.unparse(field.annotation) for field in fields}
        return {name: kind for name, kind in written.items() if "ClassVar" not in kind}

    def mentions(self, word: str) -> bool:
        """Whether its text, or a base's, has the word in quotes: so has a parameter's name of earlier versions."""
        text = ast.unparse(self._node)
        inherited = (classes()[base] for base in self.bases if base in classes() and "ABC" not in classes()[base].bases)
        return f"'{word}'" in text or "def reworded" in text or any(base.mentions(word) for base in inherited)


@cache
def _ours() -> tuple[Source, ...]:
    return tuple(_defined(Path(__file__).parent))


@cache
def classes() -> dict[str, Source]:
    """The classes of gnnneg by name, those left out that share one."""
    names = [one.name for one in _ours()]
    return {one.name: one for one in _ours() if names.count(one.name) == 1}


@cache
def former() -> frozenset[str]:
    """The names that classes had in earlier versions."""
    texts = (file.read_text(encoding="utf-8") for file in Path(__file__).parent.rglob("*.py"))
    return frozenset(name for text in texts for said in FORMER.findall(text) for name in re.findall(r"\w+", said))


@cache
def members(family: str) -> dict[str, Source]:
    """The finished classes below one, in gnnneg and, where that is where they come from, in torch and PyG.

    Of gnnneg's own, what is subclassed is not finished.
    """
    every = list(_ours())
    for folder in ELSEWHERE.get(family, ()):
        package, _, inner = folder.partition("/")
        spec = PathFinder.find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            every += _defined(Path(place) / inner)
    found: list[Source] = []
    below = {family}
    while True:
        more = [one for one in every if below & set(one.bases)]
        if not more:
            break
        found += more
        below |= {one.name for one in more if one.name in classes() or one not in _ours()}
        every = [one for one in every if one not in more]
    bases = {base for one in _ours() for base in one.bases if base in classes()}
    return {one.name: one for one in found if "ABC" not in one.bases and one.name not in bases and one.name[0] != "_"}


def _defined(folder: Path) -> Iterator[Source]:
    for file in folder.rglob("*.py"):
        for name, bases in CLASS.findall(file.read_text(encoding="utf-8")):
            yield Source(name, tuple(base.split(".")[-1].strip() for base in bases.split(",") if base), file)
