"""How many directions vectors take."""

import torch
from jaxtyping import Float
from torch import Tensor


def effective_rank(cloud: Float[Tensor, "k d"]) -> Float[Tensor, ""]:
    r""":math:`e^{H(\lambda)}`, where :math:`\lambda` are the squared singular values scaled to sum 1, of `"The
    Effective Rank: a Measure of Effective Dimensionality" <https://ieeexplore.ieee.org/document/7098875>`_ (there of
    the values themselves): 1 for vectors on one line through the origin, :math:`\min(k, d)` for such as lie on all
    sides alike, 0 if all are zero.

    Cost: the eigenvalues of the smaller of the two Gram matrices.
    """
    cloud = cloud.double()
    gram = cloud.T @ cloud if len(cloud) > cloud.size(1) else cloud @ cloud.T
    spectrum = torch.linalg.eigvalsh(gram).clamp(min=0)
    share = spectrum / spectrum.sum().clamp(min=torch.finfo(spectrum.dtype).tiny)
    rank = (-torch.special.xlogy(share, share).sum()).exp()
    return torch.where(spectrum.sum() > 0, rank, torch.zeros_like(rank)).float()
