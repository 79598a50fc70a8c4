"""What the columns of a table look like. Nothing is read by its looks: they tell where somebody has to be asked."""

import itertools
import re
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.coded import TEXT, mapped
from gnnneg.data.formats.vocabulary import (
    AGAINST,
    BEFORE,
    DENYING,
    ENTITY,
    FOR,
    HELPING,
    IDENTIFYING,
    LETTERS,
    NEGATING,
    NULL,
    OUTCOME,
    POLAR,
    REFUTED,
    RELATION,
    SUPPORTED,
    UNDECIDED,
)
from gnnneg.data.layout import LABELS, Labels, folded

RUN = re.compile(r"[^\W\d_]+|[0-9]+")
YES, NO = ("true", "1", "yes", "t", "y"), ("", "false", "0", "no", "f", "n")
NOT = "not"
SIGNED = re.compile(r"[-+]?[01][a-z]?")
YES_ALONE = frozenset({"true", "1", "yes"})  # with nothing beside it, it may mean either
# a column called ``negated`` says the opposite of a label, and SSSOM's predicate_modifier and the like say "Not"
NEGATED = Labels(stated=NO, denied=(*YES, NOT))
MODIFIED = Labels(stated=("",), denied=(NOT,))
TWO = 2  # lines, from which on numbers count lines
COLUMN = re.compile(r"[A-Za-z][\w .-]*")
FEW = 5  # lines, from which on one can stand out
SHUFFLED = 3  # lines, from which on different numbers are those of lines
MANY = 64  # different values, beyond which a column is none of labels
# what pandas calls columns of numbers of lines
INDEX = re.compile(r"__index_level_[0-9]+__|Unnamed: [0-9]+|")


def words(name: str) -> list[str]:
    """The words of a column's name in small letters: ``isNegated``, ``is_negated`` and ``IS NEGATED`` have the same."""
    found = []
    for run in RUN.findall(name):
        start = 0
        for i in range(1, len(run)):
            ends = run[i - 1].islower() or run[i + 1 : i + 2].islower()
            if run[i].isupper() and ends:
                found.append(run[start:i])
                start = i
        found.append(run[start:])
    return [word.lower() for word in found]


def negates(name: str) -> bool:
    """Whether the name of a column says that what is true of it is denied, such as ``negated`` or ``is_not``."""
    return any(word in NEGATING for word in words(name))


def modifies(name: str) -> bool:
    """Whether a column is called as those in which ontologies write ``Not``."""
    return bool({"modifier", "qualifier", "qualifiers"} & set(words(name)))


def meaning(name: str, values: Iterable[str]) -> Labels:
    """What the labels of a column mean if nobody says so: the opposite of the usual where its name is a negation."""
    if negates(name):
        return NEGATED
    return MODIFIED if modifies(name) or NOT in {folded(value) for value in values} else LABELS


def turned(name: str, labels: Labels) -> bool:
    """Whether labels read a column called ``negated`` the wrong way round: *true* as stated, or *false* as denied."""
    stated, denied = {folded(x) for x in labels.stated}, {folded(x) for x in labels.denied}
    plain = set(NO) - {""}
    return negates(name) and bool(stated & {*YES, NOT} or denied & plain)


def says_polarity(name: str | None, values: pa.ChunkedArray, last: bool) -> bool:
    """Whether a column that nobody has asked for seems to say what is stated and what is denied.

    Args:
        name (str, optional): What it is called, if the file has a header.
        values (pyarrow.ChunkedArray): What it holds.
        last (bool): Whether it is the last column.
    """
    if len(found := values.unique()) > MANY:
        return name is not None and modifies(name) and _not_within(values)
    every = {folded(value) for value in found.to_pylist()}
    if NOT in every or (name is not None and modifies(name) and _not_within(values)):
        return True
    if name is not None and negates(name) and every & set(YES):
        return True
    if "-1" in every and all(SIGNED.fullmatch(value) for value in every - {""}):  # -1c and 0c, as InferWiki has them
        return True
    near = last or (name is not None and bool(set(words(name)) & (POLAR | OUTCOME)))
    if (every & SUPPORTED and every & REFUTED) or opposed(every, near):
        return True
    denies = {folded(x) for x in LABELS.denied} | AGAINST
    known = {folded(x) for x in LABELS.stated} | denies | FOR | UNDECIDED | {""}
    if not every <= known or every <= {"", *NULL}:
        return False
    told = bool(every & denies) or (len(every) > 1 and bool(every & YES_ALONE))
    return told and (name is None or near)


def opposed(values: Iterable[str], near: bool) -> set[str]:
    """Those of some values that deny another: ``does not support`` beside ``supports``.

    Args:
        values (iterable): Labels, folded.
        near (bool): Whether a syllable is enough, as in ``inactive`` beside ``active``.
    """
    every = set(values)
    if len(every) > MANY:
        return set()
    denying = {value for value in every if DENYING & set(words(value))}
    others = {_bare(value) for value in every - denying}
    found = {value for value in denying if _bare(value) and _bare(value) in others}
    for value, first in itertools.product(every, BEFORE):
        plain = value.removeprefix(first)
        if plain != value and plain in every and (near or plain in SUPPORTED):
            found.add(value)
    return found


def _bare(value: str) -> str:
    """What a label says without its denial, and without the endings of verbs."""
    return " ".join(word.removesuffix("s") for word in words(value) if word not in DENYING | HELPING)


def looks_like_names(first: Sequence[str], table: pa.Table) -> bool:
    """Whether a line is one of names of columns rather than a statement.

    It is if its fields are words that people call such columns, or count them (``0,1,2``), and no other line has one of
    them in the same place.

    Args:
        first (sequence): The fields of the line.
        table (pyarrow.Table): The lines, with as many columns; it may be among them.
    """
    named = [words(field.lstrip("#").strip()) for field in first]
    if counts(first):
        return len(first) > TWO
    single = [word for field in named for word in field if len(field) == 1 and word in LETTERS]
    entities = sum(any(word in ENTITY - LETTERS for word in field) for field in named)
    relations = sum(any(word in RELATION - LETTERS for word in field) for field in named)
    if len(single) >= 3:  # h r t, s p o
        entities, relations = (
            entities + len([w for w in single if w in ENTITY]),
            relations + len([w for w in single if w in RELATION]),
        )
    if not (relations and entities >= TWO):
        return False
    return not any(_times(table.column(i), field) > 1 for i, field in enumerate(first))


def says_how(name: str | None, values: Iterable[str]) -> str:
    """The option that gives labels their meaning, where the usual one does not."""
    every = sorted({folded(value) for value in values} - {""})
    denying = opposed(every, True)
    usual = {folded(x) for x in (*LABELS.stated, *LABELS.denied)}
    against = [value for value in every if value in AGAINST or value in {"false", "0", "-1", NOT, *denying}]
    undecided = [value for value in every if value in UNDECIDED]
    agreeing = [value for value in every if value not in (*against, *undecided)]
    own = name is not None and (negates(name) or modifies(name))  # they have a meaning of their own
    if own or set(every) <= usual or NOT in every or not agreeing or not against:
        return ""
    given = {"stated": agreeing, "denied": against, "unknown": undecided}
    parts = [f"{meaning}={','.join(labels)}" for meaning, labels in given.items() if labels]
    return " --labels " + " ".join(f"'{part}'" if " " in part else part for part in parts)


def may_be_names(first: Sequence[str], table: pa.Table) -> bool:
    """Whether a line stands out as one of names does: its fields occur once, but every other relation several times.

    Args:
        first (sequence): Its head, relation and tail.
        table (pyarrow.Table): The lines, it among them, in these three columns.
    """
    if table.num_rows < FEW:
        return False
    times = table.column(1).value_counts()
    once = [x["values"].as_py() for x in times if x["counts"].as_py() == 1]
    return (
        once == [first[1]]
        and all(_times(table.column(i), x) == 0 for i, x in ((0, first[2]), (2, first[0])))
        and all(_times(table.column(i), first[i]) == 1 for i in (0, 2))
    )


def called_like_columns(first: Sequence[str], table: pa.Table) -> bool:
    """Whether two fields of a line end as names of columns do, such as ``gene_symbol``, and stand in no other line."""
    found = [
        i
        for i, field in enumerate(first)
        if COLUMN.fullmatch(field.lstrip("#")) and len(called := words(field)) > 1 and called[-1] in IDENTIFYING
    ]
    return len(found) >= TWO and not any(_times(table.column(i), first[i]) > 1 for i in found)


def looks_like_a_statement(first: Sequence[str], places: Sequence[int], table: pa.Table) -> bool:
    """Whether a line of names is a statement in earnest: the lines below have its relation, and it has no such words.

    Args:
        first (sequence): The fields of the line.
        places (sequence): Which of them are head, relation and tail.
        table (pyarrow.Table): The lines below.
    """
    named = [first[place] for place in places]
    if counts(first) or {name.lower() for name in named} <= LETTERS:
        return False
    if any(set(words(name)) & (ENTITY | RELATION) - LETTERS for name in named):
        return False
    return _times(table.column(places[1]), first[places[1]]) > 0


def counts(fields: Sequence[str]) -> bool:
    """Whether fields are ``0, 1, 2, ...`` or ``1, 2, 3, ...``, as unnamed columns of a data frame are called."""
    return any(list(fields) == [str(i + start) for i in range(len(fields))] for start in (0, 1))


def numbers_lines(values: pa.ChunkedArray) -> bool:
    """Whether a column holds integers that grow from line to line, as numbers of lines do."""
    if len(values) < TWO or not _all_numbers(values):
        return False
    plain = mapped(values, lambda names: pc.replace_substring_regex(names, r"\.0+$", ""), TEXT)
    number = mapped(plain, lambda names: pc.cast(names, pa.int64()), pa.int64()).combine_chunks()
    return bool(pc.all(pc.greater(number[1:], number[:-1])).as_py())


def numbers_each(table: pa.Table) -> bool:
    """Whether the first column has another integer in each line and the next ones none, as a table has that was
    numbered and then shuffled.
    """
    first, others = table.column(0), [table.column(i) for i in range(1, 4)]
    some = len(first) >= SHUFFLED and not any(map(_all_numbers, others))
    return some and _all_numbers(first) and len(first.unique()) == len(first)


def names_each(table: pa.Table) -> bool:
    """Whether the first column has a name of its own for each line, and the next ones seem to be head and relation: the
    third has fewer different values than the second, as relations are fewer than heads.
    """
    first, second, third = (len(table.column(i).unique()) for i in range(3))
    return table.num_rows >= SHUFFLED and first == table.num_rows and third < second


def _all_numbers(values: pa.ChunkedArray) -> bool:
    digits = mapped(values, lambda names: pc.match_substring_regex(names, r"^[0-9]{1,18}(\.0+)?$"), pa.bool_())
    return bool(pc.all(digits).as_py())


def by_name(names: Sequence[str]) -> list[str]:
    """The first columns that are called like a head, a relation and a tail, in this order, if there are such."""
    kinds = ["r" if _is(name, RELATION) else "e" if _is(name, ENTITY) else "" for name in names]
    if "r" not in kinds or kinds.count("e") < TWO:
        return []
    one, other = [i for i, kind in enumerate(kinds) if kind == "e"][:TWO]
    return [names[one], names[kinds.index("r")], names[other]]


def _is(name: str, kind: frozenset[str]) -> bool:
    return bool(set(words(name)) & kind)


def _not_within(values: pa.ChunkedArray) -> bool:
    """Whether some value is *not*, or has it before or after a bar."""
    return bool(pc.any(pc.match_substring_regex(values, r"(?i)(^|\|)\s*not\s*($|\|)")).as_py())


def _times(column: pa.ChunkedArray, value: str) -> int:
    return int(pc.sum(mapped(column, lambda names: pc.equal(names, value), pa.bool_())).as_py() or 0)
