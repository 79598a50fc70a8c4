"""Isotropy: do the vectors of entities point in all directions alike?"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gnnneg.errors import UserError
from gnnneg.evaluation.asking import representations
from gnnneg.evaluation.evaluator import Evaluator, Findings
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Model
from gnnneg.spectrum import effective_rank

ROWS = 1 << 16  # vectors at once


class Isotropy(Evaluator):
    """Whether the vectors of a model's entities point in all directions alike: see :func:`isotropy`."""

    key = "isotropy"
    no_split = "Entities are of no split"

    def refuse(self, testbed: Testbed) -> None:
        """Any data set has entities."""

    def forward(self, model: Model, testbed: Testbed) -> Findings:
        if not model.has_vectors:
            raise UserError(
                f"Isotropy: {type(model).__name__} has no entity vectors that are the same for every query: leave "
                "Isotropy out, or use a model that encodes entities, such as KGEModel."
            )
        return Findings(isotropy(representations(model, testbed.graph_for(model))))


def isotropy(vector: Float[Tensor, "n d"]) -> dict[str, float]:
    r"""Three measures of isotropy of a cloud of vectors.

    * ``partition``, of `"All-but-the-Top: Simple and Effective Postprocessing for Word Representations"
      <https://arxiv.org/abs/1702.01417>`_:

      .. math::
          \frac{\min_{\mathbf{c} \in C} Z(\mathbf{c})}{\max_{\mathbf{c} \in C} Z(\mathbf{c})} , \quad
          Z(\mathbf{c}) = \sum_i e^{\mathbf{c}^{\top} \mathbf{v}_i} ,

      where :math:`C` are the unit eigenvectors of :math:`\sum_i \mathbf{v}_i \mathbf{v}_i^{\top}` and their opposites.
      1 is isotropic. ``partition_unit`` is the same after each vector is scaled to length 1. Only this one compares
      models whose vectors differ in length.
    * ``cosine``: the mean cosine of two entities. 0 is isotropic, 1 is one direction.
    * ``rank``: the effective rank as a share of its maximum :math:`\min(n, d)`; see
      :func:`~gnnneg.spectrum.effective_rank`. 1 is isotropic.

    Cost: :math:`n d^2`.

    Args:
        vector (torch.Tensor): The vector of each entity, as from :func:`~gnnneg.evaluation.representations`.

    Raises:
        UserError: If there are fewer than two vectors, or one is not finite.
    """
    size = len(vector)
    if size < 2:
        raise UserError(f"Isotropy compares entities, and there are {size}: use a graph of two or more.")
    if not bool(vector.isfinite().all()):
        raise UserError("The vector of an entity is not finite: the model has diverged; lower the learning rate.")
    unit = F.normalize(vector, dim=1)
    whole = unit.double().sum(0).square().sum()
    own = unit.double().square().sum()
    return {
        "partition": _partition(vector),
        "partition_unit": _partition(unit),
        "cosine": float((whole - own) / (size * (size - 1))),
        "rank": float(effective_rank(vector)) / min(vector.shape),
    }


def _partition(vector: Float[Tensor, "n d"]) -> float:
    """The smallest partition function over the largest, some rows at a time."""
    width = vector.size(1)
    gram = torch.zeros(width, width, dtype=torch.double)
    for rows in vector.split(ROWS):
        gram += rows.double().T @ rows.double()
    axes = torch.linalg.eigh(gram).eigenvectors
    both = torch.cat([axes, -axes], dim=1)
    logs = torch.full((2 * width,), -torch.inf, dtype=torch.double)
    for rows in vector.split(ROWS):
        logs = torch.logaddexp(logs, torch.logsumexp(rows.double() @ both, dim=0))
    return math.exp(float(logs.min() - logs.max()))
