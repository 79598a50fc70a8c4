"""Another model as the critic."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.interfaces import Model, Sampler, Scorer
from gnnneg.looking import looked_at
from gnnneg.records import Negatives, Query
from gnnneg.samplers.composed import Composed
from gnnneg.samplers.pretrained import pretrained


class WithCritic(Composed):
    """Asks a sampler with a fixed, trained model as its critic instead of the one being trained.

    The teacher is in evaluation mode and gives no gradient. One that passes messages sees the whole graph, also the
    statements of the batch, and passes over it at every draw.

    Args:
        sampler (Sampler): Looks at the critic.
        teacher (Model): The model; it learns nothing here.
        weights (str, optional): Its weights, the ``model.safetensors`` of a run. (default: :obj:`None`, as it is)
        graph (torch_geometric.data.Data, optional): What its messages pass over. (default: :obj:`None`)

    Raises:
        UserError: If the weights cannot be read or are another model's, or the model needs a graph and there is none.
    """

    former = ("Taught",)

    def __init__(self, sampler: Sampler, teacher: Model, weights: str | None = None, graph: Data | None = None):
        super().__init__()
        self.sampler, self.graph = sampler, graph
        self.teacher = pretrained("WithCritic", "teacher", teacher, weights, graph).requires_grad_(False)

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        return self.sampler(query, target, self._critic(query), rng)

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        return self.sampler.log_prob(query, target, self._critic(query), index)

    def _critic(self, query: Query) -> Scorer:
        return looked_at(self.teacher, self.graph, query)
