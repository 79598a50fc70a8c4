"""The data and the policy of an evaluation, and everything that evaluations share."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from gnnneg.data.known import Answers, Joined, KnownAnswers
from gnnneg.data.statements import PAIR, SPLITS, message_graph, num_relations, triplets
from gnnneg.errors import UserError
from gnnneg.evaluation.held_back import SEED, held_back
from gnnneg.interfaces import Model
from gnnneg.records import Triplets


@dataclass(eq=False)
class Testbed:
    """One data set and the policy for evaluating models on it.

    Args:
        data (torch_geometric.data.HeteroData): In the convention of :mod:`gnnneg.data.statements`.
        test_graph (torch_geometric.data.HeteroData, optional): Another graph, with other entities and the same
            relations, whose test statements are used instead. (default: :obj:`None`)
        filter (list[str]): The splits whose stated facts are left out as rivals in rankings. (default: all)
        memory_mib (float): About how much memory scores may take. (default: :obj:`256.0`)
        sampled (int, optional): The number of random candidates for an additional Hits@10 in rankings.
            (default: :obj:`None`)
        seed (int): The seed of all random draws. (default: :obj:`0`)
        device (torch.device or str): The models' device. (default: :obj:`"cpu"`)
        valid_sample (int, optional): The number of validation statements ranked during training, always the same ones.
            (default: all)
        train (KnownAnswers, optional): The answers of training facts, if they exist already, so that they are indexed
            only once. (default: :obj:`None`, made here)
        pairs_held_back (float): The share of labelled pairs that are for choosing settings: see
            :func:`~gnnneg.evaluation.held_back.held_back`. (default: :obj:`0.0`)
        pairs_seed (int): The seed that chooses them. (default: :obj:`42`)

    Raises:
        UserError: If the relations of the two graphs differ.
    """

    __test__ = False  # pytest takes it for a test by its name

    data: HeteroData
    test_graph: HeteroData | None = None
    filter: Sequence[str] = SPLITS
    memory_mib: float = 256.0
    sampled: int | None = None
    seed: int = 0
    device: torch.device | str = "cpu"
    valid_sample: int | None = None
    train: KnownAnswers | None = None
    pairs_held_back: float = 0.0
    pairs_seed: int = SEED

    def __post_init__(self) -> None:
        self.elsewhere: Testbed | None = None
        if self.test_graph is not None:
            if self.test_graph.relation_names != self.data.relation_names:
                raise UserError(
                    "The graph to test on must have the relation_names of the graph to train on, in their order."
                )
            self.elsewhere = replace(self, data=self.test_graph, test_graph=None, train=None)
        elif set(self.filter) != set(SPLITS):
            which = " and ".join(self.filter) or "no"
            warnings.warn(
                f"Rankings are filtered by the facts of {which} splits only: comparable with no figures but "
                "those of the same filter.",
                stacklevel=2,
            )

    def on(self, split: str) -> "Testbed":
        """The testbed of a split: a separate graph to test on has its own testbed."""
        return self.elsewhere if split == "test" and self.elsewhere is not None else self

    def statements(self, split: str, polarity: str = "stated") -> Triplets:
        """The stated or denied statements of a split."""
        return triplets(self.on(split).data, polarity, split)

    def has(self, split: str, polarity: str = "stated") -> bool:
        """Whether the split has any."""
        return bool(self.statements(split, polarity).rel_type.numel())

    def pairs(self, split: str = "test") -> tuple[Int[Tensor, "2 m"], Shaped[Tensor, "m"]]:
        """Labelled pairs and their labels: those that are held back for ``"valid"``, or all others."""
        mine = self._held_back if split == "valid" else ~self._held_back
        return self.data[PAIR].edge_label_index[:, mine], self.data[PAIR].edge_label[mine]

    @property
    def _held_back(self) -> Bool[Tensor, "m"]:
        store = self.data[PAIR]
        return held_back(store.edge_label_index, store.edge_label, self.pairs_held_back, self.pairs_seed)

    @property
    def num_nodes(self) -> int:
        """Number of entities."""
        return int(self.data["entity"].num_nodes)

    @property
    def num_relations(self) -> int:
        """Number of relations, inverses not counted."""
        return num_relations(self.data)

    def answers(self, *parts: Triplets) -> KnownAnswers:
        """The answers in statements, on the models' device."""
        none = Triplets(*[torch.empty(0, dtype=torch.long)] * 3)
        whole = Triplets(*(torch.cat(column) for column in zip(*(parts or (none,)))))
        return KnownAnswers(whole, self.num_nodes, self.num_relations).to(self.device)

    @cached_property
    def known(self) -> Answers:
        """The answers that do not count as rivals."""
        others = self.answers(*(triplets(self.data, "stated", split) for split in self.filter if split != "train"))
        if "train" not in self.filter:
            return others
        train = self.answers(triplets(self.data, "stated", "train")) if self.train is None else self.train
        return Joined(train, others.without(train))

    @cached_property
    def graph(self) -> Data:
        """The graph for models' messages: training facts."""
        return message_graph(self.data).to(str(self.device))

    def graph_for(self, model: Model) -> Data:
        """The same graph, without edges for a model that uses none, so that millions of edges need not be made."""
        if getattr(model, "uses_graph", True):
            return self.graph
        none = torch.empty(2, 0, dtype=torch.long, device=self.device)
        return Data(edge_index=none, edge_type=none[0], num_nodes=self.num_nodes)

    def draws(self, device: torch.device | str = "cpu") -> torch.Generator:
        """A random number generator, started from the seed."""
        return torch.Generator(device).manual_seed(self.seed)
