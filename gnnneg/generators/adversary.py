"""How the networks of DANS learn from each other."""

from dataclasses import dataclass
from typing import ClassVar

from gnnneg.checks import LONGEST, below_one, draws, not_negative, step_size, whole

PULL, AUXILIARY = 1e-4, 1.0  # where nothing else is said


@dataclass(frozen=True)
class Adversary:
    r"""What DANS's discriminator sees and judges by, and how it and the pathways take their steps.

    The paper's code takes ten steps of the discriminator, at 1e-4, to one of the pathways, at 1e-3. So it outruns them,
    and each comes to make one vector for whatever query (seen on UMLS, within 300 batches: effective rank 2 of what is
    made, 13 of what is real). The defaults here are one step at 1e-3 to one at 1e-4, as in `"GANs Trained by a Two
    Time-Scale Update Rule" <https://arxiv.org/abs/1706.08500>`_ (rank 6 in the same place, 10 with ``conditional``), at
    a fifth of the cost.

    Args:
        pull (float): :math:`\lambda`, towards the identity; only where the modulation learns. (default: :obj:`1e-4`)
        auxiliary (float): :math:`\mu`; 0 does not ask which pathway made a vector. Only with both of them.
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
        not_negative("Adversary", pull=self.pull, auxiliary=self.auxiliary)
        below_one("Adversary", average=self.average)
        whole("Adversary", 1, LONGEST, steps=self.steps, generator_steps=self.generator_steps)
        draws("Adversary", learns=self.learns)
        whole("Adversary", every=self.every)
        step_size("Adversary", lr=self.lr, discriminator_lr=self.discriminator_lr)


@dataclass(frozen=True)
class AsReleased:
    """What the release of DANS does otherwise than its paper, each to be tried alone. Its auxiliary loss, which is
    always zero, is ``Adversary(auxiliary=0)``.

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

    former: ClassVar = ("Faults",)
    one_pathway: bool = False
    frozen_film: bool = False
    batch_norm: bool = False
    reciprocal: bool = False
    attached: bool = False
