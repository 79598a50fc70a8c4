"""The vectors that a trained model has for entities, for whatever stands on them."""

from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.evaluation.mode import device_of
from gnnneg.interfaces import Model
from gnnneg.kernels.everyone import everyone
from gnnneg.looking import judging


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
