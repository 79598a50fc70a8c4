"""Facts of the data set, such as the number of entities. Constructors get them, so that no config has to say them."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from torch_geometric.data import Data, HeteroData

from gnnneg.data import statements, types
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import Pools, slots
from gnnneg.records import Query, Triplets

# a constructor's parameter of such a name and type is filled in; "mirror" is for parts that are mirrored
FACTS: dict[str, type] = {
    "num_nodes": int,
    "num_relations": int,
    "known": KnownAnswers,
    "denied": KnownAnswers,
    "types": Pools,
    "graph": Data,
    "mirror": Mapping,
}


class Facts(Mapping[str, object]):
    """The facts of one data set by parameter name. Each is computed when it is first used.

    Args:
        data (torch_geometric.data.HeteroData): In the convention of :mod:`gnnneg.data.statements`.
    """

    def __init__(self, data: HeteroData):
        self.data = data

    def __getitem__(self, name: str) -> object:
        if name not in FACTS:
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in FACTS

    def made(self, name: str) -> object | None:
        """A fact, if it has been computed already."""
        return self.__dict__.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(FACTS)

    def __len__(self) -> int:
        return len(FACTS)

    @property
    def num_nodes(self) -> int:
        """Number of entities."""
        return int(self.data["entity"].num_nodes)

    @property
    def num_relations(self) -> int:
        """Number of relations, inverses not counted."""
        return statements.num_relations(self.data)

    @cached_property
    def known(self) -> KnownAnswers:
        """The answers in stated training statements. Those of other splits would leak."""
        return self._answers("stated")

    @cached_property
    def denied(self) -> KnownAnswers:
        """The answers in denied training statements, without those that training also states."""
        return self._answers("denied", self.known)

    def _answers(self, polarity: str, without: KnownAnswers | None = None) -> KnownAnswers:
        given = statements.triplets(self.data, polarity, "train")
        sure = statements.confidence(self.data, polarity, "train")
        if without is not None:
            keep = ~without.contains(Query(given.head_index, given.rel_type), given.tail_index[:, None])[:, 0]
            given, sure = Triplets(*(column[keep] for column in given)), None if sure is None else sure[keep]
        return KnownAnswers(given, self.num_nodes, self.num_relations, sure)

    @cached_property
    def mirror(self) -> "Facts":
        """The facts of the same data set with stated and denied swapped."""
        return Facts(statements.mirror(self.data))

    @cached_property
    def types(self) -> Pools:
        """The entities of each type. Without types, the entities in each position of training statements."""
        if "type" not in self.data["entity"]:
            return slots(self.known)
        entity, kind = types.pairs(self.data)
        return Pools(kind, entity, self.data["entity"].type.size(1))

    @cached_property
    def graph(self) -> Data:
        """The message graph: stated training statements and their inverses."""
        return statements.message_graph(self.data)
