"""Checks which models can be tested on a graph that they have never seen."""

from gnnneg.config.describe import arguments
from gnnneg.errors import UserError
from gnnneg.interfaces import Model, Part

# constructor arguments about the entities of one graph; the others are about relations, which graphs share
ENTITIES = ("num_nodes", "graph", "known", "denied", "types")


def refuse_entities(model: Model) -> None:
    """Checks that no part of a model was made for the entities of one graph.

    Raises:
        UserError: If one was.
    """
    bound = [
        part
        for part in model.modules()
        if isinstance(part, Part) and any(arguments(part, "model").get(name) is not None for name in ENTITIES)
    ]
    if bound or not model.uses_graph:
        name = type(bound[0] if bound else model).__name__
        raise UserError(
            f"{name} knows the entities of the graph to train on, and the graph to test on has others: use a model "
            "without parameters for single entities, such as NBFNet."
        )
