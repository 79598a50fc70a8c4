"""Made vectors, as the entities they are nearest to."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import whole
from gnnneg.errors import UserError
from gnnneg.interfaces import Drawn, Generator, Sampler, Scorer
from gnnneg.nearest import nearest
from gnnneg.records import Negatives, Query, ones


class Projected(Sampler):
    r"""For each vector that a generator makes, the entity whose own is nearest,

    .. math::
        j = \arg\min_e \lVert \hat{\mathbf{z}} - \mathbf{e}_e \rVert_2 .

    What belongs to no entity cannot be known to be true; these can, so that ``Filtered(Projected(DANS()))`` has no
    known answer among them, and ``gnnneg negatives`` shows them by name. They are looked up like any other candidate:
    the model learns the entity's own vector, which a made one leaves alone.

    A generator that learns when it is asked does so here too; one that waits for the task's optimiser
    (:class:`~gnnneg.generators.LearnedEMU`) stays as it is. Cost: the generator's, and :math:`b m n d`.

    Args:
        rng (Generator): Makes vectors.
        num_nodes (int): Number of entities.
        proposal (Sampler, optional): What a generator that changes sampled negatives, such as
            :class:`~gnnneg.generators.EMU`, is to change. (default: :obj:`None`, for those that make their own)

    Raises:
        UserError: When called, if the generator makes nothing without a proposal, or entities have no vectors of their
            own (NBFNet).
    """

    def __init__(self, generator: Generator, num_nodes: int, proposal: Sampler | None = None):
        super().__init__()
        whole("Projected", num_nodes=num_nodes)
        self.generator, self.num_nodes, self.proposal = generator, num_nodes, proposal

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        if self.proposal is None:
            empty = target.new_zeros(1, 0)
            offered = Negatives(empty, ones(empty))
        else:
            offered = self.proposal(query, target, critic, rng)
        with torch.no_grad(), torch.autocast(target.device.type, enabled=False):
            made = self.generator.vectors(Drawn(critic, query, target, offered, rng)).float()
            if not made.size(1):
                name = type(self.generator).__name__
                raise UserError(f"Projected: {name} changes sampled negatives, so give it a proposal to change.")
            found = nearest(
                made.flatten(0, 1), lambda some: critic.own_vectors(some, "Projected").float(), self.num_nodes
            )
        index = found.view(made.shape[:2])
        weight = offered.weight if offered.index.size(1) == index.size(1) else ones(index)
        return Negatives(index, weight)
