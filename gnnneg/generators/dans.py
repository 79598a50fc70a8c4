"""Two networks that make negatives, from the anchor and from the query vector, and a discriminator."""

import copy
from collections.abc import Iterator
from dataclasses import fields
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import Parameter

from gnnneg.checks import draws, fraction, not_negative, whole, widths
from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.generators.adversary import AUXILIARY, PULL, Adversary, AsReleased
from gnnneg.generators.film import Discriminator, Pathway
from gnnneg.generators.watch import Watch
from gnnneg.interfaces import Drawn, Generator
from gnnneg.records import Made, ones
from gnnneg.stateful import Counts, OwnOptimizer

PACE = 0.1  # share of a batch in the running root mean squares
BETAS = 0.5, 0.999


class DANS(Counts, OwnOptimizer, Generator):
    r"""Negatives from two adversarially trained networks (pathways), of `"Diversified and Adaptive Negative Sampling on
    Knowledge Graphs" <https://arxiv.org/abs/2410.07592>`_.

    One pathway has the anchor as its condition, :math:`\mathbf{c}_E = \mathbf{a}`, the other the query vector,
    :math:`\mathbf{c}_R = \mathbf{a} \otimes \mathbf{r}` (:meth:`~gnnneg.interfaces.Scorer.composed`: a product for
    DistMult, a complex product for ComplEx, a rotation for RotatE). Each draws :math:`\mathbf{x} \sim
    \mathcal{N}(\mathbf{c}, \sigma^2 \mathbf{I})` and passes it through two hidden layers, each modulated by the
    condition (FiLM),

    .. math::
        \mathbf{a} \leftarrow \alpha(\mathbf{c}) \odot \mathbf{a} + \mathbf{b}(\mathbf{c}) .

    A discriminator :math:`D` tells real from generated vectors, and :math:`D'` tells the two pathways apart:

    .. math::
        L_G &= -\ln D(\hat{\mathbf{z}})
            + \lambda \bigl( \lVert \alpha - 1 \rVert^2 + \lVert \mathbf{b} \rVert^2 \bigr) \\
        L_D &= -\ln D(\mathbf{z}^+) - \ln (1 - D(\hat{\mathbf{z}})) - \mu \ln D'(\text{source} \mid \hat{\mathbf{z}}) .

    It learns at each call in training mode: first the pathways, then the discriminator
    (:class:`~gnnneg.generators.adversary.Adversary`), all from one batch, with new noise for each step. None of this
    changes the model, and the model's gradient stops at the generated vectors.

    **Scale.** The paper's vectors are within :math:`(-1, 1)`, and its settings fit coordinates of about unit size. So
    all networks see vectors divided by a running root mean square (one each for targets, anchors and query vectors),
    and the output is :math:`3 \tanh(\tfrac{1}{3} \cdot)` in units of the targets. If a model's vectors are ten times as
    long, so are the generated ones.

    Cost: with width :math:`w` and :math:`m` vectors in all, about :math:`b m w (2 d + w)` multiplications to make them
    and four times that to learn with one step of each, for any number of entities. Every 100 batches 128 generated
    vectors are compared with all entities.

    **Monitoring.** :meth:`monitored` has the values to watch. There is a warning if at three checks in a row a
    pathway's effective rank is below 1.5 (and that of entities is not), the discriminator's accuracy is above .99, or
    it gives more than .99 of all vectors the same answer. An accuracy of .5 is the goal, so it gives no warning.

    Args:
        known (KnownAnswers): Training facts, to count generated negatives whose nearest entity is a known answer.
        hidden_channels (int): Width :math:`d` of the node vectors.
        entity (int): Negatives of the anchor's pathway for each query; 0 leaves it out. (default: :obj:`5`)
        relation (int): Negatives of the other pathway; 0 leaves it out. (default: :obj:`5`)
        width (int): Width :math:`w` of hidden layers. (default: :obj:`100`)
        sigma (float): :math:`\sigma`. (default: :obj:`0.01`)
        film (bool): Whether hidden layers are modulated. (default: :obj:`True`)
        adversary (Adversary, optional): Settings of the discriminator and of all training steps.
            (default: :obj:`Adversary()`)
        soft_label (float): Soft label of the generated negatives. (default: :obj:`0.0`)
        scale (float): Weight of the term. With 1, and a loss that sums over negatives, each counts as much as a sampled
            one. (default: :obj:`1.0`)
        as_released (AsReleased, optional): Where to follow the released code. (default: :obj:`None`, nowhere)

    Raises:
        UserError: If a number is out of range, or an option would change nothing; when called, if the model's vectors
            have another width, or it has no query vector in the entities' space.
    """

    renamed: ClassVar = {
        "label": "soft_label",
        "faults": "as_released",
        **{option.name: f"adversary.{option.name}" for option in fields(Adversary)},
    }
    counts = ("asked",)
    unit: Tensor
    asked: Tensor

    def __init__(
        self,
        known: KnownAnswers,
        hidden_channels: int,
        entity: int = 5,
        relation: int = 5,
        width: int = 100,
        sigma: float = 0.01,
        film: bool = True,
        adversary: Adversary = Adversary(),  # noqa: B008
        soft_label: float = 0.0,
        scale: float = 1.0,
        as_released: AsReleased | None = None,
    ):
        super().__init__()
        widths("DANS", hidden_channels=hidden_channels, width=width)
        whole("DANS", 0, entity=entity, relation=relation)
        draws("DANS", **{"entity + relation": entity + relation})
        not_negative("DANS", sigma=sigma, scale=scale)
        fraction("DANS", soft_label=soft_label)
        released = as_released or AsReleased()
        _refuse_idle(entity, relation, film, adversary, released)
        self.known, self.hidden_channels = known, hidden_channels
        self.entity, self.relation, self.width, self.sigma, self.film = entity, relation, width, sigma, film
        self.adversary, self.as_released = adversary, released
        self.soft_label, self.scale = soft_label, scale
        self.count = {name: count for name, count in (("entity", entity), ("relation", relation)) if count}
        layers = hidden_channels, width, film, released.frozen_film, released.batch_norm
        self.pathways = nn.ModuleDict({name: Pathway(*layers) for name in self.count})
        self.averaged = copy.deepcopy(self.pathways).requires_grad_(False) if adversary.average else None
        self.discriminator = Discriminator(hidden_channels * (1 + adversary.conditional), width, adversary.hinge)
        self.register_buffer("unit", torch.zeros(3))  # of targets, anchors and query vectors; 0 before the first
        self.register_buffer("asked", torch.zeros((), dtype=torch.long))
        self.watch = Watch("DANS", known)

    def new_optimizer(self) -> torch.optim.Optimizer:
        made = [weight for weight in self.pathways.parameters() if weight.requires_grad]
        rates = (made, self.adversary.lr), (self.discriminator.parameters(), self.adversary.discriminator_lr)
        return torch.optim.Adam([{"params": some, "lr": lr} for some, lr in rates], betas=BETAS, fused=True)

    def forward(self, drawn: Drawn) -> Made:
        return Made(drawn.scorer.decode(self.vectors(drawn)), ones(drawn.target[:, None]), self.soft_label, self.scale)

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        attached = self.as_released.attached and torch.is_grad_enabled()
        with torch.autocast(drawn.target.device.type, enabled=False):
            real, given, unit = self._given(drawn)
            if self.training and int(self.asked) % self.adversary.every == 0:
                held = {name: vector.detach() for name, vector in given.items()}
                with torch.enable_grad():
                    made, seen = self._learn(real, held, drawn.rng)
                real_size = {name: unit * vectors for name, vectors in made.items()}
                self.watch(seen, drawn.scorer, drawn.query, unit * real, real_size)
            self.asked += self.training
            with torch.set_grad_enabled(attached):
                made = self._make(self.averaged or self.pathways, given, drawn.rng, held=True)[0]
                if self.as_released.one_pathway and self.entity:
                    again = -(-self.entity // self.relation)
                    made["entity"] = made["relation"].repeat(1, again, 1)[:, : self.entity]
                return unit * torch.cat(list(made.values()), dim=1)

    def kinds(self) -> dict[str, int]:
        return self.count

    def trained(self) -> Iterator[Parameter]:
        yield from ()

    def monitored(self) -> dict[str, float]:
        r"""The values to watch, as running means over some hundred batches or as last seen.

        * ``discriminator``: the mean of its accuracies on real and on generated vectors. Near 1 the pathways have
          failed, towards .5 their vectors pass as real.
        * ``pathways``: the share of generated vectors whose pathway it recognises; only with two pathways that are told
          apart.
        * ``film``: the root mean square of :math:`\alpha - 1` and :math:`\mathbf{b}`; only if layers are modulated.
        * ``rank``: the effective rank of a batch's vectors of the less varied pathway; ``rank_of_real`` is that of the
          batch's targets.
        * ``known``: the share of generated vectors whose nearest entity is a known answer; only if entities have
          vectors of their own (in NBFNet they have none).
        """
        alone = len(self.count) < 2 or not self.adversary.auxiliary
        absent = {"called_real": True, "film": not self.film, "pathways": alone}
        return {name: value for name, value in self.watch.monitored().items() if not absent.get(name)}

    def _given(self, drawn: Drawn) -> tuple[Float[Tensor, "b d"], dict[str, Tensor], Float[Tensor, ""]]:
        """The targets' vectors and the conditions, each divided by its usual size, and the targets' usual size."""
        scorer, query, real = drawn.scorer, drawn.query, drawn.positive.detach().float()
        if real.size(1) != self.hidden_channels:
            raise UserError(f"DANS has {self.hidden_channels} hidden_channels, the model's vectors {real.size(1)}.")
        given = {"entity": scorer.anchors(query).float()}
        if self.relation or self.adversary.conditional:
            composed = scorer.composed()
            if composed is None:
                raise UserError(
                    "DANS needs a query vector in the entities' space, and this model makes no vector of the entities' "
                    "space from anchor and relation: use DistMult, ComplEx, RotatE, TransE or RESCAL, or give DANS "
                    "relation=0 and its adversary conditional=False."
                )
            given["relation"] = composed.float()
            if self.as_released.reciprocal:
                # for DistMult the anchor over the relation, whatever is near zero
                turned = given["entity"].square() / given["relation"]
                head = query.rel_type >= self.known.num_relations
                given["relation"] = torch.where(head[:, None], turned, given["relation"])
        if not self.as_released.attached:
            given = {name: vector.detach() for name, vector in given.items()}
        seen = [real, *given.values()]
        with torch.no_grad():
            size = torch.stack([vector.detach().square().mean().sqrt() for vector in seen])
            size = F.pad(size, (0, 3 - len(seen))).clamp(min=torch.finfo(size.dtype).tiny)
            pace = PACE if self.training else 0.0
            unit = torch.where(self.unit > 0, self.unit.lerp(size, pace), size)
            if self.training:
                self.unit.copy_(unit)
        real, *rest = (vector / one for vector, one in zip(seen, unit))
        return real, dict(zip(given, rest)), unit[0]

    def _make(
        self,
        pathways: nn.ModuleDict,
        given: dict[str, Tensor],
        rng: torch.Generator | None,
        held: bool = False,
        most: int | None = None,
    ) -> tuple[dict[str, Float[Tensor, "b m d"]], Float[Tensor, "b"]]:
        """The vectors of each pathway, and the total distance of the modulation from the identity; with ``held``
        weights get no gradient; ``most`` limits the vectors of each.
        """
        made, away = {}, torch.zeros((), device=self.unit.device)
        for name, count in self.count.items():
            condition, network = given[name], pathways[name]
            size = len(condition), min(count, most or count), self.hidden_channels
            noise = self.sigma * torch.randn(size, generator=rng, device=condition.device)
            weights = {key: weight.detach() for key, weight in network.named_parameters()} if held else {}
            made[name], far = functional_call(network, weights, (condition, noise))
            away = away + far
        return made, away

    def _learn(
        self, real: Float[Tensor, "b d"], given: dict[str, Float[Tensor, "b d"]], rng: torch.Generator | None
    ) -> tuple[dict[str, Float[Tensor, "b m d"]], Float[Tensor, "4"]]:
        """The pathways' steps, then the discriminator's; returns the last generated vectors and the values to watch."""
        makers, judge = (group["params"] for group in self.optimizer.param_groups)
        game = self.adversary
        for _ in range(game.generator_steps):
            made, away = self._make(self.pathways, given, rng, most=game.learns)
            loss = game.pull * away.mean()
            for vectors in made.values():  # each pathway's own mean: they share no weights
                logit = self._judged(vectors, given)[..., 0]
                loss = loss + (-logit if game.hinge else F.softplus(-logit)).mean()
            self.descend(loss, makers)
            if self.averaged is not None:
                with torch.no_grad():
                    for mean, now in zip(self.averaged.parameters(), self.pathways.parameters()):
                        mean.lerp_(now, 1 - game.average)
        for _ in range(game.steps):
            with torch.no_grad():
                made = self._make(self.pathways, given, rng, most=game.learns)[0]
            loss, seen = self._doubt(real, made, given)
            self.descend(loss, judge)
        film = (away.detach().mean() / (4 * self.width * len(made))).sqrt()
        return made, torch.cat([seen, film[None]])

    def _doubt(
        self, real: Float[Tensor, "b d"], made: dict[str, Float[Tensor, "b m d"]], given: dict[str, Tensor]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "3"]]:
        """The discriminator's loss, the accuracies of both heads, and the share of vectors that it calls real."""
        true = self._judged(real[:, None], given)[..., 0]
        false, source = self._judged(torch.cat(list(made.values()), dim=1), given).unbind(-1)
        if self.adversary.hinge:
            loss = F.relu(1 - true).mean() + F.relu(1 + false).mean()
        else:
            loss = F.softplus(-true).mean() + F.softplus(false).mean()
        by_entity = made["entity"].size(1) if "entity" in made else 0
        first = torch.arange(source.size(1), device=source.device) < by_entity
        if self.adversary.auxiliary and len(made) > 1:
            cost = F.binary_cross_entropy_with_logits(source, first.expand_as(source).float())
            loss = loss + self.adversary.auxiliary * cost
        called, wrongly, told = (bits.float().mean() for bits in (true >= 0, false >= 0, (source > 0) == first))
        return loss, torch.stack([(called + 1 - wrongly) / 2, told, (called + wrongly) / 2])

    def _judged(self, vectors: Float[Tensor, "b m d"], given: dict[str, Tensor]) -> Float[Tensor, "b m 2"]:
        """The discriminator's logits."""
        if self.adversary.conditional:
            vectors = torch.cat([vectors, given["relation"][:, None].expand_as(vectors)], dim=2)
        return self.discriminator(vectors)


def _refuse_idle(entity: int, relation: int, film: bool, adversary: Adversary, released: AsReleased) -> None:
    """Refuses given options that would change nothing.

    Raises:
        UserError: If there is such an option.
    """
    pull, auxiliary = adversary.pull, adversary.auxiliary
    both = entity and relation
    if pull not in (0, PULL) and (not film or released.frozen_film):
        raise UserError(f"DANS(adversary.pull={pull}) pulls back a modulation that does not learn: leave pull out.")
    if auxiliary not in (0, AUXILIARY) and not both:
        raise UserError(
            f"DANS(adversary.auxiliary={auxiliary}) tells two pathways apart, and there is one: leave auxiliary out."
        )
    if released.one_pathway and not both:
        raise UserError(
            f"DANS(entity={entity}, relation={relation}): one_pathway replaces the vectors of one pathway by those "
            "of the other: give at least 1 each."
        )
    if released.frozen_film and not film:
        raise UserError("DANS(film=False) has no modulation, so frozen_film has no effect: leave one out.")
    if released.reciprocal and not (relation or adversary.conditional):
        raise UserError("DANS(relation=0) does not use what reciprocal changes: leave one out.")
