"""Prefetches a row of a table from memory before it is read. Looked-up rows are scattered, so the processor cannot
predict the next one.
"""

from typing import Any, no_type_check

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

AHEAD = 4  # rows: the row this far ahead is fetched while the current one is processed
LINE = 64  # bytes of a cache line


@intrinsic
@no_type_check
def _prefetch(context: Any, array: Any, offset: Any) -> Any:
    """Prefetches the cache line of an element of a contiguous array. It does not wait and reads nothing."""

    def build(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(data, [args[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        asked = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(asked, [place, *(number(value) for value in (0, 3, 1))])  # read, high locality, data cache
        return context.get_dummy_value()

    return types.void(array, types.intp), build


@numba.njit(forceinline=True)
@no_type_check
def soon(table, row):
    """Prefetches a row of a contiguous table."""
    width = table.shape[1]
    for l in range(0, width, LINE // table.itemsize):
        _prefetch(table, row * width + l)
