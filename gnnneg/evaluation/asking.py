"""How a trained model is asked: where it lives, how much at once, and which vectors it has."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.interfaces import Model
from gnnneg.kernels.everyone import everyone
from gnnneg.looking import judging


def device_of(module: nn.Module) -> torch.device:
    """Where a model lives: where its first parameter or buffer does, else the CPU."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def at_once(model: Model, num_nodes: int, wanted: int, memory_mib: float = 256.0) -> int:
    """As many queries as are wanted, or as fit.

    Args:
        model (Model): Says by its ``activations`` how many numbers it holds for each query and node.
        num_nodes (int): Size of the graph.
        wanted (int): The most.
        memory_mib (float): About how much memory it may take. (default: :obj:`256.0`)
    """
    held = model.activations * num_nodes
    return max(1, min(wanted, int(memory_mib * 2**18 / held))) if held else wanted


def representations(model: Model, graph: Data) -> Float[Tensor, "n d"]:
    """What the model's encoder gives for every node, on the CPU.

    A model of several encoders yields their vectors side by side, as in `"Improving Knowledge Graph Embeddings through
    Contrastive Learning with Negative Statements" <https://arxiv.org/abs/2510.11868>`_.

    Args:
        model (Model): A trained model.
        graph (torch_geometric.data.Data): What the model may look at.
    """
    with judging(model):
        every = everyone(int(graph.num_nodes or 0), device_of(model))
        # a copy, since the encoding may be the model's own table, which goes on learning
        return model.encode(graph)[every][0].detach().float().cpu().clone()
