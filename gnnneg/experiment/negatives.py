"""Draws negatives with the sampler of a task, and measures them."""

import copy
from typing import Any

import torch

from gnnneg.data.build import made
from gnnneg.data.catalogue import card, names
from gnnneg.data.facts import Facts
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import triplets
from gnnneg.errors import UserError
from gnnneg.evaluation import Testbed, diagnose, geometry, plane, shown
from gnnneg.interfaces import Sampler, Task
from gnnneg.records import Triplets
from gnnneg.samplers import WithCritic
from gnnneg.tasks import Dual, LinkPrediction

EXAMPLES = 5  # statements whose negatives are shown by name
LOOKED = 200  # statements whose negatives are searched for true ones


def truth(testbed: Testbed, name: str | None) -> KnownAnswers:
    """The true statements: all true statements of a synthetic data set, otherwise all stated facts."""
    if name in names() and card(name).generated:
        return made(card(name)).known.to(testbed.device)
    return testbed.answers(triplets(testbed.data))


def drawing(task: Task) -> tuple[LinkPrediction, Sampler]:
    """The task that negatives are drawn for, and its sampler.

    Raises:
        UserError: If the task draws no negatives.
    """
    side = task.positive if isinstance(task, Dual) else task
    if not isinstance(side, LinkPrediction):
        raise UserError(f"{type(task).__name__} draws no negatives: there is nothing to measure.")
    if isinstance(task, Dual) and task.opponent:  # the model of the other side chooses the negatives
        return side, WithCritic(side.sampler, copy.deepcopy(task.negative.model), graph=task.negative.graph)
    return side, side.sampler


def negatives(
    task: Task, testbed: Testbed, truth: KnownAnswers, split: str, statements: int | None, true: int = 0
) -> dict[str, Any]:
    """Measures the negatives of a task's sampler: false-negative rate, hardness, diversity and speed.

    ``geometry`` describes how sampled and generated negatives are placed around their positives, and ``plane`` shows
    those of one relation. If ``true`` is not 0, ``false_negatives`` lists so many true ones, the most plausible first.

    Raises:
        UserError: If the task draws no negatives, or the split belongs to a graph with other entities.
    """
    if testbed.on(split) is not testbed:
        raise UserError("Negatives are drawn from the training entities: choose split train or valid.")
    side, sampler = drawing(task)
    data, device = testbed.data, testbed.device
    rng, questions = testbed.draws(device), testbed.statements(split)
    chosen = torch.randperm(questions.rel_type.numel(), generator=rng, device=device).cpu()[:statements]
    questions = Triplets(*(column[chosen] for column in questions))
    few = Triplets(*(column[:EXAMPLES] for column in questions))
    there = Triplets(*(column.to(device) for column in questions))
    facts, node, relations = Facts(data), data["entity"], data.relation_names
    graph = testbed.graph_for(side.model)
    means = sampler, side.model, graph
    figures = diagnose(
        *means,
        questions,
        truth,
        side.corruption,
        rng,
        known=facts.known.to(device),
        denied=testbed.answers(triplets(data, "denied")),
        types=facts.types.to(device) if "type" in node else None,
    )
    called = {"labels": node.get("labels"), "relation_labels": data.get("relation_labels")}
    words = shown(*means, few, truth, side.corruption, node.names, relations, rng, **called)
    asked = sampler, side.generators, side.model, graph, there, side.corruption, rng
    clouds = geometry(*asked)
    flat = plane(*asked)
    of = flat.pop("rel_type")
    named = {"relation": relations[of % len(relations)], "side": "tail" if of < len(relations) else "head"}
    found = {**figures, "examples": words, "geometry": clouds, "plane": {**named, **flat}}
    if true:
        few = Triplets(*(column[:LOOKED] for column in questions))
        drawn = shown(*means, few, truth, side.corruption, node.names, relations, rng, **called)
        found["false_negatives"] = _false(drawn)[:true]
    return found


def _false(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The true negatives other than the answer itself; the most plausible first, each once."""
    found = {}
    for one in words:
        question = {key: value for key, value in one.items() if key != "negatives"}
        for drawn in one["negatives"]:
            if drawn["true"] and drawn["name"] != one["target"]:
                key = one["anchor"], one["relation"], one["side"], drawn["name"]
                found[key] = {**question, **drawn}
    return sorted(found.values(), key=lambda one: -one["percentile"])
