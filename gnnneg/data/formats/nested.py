"""Lists and objects within a column. They are not read, but checked for words that deny a statement."""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.coded import TEXT
from gnnneg.data.formats.columns import NOT, YES, negates, words
from gnnneg.data.formats.vocabulary import NEGATING
from gnnneg.data.layout import folded

# inside the text of an entry, such as {"negated": true} or source=x;negated=true
SAYS = re.compile(
    r"""(?i)(?:^|[^a-z0-9])(?:(?:is[_ ]?)?(?:negated|negation|denied|refuted)["']?\s*[:=]\s*["']?(?:true|1|yes|t|y)"""
    r"""|(?:polarity|truth|truth_value)["']?\s*[:=]\s*["']?(?:negative|neg|false|0|-1|denied))(?:$|[^a-z0-9.])"""
)
DENIED = ["not"]  # the placeholder for a list or object that denies


def denies(value: Any, name: str = "") -> bool:
    """Whether a list or object of JSON says *not*, or that ``negated`` is true, at any depth.

    An object such as ``{"attribute_type_id": "biolink:negated", "value": true}`` is read as the pair that it describes.
    """
    if isinstance(value, dict):
        named = next((one for one in value.values() if isinstance(one, str) and _is_negation(one)), "")
        return any(denies(inner, key) or (named and denies(inner, named)) for key, inner in value.items())
    if isinstance(value, list):
        return any(denies(inner, name) for inner in value)
    word = folded(str(value))
    return word == NOT or (negates(name) and word in YES)


def _is_negation(name: str) -> bool:
    """Whether a name is a negation and nothing else; ``not_provided`` is not one."""
    parts = words(re.split("[:/#]", name)[-1])
    return bool(NEGATING & {*parts}) and {*parts} <= NEGATING | {"is", "edge", "statement", "assertion"}


def denies_within(values: pa.ChunkedArray | pa.Array, name: str = "") -> bool:
    """The same check for a column of lists or structs."""
    kind = values.type
    if pa.types.is_struct(kind):
        return any(denies_within(pc.struct_field(values, [i]), kind.field(i).name) for i in range(kind.num_fields))
    if pa.types.is_map(kind):
        chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
        return any(denies(dict(pairs)) for chunk in chunks for pairs in _distinct_maps(chunk))
    if pa.types.is_nested(kind):
        return denies_within(pc.list_flatten(values), name)
    if pa.types.is_dictionary(kind):
        return denies_within(pc.cast(values, kind.value_type), name)
    if not (pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    return any(denies(word, name) for word in pc.drop_null(values.unique()).to_pylist())


def _distinct_maps(maps: pa.MapArray) -> list[list[tuple[str, Any]]]:
    """The pairs of each map. Pairs that several maps share are listed once."""
    return list({repr(pairs): pairs for pairs in maps.to_pylist() if pairs}.values())


def denies_in_text(values: pa.ChunkedArray) -> bool:
    """Whether a text in a column says that its statement is negated, as JSON or as key-value pairs."""
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    found = pc.match_substring_regex(pc.cast(values.unique(), TEXT), SAYS.pattern)
    return bool(pc.any(found).as_py())
