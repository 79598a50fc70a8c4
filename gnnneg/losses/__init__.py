"""Losses: one number per query from a positive score, negative scores and their weights."""

from gnnneg.losses.bce import BCE
from gnnneg.losses.hasa import HaSa
from gnnneg.losses.info_nce import InfoNCE
from gnnneg.losses.limit_based import LimitBased
from gnnneg.losses.log_sigmoid import LogSigmoid
from gnnneg.losses.margin_ranking import MarginRanking

__all__ = ["BCE", "HaSa", "InfoNCE", "LimitBased", "LogSigmoid", "MarginRanking"]
