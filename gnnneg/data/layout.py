"""What the lines of a table hold, and what its labels mean: declared by a :class:`Layout`, never guessed.

A wrong column order loads without an error and ruins every number after it, so nothing here looks at the content to
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
    """What the entries of a label column mean; small and capital letters are the same, ``-1.0`` is ``-1``, and an
    empty entry is a label as any other.

    Args:
        stated (tuple): Those of what is so.
        denied (tuple): Those of what is not so.
        unknown (tuple): Those of what is neither: such lines are counted and left out.
    """

    stated: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        every = [folded(label) for labels in (self.stated, self.denied, self.unknown) for label in labels]
        for label in every:
            if every.count(label) > 1:
                raise UserError(f"The label {label!r} is given two meanings: it is stated, denied or unknown.")


def folded(label: str) -> str:
    """A label without blanks around it, in small letters, and a number without a sign or digits that say nothing."""
    label = label.strip().lower().replace("\u2212", "-")  # typesetters have a minus of their own
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
            ``confidence`` (a number from 0 to 1), ``source`` (where the statement is from; it may be empty), ``name``,
            ``id``, or ``_`` for one to ignore.
        delimiter (str): ``tab``, ``blank``, ``comma``, ``semicolon`` or ``bar``. (default: ``tab``)
        count_line (bool): Whether the first line holds the number of lines that follow, as in OpenKE.
        header (bool): Whether the first line (after a count) names the columns; it is skipped.
        quoted (bool): Whether fields may be put in double quotes, as in CSV. (default: :obj:`False`, since names of
            entities do hold quotation marks)
        named (bool): Whether the fields hold the names of a dictionary instead of its ids. (default: :obj:`False`)
        annotations (bool): Whether a line is an entity and the list of its positive and negative annotations, as in
            TrueWalks; the columns are then those of :func:`gnnneg.data.formats.truewalks.read_truewalks`.
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
            raise UserError(f"Columns {' '.join(self.columns)} name one column twice.")

    @property
    def expected(self) -> str:
        """What a line should hold, as part of a sentence."""
        return f"{len(self.columns)} fields separated by {self.delimiter} ({', '.join(self.columns)})"


TRIPLES = Layout()
