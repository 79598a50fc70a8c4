"""A row of a table is asked of memory before it is read: rows that are looked up lie anywhere, so the processor cannot
guess the next.
"""

from typing import Any, no_type_check

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

AHEAD = 4  # rows: while so many are computed on, one more comes from memory
LINE = 64  # bytes that memory gives at once


@intrinsic
@no_type_check
def _prefetch(context: Any, array: Any, offset: Any) -> Any:
    """Asks for the line of a contiguous array in which an element lies; nothing waits, and nothing is read."""

    def build(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(data, [args[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        asked = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(asked, [place, *(number(value) for value in (0, 3, 1))])  # to read, near, data
        return context.get_dummy_value()

    return types.void(array, types.intp), build


@numba.njit(forceinline=True)
@no_type_check
def soon(table, row):
    """Asks for a row of a contiguous table."""
    width = table.shape[1]
    for l in range(0, width, LINE // table.itemsize):
        _prefetch(table, row * width + l)
