"""What went wrong, said to the person who can mend it."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad input. The message is one sentence that says what is wrong and what to do; the command line exits with 2."""


class MissingExtra(UserError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, what: str):
        super().__init__(f"{what} needs the extra {extra!r}: pip install 'gnnneg[{extra}]'.")


def nearest(name: str, known: Iterable[str], limit: int = 3) -> str:
    """The known names nearest to ``name``, as the end of a sentence: ``did you mean 'A' or 'B'?``."""
    known = list(known)
    folded = {k.lower(): k for k in known}
    near = [folded[m] for m in difflib.get_close_matches(name.lower(), folded, n=limit, cutoff=0.5)]
    if near:
        return "did you mean " + " or ".join(repr(n) for n in near) + "?"
    return "known: " + ", ".join(sorted(known)) + "."
