"""From YAML to objects and back. A constructor's signature is the whole schema, and its annotations say what fits."""

from gnnneg.config.describe import describe
from gnnneg.config.facts import FACTS, Facts
from gnnneg.config.file import Tree, dump, override, read
from gnnneg.config.resolve import Plan, resolve, resolve_whole

__all__ = ["FACTS", "Facts", "Plan", "Tree", "describe", "dump", "override", "read", "resolve", "resolve_whole"]
