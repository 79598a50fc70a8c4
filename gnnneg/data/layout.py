"""What the lines of a table hold and what its labels mean. A :class:`Layout` declares it; nothing is guessed.

A wrong order of columns loads without an error and makes every result wrong. So nothing here inspects the content to
find out what it might be.
"""

import re
from dataclasses import dataclass

from gnnneg.errors import UserError

DELIMITERS = {"tab": "\t", "blank": " ", "comma": ",", "semicolon": ";", "bar": "|"}
IGNORED = "_"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


@dataclass(frozen=True)
class Labels:
    """What the values of a label column mean. Upper and lower case are the same, ``-1.0`` equals ``-1``, and an empty
    value is a label like any other.

    Args:
        stated (tuple): Labels of true statements.
        denied (tuple): Labels of false statements.
        unknown (tuple): Labels of statements that are neither. Such lines are counted and left out.
    """

    stated: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        every = [folded(label) for labels in (self.stated, self.denied, self.unknown) for label in labels]
        for label in every:
            if every.count(label) > 1:
                raise UserError(f"The label {label!r} has two meanings: make it one of stated, denied and unknown.")


def folded(label: str) -> str:
    """A label in lower case without surrounding blanks. A number loses a plus sign and digits that carry no
    information.
    """
    label = label.strip().lower().replace("\u2212", "-")  # typeset text uses U+2212 for minus
    try:
        number = float(label) if re.match(NUMBER, label) else None
    except OverflowError:
        number = None
    return label if number is None else f"{number:g}"


LABELS = Labels(("1", "true"), ("0", "-1", "false"))
MAY_BE_EMPTY = ("source", "label")


@dataclass(frozen=True)
class Layout:
    """What the lines of a file hold.

    Args:
        columns (tuple): The meaning of each column in order: ``head``, ``relation``, ``tail``, ``label``,
            ``confidence`` (a number from 0 to 1), ``source`` (where the statement comes from, may be empty), ``name``,
            ``id``, or ``_`` for a column to ignore.
        delimiter (str): ``tab``, ``blank``, ``comma``, ``semicolon`` or ``bar``. (default: ``tab``)
        count_line (bool): Whether the first line gives the number of lines that follow, as in OpenKE.
        header (bool): Whether the first line (after a count line) names the columns. It is skipped.
        quoted (bool): Whether fields may be in double quotes, as in CSV. Names of entities can contain quotation marks,
            so this is off unless set. (default: :obj:`False`)
        named (bool): Whether the fields hold names of the dictionary instead of its ids. (default: :obj:`False`)
        annotations (bool): Whether a line holds an entity and the list of its positive and negative annotations, as in
            TrueWalks. The columns are then those of :func:`gnnneg.data.formats.truewalks.read_truewalks`.
        labels (Labels): What a label means. (default: 1, +1, true are stated; 0, -1, false are denied)
    """

    columns: tuple[str, ...] = ("head", "relation", "tail")
    delimiter: str = "tab"
    count_line: bool = False
    header: bool = False
    quoted: bool = False
    named: bool = False
    annotations: bool = False
    labels: Labels = LABELS

    def __post_init__(self) -> None:
        if self.delimiter not in DELIMITERS:
            raise UserError(f"Unknown delimiter {self.delimiter!r}: it is one of {', '.join(DELIMITERS)}.")
        used = [c for c in self.columns if c != IGNORED]
        if len(set(used)) < len(used):
            raise UserError(f"Columns {' '.join(self.columns)} name a column twice: name each one once.")

    @property
    def expected(self) -> str:
        """What a line should contain, as a phrase for error messages."""
        return f"{len(self.columns)} fields separated by {self.delimiter} ({', '.join(self.columns)})"


TRIPLES = Layout()
