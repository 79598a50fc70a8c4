"""Randomly drawn statements that nobody has judged: answers of a model, and negatives of a sampler."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.curation.fitting import Fitting
from gnnneg.curation.predictor import Predictor, turn
from gnnneg.curation.served import Served
from gnnneg.data.known import Answers
from gnnneg.data.statements import distinct, triplets
from gnnneg.evaluation.asking import at_once
from gnnneg.experiment.negatives import drawing
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets

BATCH = 64  # statements for which a sampler draws at a time


def questions(predictor: Predictor, stated: Triplets, count: int, rng: torch.Generator) -> Query:
    """Random distinct questions that some statements answer, for heads and tails; fewer if the model is slow.

    Args:
        predictor (Predictor): The model that will answer.
        stated (Triplets): The stated statements.
        count (int): The largest number of questions.
        rng (torch.Generator): Random generator.

    Cost: one sort of the statements.
    """
    head, rel_type, tail = stated
    size = predictor.num_nodes
    both = torch.cat([rel_type * size + head, (rel_type + predictor.num_relations) * size + tail])
    key = torch.unique(both)
    chosen = key[torch.randperm(len(key), generator=rng)[: predictor.affordable(count)]]
    return Query(chosen % size, chosen // size)


def answers(predictor: Predictor, query: Query, k: int, known: Answers, fitting: Fitting) -> Triplets:
    """The ``k`` best unknown answers that fit each question. Each statement occurs once."""
    return distinct(predictor.best(query, k, known, fitting=fitting))[0]


class Offered(NamedTuple):
    """Candidates that a sampler drew as wrong answers, as triplets. A triplet may occur several times.

    Args:
        triplets (Triplets): The statements with the candidate as the answer.
        asked (torch.Tensor): The relation of each question; inverse relations ask for heads.
        answer (torch.Tensor): The candidates.
        row (torch.Tensor): The row of the question in the batch, ascending.
        score (torch.Tensor): The score of the model for each candidate as the answer to its question.
    """

    triplets: Triplets
    asked: Int[Tensor, "m"]
    answer: Int[Tensor, "m"]
    row: Int[Tensor, "m"]
    score: Float[Tensor, "m"]


def negatives(served: Served, statements: int, rng: torch.Generator) -> Iterator[Offered]:
    """The candidates that the sampler of the first run draws for random training statements. Absent candidates are left
    out.

    Args:
        served (Served): The sampler of its first run draws, in evaluation mode, with the model of that run as the
            critic.
        statements (int): The largest number of statements.
        rng (torch.Generator): Random generator.

    Raises:
        UserError: If the task of the run has no sampler of negatives.
    """
    run = served.runs[0]
    side, sampler = drawing(run.task)
    testbed, model, size = run.testbed, side.model, run.testbed.num_relations
    every = triplets(testbed.data, "stated", "train")
    chosen = torch.randperm(every.rel_type.numel(), generator=rng)[:statements]
    draws = torch.Generator(testbed.device).manual_seed(int(torch.randint(1 << 62, (), generator=rng)))
    encoding = served.encoding(model)
    for some in chosen.split(at_once(model, testbed.num_nodes, BATCH)):
        batch = Triplets(*(column[some].to(testbed.device) for column in every))
        with turn, judging(model, sampler, side.corruption):
            query, target = side.corruption(batch, draws)
            critic = model.scorer(encoding, query)
            offered = sampler(query, target, critic, draws)
            index = offered.index.expand(len(target), -1)
            score = critic(offered.index).float()
            there = (offered.weight > 0).expand_as(index)
        row = there.nonzero()[:, 0]
        answer, anchor, rel_type = index[there], query.anchor[row], query.rel_type[row]
        head = rel_type >= size
        found = torch.where(head, answer, anchor), rel_type % size, torch.where(head, anchor, answer)
        others = (column.cpu() for column in (rel_type, answer, row, score[there]))
        yield Offered(Triplets(*(column.cpu() for column in found)), *others)
