"""A file of statements whose layout nobody has described, read by the names of its columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gnnneg.data.decode import ending, lines
from gnnneg.data.formats.files import ENDINGS, read_statements
from gnnneg.data.formats.labelled import Polarity
from gnnneg.data.formats.statements import ROLES, Statements
from gnnneg.data.layout import LABELS, Labels
from gnnneg.errors import UserError

DELIMITERS = {"csv": ",", "tsv": "\t"}
OURS = Labels(stated=("stated",), denied=("denied",))
# the same of verdicts
SAID = Labels((*LABELS.stated, *OURS.stated), (*LABELS.denied, *OURS.denied), ("unsure", "unknown"))


def read_given(path: Path, beside: Sequence[str] = ()) -> Statements:
    """The statements of a file; a first line that names head, relation and tail does so in every table.

    Args:
        path (Path): The file, in any format that has a reader.
        beside (sequence): Which of ``label``, ``confidence`` and ``source`` such a table's columns of these names are.
            (default: none; a column that seems to say what is denied is a label)

    Raises:
        UserError: As its reader.
    """
    options: dict[str, Any] = {}
    if ENDINGS.get(ending(path)) in DELIMITERS:
        sign = DELIMITERS[ENDINGS[ending(path)]]
        _, first = next(lines(path), (1, ""))
        names = {cell.strip().strip('"').lower(): cell.strip().strip('"') for cell in first.split(sign)}
        if names.keys() >= set(ROLES):
            options = {"columns": [names[role] for role in ROLES]} | {key: names[key] for key in beside if key in names}
    if "label" in options:
        return read_statements(path, **options, labels=SAID)
    try:
        return read_statements(path, **options)
    except Polarity as found:  # a column that tells what is stated and what is denied
        options["label"] = found.column
    try:
        return read_statements(path, **options)
    except UserError as numbers:  # 1 and 0, true and false are understood; our own words are, too
        try:
            return read_statements(path, **options, labels=SAID if beside else OURS)
        except UserError:
            raise numbers from None
