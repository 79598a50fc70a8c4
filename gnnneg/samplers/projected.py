"""The nearest entities of generated vectors."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import whole
from gnnneg.errors import UserError
from gnnneg.interfaces import Drawn, Generator, Sampler, Scorer
from gnnneg.nearest import nearest
from gnnneg.records import Negatives, Query, ones


class Projected(Sampler):
    r"""Takes, for each vector that a generator makes, the nearest entity,

    .. math::
        j = \arg\min_e \lVert \hat{\mathbf{z}} - \mathbf{e}_e \rVert_2 .

    Nobody can know whether a vector without an entity is a true answer. For entities this is known, so
    ``Filtered(Projected(DANS()))`` contains no known answer, and ``gnnneg negatives`` shows the names. The entities are
    looked up like any other candidate, so the model learns the entity's own vector, which a generated vector does not
    change.

    A generator that learns at each call does so here too. One that learns through the task's optimiser
    (:class:`~gnnneg.generators.LearnedEMU`) does not learn here. Cost: the generator's, and :math:`b m n d`.

    Args:
        rng (Generator): Makes vectors.
        num_nodes (int): Number of entities.
        proposal (Sampler, optional): The negatives for a generator that changes sampled ones, such as
            :class:`~gnnneg.generators.EMU`. (default: :obj:`None`, for generators that make their own)

    Raises:
        UserError: When called, if the generator needs a proposal and there is none, or entities have no vectors of
            their own (NBFNet).
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
