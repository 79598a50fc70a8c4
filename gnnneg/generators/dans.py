"""Two networks that make negatives, from the anchor and from what the relation makes of it, and one that judges."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import Parameter

from gnnneg.checks import LONGEST, draws, not_negative, step_size, whole, widths
from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.generators.film import Discriminator, Pathway
from gnnneg.generators.watch import Watch
from gnnneg.interfaces import Counts, Generator, OwnOptimizer, Scorer
from gnnneg.records import Made, Negatives, Query

PACE = 0.1  # share of a batch in the running root mean squares
BETAS = 0.5, 0.999
PULL, AUXILIARY = 1e-4, 1.0  # where nothing else is said


@dataclass(frozen=True)
class Faults:
    """What the release of DANS does otherwise than its paper, each to be tried alone. Its auxiliary loss, which is
    always zero, is ``auxiliary=0``.

    Args:
        one_pathway (bool): Both halves of the negatives are those of the relation's pathway. (default: :obj:`False`)
        frozen_film (bool): The modulation stays as two networks happen to start, far from the identity.
            (default: :obj:`False`)
        batch_norm (bool): Hidden layers are normalised over the batch, with 0.8 added to the variance, where it was
            meant as the momentum. (default: :obj:`False`)
        reciprocal (bool): Where the head is asked, the relation's coordinates are divided by instead of multiplied
            with, as only DistMult has them. (default: :obj:`False`)
        attached (bool): The model's loss has a gradient through the pathways, held fixed, to the encodings they are
            conditioned on. (default: :obj:`False`)
    """

    one_pathway: bool = False
    frozen_film: bool = False
    batch_norm: bool = False
    reciprocal: bool = False
    attached: bool = False


class DANS(Counts, OwnOptimizer, Generator):
    r"""Negatives from two pathways, of `"Diversified and Adaptive Negative Sampling on Knowledge Graphs"
    <https://arxiv.org/abs/2410.07592>`_, which are trained to pass for entities.

    One is conditioned on the anchor, :math:`\mathbf{c}_E = \mathbf{a}`, the other on what the decoder's relation makes
    of it, :math:`\mathbf{c}_R = \mathbf{a} \otimes \mathbf{r}` (:meth:`~gnnneg.interfaces.Scorer.composed`, the query
    vector, so that it is a product for DistMult, a complex one for ComplEx, a rotation for RotatE, and an inverse
    relation's where the head is asked). Each draws :math:`\mathbf{x} \sim \mathcal{N}(\mathbf{c}, \sigma^2 \mathbf{I})`
    and takes it through two hidden layers, each modulated by the condition (FiLM),

    .. math::
        \mathbf{a} \leftarrow \alpha(\mathbf{c}) \odot \mathbf{a} + \mathbf{b}(\mathbf{c}) .

    A discriminator :math:`D` says what is real, :math:`D'` which pathway made what is made:

    .. math::
        L_G &= -\ln D(\hat{\mathbf{z}})
            + \lambda \bigl( \lVert \alpha - 1 \rVert^2 + \lVert \mathbf{b} \rVert^2 \bigr) \\
        L_D &= -\ln D(\mathbf{z}^+) - \ln (1 - D(\hat{\mathbf{z}})) - \mu \ln D'(\text{source} \mid \hat{\mathbf{z}}) .

    It learns when it is asked, in training mode, from every ``every``-th batch: ``generator_steps`` for each pathway,
    then ``steps`` for the discriminator, all from that batch, with noise drawn anew for each. Nothing of this reaches
    the model, and the model's own gradient stops at the made vectors.

    **Pace.** The paper's code takes ten steps of the discriminator, at 1e-4, to one of the pathways, at 1e-3: they
    outrun it, and each comes to make one vector for whatever query (seen on UMLS, within 300 batches: effective rank 2
    of what is made, 13 of what is real). The defaults here are one step at 1e-3 to one at 1e-4, as in `"GANs Trained by
    a Two Time-Scale Update Rule" <https://arxiv.org/abs/1706.08500>`_ (rank 6 in the same place, 10 with
    ``conditional``), at a fifth of the cost.

    **Scale.** :math:`\tanh` keeps what the paper makes within :math:`(-1, 1)`, and its prior, step sizes and
    :math:`\sigma` are for embeddings of about unit size; a table with coordinates of .05 or of 5 would be told apart at
    a glance. So all networks see vectors divided by a running root mean square (of targets, anchors and query vectors,
    one each), and what they make is :math:`3 \tanh(\tfrac{1}{3} \cdot)` in units of the targets'. A model whose vectors
    are ten times as long gets made ones ten times as long, and nothing else changes.

    Cost: with width :math:`w` and :math:`m` made in all, about :math:`b m w (2 d + w)` multiplications to make and
    four times that to learn with one step of each, whatever the number of entities, but that every 100 batches 128 made
    vectors are compared with all of them.

    **Watched.** :meth:`figures` has what is watched while it learns. A warning is given where, at three looks in a row,
    a pathway's effective rank is below 1.5 (and entities' is not), the discriminator's accuracy is above .99, or it
    calls more than .99 of all vectors the same. An accuracy of .5 by itself is none: it is where all this is to lead.

    Args:
        known (KnownAnswers): Training facts, to see how many made negatives are nearest to one.
        hidden_channels (int): Width :math:`d` of the node vectors.
        entity (int): How many the anchor's pathway makes for each query; 0 leaves it out. (default: :obj:`5`)
        relation (int): How many the other pathway makes; 0 leaves it out. (default: :obj:`5`)
        width (int): Width :math:`w` of hidden layers. (default: :obj:`100`)
        sigma (float): :math:`\sigma`. (default: :obj:`0.01`)
        film (bool): Whether hidden layers are modulated. (default: :obj:`True`)
        pull (float): :math:`\lambda`, towards the identity; only where the modulation learns. (default: :obj:`1e-4`)
        auxiliary (float): :math:`\mu`, 0 leaves the pathways' being told apart out; only with both of them.
            (default: :obj:`1.0`)
        conditional (bool): Whether the discriminator sees the query vector too, and so has to find a vector plausible
            for the query, not only like some entity. (default: :obj:`False`)
        hinge (bool): Whether it is trained by the hinge loss, with layers of spectral norm 1, as in `"Spectral
            Normalization for Generative Adversarial Networks" <https://arxiv.org/abs/1802.05957>`_.
            (default: :obj:`False`)
        average (float): Negatives are made by a running average of the pathways that keeps this share of itself at
            each step; 0 is none. (default: :obj:`0.0`)
        steps (int): The discriminator's steps from a batch. (default: :obj:`1`)
        generator_steps (int): The pathways' steps from a batch, before the discriminator's. (default: :obj:`1`)
        learns (int, optional): From how many of each pathway's and query's the networks learn in a step, so many times
            cheaper than from all that are made. With a small :math:`\sigma` these are nearly one vector, and 1 is
            enough. (default: :obj:`None`, as many as are made, as in the paper)
        every (int): The networks learn from every so many batches, so many times cheaper; negatives are made for each.
            (default: :obj:`1`)
        lr (float): Step size of the pathways' Adam. (default: :obj:`1e-4`)
        discriminator_lr (float): Step size of the discriminator's. (default: :obj:`1e-3`)
        label (float): Soft label of what is made. (default: :obj:`0.0`)
        scale (float): Weight of the term; at 1, under losses that sum over negatives, each weighs as much as a sampled
            one. (default: :obj:`1.0`)
        faults (Faults, optional): What to do as the release does. (default: :obj:`None`, nothing)

    Raises:
        UserError: If a number is out of range, or an option would change nothing; when called, if the model's vectors
            are of another width, or it has no query vector like an entity's.
    """

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
        pull: float = PULL,
        auxiliary: float = AUXILIARY,
        conditional: bool = False,
        hinge: bool = False,
        average: float = 0.0,
        steps: int = 1,
        generator_steps: int = 1,
        learns: int | None = None,
        every: int = 1,
        lr: float = 1e-4,
        discriminator_lr: float = 1e-3,
        label: float = 0.0,
        scale: float = 1.0,
        faults: Faults | None = None,
    ):
        super().__init__()
        if entity < 0 or relation < 0 or not entity + relation:
            raise UserError(f"DANS(entity={entity}, relation={relation}): make at least one negative with one of them.")
        if not 0 <= label <= 1 or scale < 0 or pull < 0 or auxiliary < 0 or sigma < 0:
            raise UserError(
                f"DANS(label={label}, scale={scale}, pull={pull}, auxiliary={auxiliary}, sigma={sigma}): the label "
                "lies between 0 and 1, and none of the others is negative."
            )
        if not 0 <= average < 1 or min(steps, generator_steps, every, 1 if learns is None else learns) < 1:
            raise UserError(
                f"DANS(average={average}, steps={steps}, generator_steps={generator_steps}, learns={learns}, "
                f"every={every}): keep a share from 0 to below 1, take one step at least, and learn from one vector of "
                "one batch at least."
            )
        widths("DANS", hidden_channels=hidden_channels, width=width)
        whole("DANS", 0, entity=entity, relation=relation)
        draws("DANS", made=entity + relation, learns=learns)
        whole("DANS", 1, LONGEST, steps=steps, generator_steps=generator_steps)
        whole("DANS", every=every)
        not_negative("DANS", scale=scale, pull=pull, auxiliary=auxiliary, sigma=sigma)
        step_size("DANS", lr=lr, discriminator_lr=discriminator_lr)
        faults = faults or Faults()
        _refuse_idle(entity, relation, film, pull, auxiliary, conditional, faults)
        self.known, self.hidden_channels = known, hidden_channels
        self.entity, self.relation, self.width, self.sigma, self.film = entity, relation, width, sigma, film
        self.pull, self.auxiliary, self.conditional, self.hinge = pull, auxiliary, conditional, hinge
        self.average, self.learns, self.every = average, learns, every
        self.steps, self.generator_steps = steps, generator_steps
        self.label, self.scale, self.faults = label, scale, faults
        self.count = {name: count for name, count in (("entity", entity), ("relation", relation)) if count}
        network = {
            name: Pathway(hidden_channels, width, film, faults.frozen_film, faults.batch_norm) for name in self.count
        }
        self.pathways = nn.ModuleDict(network)
        self.averaged = copy.deepcopy(self.pathways).requires_grad_(False) if average else None
        self.discriminator = Discriminator(hidden_channels * (1 + conditional), width, hinge)
        self.lr, self.discriminator_lr = lr, discriminator_lr
        self.register_buffer("unit", torch.zeros(3))  # of targets, anchors and query vectors; 0 before the first
        self.register_buffer("asked", torch.zeros((), dtype=torch.long))
        self.watch = Watch("DANS", known)

    def new_optimizer(self) -> torch.optim.Optimizer:
        made = [weight for weight in self.pathways.parameters() if weight.requires_grad]
        judge = self.discriminator.parameters()
        groups = [{"params": made, "lr": self.lr}, {"params": judge, "lr": self.discriminator_lr}]
        return torch.optim.Adam(groups, betas=BETAS, fused=True)

    def forward(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Made:
        vectors = self.vectors(scorer, query, target, negatives, generator)
        weight = torch.ones(1, 1, device=target.device)
        return Made(scorer.decode(vectors), weight, self.label, self.scale)

    def vectors(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b m d"]:
        attached = self.faults.attached and torch.is_grad_enabled()
        with torch.autocast(target.device.type, enabled=False):
            real, given, unit = self._given(scorer, query, target)
            if self.training and int(self.asked) % self.every == 0:
                held = {name: vector.detach() for name, vector in given.items()}
                with torch.enable_grad():
                    made, seen = self._learn(real, held, generator)
                real_size = {name: unit * vectors for name, vectors in made.items()}
                self.watch(seen, scorer, query, unit * real, real_size)
            self.asked += self.training
            with torch.set_grad_enabled(attached):
                made = self._make(self.averaged or self.pathways, given, generator, held=True)[0]
                if self.faults.one_pathway and self.entity:
                    again = torch.arange(self.entity, device=target.device) % self.relation
                    made["entity"] = made["relation"][:, again]
                return unit * torch.cat(list(made.values()), dim=1)

    def kinds(self) -> dict[str, int]:
        return self.count

    def trained(self) -> Iterator[Parameter]:
        yield from ()

    def monitored(self) -> dict[str, float]:
        r"""What is watched, as running means over some hundred batches or as last seen.

        * ``discriminator``: its accuracy, the mean of that on real and on made vectors. Near 1 the pathways have lost,
          towards .5 they pass for real.
        * ``pathways``: the share of made vectors whose pathway it knows; there with two pathways that are told apart.
        * ``film``: the root mean square of :math:`\alpha - 1` and :math:`\mathbf{b}`; there if layers are modulated.
        * ``rank``: the effective rank of what the less varied pathway makes for a batch, ``rank_of_real`` that of the
          batch's targets.
        * ``known``: the share of made vectors whose nearest entity is a known answer; there if entities have vectors of
          their own (NBFNet's have none).
        """
        alone = len(self.count) < 2 or not self.auxiliary
        absent = {"called_real": True, "film": not self.film, "pathways": alone}
        return {name: value for name, value in self.watch.monitored().items() if not absent.get(name)}

    def _given(
        self, scorer: Scorer, query: Query, target: Int[Tensor, "b"]
    ) -> tuple[Float[Tensor, "b d"], dict[str, Tensor], Float[Tensor, ""]]:
        """The targets' vectors and what is made from, each in units of what is usual, and the targets' unit."""
        real = scorer.embed(target[:, None])[:, 0].detach().float()
        if real.size(1) != self.hidden_channels:
            raise UserError(f"DANS has {self.hidden_channels} hidden_channels, the model's vectors {real.size(1)}.")
        given = {"entity": scorer.anchors(query).float()}
        if self.relation or self.conditional:
            try:
                given["relation"] = scorer.composed().float()
            except UserError as error:
                raise UserError(f"{str(error).rstrip('.')}, or give DANS relation=0 and conditional=False.") from error
            if self.faults.reciprocal:
                # for DistMult the anchor over the relation, whatever is near zero
                turned = given["entity"].square() / given["relation"]
                head = query.rel_type >= self.known.num_relations
                given["relation"] = torch.where(head[:, None], turned, given["relation"])
        if not self.faults.attached:
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
        generator: torch.Generator | None,
        held: bool = False,
        most: int | None = None,
    ) -> tuple[dict[str, Float[Tensor, "b m d"]], Float[Tensor, "b"]]:
        """What each pathway makes, and how far their modulation is from the identity in all;
        ``held`` gives weights no gradient; ``most`` is how many of each.
        """
        made, away = {}, torch.zeros((), device=self.unit.device)
        for name, count in self.count.items():
            condition, network = given[name], pathways[name]
            size = len(condition), min(count, most or count), self.hidden_channels
            noise = self.sigma * torch.randn(size, generator=generator, device=condition.device)
            weights = {key: weight.detach() for key, weight in network.named_parameters()} if held else {}
            made[name], far = functional_call(network, weights, (condition, noise))
            away = away + far
        return made, away

    def _learn(
        self, real: Float[Tensor, "b d"], given: dict[str, Float[Tensor, "b d"]], generator: torch.Generator | None
    ) -> tuple[dict[str, Float[Tensor, "b m d"]], Float[Tensor, "4"]]:
        """The pathways' steps, then the discriminator's; what was made for it last, and what to watch."""
        makers, judge = (group["params"] for group in self.optimizer.param_groups)
        for _ in range(self.generator_steps):
            made, away = self._make(self.pathways, given, generator, most=self.learns)
            loss = self.pull * away.mean()
            for vectors in made.values():  # each pathway's own mean: they share no weights
                logit = self._judged(vectors, given)[..., 0]
                loss = loss + (-logit if self.hinge else F.softplus(-logit)).mean()
            self._step(loss, makers)
            if self.averaged is not None:
                with torch.no_grad():
                    for mean, now in zip(self.averaged.parameters(), self.pathways.parameters()):
                        mean.lerp_(now, 1 - self.average)
        for _ in range(self.steps):
            with torch.no_grad():
                made = self._make(self.pathways, given, generator, most=self.learns)[0]
            loss, seen = self._doubt(real, made, given)
            self._step(loss, judge)
        film = (away.detach().mean() / (4 * self.width * len(made))).sqrt()
        return made, torch.cat([seen, film[None]])

    def _doubt(
        self, real: Float[Tensor, "b d"], made: dict[str, Float[Tensor, "b m d"]], given: dict[str, Tensor]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "3"]]:
        """The discriminator's loss, how often both heads are right, and the share that is called real."""
        true = self._judged(real[:, None], given)[..., 0]
        false, source = self._judged(torch.cat(list(made.values()), dim=1), given).unbind(-1)
        if self.hinge:
            loss = F.relu(1 - true).mean() + F.relu(1 + false).mean()
        else:
            loss = F.softplus(-true).mean() + F.softplus(false).mean()
        by_entity = made["entity"].size(1) if "entity" in made else 0
        first = torch.arange(source.size(1), device=source.device) < by_entity
        if self.auxiliary and len(made) > 1:
            loss = loss + self.auxiliary * F.binary_cross_entropy_with_logits(source, first.expand_as(source).float())
        called, wrongly, told = (bits.float().mean() for bits in (true >= 0, false >= 0, (source > 0) == first))
        return loss, torch.stack([(called + 1 - wrongly) / 2, told, (called + wrongly) / 2])

    def _judged(self, vectors: Float[Tensor, "b m d"], given: dict[str, Tensor]) -> Float[Tensor, "b m 2"]:
        """The discriminator's logits."""
        if self.conditional:
            vectors = torch.cat([vectors, given["relation"][:, None].expand_as(vectors)], dim=2)
        return self.discriminator(vectors)

    def _step(self, loss: Float[Tensor, ""], weights: list[Parameter]) -> None:
        """One step down a loss for some of the weights; nothing else is given a gradient."""
        for weight, pull in zip(weights, torch.autograd.grad(loss, weights)):
            weight.grad = pull
        self.optimizer.step()
        self.optimizer.zero_grad()


def _refuse_idle(
    entity: int, relation: int, film: bool, pull: float, auxiliary: float, conditional: bool, faults: Faults
) -> None:
    """Refuses options that were chosen and would change nothing.

    Raises:
        UserError: If there is such an option.
    """
    if pull not in (0, PULL) and (not film or faults.frozen_film):
        raise UserError(f"DANS(pull={pull}) draws a modulation back that here nobody learns: leave pull out.")
    if auxiliary not in (0, AUXILIARY) and not (entity and relation):
        raise UserError(f"DANS(auxiliary={auxiliary}) tells two pathways apart, and here is one: leave auxiliary out.")
    if faults.one_pathway and not (entity and relation):
        raise UserError(
            f"DANS(entity={entity}, relation={relation}): one_pathway puts what the relation's pathway makes in the "
            "other's place, so let both make something."
        )
    if faults.frozen_film and not film:
        raise UserError("DANS(film=False) has no modulation that frozen_film could keep as it starts: leave one out.")
    if faults.reciprocal and not (relation or conditional):
        raise UserError("DANS(relation=0) never asks what reciprocal changes: leave one out.")
