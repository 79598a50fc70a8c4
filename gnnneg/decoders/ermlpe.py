"""ER-MLP with an inner product at its end."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import not_negative, table, widths
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Inner
from gnnneg.interfaces import Decoder


class ERMLPE(Decoder):
    r"""The ER-MLP (E) decoder from `"Improving Visual Relation Detection using Depth Maps"
    <https://arxiv.org/abs/1905.00966>`_: the inner product of a perceptron's output with the candidate,

    .. math::
        s(a, r, c) = \bigl\langle \mathbf{W}_2 \max(0, \mathbf{W}_1 [\mathbf{a} ; \mathbf{r}] + \mathbf{b}_1)
            + \mathbf{b}_2 , \, \mathbf{c} \bigr\rangle .

    As a policy over all entities it is the generator of `"Incorporating GAN for Negative Sampling in Knowledge
    Representation Learning" <https://arxiv.org/abs/1809.11017>`_ (IGAN). An inverse relation has a vector of its own.

    Cost: :math:`3 b d w` for the query vectors, once per batch.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width :math:`d` of the node vectors and of relations'.
        width (int, optional): Width :math:`w` of the hidden layer. (default: :obj:`None`, as wide as node vectors)
        bound (float): Relations start uniform in :math:`[-\text{bound}, \text{bound}]`. (default: :obj:`0.1`)
    """

    def __init__(self, num_relations: int, hidden_channels: int, width: int | None = None, bound: float = 0.1):
        super().__init__()
        widths("ERMLPE", hidden_channels=hidden_channels)
        table("ERMLPE", num_relations=num_relations, hidden_channels=hidden_channels)
        widths("ERMLPE", width=width)
        not_negative("ERMLPE", bound=bound)
        self.num_relations, self.bound = num_relations, bound
        self.similarity = Inner()
        self.relation = Relations(num_relations, hidden_channels, reciprocal=True)
        self.hidden = nn.Linear(2 * hidden_channels, width or hidden_channels)
        self.output = nn.Linear(width or hidden_channels, hidden_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new relation vectors and layers."""
        nn.init.uniform_(self.relation.weight, -self.bound, self.bound)
        self.hidden.reset_parameters()
        self.output.reset_parameters()

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        vector: Tensor = self.output(F.relu(self.hidden(torch.cat([anchor, self.relation(rel_type)[0]], dim=1))))
        return vector

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        return anchor.abs(), self.relation(rel_type)[0].abs(), candidate.abs()
