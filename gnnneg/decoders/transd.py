"""TransD."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import not_negative, table, widths
from gnnneg.decoders.projection import Projection
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Squared
from gnnneg.errors import UserError
from gnnneg.interfaces import Candidates, Decoder
from gnnneg.records import Mutation


def overlap(both: Float[Tensor, "*s d"]) -> Float[Tensor, "*s h"]:
    r"""The summands of :math:`\mathbf{x}_p^{\top} \mathbf{x}`, where halves are :math:`\mathbf{x}, \mathbf{x}_p`."""
    vector, projection = both.chunk(2, dim=-1)
    return vector * projection


class DynamicMapping(Projection):
    r"""The negative distance to candidates that are moved along a vector of the relation,

    .. math::
        - \lVert \mathbf{q} - \mathbf{c} - (\mathbf{c}_p^{\top} \mathbf{c}) \, \mathbf{u} \rVert_p ,

    where a query vector holds :math:`(\mathbf{q}, \mathbf{u})` and a candidate vector :math:`(\mathbf{c},
    \mathbf{c}_p)`. A coordinate is one number of each half, and a mutation exchanges both together. There is no closed
    form for masks that are drawn for each candidate.

    Cost: two products of :math:`b k d` for :math:`p = 2`, six under a mask, and passes over the table of private
    candidates. For :math:`p = 1` see :class:`~gnnneg.decoders.projection.Projection`.

    Raises:
        UserError: When called, if a mutation names no target or asks for noise.
    """

    parts = 2

    def _difference(self, own: Tensor, moves: Tensor, candidate: Tensor) -> Tensor:
        return own - candidate.chunk(2, dim=2)[0] - overlap(candidate).sum(2, keepdim=True) * moves

    def _noisy(self, query: Tensor, candidates: Candidates, mutation: Mutation) -> Tensor:
        raise UserError("TransD knows no closed form of a mask for each negative: use EMU, not its matched forms.")

    def _square(self, query: Tensor, candidates: Candidates, keep: Tensor | None, lent: Tensor | None) -> Tensor:
        own, along = query.chunk(2, dim=1)
        vector = candidates.map(lambda both: both.chunk(2, dim=-1)[0])
        with torch.autocast(query.device.type, enabled=False):  # a small difference of large products
            if keep is None or lent is None:
                share = candidates.map(lambda both: overlap(both).sum(-1, keepdim=True)).inner(
                    torch.ones_like(own[:, :1])
                )
                meet = vector.inner(along)
            else:
                moved, projection = lent.chunk(2, dim=1)
                products = candidates.map(lambda both: torch.cat([overlap(both), both], -1))
                share = products.inner(torch.cat([keep.square(), keep * projection, keep * moved], 1))
                share = share + overlap(lent).sum(1, keepdim=True)
                own, meet = own - moved, vector.inner(keep * along)
        straight = Squared(own, vector, keep).sum(None)
        away = (own * along).sum(1, keepdim=True) - meet
        return straight + share * (share * along.square().sum(1, keepdim=True) - 2 * away)


class TransD(Decoder):
    r"""The TransD decoder from `"Knowledge Graph Embedding via Dynamic Mapping Matrix"
    <https://aclanthology.org/P15-1067/>`_: each entity and each relation has a vector and a projection vector. A
    relation moves entities along its own projection vector,

    .. math::
        s(h, r, t) = -\lVert \mathbf{h}_{\perp} + \mathbf{r} - \mathbf{t}_{\perp} \rVert_p , \qquad
        \mathbf{e}_{\perp} = \mathbf{e} + (\mathbf{e}_p^{\top} \mathbf{e}) \, \mathbf{r}_p ,

    so a tied inverse relation is :math:`-\mathbf{r}` with the same :math:`\mathbf{r}_p`. Entities and relations have
    equal widths: the paper's mapping matrix :math:`\mathbf{r}_p \mathbf{e}_p^{\top} + \mathbf{I}` is square. The first
    half of a node vector holds :math:`\mathbf{e}`, the second :math:`\mathbf{e}_p`. Relations are stored in the same
    way. The paper squares the norm; here it is not squared. Margins belong to the loss. The paper keeps all vectors no
    longer than 1, moved ones too; :class:`~gnnneg.penalties.SoftConstraints` is a penalty for that.

    Cost: see :class:`DynamicMapping`. With :math:`p = 1` there is no kernel, and vectors are made.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the node vectors, twice that of :math:`\mathbf{e}`.
        p (int): Order of the norm, 1 or 2. (default: :obj:`2`)
        bound (float, optional): Relations start uniform in :math:`[-\text{bound}, \text{bound}]`; :obj:`None` is
            :math:`6 / \sqrt{d}` of vectors :math:`d` wide, as for :class:`~gnnneg.decoders.TransE`.
            (default: :obj:`None`)
        reciprocal (bool): Whether inverse relations have their own parameters. (default: :obj:`False`)

    Raises:
        ValueError: If the order is neither 1 nor 2, or the width odd.
    """

    def __init__(
        self,
        num_relations: int,
        hidden_channels: int,
        p: int = 2,
        bound: float | None = None,
        reciprocal: bool = False,
    ):
        super().__init__()
        widths("TransD", hidden_channels=hidden_channels)
        table("TransD", num_relations=num_relations, hidden_channels=hidden_channels)
        not_negative("TransD", bound=bound)
        if hidden_channels % 2:
            raise UserError(f"TransD's vectors are half vector, half projection vector: {hidden_channels} is odd.")
        self.num_relations = num_relations
        self.bound = 6 / math.sqrt(hidden_channels // 2) if bound is None else bound
        self.similarity = DynamicMapping(p)
        self.relation = Relations(num_relations, hidden_channels, reciprocal)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new vectors and projection vectors. The latter are not zero, because zeros would stay zero."""
        nn.init.uniform_(self.relation.weight, -self.bound, self.bound)

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        row, inverse = self.relation(rel_type)
        move, along = row.chunk(2, dim=1)
        moved = anchor.chunk(2, dim=1)[0] + overlap(anchor).sum(1, keepdim=True) * along
        return torch.cat([moved + torch.where(inverse, -move, move), along], dim=1)

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        return anchor.abs(), self.relation(rel_type)[0].abs(), candidate.abs()

    def limits(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b x"], Float[Tensor, "b y"]]:
        move, along = self.relation(rel_type)[0].chunk(2, dim=1)
        own = [both.chunk(2, dim=1)[0] for both in (anchor, candidate)]
        moved = [x + overlap(both).sum(1, keepdim=True) * along for x, both in zip(own, (anchor, candidate))]
        length = torch.stack([*own, move, *moved], 1).square().sum(2)
        return length, length[:, :0]
