"""Entities that are similar to the target."""

from fractions import Fraction
from math import ceil

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import draws, finite, whole
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.memory import refuse_beyond, spoken
from gnnneg.nearest import nearest
from gnnneg.records import Negatives, Query, ones
from gnnneg.stateful import Counts

PRODUCTS = 10**14  # that a search may take: half an hour of two cores
DEVICE = 100  # times as many on a device, which is so much faster
BYTES = 4 + 16  # of an entry of the table, and of what the search for it holds besides


class Nearest(Counts, Sampler):
    r"""Draws from the entities whose vectors are most similar to the target's, all with equal probability.

    If ``num_neighbors`` is a number of entities, these are the *nearest neighbour* negatives of `"Analysis of the
    Impact of Negative Sampling on Link Prediction in Knowledge Graphs" <https://arxiv.org/abs/1708.06816>`_ (there with
    a teacher's vectors: wrap in :class:`WithCritic`). If it is a share of all entities, :math:`1 - \epsilon`, this is
    the truncated sampling of `"Bootstrapping Entity Alignment" <https://www.ijcai.org/proceedings/2018/611>`_.

    Similarity is the cosine. Neighbours are found exactly, chunk by chunk, at the first draw and every ``refresh``
    draws in training. Cost: :math:`n^2 d` for each search; a draw is a look-up, for any number of entities. A table of
    ``num_nodes x num_neighbors`` numbers of four bytes, 200 bytes an entity with 50 neighbours, in checkpoints too.

    Args:
        num_nodes (int): Number of entities.
        num_negatives (int): Candidates per query.
        num_neighbors (int or float): The number of neighbours or, below 1, their share of all entities.
            (default: :obj:`50`)
        refresh (int, optional): Number of draws between two searches. (default: :obj:`None`, never)

    Raises:
        UserError: If there are fewer other entities, or the table would take more memory than is free; when called, if
            entities have no vectors of their own (NBFNet; use another model's with :class:`WithCritic`), or if the
            search would take more than 10\ :sup:`14` products, a hundred times as many on a device.
    """

    one_process = "compares every entity with all others"
    counts = ("draws",)
    renamed = {"neighbours": "num_neighbors"}
    table: Tensor
    draws: Tensor

    def __init__(self, num_nodes: int, num_negatives: int, num_neighbors: int | float = 50, refresh: int | None = None):
        super().__init__()
        whole("Nearest", num_nodes=num_nodes, refresh=refresh)
        draws("Nearest", num_negatives=num_negatives)
        finite("Nearest", num_neighbors=num_neighbors)
        # the share as it is written: a tenth of 30 are 3, and not a rounding more
        size = ceil(Fraction(str(num_neighbors)) * num_nodes) if isinstance(num_neighbors, float) else num_neighbors
        if not 0 < size < num_nodes:  # a share of 1 or more is all of them, or more
            raise UserError(
                f"Nearest(num_neighbors={num_neighbors}) of {num_nodes} entities: give 1 to {num_nodes - 1}, or a "
                "share below 1."
            )
        refuse_beyond(
            num_nodes * size * BYTES,
            f"Nearest: a table of {num_nodes:,} entities' {size:,} neighbors, and the search for it,",
            "lower num_neighbors, or use Hardest(Uniform(num_negatives=256), k), which looks at no table",
        )
        self.num_nodes, self.num_negatives, self.refresh = num_nodes, num_negatives, refresh
        self.register_buffer("table", torch.zeros(num_nodes, size, dtype=torch.int32))
        self.register_buffer("draws", torch.zeros((), dtype=torch.long))

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        table = self._table(critic)
        if self.training:
            self.table, self.draws = table, self.draws + 1
        size = (len(target), self.num_negatives)
        place = torch.randint(table.size(1), size, generator=rng, device=target.device)
        index = table[target].gather(1, place).long()
        return Negatives(index, ones(index))

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        # of the draw that was made: before the next one the table may be found anew
        near = (self.table if int(self.draws) else self._find(critic))[target].long()
        near, index = near.sort(dim=1).values, index.expand(len(target), -1).contiguous()
        place = torch.searchsorted(near, index).clamp(max=near.size(1) - 1)
        chance = torch.zeros(index.shape, device=target.device).masked_fill(
            near.gather(1, place) == index, 1 / near.size(1)
        )
        return chance.log()

    def _table(self, critic: Scorer) -> Int[Tensor, "n m"]:
        draws = int(self.draws)
        due = draws == 0 or (self.training and self.refresh is not None and draws % self.refresh == 0)
        return self._find(critic) if due else self.table

    def _find(self, critic: Scorer) -> Int[Tensor, "n m"]:
        def unit(some: Int[Tensor, "c"]) -> Float[Tensor, "c d"]:
            return F.normalize(critic.own_vectors(some, "Nearest").float(), dim=1)

        every = torch.arange(self.num_nodes, device=self.table.device)
        with torch.no_grad():
            self._refuse(unit(every[:1]).size(1))
            return nearest(unit(every), unit, self.num_nodes, self.table.size(1), itself=every).int()

    def _refuse(self, width: int) -> None:
        """Refuses a search that would take hours."""
        products = self.num_nodes**2 * width
        if products > PRODUCTS * (1 if self.table.device.type == "cpu" else DEVICE):
            raise UserError(
                f"Nearest: the nearest of {self.num_nodes:,} entities of width {width} would take {products:.1e} "
                f"products each time they are looked for, and {spoken(self.table.numel() * BYTES)} of memory: use "
                "Hardest(Uniform(num_negatives=256), k), or Cached, whose steps cost the same whatever the number of "
                "entities."
            )
