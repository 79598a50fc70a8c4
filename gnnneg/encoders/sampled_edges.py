"""Messages over a random part of the graph, a different one in every step."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.checks import whole
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.subgraph import MessageGraph


class SampledEdges(Encoder):
    """Gives an encoder a random part of the graph's statements in each training step, and all of them in evaluation.

    This is the protocol of `"Modeling Relational Data with Graph Convolutional Networks"
    <https://arxiv.org/abs/1703.06103>`_. Its implementations draw 30,000 statements and pass messages over half of
    them; the other half are the positives of the step. Here the task chooses the positives and hides them.

    Cost: that of a graph with so many statements, including sorting.

    Args:
        encoder (Encoder): Passes messages.
        num_edges (int): Statements in a step, each with its inverse. A signed encoder also gets the same share of the
            denied ones.

    Raises:
        UserError: If the encoder passes no messages, or ``num_edges`` is below 1.
    """

    uses_graph = True

    def __init__(self, encoder: Encoder, num_edges: int):
        super().__init__()
        if not encoder.uses_graph:
            raise UserError(f"{type(encoder).__name__} passes no messages: leave SampledEdges out.")
        whole("SampledEdges", num_edges=num_edges)
        self.encoder, self.num_edges, self.num_layers = encoder, num_edges, encoder.num_layers
        self.hidden_channels = encoder.hidden_channels
        self.reads_denied = encoder.reads_denied

    def relation_states(self) -> Float[Tensor, "t c"] | None:
        """The encoder's."""
        return self.encoder.relation_states()

    def forward(self, graph: Data | None) -> Encoding:
        """The encoding of a part of the graph, or of all of it.

        Raises:
            UserError: If inverse edges do not follow all others in the same order, or the encoder reads denied edges
                and there are none.
        """
        if graph is None or not self.training:
            return self.encoder(graph)
        seen = MessageGraph.of(graph, "SampledEdges")
        share = min(1.0, 2 * self.num_edges / max(1, seen.edge_index.size(1)))
        edge = _drawn(seen.edge_index, share)
        denied = _drawn(seen.edges(denied=True)[0], share) if self.reads_denied else None
        return self.encoder(seen.subgraph(edge, denied).data(graph, edge))


def _drawn(edge_index: Int[Tensor, "2 e"], share: float) -> Int[Tensor, "k"]:
    """A part of the statements, followed by their inverses."""
    half, odd = divmod(edge_index.size(1), 2)
    one = torch.randperm(half, device=edge_index.device)[: round(share * half)]
    if odd or not torch.equal(edge_index[:, one], edge_index[:, one + half].flip(0)):
        raise UserError("SampledEdges needs a graph whose inverse edges lie behind all others, as in message_graph.")
    return torch.cat([one, one + half])
