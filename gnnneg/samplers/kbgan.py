"""A policy that learns what is hard for another model."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import below_one, draws, positive, step_size
from gnnneg.errors import UserError
from gnnneg.interfaces import Model, Sampler, Scorer
from gnnneg.kernels.choice import choose
from gnnneg.records import Negatives, Query
from gnnneg.samplers.pretrained import pretrained
from gnnneg.stateful import OwnOptimizer


class KBGAN(OwnOptimizer, Sampler):
    r"""Draws from a policy, a model of its own, that is rewarded with the critic's score of what it drew.

    `"KBGAN: Adversarial Learning for Knowledge Graph Embeddings" <https://arxiv.org/abs/1711.04071>`_: with
    :math:`\pi(j) \propto w_j e^{g_j / T}` over the candidates proposed, :math:`g` the policy's scores, the policy goes
    up the gradient of REINFORCE,

    .. math::
        \nabla J = \mathbb{E}_{j \sim \pi} \left[ (s_j - \bar{s}) \, \nabla \log \pi(j) \right] ,

    whose baseline :math:`\bar{s}` is the running mean of rewards. With :class:`All` as proposal, and a policy
    whose decoder is :class:`~gnnneg.decoders.ERMLPE`, it is IGAN,
    `"Incorporating GAN for Negative Sampling in Knowledge Representation Learning"
    <https://arxiv.org/abs/1809.11017>`_, whose generator has a softmax over all entities. It learns when it is asked,
    in training mode only. The policy draws with its dropout, since this gradient is that of the distribution that was
    drawn from; rewards are the critic's scores in this step, and give the critic no gradient.

    Cost: the policy's scores of what is proposed, there and back, and the critic's of what is drawn.

    Args:
        proposal (Sampler): Offers the candidates; 20 uniform ones in the paper.
        policy (Model): Draws among them. It looks vectors up.
        num_negatives (int): How many are drawn, with replacement. (default: :obj:`1`)
        lr (float): Step size of its own Adam. (default: :obj:`0.001`)
        temperature (float): :math:`T`. (default: :obj:`1.0`)
        momentum (float): Of the baseline's running mean. (default: :obj:`0.99`)
        weights (str, optional): What the policy starts with, the ``model.safetensors`` of a run: in the paper it is
            trained by a softmax over negatives beforehand. (default: :obj:`None`, as it is)

    Raises:
        UserError: If the weights cannot be read or are another model's, or the policy needs a graph or has row-sparse
            gradients.
    """

    baseline: Tensor
    steps: Tensor

    def __init__(
        self,
        proposal: Sampler,
        policy: Model,
        num_negatives: int = 1,
        lr: float = 1e-3,
        temperature: float = 1.0,
        momentum: float = 0.99,
        weights: str | None = None,
    ):
        super().__init__()
        draws("KBGAN", num_negatives=num_negatives)
        step_size("KBGAN", lr=lr)
        positive("KBGAN", temperature=temperature)
        below_one("KBGAN", momentum=momentum)
        self.proposal, self.policy = proposal, pretrained("KBGAN", "policy", policy, weights)
        if any(getattr(part, "sparse", False) for part in policy.modules()):
            raise UserError(
                "KBGAN's own Adam takes no row-sparse gradients: give its policy a Lookup with sparse: false."
            )
        self.num_negatives = num_negatives
        self.temperature, self.momentum = temperature, momentum
        self.lr = lr
        self.register_buffer("baseline", torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def new_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.policy.parameters(), lr=self.lr, fused=True)

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        # whoever asks may be without gradients, or in half precision, in which small ones are lost without loss scaling
        with torch.set_grad_enabled(self.training), torch.autocast(target.device.type, enabled=False):
            policy = self.policy.scorer(self.policy.encode(None), query)(offered.index).float() / self.temperature
            policy = policy + offered.weight.log()
            empty = (offered.weight == 0).all(1, keepdim=True)
            log_policy = torch.where(empty, 0.0, policy).log_softmax(1)
        column = choose(log_policy.detach().exp(), self.num_negatives, rng)
        drawn = offered.take(column)
        drawn = Negatives(drawn.index, (drawn.weight > 0).float())
        if self.training:
            reward = critic(drawn.index).detach().float()  # with its graph, so that the loss need not ask again
            with torch.enable_grad(), torch.autocast(target.device.type, enabled=False):  # the way back, too
                self._learn(log_policy.gather(1, column), reward, drawn.weight)
        return drawn

    def _learn(self, log_policy: Float[Tensor, "b k"], reward: Float[Tensor, "b k"], weight: Tensor) -> None:
        """One step up the gradient of the mean reward."""
        mean = (reward * weight).sum() / weight.sum().clamp(min=1)
        self.baseline.copy_(torch.where(self.steps == 0, mean, self.baseline))
        loss = reinforce(log_policy, reward - self.baseline, weight)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.baseline.lerp_(mean, 1 - self.momentum)
        self.steps += 1


def reinforce(
    log_policy: Float[Tensor, "b k"], advantage: Float[Tensor, "b k"], weight: Float[Tensor, "b k"]
) -> Float[Tensor, ""]:
    r"""What to go down: its gradient is an unbiased estimate of :math:`- \nabla \mathbb{E}[\text{reward}]`."""
    return -(weight * advantage * log_policy).sum() / weight.sum().clamp(min=1)
