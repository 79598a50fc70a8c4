"""A first column that seems to number or name the lines of a table, before head, relation and tail."""

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.coded import TEXT, mapped

TWO = 2  # from so many lines on, increasing numbers are line numbers
SHUFFLED = 3  # from so many lines on, distinct values may be those of lines
MANY = 20  # from so many lines on, the numbers of distinct values tell heads and relations apart
RARE = 10  # so many times fewer relations than heads
FEW = 20  # lines whose first column may be put together from the others


def numbers_lines(values: pa.ChunkedArray) -> bool:
    """Whether a column holds integers that increase from line to line, like line numbers."""
    if len(values) < TWO or not _all_numbers(values):
        return False
    plain = mapped(values, lambda names: pc.replace_substring_regex(names, r"\.0+$", ""), TEXT)
    number = mapped(plain, lambda names: pc.cast(names, pa.int64()), pa.int64()).combine_chunks()
    return bool(pc.all(pc.greater(number[1:], number[:-1])).as_py())


def numbers_each(table: pa.Table) -> bool:
    """Whether the first column has a different integer in each line and the next columns hold no integers. A table that
    was numbered and then shuffled looks like this.
    """
    first, others = table.column(0), [table.column(i) for i in range(1, 4)]
    some = len(first) >= SHUFFLED and not any(map(_all_numbers, others))
    return some and _all_numbers(first) and len(first.unique()) == len(first)


def named_each(table: pa.Table) -> str:
    """The columns of head, relation and tail, such as ``2,3,4``, if the first column seems to name the lines; else
    nothing.

    It does if it holds a different name in each line, none of which is in the next three columns, and the fourth column
    shares names with the second (``2,3,4``, as in YAGO) or the third (``3,2,4``, as in ConceptNet), as heads and tails
    do. Weights and labels share none, and numbers do not count. Where nothing is shared, it also does if it is put
    together from the other three, or if most lines of a longer table have a different second column, and a tenth as
    many different third ones.

    Cost: linear in the number of entries.
    """
    rows = table.num_rows
    first = table.column(0).unique()
    if rows < SHUFFLED or len(first) < rows:
        return ""
    others = [pc.cast(table.column(i).unique(), TEXT) for i in range(1, 4)]
    if any(_shared(pc.cast(first, TEXT), other) for other in others):
        return ""
    second, third = (_shared(other, others[2]) for other in others[:2])
    if second or third:
        return "2,3,4" if second >= third else "3,2,4"
    if _put_together(table.slice(0, FEW)):
        return "2,3,4" if len(others[1]) < len(others[0]) else "3,2,4"
    of_heads = rows >= MANY and 2 * len(others[0]) > rows and RARE * len(others[1]) <= len(others[0])
    return "2,3,4" if of_heads else ""


def _put_together(table: pa.Table) -> bool:
    """Whether the first column contains the next three in each line, as ``/a/[/r/IsA/,/c/en/cat/,/c/en/pet/]``."""
    first, *others = (table.column(i).to_pylist() for i in range(4))
    return all(len(part or "") > 1 and part in (name or "") for name, *parts in zip(first, *others) for part in parts)


def _shared(one: pa.Array, other: pa.Array) -> int:
    """How many names that are no numbers are in both. Each array holds a name once."""
    few, many = sorted((one, other), key=len)  # a set of few names is looked up fast
    both = many.filter(pc.is_in(many, few))
    return int(pc.sum(pc.invert(pc.match_substring_regex(both, r"^[-+.0-9]*$"))).as_py() or 0)


def _all_numbers(values: pa.ChunkedArray) -> bool:
    digits = mapped(values, lambda names: pc.match_substring_regex(names, r"^[0-9]{1,18}(\.0+)?$"), pa.bool_())
    return bool(pc.all(digits).as_py())
