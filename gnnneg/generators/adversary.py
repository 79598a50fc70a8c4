"""The discriminator's settings in DANS, and the differences of the released code."""

from dataclasses import dataclass
from typing import ClassVar

from gnnneg.checks import LONGEST, below_one, draws, kinds, not_negative, step_size, whole

PULL, AUXILIARY = 1e-4, 1.0  # where nothing else is said


@dataclass(frozen=True)
class Adversary:
    r"""The input and loss of DANS's discriminator, and the training steps of discriminator and pathways.

    The paper's code takes ten steps of the discriminator, at 1e-4, for one step of the pathways, at 1e-3. The
    discriminator then learns too fast, and each pathway ends with one vector for every query (docs/dans.md has the
    ranks). The defaults here are one step at 1e-3 for one at 1e-4, as in `"GANs Trained by a Two Time-Scale Update
    Rule" <https://arxiv.org/abs/1706.08500>`_, at a fifth of the cost.

    Args:
        pull (float): :math:`\lambda`, which pulls the modulation towards the identity; only if the modulation learns.
            (default: :obj:`1e-4`)
        auxiliary (float): :math:`\mu`; with 0 the discriminator does not tell the pathways apart. Only with both of
            them. (default: :obj:`1.0`)
        conditional (bool): Whether the discriminator sees the query vector too. It then judges whether a vector fits
            the query, not only whether it looks like an entity. (default: :obj:`False`)
        hinge (bool): Whether it is trained by the hinge loss, with layers of spectral norm 1, as in `"Spectral
            Normalization for Generative Adversarial Networks" <https://arxiv.org/abs/1802.05957>`_.
            (default: :obj:`False`)
        average (float): The decay of a running average of the pathways, which then makes the negatives; 0 is no
            average. (default: :obj:`0.0`)
        steps (int): The discriminator's steps for each batch. (default: :obj:`1`)
        generator_steps (int): The pathways' steps for each batch, before the discriminator's. (default: :obj:`1`)
        learns (int, optional): Number of vectors of each pathway and query from which the networks learn in a step; the
            cost is in proportion. With a small :math:`\sigma` the vectors are nearly the same, and 1 is enough.
            (default: :obj:`None`, all, as in the paper)
        every (int): The networks learn only from every so many batches, which divides the cost by this number.
            Negatives are made for every batch. (default: :obj:`1`)
        lr (float): Step size of the pathways' Adam. (default: :obj:`1e-4`)
        discriminator_lr (float): Step size of the discriminator's. (default: :obj:`1e-3`)

    Raises:
        UserError: If a number is out of range.
    """

    pull: float = PULL
    auxiliary: float = AUXILIARY
    conditional: bool = False
    hinge: bool = False
    average: float = 0.0
    steps: int = 1
    generator_steps: int = 1
    learns: int | None = None
    every: int = 1
    lr: float = 1e-4
    discriminator_lr: float = 1e-3

    def __post_init__(self) -> None:
        kinds(type(self), (), vars(self))
        not_negative("Adversary", pull=self.pull, auxiliary=self.auxiliary)
        below_one("Adversary", average=self.average)
        whole("Adversary", 1, LONGEST, steps=self.steps, generator_steps=self.generator_steps)
        draws("Adversary", learns=self.learns)
        whole("Adversary", every=self.every)
        step_size("Adversary", lr=self.lr, discriminator_lr=self.discriminator_lr)


@dataclass(frozen=True)
class AsReleased:
    """Differences of the released code of DANS from its paper, each of which can be tried alone. Its auxiliary loss is
    always zero: that is ``Adversary(auxiliary=0)``.

    Args:
        one_pathway (bool): Both halves of the negatives come from the relation's pathway. (default: :obj:`False`)
        frozen_film (bool): The modulation keeps the random initial weights of two networks, far from the identity.
            (default: :obj:`False`)
        batch_norm (bool): Hidden layers are normalised over the batch, with 0.8 added to the variance. The 0.8 was
            meant as the momentum. (default: :obj:`False`)
        reciprocal (bool): For head queries the anchor is divided by the relation's coordinates instead of multiplied.
            Only DistMult has such coordinates. (default: :obj:`False`)
        attached (bool): The model's loss has a gradient through the pathways, whose weights are fixed, to the encodings
            in their conditions. (default: :obj:`False`)
    """

    former: ClassVar = ("Faults",)
    one_pathway: bool = False
    frozen_film: bool = False
    batch_norm: bool = False
    reciprocal: bool = False
    attached: bool = False
