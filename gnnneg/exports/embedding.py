"""What a knowledge graph embedding model is made of, for those who build it again elsewhere."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.errors import UserError
from gnnneg.evaluation.vectors import tables
from gnnneg.experiment import Run
from gnnneg.interfaces import Decoder
from gnnneg.models import KGEModel


@dataclass(frozen=True)
class Embedding:
    """Vectors and the decoder that reads them.

    Args:
        decoder (Decoder): Makes scores of them.
        entities (torch.Tensor): ``(n, d)``, as the encoder gives them.
        relations (torch.Tensor): The decoder's rows, those of inverse relations behind the others where they have any.
        data (HeteroData): The names; where the data set is missing, without statements.
    """

    decoder: Decoder
    entities: Float[Tensor, "n d"]
    relations: Float[Tensor, "r c"]
    data: HeteroData

    @property
    def reciprocal(self) -> bool:
        """Whether inverse relations have rows of their own."""
        return len(self.relations) > len(self.data.relation_names)

    @property
    def name(self) -> str:
        """The decoder's."""
        return type(self.decoder).__name__


def embedding(run: Run, where: str) -> Embedding:
    """What a run's model is made of; ``where`` it shall go is told in errors.

    Raises:
        UserError: If it is no encoder with a decoder.
    """
    model, there = run.model, run.at_hand()
    if not isinstance(model, KGEModel):
        raise UserError(
            f"{where} has no model like {type(model).__name__}: what can go there is a KGEModel, an encoder with a "
            "decoder."
        )
    entities, relations = tables(model, there.graph_for(model))
    return Embedding(model.decoder, entities, relations, there.data)
