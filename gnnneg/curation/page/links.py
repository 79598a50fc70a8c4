"""Addresses of pages. Names are in the query part, because they may contain any letters."""

from urllib.parse import parse_qsl, urlencode

from gnnneg.errors import UserError, echo
from gnnneg.verdicts import Statement

ASK = "ask"
ASKED = ("head", "relation", "tail", "among")


def statement_url(statement: tuple[str, str, str], queue: str = "") -> str:
    """The page of a statement, within a queue if one is given."""
    asked = dict(zip(Statement._fields, statement)) | ({"queue": queue} if queue else {})
    return f"/statement?{urlencode(asked)}"


def entity_url(name: str) -> str:
    """The page of an entity."""
    return f"/entity?{urlencode({'name': name})}"


def queue_url(key: str) -> str:
    """The page that continues a queue."""
    return f"/queue?{urlencode({'key': key})}"


def question_key(question: dict[str, str]) -> str:
    """A question as the key of its queue: ``ask?head=...&relation=...``."""
    return f"{ASK}?{urlencode({name: question[name] for name in ASKED if question.get(name)})}"


def question_of(key: str) -> dict[str, str] | None:
    """The question that a key describes; None if it is the key of another queue.

    Raises:
        UserError: If the question is incomplete.
    """
    kind, mark, asked = key.partition("?")
    if kind != ASK or not mark:
        return None
    found = {name: value for name, value in parse_qsl(asked) if name in ASKED and value.strip()}
    if "relation" not in found or ("head" in found) == ("tail" in found):
        raise UserError(f"{echo(key)} is not a question: give a relation, and a head or a tail.")
    return found


def inside(address: str) -> str:
    """The address if it is on this server, else that of the first page."""
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if plain else "/"
