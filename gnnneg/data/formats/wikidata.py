"""Dumps of Wikidata, whose ranks and snaks can deny statements."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnnneg.data.account import Account
from gnnneg.data.decode import beginning, lines, text
from gnnneg.data.definitions import Defined
from gnnneg.data.formats.statements import Row, Statements, collected, share
from gnnneg.data.labels import Called
from gnnneg.data.read import listed
from gnnneg.data.rows import shown
from gnnneg.errors import UserError, echo

LANGUAGES = ("en", "mul")
# keys for the parts of a lexeme, and the keys that name such entities instead of labels
PARTS = ("forms", "senses")
NAMES = ("labels", "lemmas", "representations", "glosses")
READ = {*PARTS, *NAMES, "claims", "statements", "aliases", "descriptions", "sitelinks", "id", "type"}
# keys of an entity's page, which say nothing about the entity
OF_PAGE = {"pageid", "ns", "title", "lastrevid", "modified", "datatype"}
OTHERS = {"edges", "links", "triples", "object", "tail", "target", "relation", "predicate"}
RANKS = ("preferred", "normal", "deprecated")


def read_wikidata(path: str | Path, deprecated: float = 0.5) -> Statements:
    """Reads a `JSON dump <https://www.wikidata.org/wiki/Wikidata:Database_download>`_ of Wikidata (one entity a line,
    with or without an array around them), or the answer of ``Special:EntityData``: item, property, item.

    A statement with rank normal or preferred is stated. A statement with rank *deprecated* is denied, but with a lower
    confidence: the rank marks false statements, but also outdated or badly sourced ones. The rank is the source. A *no
    value* snak says that a question has no answer at all; such pairs of item and property are in :obj:`closed`. With
    qualifiers (no value *since 2010*) it says less and is left out. Qualifiers of other statements, references and
    sitelinks are left out and counted. Forms and senses of a lexeme are separate entities, and a lexeme is named by its
    lemma.

    The label of an item or property is the English one, or else that of all languages (``mul``), or the first. Its
    aliases in the same language are its synonyms. Its description, chosen in the same way, is its definition.

    Args:
        path (str or Path): The file, which is decompressed while it is read.
        deprecated (float): Confidence of deprecated statements. (default: :obj:`0.5`)

    Raises:
        UserError: For a line that is not an entity, and for an unknown rank or snak.
    """
    path, left_out, called, defined = Path(path), Account(), Called(), Defined()
    closed: list[tuple[str, str]] = []
    weight = share(deprecated, "Deprecated")
    rows = _rows(path, weight, left_out, closed, called, defined)
    found = collected(rows, path, left_out, closed)
    return found._replace(labels=called.table(), definitions=defined.table(found.left_out))


def _rows(
    path: Path, weight: float, left_out: Account, closed: list[tuple[str, str]], called: Called, defined: Defined
) -> Iterator[Row]:
    for where, said in _texts(path):
        try:
            entity = json.loads(said)
            every = [*entity["entities"].values()] if _is_answer(entity) else [entity]
            rows = [row for one in every for row in _said_of(one, weight, where, left_out, closed, called, defined)]
        except UserError:
            raise
        except json.JSONDecodeError as error:
            raise UserError(f"{where}: not JSON ({error.msg} at column {error.colno}): {shown(said[:200])}.") from None
        except RecursionError:
            raise UserError(f"{where}: nested too deeply for an entity of Wikidata.") from None
        except (KeyError, TypeError, AttributeError, IndexError, ValueError):
            raise UserError(f"{where}: not an entity of Wikidata: {shown(said[:200])}.") from None
        yield from rows


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """The text of one entity, or the whole text if it goes over several lines, and its position."""
    if re.match(rb"\s*\{\s*\n", beginning(path)):  # indented, as an answer of the web page may be
        yield str(path), text(path)
        return
    for number, line in lines(path):
        said = line.strip().removesuffix(",")
        if said not in ("", "[", "]"):
            yield f"{path}:{number}", said


def _is_answer(found: Any) -> bool:
    """Whether a text is an answer of Wikidata about entities rather than a line of a dump."""
    return isinstance(found, dict) and "claims" not in found and isinstance(found.get("entities"), dict)


def _said_of(
    entity: Any,
    weight: float,
    where: str,
    left_out: Account,
    closed: list[tuple[str, str]],
    called: Called,
    defined: Defined,
) -> list[Row]:
    """The statements of one entity."""
    _refuse_another(where, entity)
    head = _text(entity["id"])
    # files of Commons have "statements" instead of "claims"; PHP writes an empty object as []
    claims = {**(entity.get("statements") or {}), **(entity.get("claims") or {})}
    _call(entity, head, called)
    descriptions = entity.get("descriptions") or {}
    language = _language(descriptions)
    if language is not None:
        defined.add(head, _text(descriptions[language]["value"]))
    left_out.left_out("descriptions in other languages", max(0, len(descriptions) - 1))
    left_out.left_out("sitelinks", len(entity.get("sitelinks") or {}))
    for key in sorted({*entity} - READ - OF_PAGE):
        left_out.left_out(f"key {echo(key)}", 1)
    found = [(name, statement) for name, statements in claims.items() for statement in statements]
    rows = [_row(head, _text(name), each, weight, where, left_out, closed) for name, each in found]
    within = [one for key in PARTS for one in entity.get(key) or ()]
    further = [row for one in within for row in _said_of(one, weight, where, left_out, closed, called, defined)]
    return [row for row in rows if row is not None] + further


def _refuse_another(where: str, entity: Any) -> None:
    """Refuses JSON from other sources: objects that have neither claims nor labels, but ends or edges."""
    keys = {*entity} if isinstance(entity, dict) else set()
    if "claims" not in keys and keys & OTHERS:
        raise UserError(
            f"{where}: this is not an entity of Wikidata, because it has {listed([*map(str, entity)])}: write its "
            "statements one object a line (--format jsonl), or as a table (csv, parquet)."
        )


def _call(entity: dict[str, Any], head: str, called: Called) -> None:
    """Reads the label and the aliases of an entity in one language."""
    labels: Any = next((entity[key] for key in NAMES if entity.get(key)), {})
    aliases = entity.get("aliases") or {}
    language = _language(labels)
    if language is not None:
        also = aliases.get(language, ()) if aliases else ()
        called.add(head, _text(labels[language]["value"]), *(_text(alias["value"]) for alias in also))


def _language(texts: Any) -> str | None:
    """The preferred language among some texts, if there are any."""
    return next((name for name in (*LANGUAGES, *texts) if name in texts), None)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    value.encode()  # refuses lone surrogates
    return value


def _row(
    head: str,
    name: str,
    statement: dict[str, Any],
    weight: float,
    where: str,
    left_out: Account,
    closed: list[tuple[str, str]],
) -> Row | None:
    rank, snak = statement["rank"], statement["mainsnak"]
    if rank not in RANKS:
        raise UserError(f"{where}: the rank is one of {', '.join(RANKS)}, not {rank!r}.")
    if snak["snaktype"] == "somevalue":
        left_out["unknown values"] += 1
    elif snak["snaktype"] == "novalue":
        if rank == "deprecated":
            left_out["deprecated 'no value'"] += 1
        elif statement.get("qualifiers"):
            left_out["qualified 'no value'"] += 1
        else:
            closed.append((head, name))
    elif snak["snaktype"] != "value":
        raise UserError(f"{where}: a snak is value, somevalue or novalue, not {snak['snaktype']!r}.")
    elif snak["datavalue"]["type"] != "wikibase-entityid":
        left_out["literals"] += 1
    else:
        value = snak["datavalue"]["value"]
        tail = value.get("id") or {"item": "Q", "property": "P"}[value["entity-type"]] + str(value["numeric-id"])
        stated = rank != "deprecated"
        left_out.left_out("qualifiers of statements", len(statement.get("qualifiers") or {}))
        left_out.left_out("references", len(statement.get("references") or ()))
        return Row(head, name, _text(tail), stated, 1.0 if stated else weight, rank)
    return None
