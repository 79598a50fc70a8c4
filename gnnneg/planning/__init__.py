"""Forecasts of what a config needs on a graph and machines that are not at hand: memory, seconds and bytes sent."""

from gnnneg.planning.constants import Constants, kept, known, shipped
from gnnneg.planning.forecast import Forecast, forecast
from gnnneg.planning.machines import Machines
from gnnneg.planning.work import Graph, Work, work

__all__ = ["Constants", "Forecast", "Graph", "Machines", "Work", "forecast", "kept", "known", "shipped", "work"]
