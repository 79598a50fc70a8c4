"""Classes as candidates."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import Parameter
from torch_geometric.data import Data

from gnnneg.checks import fraction, table
from gnnneg.encodings import Dense
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Encoding, Model, Scorer, Similarity
from gnnneg.models.vectors import VectorScorer, may_drop
from gnnneg.records import Query


class ClassScorer(VectorScorer):
    """Node states against the vectors of classes."""

    def anchors(self, query: Query) -> Float[Tensor, "b d"]:
        return self.vector

    def factors(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b _"], ...]:
        return self.vector.abs(), self.encoding[target].abs()


class NodeClassifier(Model):
    r"""Scores the statements *node is of class*, :math:`s(v, c) = \langle \mathbf{x}_v, \mathbf{z}_c \rangle`.

    So all samplers and generators work on classes too: the query is a node, its target a class. With a GCN's last
    hidden layer, propagated once more, as encoder and inner products this is the GCN of `"Semi-Supervised
    Classification with Graph Convolutional Networks" <https://arxiv.org/abs/1609.02907>`_, whose last weight matrix
    holds the vectors of the classes.

    Args:
        encoder (Encoder): Gives node states.
        similarity (Similarity): Compares states with the vectors of classes.
        num_classes (int): Number of classes.
        dropout (float): Share of a state's coordinates dropped in training; the others are scaled up.
            (default: :obj:`0.0`)
        unit (bool): Whether the vectors of classes are fixed unit vectors. With inner products a state's coordinates
            are then the scores, as in an encoder whose last layer is as wide as the number of classes.
            (default: :obj:`False`)

    Raises:
        UserError: If unit vectors of classes have another width than states, or there is dropout and the similarity
            allows none.
    """

    num_relations = 1
    weight: Tensor

    def __init__(
        self, encoder: Encoder, similarity: Similarity, num_classes: int, dropout: float = 0.0, unit: bool = False
    ):
        super().__init__()
        fraction("NodeClassifier", dropout=dropout)
        may_drop("NodeClassifier", dropout, similarity, type(similarity).__name__)
        table("NodeClassifier", num_classes=num_classes, hidden_channels=encoder.hidden_channels)
        self.encoder, self.similarity, self.dropout = encoder, similarity, dropout
        self.num_classes, self.uses_graph = num_classes, encoder.uses_graph
        if unit:
            if encoder.hidden_channels != num_classes:
                raise UserError(f"The encoder gives {encoder.hidden_channels} coordinates for {num_classes} classes.")
            self.register_buffer("weight", torch.eye(num_classes))
            return
        self.weight = Parameter(torch.empty(num_classes, encoder.hidden_channels))
        nn.init.xavier_uniform_(self.weight)

    def encode(self, graph: Data | None) -> Encoding:
        return self.encoder(graph)

    def scorer(self, encoding: Encoding, query: Query) -> Scorer:
        state = F.dropout(encoding[query.anchor], self.dropout, self.training)
        scorer = ClassScorer(state, self.similarity, Dense(self.weight))
        scorer.num_candidates = self.num_classes
        return scorer
