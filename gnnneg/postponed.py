"""Modules of other libraries that are executed when they are first used, for a command that answers at once."""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Collection, Iterable
from importlib.abc import MetaPathFinder
from types import ModuleType

# PyG imports them all with its first name, and most commands use none: what compiles models, data sets, language models
LATER = ("torch._dynamo", "torch_geometric.datasets", "torch_geometric.llm")


class _Later(MetaPathFinder):
    """Finds some modules such that they are executed when an attribute of them is first asked for."""

    def __init__(self, names: Collection[str]):
        self.names = names

    def find_spec(
        self, fullname: str, path: Iterable[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.names:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)  # type: ignore[arg-type]
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def postpone(names: Collection[str] = LATER) -> None:
    """Has modules executed at their first use, those excepted that are imported by now.

    For a command line, which owns its process: whoever imports gnnneg has all imports as they are.
    """
    if not any(isinstance(finder, _Later) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Later(names))
