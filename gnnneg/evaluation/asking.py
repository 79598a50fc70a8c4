"""The device of a trained model, the number of queries at once, and its vectors."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.interfaces import Encoding, Model
from gnnneg.kernels.everyone import everyone
from gnnneg.looking import judging


def device_of(module: nn.Module) -> torch.device:
    """The device of a model: that of its first parameter or buffer, or the CPU if it has none."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def at_once(model: Model, num_nodes: int, wanted: int, memory_mib: float = 256.0) -> int:
    """The number of queries at once: as many as wanted, but not more than fit into memory.

    Args:
        model (Model): Its ``activations`` say how many numbers it holds for each query and node.
        num_nodes (int): Size of the graph.
        wanted (int): The largest number.
        memory_mib (float): About how much memory it may take. (default: :obj:`256.0`)
    """
    held = model.activations * num_nodes
    return max(1, min(wanted, int(memory_mib * 2**18 / held))) if held else wanted


def representations(model: Model, graph: Data, encoding: Encoding | None = None) -> Float[Tensor, "n d"]:
    """The vectors of all nodes from the model's encoder, on the CPU.

    A model of several encoders yields their vectors side by side, as in `"Improving Knowledge Graph Embeddings through
    Contrastive Learning with Negative Statements" <https://arxiv.org/abs/2510.11868>`_.

    Args:
        model (Model): A trained model.
        graph (torch_geometric.data.Data): The graph for the model's messages.
        encoding (Encoding, optional): The model's encoding of it, if it exists already. (default: made here)
    """
    with judging(model):
        every = everyone(int(graph.num_nodes or 0), device_of(model))
        # a copy, since the encoding may be the model's own table, which goes on learning
        found = model.encode(graph) if encoding is None else encoding
        return found[every][0].detach().float().cpu().clone()
