"""From YAML to objects and back. A constructor's signature is the whole schema, and its annotations say what fits."""

from gnnneg.config.describe import describe
from gnnneg.config.facts import __getattr__
from gnnneg.config.resolve import Plan, resolve, resolve_whole
from gnnneg.tree import Tree, dump, override, put, read

__all__ = ["Plan", "Tree", "__getattr__", "describe", "dump", "override", "put", "read", "resolve", "resolve_whole"]
