"""What the columns of a table look like. Nothing is read on such a guess: the user is asked to confirm it."""

import itertools
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.coded import mapped
from gnnneg.data.formats.vocabulary import (
    AGAINST,
    BEFORE,
    BESIDE_NEGATING,
    DENYING,
    ENTITY,
    FAILED,
    FLAGS,
    FOR,
    HAPPENED,
    HELPING,
    IDENTIFYING,
    KINDS,
    LETTERS,
    NEGATING,
    NULL,
    OBJECTS,
    OUTCOME,
    POLAR,
    RANKS,
    REFERENCE,
    REFUTED,
    RELATION,
    SUPPORTED,
    TRUTHFUL,
    UNDECIDED,
    UNDOING,
    VALUE,
    WHOLE_OUTCOME,
    WITHDRAWN,
)
from gnnneg.data.layout import LABELS, Labels, folded
from gnnneg.data.shell import argument

RUN = re.compile(r"[^\W\d_]+|[0-9]+")
YES, NO = ("true", "1", "yes", "t", "y"), ("", "false", "0", "no", "f", "n")
NOT = "not"
DENIALS = (NOT, "negated")  # words that deny under any name
UNTRUE = frozenset({*NO, "-1", "negative", "neg", "denied"}) - {""}
CROSS = "x"  # in a column called "not", a mark
SIGNED = re.compile(r"[-+]?[01][a-z]?")
YES_ALONE = frozenset({"true", "1", "yes"})  # ambiguous if it is the only value
# a column called ``negated`` means the opposite of a label, and SSSOM's predicate_modifier and the like say "Not"
NEGATED = Labels(stated=NO, denied=(*YES, *DENIALS))
MODIFIED = Labels(stated=("",), denied=DENIALS)
TWO = 2  # from so many lines on, increasing numbers are line numbers
COLUMN = re.compile(r"[A-Za-z][\w .-]*")
FEW = 5  # from so many lines on, one line can stand out
MANY = 64  # a column with more distinct values is not read as labels
AT_FIRST = 1000  # values that are looked at first
# names that pandas gives to index columns
INDEX = re.compile(r"__index_level_[0-9]+__|Unnamed: [0-9]+|")


def words(name: str) -> list[str]:
    """The words of a column name in lower case: the same for ``isNegated``, ``is_negated`` and ``IS NEGATED``."""
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


@lru_cache(1 << 10)
def negates(name: str) -> bool:
    """Whether a column name means that *true* denies the statement, such as ``negated`` or ``is_not``."""
    return not negates_twice(name) and any(word in NEGATING for word in words(name))


@lru_cache(1 << 10)
def negates_twice(name: str) -> bool:
    """Whether a column name negates a negation, such as ``non_negated``: *true* states, and *false* denies."""
    return any(before in UNDOING and word in NEGATING for before, word in itertools.pairwise(words(name)))


@lru_cache(1 << 10)
def only_negates(name: str) -> bool:
    """Whether a name or IRI is a negation and nothing else: ``biolink:negated``, but not ``not_provided``."""
    last = re.split("[:/#]", name)[-1]
    return negates(last) and {*words(last)} <= NEGATING | BESIDE_NEGATING


@lru_cache(1 << 10)
def asserts(name: str) -> bool:
    """Whether a name means nothing but that *true* states the statement: ``is_true``, ``truth_value``."""
    found = words(name)
    return {*found} <= TRUTHFUL and (bool({*found} & {"truth", "istrue"}) or found == ["is", "true"])


@lru_cache(1 << 10)
def speaks(name: str) -> bool:
    """Whether a yes or no under this name may say that a statement is false."""
    return negates(name) or negates_twice(name) or asserts(name)


def says_false(name: str, word: str) -> bool:
    """Whether a folded word under a name says that something is false: ``negated`` and *true*, ``non_negated`` and
    *false*, or ``is_true`` and *false*.
    """
    if asserts(name):
        return word in UNTRUE
    return (word in YES and negates(name)) or (word in NO and word != "" and negates_twice(name))


def modifies(name: str) -> bool:
    """Whether a column has a name under which ontologies write ``Not``."""
    return bool({"modifier", "qualifier", "qualifiers"} & set(words(name)))


def meaning(name: str, values: Iterable[str]) -> Labels:
    """The default meaning of the labels of a column: reversed if its name is a negation."""
    if negates(name):
        return NEGATED
    return MODIFIED if modifies(name) or {folded(value) for value in values} & {*DENIALS} else LABELS


def turned(name: str, labels: Labels) -> bool:
    """Whether labels read a column called ``negated`` the wrong way: *true* as stated, or *false* as denied."""
    stated, denied = {folded(x) for x in labels.stated}, {folded(x) for x in labels.denied}
    plain = set(NO) - {""}
    return negates(name) and bool(stated & {*YES, *DENIALS} or denied & plain)


def says_polarity(name: str | None, values: pa.ChunkedArray, last: bool, beside: bool = False) -> bool:
    """Whether a column that no option names seems to say what is stated and what is denied.

    Args:
        name (str, optional): Its name, if the file has a header.
        values (pyarrow.ChunkedArray): Its entries.
        last (bool): Whether it is the last column.
        beside (bool): Whether another column is the label. Then 1 and -1 may well be strands or directions. (default:
            :obj:`False`)
    """
    many = len(values.slice(0, AT_FIRST).unique()) > MANY  # which spares a look at all of most columns
    if many or len(found := values.unique()) > MANY:
        return name is not None and modifies(name) and _not_within(values)
    every = {folded(value) for value in found.to_pylist()}
    if every & {*DENIALS} or (name is not None and modifies(name) and _not_within(values)):
        return True
    answers = every <= {*YES, *NO, *UNDECIDED}  # else it may count, as negative_log_p does
    if name is not None and negates(name) and every & {*YES} and (answers or only_negates(name)):
        return True
    if name is not None and only_negates(name) and every & (NEGATING | {CROSS}) - {*NO}:
        return True
    if (RANKS[0] in every and every <= {*RANKS, ""}) or every & WITHDRAWN:
        return True
    called = words(name or "")
    telling = bool({*called} & (POLAR | NEGATING))
    if (telling or not beside) and "-1" in every and all(SIGNED.fullmatch(value) for value in every - {""}):
        return True  # also -1c and 0c, as in InferWiki
    near = last or bool({*called} & POLAR) or negates_twice(name or "")
    if (every & SUPPORTED and every & REFUTED) or _opposed_in(called, every, near):
        return True
    outcome = _tells_outcomes(called)
    if outcome and every & HAPPENED and every & FAILED:
        return True
    denies = {folded(x) for x in LABELS.denied} | AGAINST
    known = {folded(x) for x in LABELS.stated} | denies | FOR | UNDECIDED | {""}
    if not every <= known or every <= {"", *NULL}:
        return False
    told = bool(every & denies) or (len(every) > 1 and bool(every & YES_ALONE))
    return told and (name is None or near or outcome)


def _opposed_in(called: Sequence[str], values: set[str], near: bool) -> set[str]:
    """The values that negate another value. In a column of kinds, ``covalent`` and ``non-covalent`` are two of them."""
    if called and called[-1] in KINDS:
        return {value for value in opposed(values, False) if words(value)[0] != "non"}
    return opposed(values, near)


def _tells_outcomes(called: Sequence[str]) -> bool:
    """Whether the words of a column name end in one for outcomes, or in that and a word such as ``call``."""
    plain = called[:-1] if len(called) > 1 and called[-1] in FLAGS else called
    return plain == [WHOLE_OUTCOME] or (bool(plain) and plain[-1] in OUTCOME)


def opposed(values: Iterable[str], near: bool) -> set[str]:
    """The values that negate another value: ``does not support`` next to ``supports``.

    Args:
        values (iterable): Labels, folded.
        near (bool): Whether a prefix is enough, as in ``inactive`` next to ``active``.
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
    """A label without its negation and without verb endings."""
    return " ".join(word.removesuffix("s") for word in words(value) if word not in DENYING | HELPING)


def looks_like_names(first: Sequence[str], table: pa.Table) -> bool:
    """Whether a line is a header rather than a statement.

    It is one if its fields are common column names, or count the columns (``0,1,2``), and no other line has one of them
    in the same column.

    Args:
        first (sequence): The fields of the line.
        table (pyarrow.Table): The lines, with as many columns. It may contain the line.
    """
    named = [words(field.lstrip("#").strip()) for field in first]
    if counts(first):
        return len(first) > TWO
    single = [word for field in named for word in field if len(field) == 1 and word in LETTERS]
    entities = sum(any(word in ENTITY - LETTERS for word in field) for field in named) + len(_value(named))
    relations = sum(any(word in RELATION - LETTERS for word in field) for field in named)
    if len(single) >= 3:  # h r t, or s p o
        entities, relations = (
            entities + len([w for w in single if w in ENTITY]),
            relations + len([w for w in single if w in RELATION]),
        )
    if not (relations and entities >= TWO):
        return False
    return not any(_times(table.column(i), field) > 1 for i, field in enumerate(first))


def says_how(name: str | None, values: Iterable[str]) -> str:
    """The option that gives these labels their meaning, if the default meaning does not fit."""
    every = sorted({folded(value) for value in values} - {""})
    denying = opposed(every, True)
    usual = {folded(x) for x in (*LABELS.stated, *LABELS.denied)}
    against = [
        value for value in every if value in AGAINST or value in {"false", "0", "-1", NOT, RANKS[0], *FAILED, *denying}
    ]
    undecided = [value for value in every if value in UNDECIDED | WITHDRAWN]
    agreeing = [value for value in every if value not in (*against, *undecided)]
    own = name is not None and (negates(name) or modifies(name))  # their labels have a default meaning
    if own or set(every) <= usual or NOT in every or not agreeing or not (against or {*every} & WITHDRAWN):
        return ""
    given = {"stated": agreeing, "denied": against, "unknown": undecided}
    parts = [f"{meaning}={','.join(labels)}" for meaning, labels in given.items() if labels]
    return " --labels " + " ".join(map(argument, parts))


def may_be_names(first: Sequence[str], table: pa.Table) -> bool:
    """Whether a line stands out as a header would: its fields occur once, but every other relation occurs several
    times.

    Args:
        first (sequence): The head, relation and tail of the line.
        table (pyarrow.Table): The lines in these three columns, including this one.
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
    """Whether two fields of a line end like column names, such as ``gene_symbol``, and occur in no other line."""
    found = [
        i
        for i, field in enumerate(first)
        if COLUMN.fullmatch(field.lstrip("#")) and len(called := words(field)) > 1 and called[-1] in IDENTIFYING
    ]
    return len(found) >= TWO and not any(_times(table.column(i), first[i]) > 1 for i in found)


def looks_like_a_statement(first: Sequence[str], places: Sequence[int], table: pa.Table) -> bool:
    """Whether a line that was taken for a header is a statement: the lines below repeat its relation, and its fields
    are not common column names.

    Args:
        first (sequence): The fields of the line.
        places (sequence): The positions of head, relation and tail.
        table (pyarrow.Table): The lines below.
    """
    named = [first[place] for place in places]
    if counts(first) or {name.lower() for name in named} <= LETTERS:
        return False
    if any(set(words(name)) & (ENTITY | RELATION) - LETTERS for name in named):
        return False
    return _times(table.column(places[1]), first[places[1]]) > 0


def counts(fields: Sequence[str]) -> bool:
    """Whether fields are ``0, 1, 2, ...`` or ``1, 2, 3, ...``, the default column names of a data frame."""
    return any(list(fields) == [str(i + start) for i in range(len(fields))] for start in (0, 1))


def by_name(names: Sequence[str]) -> list[str]:
    """The first columns with names like head, relation and tail, in this order, if there are such columns."""
    value = _value([words(name) for name in names])
    kinds = [
        "r" if _is(name, RELATION) else "e" if _is(name, ENTITY) or i in value else "" for i, name in enumerate(names)
    ]
    if "r" not in kinds or kinds.count("e") < TWO:
        return []
    one, other = [i for i, kind in enumerate(kinds) if kind == "e"][:TWO]
    return [names[one], names[kinds.index("r")], names[other]]


def _value(named: Sequence[Sequence[str]]) -> list[int]:
    """Where a column called ``value`` is the tail: behind a head and a relation, with no other tail in the table.

    Args:
        named (sequence): The words of each column name.
    """
    heads, links = ([i for i, name in enumerate(named) if {*name} & kind] for kind in (ENTITY, RELATION))
    for place, name in enumerate(named):
        before = {word for i in heads if i < place for word in named[i]}
        after = {word for i in heads if i > place for word in named[i]} & ENTITY
        if [*name] == [VALUE] and before and min(links, default=place) < place:
            return [place] if after <= REFERENCE and not before & OBJECTS else []
    return []


def _is(name: str, kind: frozenset[str]) -> bool:
    return bool(set(words(name)) & kind)


def _not_within(values: pa.ChunkedArray) -> bool:
    """Whether a value is *not*, or contains it before or after a bar."""
    return bool(pc.any(pc.match_substring_regex(values, r"(?i)(^|\|)\s*not\s*($|\|)")).as_py())


def _times(column: pa.ChunkedArray, value: str) -> int:
    return int(pc.sum(mapped(column, lambda names: pc.equal(names, value), pa.bool_())).as_py() or 0)
