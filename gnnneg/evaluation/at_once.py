"""How much a model is asked at once, so that what it holds while it answers fits in memory."""

from gnnneg.interfaces import Model


def at_once(model: Model, num_nodes: int, wanted: int, memory_mib: float = 256.0) -> int:
    """So many queries, or as many as fit.

    Args:
        model (Model): Says by its ``footprint`` how many numbers it holds for each query and node.
        num_nodes (int): Size of the graph.
        wanted (int): The most.
        memory_mib (float): About how much memory it may take. (default: :obj:`256.0`)
    """
    held = model.footprint * num_nodes
    return max(1, min(wanted, int(memory_mib * 2**18 / held))) if held else wanted
