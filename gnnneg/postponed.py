"""Modules of other libraries that are executed when they are first used, for a command that answers at once."""

import importlib.machinery
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any

# PyG imports them all with its first name, and most commands use none: what compiles models, data sets, language models
LATER = ("torch._dynamo", "torch_geometric.datasets", "torch_geometric.llm")
MOMENT = 0.05  # seconds


class _Whole(Loader):
    """Executes a module without being struck in between: half of it would stay, and be taken for the whole.

    Ctrl-C and SIGTERM strike right after it.
    """

    def __init__(self, loader: Loader):
        self.loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        struck: list[int] = []
        before: dict[signal.Signals, Callable[[int, Any], object]] = {}
        if threading.current_thread() is threading.main_thread():  # which alone hears them
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):
                    before[number] = handler
                    signal.signal(number, lambda struck_by, _: struck.append(struck_by))
        try:
            self.loader.exec_module(module)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        for by in struck[:1]:  # Python drops what is raised while it looks at a module that is being imported
            again = threading.Timer(MOMENT, os.kill, (os.getpid(), by))
            again.daemon = True
            again.start()


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
            spec.loader = importlib.util.LazyLoader(_Whole(spec.loader))
        return spec


def postpone(names: Collection[str] = LATER) -> None:
    """Has modules executed at their first use, those excepted that are imported by now.

    For a command line, which owns its process: whoever imports gnnneg has all imports as they are.
    """
    if not any(isinstance(finder, _Later) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Later(names))
