"""How a delimited table begins: comments, a count line, a header. Also recognises files that are not such a table."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

from gnnneg.data.account import Account
from gnnneg.data.decode import lines
from gnnneg.data.layout import DELIMITERS, Layout
from gnnneg.data.read import listed
from gnnneg.errors import UserError, echo

# other formats that may be mistaken for a table, by their first line
INSTEAD = {
    r"<[^>]*>\s+<[^>]*>\s+.+\.\s*$": "if it is N-Triples, say --format ntriples",
    r"!gaf-version": "if it is GAF, say --format gaf",
    r"!gp[ai]d?-version": "if it is GPAD, say --format gpad",
    r"@prefix|@base|prefix\s": "if it is Turtle, say --format rdf",
    r"format-version:": "if it is OBO, say --format obo",
    r"sep=.$": "that line is for spreadsheets: take it out, and say what separates the fields with --delimiter",
    r"\s*[\[{]": "JSON is read as what Wikidata writes, with --format wikidata",
}


class Beginning(NamedTuple):
    """How a table begins: its column names, if it has a header, and the fields of its first line."""

    names: list[str] | None
    first: list[str]
    skip: int = 0  # number of lines before the table


def beginning(path: Path, layout: Layout, wanted: list[str], header: bool | None, account: Account) -> Beginning:
    """How a delimited table begins. Comment lines are counted in the account.

    Args:
        path (Path): The file.
        layout (Layout): Its delimiter, and whether there is a count line.
        wanted (list[str]): The requested columns.
        header (bool, optional): Whether the first line names the columns. (default: if one of them is a name)
        account (Account): Records what became of the lines.

    Raises:
        UserError: If the file is empty, or looks like a file of another format.
    """
    positional = all(column.isdigit() for column in wanted)
    names = not positional if header is None else header
    if not positional and not names:
        raise UserError(f"{path}: without a header, columns are given by position, such as --columns 1,2,3.")
    sign = DELIMITERS[layout.delimiter]
    numbers, start = _start(path, layout.count_line)
    if not start:
        raise UserError(f"{path} is empty: expected lines of head, relation and tail.")
    comments = _comments(start, layout.count_line, sign)
    if layout.count_line and (comments or start[0].startswith("#")):
        raise UserError(f"{path}: lines that begin with '#' stand where the number of lines should: take them out.")
    place = layout.count_line + comments
    bare = [line for line in start[layout.count_line :] if not line.startswith("#") or line.count(sign) >= 2]
    if not bare and not names:
        raise UserError(f"{path} holds nothing but comments (#): expected lines of head, relation and tail.")
    if place >= len(start):
        raise UserError(f"{path} holds no lines after its first: expected lines of head, relation and tail.")
    first = _fields(start[place], sign, layout.quoted)
    _refuse_another_format(path, first, wanted, layout.delimiter)
    account.left_out("comment lines before the table (#)", comments)
    if names:
        account.used(f"the first line as names of columns: {listed(first)}")
        first = [first[0].lstrip("#").strip() if first[0].startswith("#") else first[0], *first[1:]]
    return Beginning(first if names else None, first, numbers[place] - 1 - layout.count_line)


def _start(path: Path, count_line: bool) -> tuple[list[int], list[str]]:
    """The first lines of a file with their numbers, up to the first line that does not begin with ``#``. Blank lines
    are skipped.
    """
    start: dict[int, str] = {}
    for number, line in lines(path):
        if line.strip():
            start[number] = line
            if len(start) > count_line and not line.startswith("#"):
                break
    return list(start), list(start.values())


def _comments(start: list[str], begin: int, delimiter: str) -> int:
    """The number of comment lines from ``begin`` on. They begin with ``#`` and have another number of fields than the
    table.

    The last of several such lines may be the header.
    """
    end = begin
    while end < len(start) and start[end].startswith("#"):
        end += 1
    if end == begin or end == len(start):
        return 0
    many = start[end].count(delimiter)
    return end - begin - (many > 0 and start[end - 1].count(delimiter) == many)


def _fields(line: str, delimiter: str, quoted: bool) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [""]) if quoted else line.split(delimiter)
    except csv.Error:  # the error is reported when the whole table is read
        return line.split(delimiter)


def _refuse_another_format(path: Path, first: list[str], wanted: list[str], delimiter: str) -> None:
    """Suggests another format if the first line has too few fields."""
    least = max([3, *(int(column[:9]) for column in wanted if column.isdigit())])
    if len(first) >= 3 or len(first) >= least or not any(first):
        return
    line = DELIMITERS[delimiter].join(first)
    told = [advice for begins, advice in INSTEAD.items() if re.match(begins, line, re.IGNORECASE)]
    for name, sign in DELIMITERS.items():
        if not told and name != delimiter and len(line.split(sign)) >= least:
            told = [f"if {name}s separate its fields, say --delimiter {name}"]
    if told:
        raise UserError(f"{path}: expected fields separated by {delimiter}, found {echo(line, 60)}: {told[0]}.")
