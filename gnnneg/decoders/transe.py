"""TransE."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import not_negative, table, widths
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Distance
from gnnneg.interfaces import Decoder


class TransE(Decoder):
    r"""The TransE decoder from `"Translating Embeddings for Modeling Multi-relational Data"
    <https://papers.nips.cc/paper/5071>`_: a relation moves the head onto the tail,

    .. math::
        s(h, r, t) = -\lVert \mathbf{e}_h + \mathbf{r} - \mathbf{e}_t \rVert_p ,

    so a tied inverse relation is :math:`-\mathbf{r}`. Margins (:math:`\gamma`) belong to the loss. The paper keeps
    entities at length 1; :class:`~gnnneg.penalties.SoftConstraints` is a penalty for longer ones.

    Cost: :math:`b d` for the query vectors, then one distance a candidate.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the node vectors.
        p (int): Order of the norm, 1 or 2. (default: :obj:`1`)
        bound (float, optional): Relations start uniform in :math:`[-\text{bound}, \text{bound}]`; :obj:`None` is the
            paper's :math:`6 / \sqrt{d}`. (default: :obj:`None`)
        reciprocal (bool): Whether inverse relations have their own parameters. (default: :obj:`False`)
    """

    def __init__(
        self,
        num_relations: int,
        hidden_channels: int,
        p: int = 1,
        bound: float | None = None,
        reciprocal: bool = False,
    ):
        super().__init__()
        widths("TransE", hidden_channels=hidden_channels)
        table("TransE", num_relations=num_relations, hidden_channels=hidden_channels)
        not_negative("TransE", bound=bound)
        self.num_relations = num_relations
        self.bound = 6 / math.sqrt(hidden_channels) if bound is None else bound
        self.similarity = Distance(p)
        self.relation = Relations(num_relations, hidden_channels, reciprocal)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new relation vectors."""
        nn.init.uniform_(self.relation.weight, -self.bound, self.bound)

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        move, inverse = self.relation(rel_type)
        return anchor + torch.where(inverse, -move, move)

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        return anchor.abs(), self.relation(rel_type)[0].abs(), candidate.abs()

    def limits(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b x"], Float[Tensor, "b y"]]:
        length = torch.stack([anchor, candidate], 1).square().sum(2)
        return length, length[:, :0]
