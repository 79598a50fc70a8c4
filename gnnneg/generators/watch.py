"""The state of an adversarial generator, and a warning when it has collapsed."""

import math
import warnings
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Scorer
from gnnneg.nearest import nearest
from gnnneg.records import Query
from gnnneg.spectrum import effective_rank
from gnnneg.stateful import Counts

EVERY = 100  # batches between looks at what is made
VARIED, NEIGHBOURED = 512, 128  # vectors whose rank is looked at, and whose nearest entity
SLOWLY = 0.01  # share of a batch in running means
PATIENCE = 3  # looks in a row that must be bad before it is said
COMPLAINTS = 3  # kinds of them


class Watch(Counts):
    """Running means of values of every step, and a check of the generated vectors every 100 batches.

    Args:
        name (str): The generator, for warnings.
        known (KnownAnswers): Training facts.
    """

    counts, newer = ("batches", "bad", "said"), ("bad", "said")
    batches: Tensor
    bad: Tensor
    """For each warning, the number of checks in a row at which there was cause for it."""
    said: Tensor
    """Whether it was given: once in a run, even if the run is resumed."""
    means: Tensor
    looked: Tensor

    def __init__(self, name: str, known: KnownAnswers):
        super().__init__()
        self.name, self.known = name, known
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))
        self.register_buffer("means", torch.zeros(4))
        self.register_buffer("looked", torch.zeros(3))
        self.register_buffer("bad", torch.zeros(COMPLAINTS, dtype=torch.long))
        self.register_buffer("said", torch.zeros(COMPLAINTS, dtype=torch.bool))

    def forward(
        self,
        step: Float[Tensor, "4"],
        scorer: Scorer,
        query: Query,
        real: Float[Tensor, "b d"],
        made: dict[str, Float[Tensor, "b m d"]],
    ) -> None:
        """Records one batch.

        Args:
            step (torch.Tensor): The accuracies of the discriminator and of its auxiliary head; the share of all vectors
                that it called real; the distance of the modulation from the identity.
            scorer (Scorer): Gives the entities' own vectors, if there are any.
            query (Query): The queries.
            real (torch.Tensor): The targets' vectors, ``(b, d)``.
            made (dict): The vectors of each pathway, ``(b, m, d)``.
        """
        batches = int(self.batches)
        self.means.lerp_(step, max(SLOWLY, 1 / (1 + batches)))
        self.batches += 1
        if batches % EVERY:
            return
        with torch.no_grad():
            varied = [effective_rank(some(vectors.flatten(0, 1), VARIED)) for vectors in made.values()]
            self.looked[0] = torch.stack(varied).min()
            self.looked[1] = effective_rank(some(real, VARIED))
            # where entities have no vectors of their own, none of them is the nearest
            known = (
                self._known(scorer, query, torch.cat(list(made.values()), dim=1)) if scorer.has_vectors else torch.nan
            )
            self.looked[2] = known
        for place, (is_bad, words) in enumerate(self._complaints()):
            self.bad[place] = (int(self.bad[place]) + 1) * is_bad
            if int(self.bad[place]) >= PATIENCE and not self.said[place]:
                self.said[place] = True
                warnings.warn(words, stacklevel=2)

    def monitored(self) -> dict[str, float]:
        """The values that :meth:`DANS.monitored` explains; none before the first batch, and no ``known`` if entities
        have no vectors of their own (NBFNet).
        """
        if not int(self.batches):
            return {}
        names = "discriminator", "pathways", "called_real", "film", "rank", "rank_of_real", "known"
        found = dict(zip(names, [*self.means.tolist(), *self.looked.tolist()]))
        return {name: value for name, value in found.items() if name != "known" or not math.isnan(value)}

    def _known(self, scorer: Scorer, query: Query, made: Float[Tensor, "b m d"]) -> Float[Tensor, ""]:
        """The share of vectors whose nearest entity is a known answer."""
        row = some(torch.arange(len(made), device=made.device), max(1, NEIGHBOURED // made.size(1)))

        def embed(index: Int[Tensor, "c"]) -> Float[Tensor, "c d"]:
            return scorer.own_vectors(index, "Watch").float()

        index = nearest(made[row].flatten(0, 1), embed, scorer.num_candidates or self.known.num_nodes).view(
            len(row), -1
        )
        return self.known.contains(Query(query.anchor[row], query.rel_type[row]), index).float().mean()

    def _complaints(self) -> Iterator[tuple[bool, str]]:
        """For each possible fault whether it is there, and what to do about it."""
        now = self.monitored()
        right, rank, real = now["discriminator"], now["rank"], now["rank_of_real"]
        yield (
            rank < min(1.5, 1 + (real - 1) / 4),  # entities too may lie along one line
            f"{self.name} makes nearly the same vector for every query (effective rank {rank:.2f}, of entities "
            f"{real:.2f}): lower its adversary's lr, or set its conditional or hinge.",
        )
        yield (
            right > 0.99,
            f"{self.name}'s discriminator is always right (accuracy {right:.3f}), so the generated vectors are no "
            "better than random ones: lower its adversary's discriminator_lr or steps, or raise its generator_steps.",
        )
        yield (
            abs(now["called_real"] - 0.5) > 0.49,
            f"{self.name}'s discriminator gives all vectors the same answer (accuracy {right:.3f}), so the pathways "
            "learn nothing from it: raise its adversary's discriminator_lr, or lower its lr.",
        )


def some(vector: Tensor, size: int) -> Tensor:
    """At most so many rows, at even distances."""
    size = min(size, len(vector))
    return vector[torch.arange(size, device=vector.device) * len(vector) // size]
