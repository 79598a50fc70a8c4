"""A policy that learns which negatives are hard for another model."""

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
    r"""Draws from a policy. The policy is a second model; its reward is the critic's score of the drawn candidate.

    `"KBGAN: Adversarial Learning for Knowledge Graph Embeddings" <https://arxiv.org/abs/1711.04071>`_: the policy is
    :math:`\pi(j) \propto w_j e^{g_j / T}` over the proposed candidates, where :math:`g` are its scores. It ascends the
    gradient of REINFORCE,

    .. math::
        \nabla J = \mathbb{E}_{j \sim \pi} \left[ (s_j - \bar{s}) \, \nabla \log \pi(j) \right] ,

    where the baseline :math:`\bar{s}` is the running mean of rewards. With :class:`All` as the proposal and the decoder
    :class:`~gnnneg.decoders.ERMLPE` in the policy, it is IGAN, `"Incorporating GAN for Negative Sampling in Knowledge
    Representation Learning" <https://arxiv.org/abs/1809.11017>`_: its generator has a softmax over all entities. The
    policy learns at each call in training mode. It draws with its dropout on, because the gradient must belong to the
    distribution of the draw. Rewards are the critic's scores in this step, and give the critic no gradient.

    Cost: the policy's scores of the proposed candidates, forward and backward, and the critic's scores of the drawn
    ones.

    Args:
        proposal (Sampler): Offers the candidates; 20 uniform ones in the paper.
        policy (Model): Draws among them. It looks vectors up.
        num_negatives (int): Candidates drawn per query, with replacement. (default: :obj:`1`)
        lr (float): Step size of its own Adam. (default: :obj:`0.001`)
        temperature (float): :math:`T`. (default: :obj:`1.0`)
        momentum (float): Of the baseline's running mean. (default: :obj:`0.99`)
        weights (str, optional): The policy's initial weights, the ``model.safetensors`` of a run. In the paper the
            policy is first trained by a softmax over negatives. (default: :obj:`None`, its own)

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
    r"""The loss: its gradient is an unbiased estimate of :math:`- \nabla \mathbb{E}[\text{reward}]`."""
    return -(weight * advantage * log_policy).sum() / weight.sum().clamp(min=1)
