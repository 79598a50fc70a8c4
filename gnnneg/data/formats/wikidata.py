"""Dumps of Wikidata: ranks and snaks that say what is not so."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnnneg.data.decode import lines
from gnnneg.data.formats.statements import Row, Statements, collected, share, shown
from gnnneg.errors import UserError

RANKS = ("preferred", "normal", "deprecated")


def read_wikidata(path: str | Path, deprecated: float = 0.5) -> Statements:
    """Reads a `JSON dump <https://www.wikidata.org/wiki/Wikidata:Database_download>`_ of Wikidata, one entity a line,
    with or without the array around them: item, property, item.

    A statement whose rank is normal or preferred is stated. One whose rank is *deprecated* is denied, but weakly: the
    rank is given to what was shown false as well as to what is merely outdated or badly sourced, so it has a lower
    confidence. The rank is the source. A *no value* snak says that a question has no answer at all; such pairs of item
    and property are in :obj:`closed`. With qualifiers (no value *since 2010*) it says less, and is left out.

    Args:
        path (str or Path): The file; ``.gz`` and ``.bz2`` are decompressed as they are read.
        deprecated (float): Confidence of deprecated statements. (default: :obj:`0.5`)

    Raises:
        UserError: For a line that is no entity, and for an unknown rank or snak.
    """
    path, left_out = Path(path), Counter[str]()
    closed: list[tuple[str, str]] = []
    weight = share(deprecated, "Deprecated")
    return collected(_rows(path, weight, left_out, closed), path, left_out, closed)


def _rows(path: Path, weight: float, left_out: Counter[str], closed: list[tuple[str, str]]) -> Iterator[Row]:
    for number, line in lines(path):
        text = line.strip().removesuffix(",")
        if text in ("", "[", "]"):
            continue
        where = f"{path}:{number}"
        try:
            entity = json.loads(text)
            head, claims = entity["id"], entity.get("claims") or {}  # PHP writes an empty object as []
            found = [(name, statement) for name, statements in claims.items() for statement in statements]
            for name, statement in found:
                yield from _row(head, name, statement, weight, where, left_out, closed)
        except json.JSONDecodeError as error:
            raise UserError(f"{where}: not JSON ({error.msg} at column {error.colno}): {shown(text)}.") from None
        except (KeyError, TypeError, AttributeError, IndexError):
            raise UserError(f"{where}: not an entity of Wikidata: {shown(text)}.") from None


def _row(
    head: str,
    name: str,
    statement: dict[str, Any],
    weight: float,
    where: str,
    left_out: Counter[str],
    closed: list[tuple[str, str]],
) -> Iterator[Row]:
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
        yield Row(head, name, tail, stated, 1.0 if stated else weight, rank)
