"""The base classes, and so the vocabulary. Abstract or final: everything that derives from them is final.

A *positive* is an answered query: ``(anchor, rel_type) -> target``. A *sampler* chooses candidate entities for a
batch of queries, looking at nothing but the queries and a *critic* (a scorer) that it is handed. A *generator* makes
vectors that belong to no entity. A *task* turns a batch into one number, and that is all the trainer ever sees.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import Parameter
from torch_geometric.data import Data

from gnnneg.chance import lent
from gnnneg.errors import UserError
from gnnneg.former import Former, former_names, takes_former_attributes, takes_former_options, takes_record
from gnnneg.mixed import mixed_scores
from gnnneg.records import Labels, Made, Mutation, Negatives, Path, Query, Triplets, Weights


class Part(nn.Module):
    """Remembers what it was made with, so that what was made in Python can be written down as a config."""

    made_with: tuple[tuple, dict]
    mirrored: ClassVar[tuple[str, ...]] = ()
    """Parameters of the constructor, and all below them, that take what is denied for stated and the reverse."""
    one_process: ClassVar[str | None] = None
    """What it does that several processes would do each for themselves, so that they cannot share it."""
    gone: ClassVar[dict[str, str]] = {}
    """Parameters that the constructor once had, and what to do about a config that still has them."""
    renamed: ClassVar[dict[str, str]] = {}
    """Parameters that had another name in earlier versions, old name to new: the old ones work, with a warning."""
    former: ClassVar[tuple[str, ...]] = ()
    """Names by which earlier versions knew the class: they work, with a warning."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        takes_former_options(cls)
        takes_former_attributes(cls)

    def __new__(cls, *args: object, **kwargs: object) -> "Part":
        part = super().__new__(cls)
        object.__setattr__(part, "made_with", (args, kwargs))  # torch's own __setattr__ waits for its __init__
        return part

    @classmethod
    def reworded(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a config of an earlier version as they are said now, where it is not only names."""
        return given

    def monitored(self) -> dict[str, float]:
        """How it is doing, by name, for whoever watches training: the log has them after each epoch, progress shows
        them, a report draws them.
        """
        return {}

    figures = Former("monitored")


class Encoding(ABC):
    """Node vectors, behind the only two doors that lead to them."""

    @abstractmethod
    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        """The vectors of ``index``, ``(*s) -> (*s, d)``."""

    @abstractmethod
    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        """A table that holds at least the rows asked for, and where in it each index lies.

        The fused kernels read vectors straight from this table. A dense encoding returns itself and ``index``, as does
        a row-sparse one without gradients; with them it returns, as a sharded one does, no row that is not asked for.
        """


class Encoder(Part, ABC):
    """Turns a graph into node vectors (or looks them up)."""

    hidden_channels: int
    uses_graph: bool
    reads_denied: bool = False
    """Whether messages pass over denied statements."""
    num_layers: int | None = None
    """How many edges a message passes along, where it is known."""

    @abstractmethod
    def forward(self, graph: Data | None) -> Encoding:
        """Node vectors; ``graph`` is homogeneous with ``edge_index, edge_type``, or None where none is needed."""

    def relation_states(self) -> Float[Tensor, "t c"] | None:
        """What decoders are to read in place of a relation table of their own, ``(2 * num_relations, c)``, inverses in
        the upper half; None, for most encoders, if nothing.
        """
        return None


class Candidates(ABC):
    """Candidate vectors of a batch of queries, however they are at hand: ``k`` a query.

    What was asked last, without offset and weight, is remembered: mutated scores are made of plain ones.
    """

    @abstractmethod
    def inner(self, query: Float[Tensor, "b d"], offset: Float[Tensor, "b 1"] | None = None) -> Float[Tensor, "b k"]:
        """Inner products, ``offset`` added to all of a query's."""

    @abstractmethod
    def distance(
        self, kind: int, query: Float[Tensor, "b d"], weight: Float[Tensor, "b h"] | None = None
    ) -> Float[Tensor, "b k"]:
        """Distances of a :mod:`gnnneg.kernels.kinds` kind, each coordinate times its ``weight``."""

    @abstractmethod
    def map(self, change: Callable[[Tensor], Tensor]) -> "Candidates":
        """The candidates with each vector changed, ``(*s, d) -> (*s, e)``."""

    @abstractmethod
    def each(self, score: Callable[[Tensor, Tensor], Tensor], query: Float[Tensor, "b q"]) -> Float[Tensor, "b k"]:
        """What ``score`` makes of ``(b, q)`` query and ``(#b, k, d)`` candidate vectors, where no kernel fits.

        It is handed so many candidates at once that ``(b, k, d)`` are at most :obj:`gnnneg.mixed.CHUNK` numbers, and
        all of them again for the gradient.
        """


class Similarity(nn.Module, ABC):
    """How near a query vector is to a candidate vector; larger is more plausible.

    A *coordinate* is ``parts`` real numbers of a vector: two where it is complex and halves are real and imaginary.
    """

    parts: int = 1
    shares_space: bool = True
    """Whether query and candidate vectors share a space: answers lie at the query's vector, or along it."""
    is_product: bool = False
    """Whether scores are the inner products of query and candidate vectors, and nothing else."""
    alike = Former("shares_space")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        takes_former_attributes(cls)
        if "forward" in vars(cls) and "is_product" not in vars(cls):
            cls.is_product = False  # who scores in a way of its own is not what it was made from

    @abstractmethod
    def forward(
        self, query: Float[Tensor, "b q"], candidates: Candidates, mutation: Mutation | None = None
    ) -> Float[Tensor, "b k"]:
        """Scores of ``(b, q)`` query vectors, exact for mutated candidates too."""

    @abstractmethod
    def terms(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        """What each coordinate gives to the score of candidates ``(#b, k, d)``."""


class RelationTable(nn.Module, ABC):
    """A decoder's rows of numbers, one or two a relation."""

    weight: Tensor

    @abstractmethod
    def reading(self, states: Float[Tensor, "t c"]) -> "RelationTable":
        """The same with other rows, such as an encoder's, which are no parameters and in no state dict."""


class Decoder(Part, ABC):
    """An operator (what the relation does to the anchor) and a similarity.

    A relation that also moves the candidate (TransH, TransD, HAKE) writes what it needs for that into the query
    vector, and brings a similarity of its own that reads it.
    """

    num_relations: int
    similarity: Similarity
    relation: RelationTable

    @abstractmethod
    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        """The query vectors; ``rel_type`` in ``[0, 2 * num_relations)``, the upper half being inverses."""

    @abstractmethod
    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        """The magnitudes (complex moduli where vectors are complex) that took part, for norm penalties."""


class Scorer(ABC):
    """One fixed batch of queries; scores any candidates."""

    num_candidates: int | None = None
    """How many candidates there are, where they are not the nodes."""

    has_vectors: bool = True
    """Whether candidates have vectors before a question is asked, one and the same for every query."""

    @abstractmethod
    def embed(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "c k d"]:
        """The vectors of candidates, ``(#b, k) -> (#b, k, d)``."""

    @abstractmethod
    def decode(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        """The scores of candidate vectors ``(#b, k, d)``, for generators that make vectors."""

    @abstractmethod
    def __call__(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "b k"]:
        """The scores of candidate entities ``(#b, k)``: equals ``decode(embed(index))``, but fused."""

    def as_product(self, index: Int[Tensor, "c k"]) -> tuple[Float[Tensor, "b q"], Float[Tensor, "k q"]] | None:
        """The vectors of queries and of candidates that all share, where scores are their inner products; else None."""
        return None

    def own_vectors(self, index: Int[Tensor, "k"], asker: str) -> Float[Tensor, "k d"]:
        """The vectors that candidates have of their own, whatever is asked.

        Raises:
            UserError: If they have none: then ``asker`` is what the user is to leave out.
        """
        vectors = self.embed(index[None]) if self.has_vectors else None
        if vectors is None or vectors.size(0) != 1:
            raise UserError(
                f"{asker} compares the entities' own vectors, and under this model they have none before a question is "
                f"asked: leave {asker} out, or use a model that encodes entities."
            )
        return vectors[0]

    def columns(self, index: Int[Tensor, "c k"]) -> Callable[[slice], Float[Tensor, "c l d"]]:
        """The vectors of candidates, some columns after the others.

        All that an encoder computes is computed here, once, and not when columns are asked for. So columns may be
        asked for inside a checkpoint, which asks again for the gradient and must find the same: nothing that is asked
        there may be drawn or remembered there.
        """
        return lambda some: self.embed(index[:, some])

    @property
    def parts(self) -> int:
        """How many real numbers of a vector are one coordinate, which mutation exchanges whole: 2 if complex."""
        return 1

    def mutated(self, index: Int[Tensor, "c k"], mutation: Mutation) -> Float[Tensor, "b k"]:
        """The scores of candidate entities with coordinates exchanged for the targets'.

        This is the reference, which makes the vectors. Scorers that know a closed form override it.

        Raises:
            UserError: If noise is asked for, or no target given, which needs a closed form.
        """
        return mixed_scores(mutation, index.size(1), self.columns(index), self.decode, type(self).__name__)

    def terms(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"] | None:
        """What each coordinate gives to the score of candidate vectors; None if scores are not made of coordinates."""
        return None

    def composed(self) -> Float[Tensor, "b d"] | None:
        """What the relation makes of each anchor: a vector of the candidates' own space, near or along which answers
        lie. It carries the gradient of both. None if there is no such vector.
        """
        return None

    def anchors(self, query: Query) -> Float[Tensor, "b d"]:
        """The vectors of its own queries' anchors. They are states of nodes where candidates are something else."""
        return self.embed(query.anchor[:, None])[:, 0]

    def asking(self, query: Query) -> "Scorer":
        """A scorer of other queries to the same model in the same state.

        Raises:
            UserError: If there is none.
        """
        raise UserError(f"{type(self).__name__} answers its own queries only: leave out what asks it others.")

    @abstractmethod
    def factors(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b _"], ...]:
        """The magnitudes that take part in scoring each query's target, for norm penalties."""

    def by_decoder(self, read: Callable[[Decoder, Encoding], Any], asker: str) -> list[Any]:
        """What ``read`` makes of the decoder and the node vectors that scores are made of; of both, where two models
        make them.

        Raises:
            UserError: If no decoder makes them: then ``asker`` is what the user is to leave out.
        """
        raise UserError(f"{asker} asks a decoder, and this model has none: leave {asker} out.")


class Model(Part, ABC):
    """Scores triplets: an encoder with a decoder, or a network that needs the question first."""

    num_relations: int
    uses_graph: bool
    reads_denied: bool = False
    """Whether messages pass over denied statements."""
    activations: int = 0
    """About how many numbers it holds for each query and node while it scores: so many fewer queries at once."""
    footprint = Former("activations")
    has_vectors: bool = True
    """Whether nodes have vectors before a question is asked."""

    @abstractmethod
    def encode(self, graph: Data | None) -> Encoding:
        """Once per step, once per evaluation."""

    @abstractmethod
    def scorer(self, encoding: Encoding, query: Query) -> Scorer:
        """A scorer for one batch of queries."""

    def forward(
        self, graph: Data | None, head_index: Int[Tensor, "b"], rel_type: Int[Tensor, "b"], tail_index: Int[Tensor, "b"]
    ) -> Float[Tensor, "b"]:
        """The scores of triplets, PyG's habit; where candidates are classes, ``tail_index`` are classes."""
        return self.scorer(self.encode(graph), Query(head_index, rel_type))(tail_index[:, None]).squeeze(1)

    def paths(self, graph: Data, query: Query, target: Int[Tensor, "1"], count: int) -> list[Path]:
        """The ways through the graph that speak most for one answer to one query.

        Raises:
            UserError: If it does not go by paths.
        """
        raise UserError(f"{type(self).__name__} does not come to a prediction by paths, so they cannot explain it.")


class Corruption(Part, ABC):
    """Which slot of a triplet is asked for."""

    @abstractmethod
    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        """Queries and their targets; row ``i`` of ``triplets`` becomes row ``i`` (and ``i + b`` if both are asked)."""


class Sampler(Part, ABC):
    """Which entities are offered as wrong answers."""

    gives_noise: bool = False
    """Whether its negatives carry :class:`~gnnneg.records.Noise`, which a task reads and no other sampler does."""

    @property
    def is_corrected(self) -> bool | None:
        """Whether weights make sums over its candidates estimates of sums over all entities; None where that depends,
        as it does in a curriculum of both.
        """
        return False

    @abstractmethod
    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        """Candidates for each query. The critic's scores carry no gradient unless the sampler asks for one."""

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        """The log-probability ``(#b, #k)`` with which one draw gives each of some entities, weights aside.

        Raises:
            UserError: If the sampler knows none.
        """
        raise UserError(f"{type(self).__name__} does not know how probable its candidates are: do not correct it.")


class SoftLabel(Part, ABC):
    """The soft label of each negative: how far it may be true after all."""

    former = ("Label",)

    @abstractmethod
    def forward(self, query: Query, index: Int[Tensor, "c k"]) -> Float[Tensor, "v j"]:
        """Labels ``(#b, #k)``, from 0 for certainly wrong to 1."""


@dataclass(frozen=True)
class Drawn:
    """What generators start from: queries with their targets, and the negatives that are drawn for them.

    Args:
        scorer (Scorer): That of the queries.
        query (Query): What is asked.
        target (torch.Tensor): The answers, ``(b,)``.
        negatives (Negatives): Candidates of the task's sampler.
        rng (torch.Generator, optional): What further draws come from. (default: :obj:`None`, torch's own)
    """

    scorer: Scorer
    query: Query
    target: Int[Tensor, "b"]
    negatives: Negatives
    rng: torch.Generator | None = None

    @property
    def positive(self) -> Float[Tensor, "b d"]:
        """The targets' vectors."""
        return self.scorer.embed(self.target[:, None])[:, 0]


class Generator(Part, ABC):
    """Makes negatives that belong to no entity, and says how their loss term counts."""

    asks_denied: bool = False
    """Whether it asks about denied statements of its own choice, which an encoder that reads them would give away."""
    draws_entities: bool = False
    """Whether it draws entities itself, of which its task and other generators know nothing."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in {"forward", "vectors"} & vars(cls).keys():
            setattr(cls, name, takes_record(vars(cls)[name], Drawn, cls.__name__))

    @abstractmethod
    def forward(self, drawn: Drawn) -> Made:
        """Scores of made negatives, from the vectors of the targets and of the sampled negatives."""

    @abstractmethod
    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        """Vectors that have these scores, or are distributed like what has them: for looking at, and for who needs
        vectors instead of scores. A generator that learns when it is asked learns here too.
        """

    def kinds(self) -> dict[str, int]:
        """How many negatives it makes of each kind, in their order, where it makes some of its own; where it changes
        the sampled ones, nothing.
        """
        return {}

    def trained(self) -> Iterator[Parameter]:
        """What the task's optimiser owns: all its parameters, unless it learns by itself."""
        yield from self.parameters()


class Loss(Part, ABC):
    """One number per query; the task averages."""

    takes_noise: bool = False
    """Whether scores may be log-odds against noise, :math:`\\log k q` taken off."""

    @abstractmethod
    def forward(
        self, positive: Float[Tensor, "b 1"], negative: Float[Tensor, "b k"], weight: Weights, label: Labels = 0.0
    ) -> Float[Tensor, "b"]:
        """``weight`` is ``(#b, #k)``, zero meaning absent; ``label`` the negatives' soft label, one or ``(#b, #k)``."""

    def of_product(
        self,
        positive: Float[Tensor, "b 1"],
        query: Float[Tensor, "b d"],
        candidate: Float[Tensor, "k d"],
        weight: Weights,
    ) -> Float[Tensor, "b"] | None:
        """The same of negatives that all queries share and whose scores are inner products, without labels, where it
        need not write the scores down; None where it has no such form.
        """
        return None


class Penalty(Part, ABC):
    """A term of the loss that looks at the answered query alone: norms of its vectors, its relation asked back."""

    @abstractmethod
    def forward(self, scorer: Scorer, query: Query, target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        """The penalty of each answered query; ``scorer`` is that of ``query``."""


class Weighing(Part, ABC):
    """How much each statement of a batch counts in the loss; penalties are not weighed."""

    @abstractmethod
    def forward(self, triplets: Triplets) -> Float[Tensor, "b"]:
        """What each statement's loss is multiplied by before all are added up."""


class Task(Part, ABC):
    """All that the trainer knows: what one epoch goes through, and what a batch of it costs.

    Whatever a call draws comes from its generator, dropout and modules that are handed none included.
    """

    model: Model

    def __call__(self, batch: Any, rng: torch.Generator | None = None, *args: Any, **kwargs: Any) -> Any:
        with lent(rng) as drawn_from:
            return super().__call__(batch, drawn_from, *args, **kwargs)

    @abstractmethod
    def examples(self, triplets: Triplets) -> tuple[Tensor, ...]:
        """What one epoch goes through once: a (named) tuple of tensors of one length, sliced into batches."""

    @abstractmethod
    def forward(self, batch: Any, rng: torch.Generator | None = None) -> Float[Tensor, ""]:
        """The loss of one batch, a slice of :meth:`examples` in the same type."""

    @abstractmethod
    def trained(self) -> Iterator[Parameter]:
        """What the trainer's optimiser owns; samplers that learn for themselves leave theirs out."""

    def tune(self, evaluate: Callable[[], float]) -> bool:
        """Chooses, once training is over, what no gradient can choose, and says whether there was such a thing:
        :obj:`evaluate` tells how good the model is on validation as it is now, larger being better.
        """
        return False

    settle = Former("tune")


__getattr__ = former_names(__name__)
