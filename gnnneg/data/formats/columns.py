"""What the columns of a table look like. Nothing is read by its looks: they tell where somebody has to be asked."""

import re
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.coded import mapped
from gnnneg.data.layout import LABELS, Labels, folded

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# what columns of entities and of relations are called in public data sets
ENTITY = _words(
    "head heads tail tails subject subjects object objects source sources target targets node nodes entity entities "
    "src dst tgt sub subj obj ent start end from to domain range sourceid targetid h t s o x y u v"
)
RELATION = _words(
    "relation relations rel predicate predicates edge edges metaedge property prop pred type link interaction "
    "relationship relationships association label r p"
)
LETTERS = _words("h r t s p o x y u v")
# of these names, "true" means that something is denied
NEGATING = _words(
    "negated negative negatives negation negate neg not denied denial denies false refuted absent excluded untrue "
    "nonexistent isnot isnegated isnegative isdenied isfalse isabsent isexcluded"
)
POLAR = _words(
    "label labels truth truthvalue polarity sign stated istated true istrue positive ispositive correct valid"
)
YES, NO = ("true", "1", "yes", "t", "y"), ("", "false", "0", "no", "f", "n")
NOT = "not"
SIGNED = re.compile(r"[-+]?[01][a-z]?")
# words that people give statements for and against; of those that LABELS knows, it is said there
FOR = _words("yes y t + positive pos affirmed asserted stated present correct supported confirmed")
AGAINST = _words(
    "no n f - negative neg negated denied absent incorrect refuted rejected contradicted not_stated wrong neg. false"
)
UNDECIDED = _words("unsure unknown uncertain undecided maybe ?")
YES_ALONE = frozenset({"true", "1", "yes"})  # with nothing beside it, it may mean either
# a column called ``negated`` says the opposite of a label, and SSSOM's predicate_modifier and the like say "Not"
NEGATED = Labels(stated=NO, denied=(*YES, NOT))
MODIFIED = Labels(stated=("",), denied=(NOT,))
TWO = 2  # lines, from which on numbers count lines
FEW = 5  # lines, from which on one can stand out


def words(name: str) -> list[str]:
    """The words of a column's name in small letters: ``isNegated``, ``is_negated`` and ``IS NEGATED`` have the same."""
    return [word.lower() for word in WORD.findall(name)]


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
    if len(found := values.unique()) > 64:
        return name is not None and modifies(name) and _not_within(values)
    every = {folded(value) for value in found.to_pylist()}
    if NOT in every or (name is not None and modifies(name) and _not_within(values)):
        return True
    if name is not None and negates(name) and every & set(YES):
        return True
    denies = {folded(x) for x in LABELS.denied} | AGAINST
    known = {folded(x) for x in LABELS.stated} | denies | FOR | UNDECIDED | {""}
    if "-1" in every and all(SIGNED.fullmatch(value) for value in every - {""}):  # -1c and 0c, as InferWiki has them
        return True
    if not every <= known or every <= {""}:
        return False
    told = bool(every & denies) or (len(every) > 1 and bool(every & YES_ALONE))
    polar = name is not None and bool(set(words(name)) & POLAR)
    return told and (name is None or last or polar or "-1" in every)


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
    usual = {folded(x) for x in (*LABELS.stated, *LABELS.denied)}
    against = [value for value in every if value in AGAINST or value in {"false", "0", "-1", NOT}]
    undecided = [value for value in every if value in UNDECIDED]
    agreeing = [value for value in every if value not in (*against, *undecided)]
    own = name is not None and (negates(name) or modifies(name))  # they have a meaning of their own
    if own or set(every) <= usual or NOT in every or not agreeing or not against:
        return ""
    unknown = f" unknown={','.join(undecided)}" if undecided else ""
    return f" --labels stated={','.join(agreeing)} denied={','.join(against)}{unknown}"


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
    digits = mapped(values, lambda names: pc.match_substring_regex(names, r"^[0-9]{1,18}$"), pa.bool_())
    if len(values) < TWO or not pc.all(digits).as_py():
        return False
    number = mapped(values, lambda names: pc.cast(names, pa.int64()), pa.int64()).combine_chunks()
    return bool(pc.all(pc.greater(number[1:], number[:-1])).as_py())


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
