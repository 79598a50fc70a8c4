"""What the sampler of a task draws, and how good it is."""

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
LOOKED = 200  # statements among whose negatives true ones are looked for


def truth(testbed: Testbed, name: str | None) -> KnownAnswers:
    """What is true, as far as anybody knows: the whole truth of a made-up world, else every stated fact."""
    if name in names() and card(name).generated:
        return made(card(name)).known.to(testbed.device)
    return testbed.answers(triplets(testbed.data))


def drawing(task: Task) -> tuple[LinkPrediction, Sampler]:
    """The task that negatives are drawn for, and what draws them.

    Raises:
        UserError: If the task draws no negatives.
    """
    side = task.positive if isinstance(task, Dual) else task
    if not isinstance(side, LinkPrediction):
        raise UserError(f"{type(task).__name__} draws no negatives: there is nothing to look at.")
    if isinstance(task, Dual) and task.opponent:  # who chooses is the other side's model
        return side, WithCritic(side.sampler, copy.deepcopy(task.negative.model), graph=task.negative.graph)
    return side, side.sampler


def negatives(
    task: Task, testbed: Testbed, truth: KnownAnswers, split: str, statements: int | None, true: int = 0
) -> dict[str, Any]:
    """What the sampler of a task draws: how often it is wrong, how hard, how varied, how fast.

    Under ``geometry``, where they and what generators make lie around their positives; under ``plane``, one relation's;
    under ``false_negatives`` so many that are ``true``, the most plausible first, if any are asked for.

    Raises:
        UserError: If the task draws no negatives, or the split is of a graph whose entities it does not know.
    """
    if testbed.on(split) is not testbed:
        raise UserError("Negatives are drawn from the entities that were trained on: look at split train or valid.")
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
    """What was drawn as wrong and is true, other than the answer itself; the most plausible first, each once."""
    found = {}
    for one in words:
        question = {key: value for key, value in one.items() if key != "negatives"}
        for drawn in one["negatives"]:
            if drawn["true"] and drawn["name"] != one["target"]:
                key = one["anchor"], one["relation"], one["side"], drawn["name"]
                found[key] = {**question, **drawn}
    return sorted(found.values(), key=lambda one: -one["percentile"])
