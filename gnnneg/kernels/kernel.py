"""A numba kernel that runs the same machine code whether this process compiled it or an earlier one did.

Numba optimises a parallel kernel's inside once, links it into the kernel, and optimises it there again. Both copies
have the same name. A process that compiles finds the first copy, one that reads the kept kernel has only the second.
Where a sum may be reordered, the two can differ in the last bit. So here a kernel that was compiled is read back, and
each one that is read has a linker of its own, in which no other copy lies.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
from numba.core.codegen import JITCPUCodegen
from numba.core.compiler_lock import global_compiler_lock


@contextmanager
def _own_linker(target: Any) -> Iterator[None]:
    """What is compiled or read within meets no symbol of what was before."""
    with global_compiler_lock:
        common, target._internal_codegen = target._internal_codegen, JITCPUCodegen("gnnneg")
        try:
            yield
        finally:
            target._internal_codegen = common


def kernel(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """``numba.njit(cache=True, ...)``, whose results do not depend on which process compiled.

    Costs milliseconds once for each kernel and combination of types.
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
