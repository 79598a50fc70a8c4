"""Runs whose every score is written down: one-hot entities under RESCAL, so that a relation's matrix is its scores."""

import warnings

import torch
from torch.optim import SGD

import gnnneg
from gnnneg import RESCAL, Both, Fit, InfoNCE, KGEModel, LinkPrediction, Lookup
from gnnneg.data.statements import assemble
from gnnneg.evaluation import Calibration
from gnnneg.evaluation.calibration import Isotonic, Platt
from gnnneg.records import Triplets
from gnnneg.samplers import All

NAMES = ["a", "b", "c", "d", "e"]
RELATIONS = ["likes", "knows"]


def graph(stated, denied=(), names=NAMES, relations=RELATIONS):
    """A graph of statements such as ``"a likes b train"``."""

    def read(lines):
        rows = [line.split() for line in lines]
        number = [[names.index(h), relations.index(r), names.index(t)] for h, r, t, _ in rows]
        columns = torch.tensor(number, dtype=torch.long).view(-1, 3).T
        split = torch.tensor([("train", "valid", "test").index(row[3]) for row in rows], dtype=torch.long)
        return Triplets(*(column.contiguous() for column in columns)), split

    return assemble(*read(stated), names, relations, *read(denied))


def written(data, scores, sampler=None, calibrated=True):
    """A run by a table of scores ``(relation, head, tail)``; its probabilities are their sigmoids."""
    size, kinds = len(data["entity"].names), len(data.relation_names)
    model = KGEModel(Lookup(size, size), RESCAL(kinds, size))
    task = LinkPrediction(model, Both(kinds), All(size) if sampler is None else sampler, InfoNCE())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of splits that are not there, and of what data contradict
        run = gnnneg.train(task, data, SGD(task.trained(), lr=0.1), Fit(epochs=0), progress=False)
    with torch.no_grad():
        run.model.encoder.weight.copy_(torch.eye(size))
        run.model.decoder.relation.weight.copy_(torch.as_tensor(scores, dtype=torch.float).reshape(kinds, -1))
    if calibrated:
        run.calibration = Calibration(Platt(1.0, 0.0), Isotonic([0.0, 1.0], [0.0, 1.0]), 4, 3, False)
    return run
