"""Lists and objects within a column: they are not read, but looked at for what denies a statement."""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.formats.columns import NOT, YES, negates, words
from gnnneg.data.formats.vocabulary import NEGATING
from gnnneg.data.layout import folded

DENIED = ["not"]  # stands for a list or an object that denies


def denies(value: Any, name: str = "") -> bool:
    """Whether a list or an object of JSON says *not*, or that ``negated`` is true, at any depth.

    Objects that name what they hold, as ``{"attribute_type_id": "biolink:negated", "value": true}``, are read as the
    pair that they are.
    """
    if isinstance(value, dict):
        named = next((one for one in value.values() if isinstance(one, str) and _is_negation(one)), "")
        return any(denies(inner, key) or (named and denies(inner, named)) for key, inner in value.items())
    if isinstance(value, list):
        return any(denies(inner, name) for inner in value)
    word = folded(str(value))
    return word == NOT or (negates(name) and word in YES)


def _is_negation(name: str) -> bool:
    """Whether a name is that of a negation and nothing else, which ``not_provided`` is not."""
    parts = words(re.split("[:/#]", name)[-1])
    return bool(NEGATING & {*parts}) and {*parts} <= NEGATING | {"is", "edge", "statement", "assertion"}


def denies_within(values: pa.ChunkedArray | pa.Array, name: str = "") -> bool:
    """The same of a column of lists or of structures."""
    kind = values.type
    if pa.types.is_struct(kind):
        return any(denies_within(pc.struct_field(values, [i]), kind.field(i).name) for i in range(kind.num_fields))
    if pa.types.is_map(kind):
        return False
    if pa.types.is_nested(kind):
        return denies_within(pc.list_flatten(values), name)
    if pa.types.is_dictionary(kind):
        return denies_within(pc.cast(values, kind.value_type), name)
    if not (pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    return any(denies(word, name) for word in pc.drop_null(values.unique()).to_pylist())
