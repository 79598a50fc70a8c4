"""RESCAL."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import table, widths
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Inner
from gnnneg.interfaces import Decoder


class RESCAL(Decoder):
    r"""The RESCAL decoder from `"A Three-Way Model for Collective Learning on Multi-Relational Data"
    <https://icml.cc/2011/papers/438_icmlpaper.pdf>`_: a relation is a full matrix,

    .. math::
        s(h, r, t) = \mathbf{e}_h^{\top} \mathbf{W}_r \, \mathbf{e}_t ,

    so a tied inverse relation is the transpose.

    Cost: :math:`b d^2` for the query vectors, once per batch, in one product for each relation of the batch.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the node vectors.
        reciprocal (bool): Whether inverse relations have their own parameters. (default: :obj:`False`)
    """

    def __init__(self, num_relations: int, hidden_channels: int, reciprocal: bool = False):
        super().__init__()
        widths("RESCAL", hidden_channels=hidden_channels)
        table("RESCAL", num_relations=num_relations, hidden_channels=hidden_channels)
        self.num_relations, self.hidden_channels = num_relations, hidden_channels
        self.similarity = Inner()
        self.relation = Relations(num_relations, hidden_channels**2, reciprocal)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new relation matrices, Glorot uniform."""
        bound = (3 / self.hidden_channels) ** 0.5
        nn.init.uniform_(self.relation.weight, -bound, bound)

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        return self._times(anchor, rel_type, transpose=False)

    def _times(self, vector: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], transpose: bool) -> Float[Tensor, "b d"]:
        r"""Each row times its :math:`\mathbf{W}_r` or the transpose, one product per relation: a matrix a row would be
        :math:`d` times the memory.
        """
        asked, order = rel_type.sort(stable=True)
        there, count = torch.unique_consecutive(asked, return_counts=True)
        matrix, inverse = self.relation(there)
        matrices = matrix.unflatten(1, (self.hidden_channels, -1))
        rows = vector[order].split(count.tolist())
        turned = (inverse[:, 0] ^ transpose).tolist()
        moved = [row @ (one.T if turn else one) for row, one, turn in zip(rows, matrices.unbind(), turned)]
        return torch.cat(moved)[order.argsort()]

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        return anchor.abs(), self.relation(rel_type)[0].abs(), candidate.abs()

    def images(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        return self._times(anchor, rel_type, transpose=False), self._times(candidate, rel_type, transpose=True)

    def aligned(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d"]:
        back = self._times(candidate, rel_type, transpose=True)
        return self._times(back, rel_type, transpose=False) + anchor.square().sum(1, keepdim=True) * candidate
