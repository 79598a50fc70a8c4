"""Lists and objects within a column. They are not read, but checked for words that deny a statement."""

import re
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.coded import TEXT
from gnnneg.data.formats.columns import (
    DENIALS,
    NOT,
    asserts,
    negates,
    negates_twice,
    only_negates,
    says_false,
    speaks,
    words,
)
from gnnneg.data.formats.vocabulary import NAMING, NEGATING, SAYING
from gnnneg.data.layout import folded

# inside the text of an entry, such as {"negated": true} or source=x;negated=true
BARE, IS, END = r"(?:negated|negation|denied|refuted)", r"""["']?\s*[:=]\s*["']?""", r"(?:$|[^a-z0-9.])"
SAYS = rf"(?i)(?:^|[^a-z0-9])(?:is[_ ]?)?{BARE}{IS}(?:true|1|yes|t|y){END}"
# non_negated and not_negated mean the opposite
TWICE = r"""(?i)(?:(?:^|[^a-z0-9])(?:is[_ ]?)?(?:non|not|un|no|never)[_-]?"""
TWICE += rf"""|(?:^|[;,|{{"'(])\s*(?:is )?(?:non|not|never) ){BARE}"""
SAYS_TWICE = rf"{TWICE}{IS}(?:false|0|no|f|n){END}"
TRUTH = rf"(?i)(?:^|[^a-z0-9])(?:truth|truth_value){IS}(?:negative|neg|false|0|-1|denied){END}"
# a polarity of 0 is neutral, and sentiment_polarity is of something else
POLARITY = r"(?i)(?:^|[^a-z0-9_-]|(?:statement|edge|assertion|fact|claim)[_-])polarity"
POLARITY += rf"{IS}(?:negative|neg|false|-1|denied){END}"
# texts with these words tell of the polarity of ions in mass spectra, or of feelings
OTHERWISE = (
    r"(?i)(?:^|[^a-z])(?:ions?|ioni[sz][a-z]*|adducts?|esi|apci|maldi|m/z|ms[12n]?|mass|spectr[a-z]*|precursors?|charge|"
    r"scans?|(?:positive|negative)[ _-]mode|sentiments?|subjectivity|emotions?|mood|opinions?|reviews?|tweets?)"
    r"(?:$|[^a-z])"
)
SPEAKS = rf"(?i)(?:{BARE}|truth|truth_value|polarity){IS}"
MAY_SAY = re.compile(SPEAKS)
DENIED = ["not"]  # the placeholder for a list or object that denies
SHORT = r"^\s*\S{1,8}\s*$"  # longer texts are none of the words that deny
NEGATION = "(?i)" + "|".join(sorted({*NEGATING, "true", "truth"}))  # names without one of these negate nothing
FLAGGED = [*DENIALS, "is_negated", "isNegated"]  # words of a list that deny


def denies(value: Any, name: str = "") -> bool:
    """Whether a list or object says *not*, or that ``negated`` is true, or ``non_negated`` or ``is_true`` false, at any
    depth. A list may also have ``negated`` as one of its words, and a text may say it.

    An object such as ``{"attribute_type_id": "biolink:negated", "value": true}`` is read as the pair that it describes.
    """
    if isinstance(value, dict):
        names = (x for key, x in value.items() if isinstance(x, str) and _has(key, NAMING) and only_negates(x))
        named = next(names, "")
        return any(
            denies(inner, str(key)) or (named != "" and _has(key, SAYING) and denies(inner, named))
            for key, inner in value.items()
        )
    if isinstance(value, list | tuple | set):
        return any(denies(inner, name) or (isinstance(inner, str) and inner in FLAGGED) for inner in value)
    word = str(value)
    if speaks(name):
        return folded(word) == NOT or says_false(name, folded(word))
    may_say = (":" in word or "=" in word) and MAY_SAY.search(word) is not None
    return word.strip().lower() == NOT or (may_say and _says(word))


def _says(text: str) -> bool:
    return denies_in_text(pa.chunked_array([pa.array([text], TEXT)]))


@lru_cache(1 << 10)
def _has(key: Any, some: frozenset[str]) -> bool:
    return bool({*words(str(key))} & some)


def denies_within(values: pa.ChunkedArray | pa.Array, name: str = "") -> bool:
    """The same check for a column of lists, structs or maps."""
    kind = values.type
    if pa.types.is_struct(kind):
        return any(denies_within(pc.struct_field(values, [i]), kind.field(i).name) for i in range(kind.num_fields))
    if pa.types.is_map(kind):
        return _denies_in_maps(values)
    if pa.types.is_nested(kind):
        inner = _plain(pc.list_flatten(values))
        flagged = _is_text(inner.type) and bool(pc.any(_is_in(inner, FLAGGED)).as_py())
        return flagged or denies_within(inner, name)
    if pa.types.is_dictionary(kind):
        return denies_within(pc.cast(values, kind.value_type), name)
    if _is_text(kind):
        found = pc.drop_null(values.unique())
        if denies_in_text(pa.chunked_array([found])):
            return True
        short = pc.filter(found, pc.match_substring_regex(found, SHORT))
    elif pa.types.is_boolean(kind) or (speaks(name) and _is_number(kind)):
        short = pc.drop_null(values.unique())
    else:
        return False
    return any(denies(word, name) for word in short.to_pylist())


def _denies_in_maps(maps: pa.ChunkedArray | pa.Array) -> bool:
    """The same check for a column of maps. Only keys that negate become objects of Python."""
    kind = maps.type
    pairs = pc.cast(maps, pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)])))
    flat = pc.list_flatten(pairs)
    keys, values = _plain(pc.struct_field(flat, [0])), _plain(pc.struct_field(flat, [1]))
    if denies_within(values):
        return True
    if not _is_text(keys.type):  # the number of an entry negates nothing
        return False
    every = keys.unique()
    telling = every.filter(pc.match_substring_regex(every, NEGATION)).to_pylist()
    for said in (negates, negates_twice, asserts):
        some = [key for key in telling if said(key)]
        if some and denies_within(values.filter(_is_in(keys, some)), some[0]):
            return True
    return _is_text(values.type) and _describes_denials(keys, values, pc.list_parent_indices(pairs))


def _describes_denials(
    keys: pa.ChunkedArray | pa.Array, values: pa.ChunkedArray | pa.Array, rows: pa.ChunkedArray | pa.Array
) -> bool:
    """Whether a map says with one entry that it is about a negation, and with another what of it."""
    met = pc.drop_null(values.unique())
    named = [x for x in met.filter(pc.match_substring_regex(met, NEGATION)).to_pylist() if only_negates(x)]
    if not named:
        return False
    short = met.filter(pc.match_substring_regex(met, SHORT)).to_pylist()
    said = [word for word in short if any(says_false(one, folded(word)) for one in named)]
    naming, saying = ([key for key in keys.unique().to_pylist() if _has(key, some)] for some in (NAMING, SAYING))
    about = rows.filter(pc.and_kleene(_is_in(keys, naming), _is_in(values, named)))
    return bool(pc.any(pc.is_in(rows.filter(pc.and_kleene(_is_in(keys, saying), _is_in(values, said))), about)).as_py())


def denies_in_text(values: pa.ChunkedArray, name: str = "") -> bool:
    """Whether a text in a column says that its statement is negated, as JSON or as key-value pairs.

    Args:
        values (pyarrow.ChunkedArray): The column. Only texts are looked at.
        name (str): What it is called. A polarity in a column about spectra or feelings denies nothing.
    """
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not _is_text(kind):
        return False
    texts = pc.cast(values.unique(), TEXT)
    texts = texts.filter(pc.match_substring_regex(texts, SPEAKS))  # few, so that the others are not read five times
    if _any(texts, SAYS_TWICE) or _any(texts, TRUTH) or _any(pc.replace_substring_regex(texts, TWICE, " "), SAYS):
        return True
    of_statements = texts.filter(pc.match_substring_regex(texts, POLARITY))
    about = " ".join(words(name))
    return not re.search(OTHERWISE, about) and len(of_statements) > 0 and not _every(of_statements, OTHERWISE)


def _any(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


def _every(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _is_in(values: pa.ChunkedArray | pa.Array, some: list[str]) -> pa.ChunkedArray | pa.Array:
    return pc.is_in(values, pa.array(some, values.type))


def _plain(values: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Without a dictionary."""
    return pc.cast(values, values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
