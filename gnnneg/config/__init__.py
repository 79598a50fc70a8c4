"""From YAML to objects and back. The schema is a constructor's signature with its annotations."""

from gnnneg.config.describe import describe
from gnnneg.config.facts import __getattr__
from gnnneg.config.resolve import Plan, resolve, resolve_whole
from gnnneg.tree import Tree, dump, long_form, override, put, read

__all__ = [
    "Plan",
    "Tree",
    "__getattr__",
    "describe",
    "dump",
    "long_form",
    "override",
    "put",
    "read",
    "resolve",
    "resolve_whole",
]
