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
    """Calls a sampler with a fixed, trained model as its critic, instead of the model in training.

    The teacher is in evaluation mode and gives no gradient. If it passes messages, it sees the whole graph, including
    the statements of the batch, and encodes it at every draw.

    Cost: the sampler's, with the teacher's scores in place of the model's.

    Args:
        sampler (Sampler): Uses the critic.
        teacher (Model): The model; it is not trained here.
        weights (str, optional): Its weights, the ``model.safetensors`` of a run. (default: :obj:`None`, the model's
            own)
        graph (torch_geometric.data.Data, optional): The graph for its messages. (default: :obj:`None`)

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
