"""Mutations whose negatives are drawn for them alone."""

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
    """A generator that changes negatives of its own draw, and not those of the task's plain term.

    The text of :class:`~gnnneg.generators.EMU`'s paper has both of its terms over the same negatives, as here a task
    without this. The released code draws uniform entities for each term anew, with the known answers among them:
    ``Redrawn(EMU(0.61, label=0.53), Uniform(num_nodes, 256))`` beside a task whose sampler is the same.

    The sampler looks at the task's own model, also where the task's sampler looks at another (:class:`Dual`), and what
    it learns is its own affair. Two samplers with a memory of their own (:class:`PreBatch`, :class:`Cached`) remember
    apart.

    Cost: the sampler's, and the generator's, which finds nothing computed of the plain term.

    Args:
        rng (Generator): Changes negatives, such as :class:`EMU`, :class:`MatchedEMU` or :class:`Mixup`.
        sampler (Sampler): Draws them.

    Raises:
        UserError: If the generator changes no negatives, but makes or draws its own; if the sampler is
            :class:`~gnnneg.samplers.NoiseContrastive`.
    """

    draws_entities = True

    def __init__(self, generator: Generator, sampler: Sampler):
        super().__init__()
        name = type(generator).__name__
        if generator.kinds() or generator.draws_entities:
            raise UserError(
                f"Redrawn: {name} has negatives of its own, whatever is drawn: leave Redrawn out, or give it a "
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
        """As they are scored, but that those which are there stand, again, in the places of a query's absent ones."""
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
