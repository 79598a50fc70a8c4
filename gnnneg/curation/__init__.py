"""The statements that people are asked to judge, and everything known about them."""

from gnnneg.curation.predictor import Predictor
from gnnneg.curation.search import Found
from gnnneg.curation.served import Served
from gnnneg.curation.view import EntityView, View, about, entity, search

__all__ = ["EntityView", "Found", "Predictor", "Served", "View", "about", "entity", "search"]
