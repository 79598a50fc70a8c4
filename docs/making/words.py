"""What docstrings say, in pieces: the first sentence, the cost."""

import inspect
import re

TITLE = re.compile(r"(`[^`<]+<[^>]+>`)_(?!_)")  # a named link: two of one name are an error, so they lose their names


def paragraphs(thing: object) -> list[str]:
    """The paragraphs of a docstring, up to its first section such as ``Args:``."""
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
    found = []
    for part in re.split(r"\n\s*\n", text):
        if re.match(r"(Args|Raises|Returns|Yields|Example|Note):", part):
            break
        found.append(part)
    return found


def one_line(text: str) -> str:
    """A piece of a docstring on one line, fit for a cell of a table."""
    return TITLE.sub(r"\1__", " ".join(text.split()))


def about(thing: object) -> str:
    """The first sentence of a docstring."""
    return first_sentence(one_line(next(iter(paragraphs(thing)), "")))


def first_sentence(text: str) -> str:
    """The first sentence of a text on one line."""
    plain = re.sub(r"`[^`]*`", lambda found: "x" * len(found[0]), text)  # a title may hold a full stop
    ended = re.search(r"(?<!\b\w)[.?!](?=\s|$)", plain)
    said = text[: ended.end()] if ended else text
    return f"{said.rstrip(',:; ')}." if said and said[-1] not in ".?!" else said


def cost(thing: object) -> str:
    """What a docstring says behind ``Cost:``, up to the end of the sentence."""
    for part in paragraphs(thing):
        found = re.search(r"\bCost:\s*(.*)", one_line(part))
        if found:
            said = first_sentence(found.group(1))
            return said[:1].upper() + said[1:]
    return ""
