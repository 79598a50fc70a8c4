"""Mutations with negatives of their own."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from gnnneg.errors import UserError
from gnnneg.interfaces import Drawn, Generator, Sampler
from gnnneg.records import Made


class Redrawn(Generator):
    """Draws separate negatives for a generator, instead of those of the task's plain term.

    In the text of :class:`~gnnneg.generators.EMU`'s paper both terms have the same negatives, as in a task without this
    class. The released code draws new uniform entities for each term, including known answers: ``Redrawn(EMU(0.61,
    soft_label=0.53), Uniform(num_nodes, 256))`` in a task with the same sampler.

    The sampler's critic is the task's own model, even if the task's sampler has another critic (:class:`Dual`). It
    learns separately. Two samplers with a memory (:class:`PreBatch`, :class:`Cached`) have separate memories.

    Cost: the sampler's, and the generator's, which can reuse nothing from the plain term.

    Args:
        rng (Generator): A generator that changes negatives, such as :class:`EMU`, :class:`MatchedEMU` or
            :class:`Mixup`.
        sampler (Sampler): Draws them.

    Raises:
        UserError: If the generator makes or draws its own negatives instead of changing given ones; if the sampler is
            :class:`~gnnneg.samplers.NoiseContrastive`.
    """

    draws_entities = True

    def __init__(self, generator: Generator, sampler: Sampler):
        super().__init__()
        name = type(generator).__name__
        if generator.kinds() or generator.draws_entities:
            raise UserError(
                f"Redrawn: {name} makes its own negatives and uses no drawn ones: leave Redrawn out, or give it a "
                "generator that changes drawn ones, such as EMU."
            )
        noisy = [part for part in sampler.modules() if isinstance(part, Sampler) and part.gives_noise]
        if noisy:
            raise UserError(
                f"Redrawn: {type(noisy[0]).__name__} does not know how probable changed negatives are: use Corrected."
            )
        self.generator, self.sampler = generator, sampler

    def forward(self, drawn: Drawn) -> Made:
        return self.generator(self._redrawn(drawn))

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        """The scored vectors; in the places of a query's absent negatives its present ones are repeated."""
        own = self._redrawn(drawn)
        vectors = self.generator.vectors(own)
        there = (own.negatives.weight > 0).expand(vectors.shape[:2])
        place = torch.arange(there.size(1), device=there.device) % there.sum(1, keepdim=True).clamp(min=1)
        column = there.byte().sort(dim=1, descending=True, stable=True).indices.gather(1, place)
        return vectors.gather(1, column[:, :, None].expand(-1, -1, vectors.size(2)))

    def _redrawn(self, drawn: Drawn) -> Drawn:
        return replace(drawn, negatives=self.sampler(drawn.query, drawn.target, drawn.scorer, drawn.rng))

    def trained(self) -> Iterator[Parameter]:
        yield from self.generator.trained()
