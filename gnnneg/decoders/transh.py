"""TransH."""

import math
from math import comb

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import not_negative, table, widths
from gnnneg.decoders.projection import Projection
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Squared, target_of
from gnnneg.errors import UserError
from gnnneg.interfaces import Candidates, Decoder
from gnnneg.kernels.noise import noisy, rounding
from gnnneg.records import Mutation


def flat(vector: Float[Tensor, "b d"], normal: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    r"""The projection :math:`\mathbf{x} - (\mathbf{w}^{\top} \mathbf{x}) \, \mathbf{w}`."""
    return vector - (normal * vector).sum(1, keepdim=True) * normal


class Hyperplane(Projection):
    r"""The negative distance to candidates' projections,

    .. math::
        - \lVert \mathbf{q} - \mathbf{c} + (\mathbf{w}^{\top} \mathbf{c}) \, \mathbf{w} \rVert_p ,

    where a query vector holds :math:`(\mathbf{q}, \mathbf{w})`, and :math:`\mathbf{w}` is not normalised. With a mask
    for each candidate, mean and variance of the square are five sums over at most four powers of the candidate's
    coordinates.

    Cost: two products of :math:`b k d` for :math:`p = 2`, three under a mask, twelve with noise, and passes over the
    table of private candidates. For :math:`p = 1` see :class:`Projection`.

    Raises:
        UserError: When called, if a mutation names no target, asks for noise under :math:`p = 1`, or is paced.
    """

    def _difference(self, own: Tensor, moves: Tensor, candidate: Tensor) -> Tensor:
        return own - candidate + (moves * candidate).sum(2, keepdim=True) * moves

    def _square(self, query: Tensor, candidates: Candidates, keep: Tensor | None, lent: Tensor | None) -> Tensor:
        own, normal = query.chunk(2, dim=1)
        if lent is not None:
            own = own - flat(lent, normal)
        with torch.autocast(query.device.type, enabled=False):  # a small difference of large products
            reach = candidates.inner(normal if keep is None else keep * normal)
        away = (own * normal).sum(1, keepdim=True)
        return Squared(own, candidates, keep).sum(None) + reach * (_bend(normal) * reach + 2 * away)

    def _noisy(self, query: Tensor, candidates: Candidates, mutation: Mutation) -> Tensor:
        r"""With :math:`\delta = \mathbf{c} - \mathbf{c}^+`, :math:`\mathbf{x}` the target's difference and
        :math:`\mathbf{y}` its projection, a mask :math:`m` makes the square

        .. math::
            \lVert \mathbf{x} \rVert^2 + \sum_l m_l \alpha_l + \gamma \Bigl( \sum_l m_l \beta_l \Bigr)^2 , \quad
            \alpha_l = \delta_l^2 - 2 y_l \delta_l , \quad \beta_l = w_l \delta_l , \quad
            \gamma = \lVert \mathbf{w} \rVert^2 - 2 ,

        whose moments are polynomials in :math:`\delta`, by the cumulants of the independent :math:`m_l`.
        """
        if mutation.noise is None or mutation.pace is not None:
            raise UserError("TransH's score is no function of one sum over coordinates, so it cannot be paced.")
        positive = target_of(mutation)
        if self.p == 1:
            raise UserError("TransH knows the variance of a mask for each negative with p = 2 only: use EMU.")
        own, normal = query.chunk(2, dim=1)
        keep = mutation.keep.expand_as(own)
        second = keep * (1 - keep)
        third, fourth = second * (1 - 2 * keep), second * (1 - 6 * second)
        start, bend = own - flat(positive, normal), _bend(normal)
        pull, none = -2 * flat(start, normal), torch.zeros_like(own)

        def total(*factor: Tensor) -> Tensor:
            return _polynomial(candidates, positive, factor)

        with torch.autocast(query.device.type, enabled=False):
            line, reach = total(keep * pull, keep), total(keep * normal)
            spread = total(none, second * normal.square())
            cross = total(none, second * pull * normal, second * normal + bend * third * normal**3)
            squares = (
                none,
                second * pull.square(),
                2 * pull * (second + bend * third * normal.square()),
                second + 2 * bend * third * normal.square() + bend.square() * fourth * normal**4,
            )
            rest = total(*squares)
            mean = start.square().sum(1, keepdim=True) + line + bend * (reach.square() + spread)
            variance = rest + 4 * bend * reach * (cross + bend * reach * spread) + 2 * (bend * spread).square()
            still = torch.zeros_like(bend)
            least = rounding(_size(positive, squares))
            return -noisy(still, still + 1, -mean, variance, still, least, mutation.noise)


def _bend(normal: Float[Tensor, "b d"]) -> Float[Tensor, "b 1"]:
    """What a squared product with the normal adds to a squared length: -1 where the normal's length is 1."""
    return normal.square().sum(1, keepdim=True) - 2


def _polynomial(candidates: Candidates, centre: Float[Tensor, "b d"], factor: tuple[Tensor, ...]) -> Tensor:
    r""":math:`\sum_p \sum_l a_{p,l} (c_l - z_l)^p` for the factors :math:`a_1, a_2, \ldots`, as one product."""
    order = len(factor)
    by_power = [
        sum(
            (comb(p, m) * a * (-centre) ** (p - m) for p, a in enumerate(factor, 1) if p >= m), torch.zeros_like(centre)
        )
        for m in range(order + 1)
    ]
    powers = candidates.map(lambda c: torch.cat([c**power for power in range(1, order + 1)], -1))
    return powers.inner(torch.cat(by_power[1:], 1)) + by_power[0].sum(1, keepdim=True)


def _size(centre: Float[Tensor, "b d"], factor: tuple[Tensor, ...]) -> Float[Tensor, "b 1"]:
    """How large what cancels in such a polynomial is, of candidates near the centre."""
    parts = [a.abs() * (2 * centre.abs()) ** p for p, a in enumerate(factor, 1)]
    return torch.stack(parts).sum((0, 2))[:, None]


class TransH(Decoder):
    r"""The TransH decoder from `"Knowledge Graph Embedding by Translating on Hyperplanes"
    <https://ojs.aaai.org/index.php/AAAI/article/view/8870>`_: a relation projects head and tail onto its hyperplane and
    moves the one projection onto the other, so that one head may have many tails,

    .. math::
        s(h, r, t) = -\lVert \mathbf{h} - (\mathbf{w}_r^{\top} \mathbf{h}) \, \mathbf{w}_r + \mathbf{d}_r
            - \mathbf{t} + (\mathbf{w}_r^{\top} \mathbf{t}) \, \mathbf{w}_r \rVert_p , \qquad
        \lVert \mathbf{w}_r \rVert_2 = 1 ,

    so a tied inverse relation is :math:`-\mathbf{d}_r` on the same hyperplane. Normals are divided by their length at
    every use. The paper squares the norm; here it is not squared. Margins belong to the loss. The paper has a penalty
    for :math:`\mathbf{d}_r` outside the hyperplane and for entities longer than 1:
    :class:`~gnnneg.penalties.SoftConstraints`.

    Cost: see :class:`Hyperplane`. With :math:`p = 1` there is no kernel, and vectors are made.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the node vectors.
        p (int): Order of the norm, 1 or 2. (default: :obj:`2`)
        bound (float, optional): Translations start uniform in :math:`[-\text{bound}, \text{bound}]`; :obj:`None` is
            :math:`6 / \sqrt{d}`, as for :class:`~gnnneg.decoders.TransE`. (default: :obj:`None`)
        reciprocal (bool): Whether inverse relations have their own parameters. (default: :obj:`False`)

    Raises:
        ValueError: If the order is neither 1 nor 2.
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
        widths("TransH", hidden_channels=hidden_channels)
        table("TransH", num_relations=num_relations, hidden_channels=hidden_channels)
        not_negative("TransH", bound=bound)
        self.num_relations = num_relations
        self.bound = 6 / math.sqrt(hidden_channels) if bound is None else bound
        self.similarity = Hyperplane(p)
        self.relation = Relations(num_relations, 2 * hidden_channels, reciprocal)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new normals, of length 1 and in any direction, and new translations."""
        normal, move = self.relation.weight.detach().chunk(2, dim=1)
        normal.copy_(F.normalize(torch.randn_like(normal), dim=1))
        nn.init.uniform_(move, -self.bound, self.bound)

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        row, inverse = self.relation(rel_type)
        normal, move = row.chunk(2, dim=1)
        normal = F.normalize(normal, dim=1)
        return torch.cat([flat(anchor, normal) + torch.where(inverse, -move, move), normal], dim=1)

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        _, move = self.relation(rel_type)[0].chunk(2, dim=1)
        return anchor.abs(), move.abs(), candidate.abs()  # a normal has length 1

    def limits(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b x"], Float[Tensor, "b y"]]:
        normal, move = self.relation(rel_type)[0].chunk(2, dim=1)
        cosine = (F.normalize(normal, dim=1) * F.normalize(move, dim=1)).sum(1, keepdim=True)
        return torch.stack([anchor, candidate], 1).square().sum(2), cosine.square()
