"""Batch normalisation of parts of a step that are encoded one after another."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

Statistics = dict[nn.Module, tuple[Tensor, Tensor]]
"""The mean and the variance that each layer took in a step's first part."""


class PartNorm(nn.BatchNorm1d):
    """Batch normalisation with one mean and variance for all parts of a step.

    If each part were normalised by its own statistics, a node would have one vector as an anchor, another as a target
    and another as a negative. A model could tell answers from negatives by that. So all parts use the statistics of the
    first one, and the running statistics follow these. A single node has no variance and uses the running statistics,
    as in evaluation mode.
    """

    def forward(
        self, x: Float[Tensor, "n c"], right: int | None = None, shared: Statistics | None = None
    ) -> Float[Tensor, "n c"]:
        """Normalised states.

        Args:
            x (torch.Tensor): States, ``(n, c)``.
            right (int, optional): The first so many have received all their messages. Only these are in the statistics.
                (default: :obj:`None`, all)
            shared (dict, optional): Holds the statistics of the first part for the other parts. (default: :obj:`None`,
                there are no others)
        """
        heard = x[:right]
        if not self.training or (len(heard) == len(x) > 1 and shared is None):
            return super().forward(x)
        if shared is not None and self in shared:
            mean, variance = shared[self]
        elif len(heard) > 1:
            mean, variance = heard.mean(0), heard.var(0, correction=0)
            with torch.no_grad():
                super().forward(heard)  # the running statistics follow
        else:
            assert self.running_mean is not None
            assert self.running_var is not None
            mean, variance = self.running_mean.clone(), self.running_var.clone()
        if shared is not None:
            shared[self] = mean, variance
        return (x - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias
