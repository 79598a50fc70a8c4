"""A numba kernel with the same machine code, whether this process or an earlier one compiled it.

Numba optimises the inside of a parallel kernel once, links it into the kernel, and optimises it there again. Both
copies have the same name. A process that compiles finds the first copy; a process that reads the cached kernel has only
the second. If sums may be reordered, the two can differ in the last bit. So a compiled kernel is read back from the
cache here, and each kernel is read with its own linker, which contains no other copy.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
from numba.core.codegen import JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock


@contextmanager
def _own_linker(target: Any) -> Iterator[None]:
    """Within this block, compiled or cached code sees no symbols of earlier code."""
    with global_compiler_lock:
        common, target._internal_codegen = target._internal_codegen, JITCPUCodegen("gnnneg")
        try:
            yield
        finally:
            target._internal_codegen = common


def kernel(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """``numba.njit(cache=True, ...)`` with results that do not depend on the process that compiled.

    Adds a small fixed cost for each kernel and combination of types.
    """

    def decorate(function: Callable[..., None]) -> Any:
        dispatcher = numba.njit(cache=True, **options)(function)
        once = dispatcher.compile

        def compile(signature: Any) -> Any:
            missed = sum(dispatcher.stats.cache_misses.values())
            with _own_linker(dispatcher.targetctx):
                entry = once(signature)
            if sum(dispatcher.stats.cache_misses.values()) == missed:
                return entry
            others = [result for result in dispatcher.overloads.values() if result.entry_point != entry]
            dispatcher._reset_overloads()
            for result in others:
                dispatcher.add_overload(result)
            with _own_linker(dispatcher.targetctx):
                return once(signature)

        dispatcher.compile = compile
        return dispatcher

    return decorate
