"""Arguments of commands that a message proposes, so that they can be copied into a shell."""

import re
import shlex

SPECIAL = re.compile(r"^[~#]|[\s'\"\\$`&|;<>()*?!\[\]{}^]")


def argument(text: str) -> str:
    """The text as a shell reads it as one argument: in quotes where they are needed."""
    return shlex.quote(text) if not text or SPECIAL.search(text) else text
