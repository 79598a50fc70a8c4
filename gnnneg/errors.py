"""What went wrong, said to the person who can mend it."""

import difflib
import reprlib
from bisect import bisect_left
from collections.abc import Iterable
from heapq import nlargest

LONGEST = 80  # letters of a name or value that are repeated
FEW = 40  # so many names can be listed
COMPARED = 200  # so many names are compared letter by letter
LOOKED_AT = 200_000  # so many names are looked at, if they begin otherwise


class UserError(ValueError):
    """Bad input. The message is one sentence that says what is wrong and what to do; the command line exits with 2."""


class MissingExtra(UserError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, what: str):
        super().__init__(f"{what} needs the extra {extra!r}: pip install 'gnnneg[{extra}]'.")


def echo(value: object, longest: int = LONGEST) -> str:
    """A name or value as it stands in an error: on one line, and cut if it is long."""
    # the inside of a large collection is not written out first
    if isinstance(value, str):
        text = repr(value[: longest + 1])
    elif isinstance(value, list | tuple | dict | set | frozenset) and len(value) > longest:
        text = f"a {type(value).__name__} of {len(value):,}"
    else:
        text = _repr(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def nearest(name: str, known: Iterable[str], limit: int = 3, several: int | None = None) -> str:
    """The known names nearest to ``name``, as the end of a sentence: ``did you mean 'A' or 'B'?``.

    Of few names all are listed if none is near; of many their number is told, and those beside it in the alphabet.

    Args:
        name (str): What was asked for.
        known (iterable): The names, or those of very many that may be near.
        limit (int): How many are told. (default: :obj:`3`)
        several (int, optional): How many there are in all. (default: as many as are given)
    """
    known = list(known)
    several = len(known) if several is None else several
    if not known:
        return "there are none."
    near = similar(name, known, limit)
    many = f" ({several:,} are known)" if several > FEW else ""
    if near:
        return f"did you mean {' or '.join(echo(n) for n in near)}?{many}"
    if not many:
        return "known: " + ", ".join(echo(k)[1:-1] for k in sorted(known)) + "."
    ordered = sorted(known)
    place = min(max(bisect_left(ordered, name) - 1, 0), len(ordered) - limit)
    return f"{several:,} are known, such as {', '.join(echo(k) for k in ordered[place : place + limit])}."


def similar(name: str, known: list[str], limit: int) -> list[str]:
    """The nearest first. Of many, only those that share most pairs of letters with ``name`` are compared with it."""
    asked = name[: 2 * LONGEST].lower()
    if len(known) > LOOKED_AT:
        begin = name[:2]
        known = [k for k in known if k.startswith(begin)][:LOOKED_AT] or known[:LOOKED_AT]
    if len(known) > COMPARED:
        pairs = _pairs(asked)
        alike = ((k, len(pairs & _pairs(k[: 2 * LONGEST].lower())) / (len(pairs) + len(k))) for k in known)
        known = [k for k, _ in nlargest(COMPARED, alike, key=lambda pair: pair[1])]
    folded = {k[: 2 * LONGEST].lower(): k for k in known}
    return [folded[m] for m in difflib.get_close_matches(asked, folded, n=limit, cutoff=0.5)]


def _pairs(text: str) -> set[str]:
    return {text[place : place + 2] for place in range(len(text) - 1)}


def _repr(value: object) -> str:
    """``repr``, but of a nested value not deeper than shows."""
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxother = 4, LONGEST, LONGEST
    short.maxdict = short.maxlist = short.maxtuple = short.maxset = short.maxfrozenset = 12
    short.maxlong = LONGEST
    try:
        return " ".join(short.repr(value).split())
    except (ValueError, RecursionError):  # an integer of too many digits
        return f"a {type(value).__name__} too large to show"
