"""The base classes, and so the vocabulary. Abstract or final: everything that derives from them is final.

A *positive* is an answered query: ``(anchor, rel_type) -> target``. A *sampler* chooses candidate entities for a batch
of queries. It sees only the queries and a *critic* (a scorer). A *generator* makes vectors that belong to no entity. A
*task* turns a batch into one number, and that is all the trainer ever sees.
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
from gnnneg.checks import kinds
from gnnneg.errors import UserError
from gnnneg.former import Former, former_names, takes_former_attributes, takes_former_options, takes_record
from gnnneg.mixed import mixed_scores
from gnnneg.records import Labels, Made, Mutation, Negatives, Path, Query, Triplets, Weights
from gnnneg.row_gradient import Rows


class Part(nn.Module):
    """Remembers its constructor's arguments, so that a part built in Python can be written as a config."""

    made_with: tuple[tuple, dict]
    mirrored: ClassVar[tuple[str, ...]] = ()
    """Parameters of the constructor for which, and for all below them, stated and denied are swapped."""
    one_process: ClassVar[str | None] = None
    """What each of several processes would do separately, so that the part works in one process only."""
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
        if cls.__module__.startswith("gnnneg."):
            kinds(cls, args, kwargs)
        part = super().__new__(cls)
        object.__setattr__(part, "made_with", (args, kwargs))  # torch's own __setattr__ waits for its __init__
        return part

    @classmethod
    def reworded(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a config of an earlier version in today's form, where more than names has changed."""
        return given

    def monitored(self) -> dict[str, float]:
        """Numbers to watch while training, by name. The log has them after each epoch, the progress display and the
        report show them.
        """
        return {}

    figures = Former("monitored")


class Encoding(ABC):
    """Node vectors, and the only two ways to read them."""

    @abstractmethod
    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        """The vectors of ``index``, ``(*s) -> (*s, d)``."""

    @abstractmethod
    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        """A table that holds at least the rows of ``index``, and the place of each index in it.

        The fused kernels read vectors directly from this table. A dense encoding returns its whole table and ``index``,
        and so does a row-sparse one without gradients. A row-sparse one with gradients and a sharded one return only
        the rows of ``index``, a sharded one with those that it has fetched together with them.
        """

    def rare(self, index: Int[Tensor, "*s"]) -> Rows | None:
        """The rows of a table that is so large that hardly one of ``index`` comes twice, if kernels can read them where
        they lie. None elsewhere.
        """
        return None

    def ahead(self, *index: Int[Tensor, "..."]) -> None:  # noqa: B027  # most have nothing to do
        """Notes indices whose rows will be looked up later in this step, with gradients if these are enabled now.

        An encoding that fetches rows from other processes fetches those of all noted indices together, at the first
        look-up. The tensors must not be written to meanwhile. All others ignore this.
        """

    def awaits(self, index: Int[Tensor, "*s"]) -> bool:
        """Whether ``index`` has been noted by :meth:`ahead` and is not fetched yet. Then it is best looked up as late
        as possible, because more may be noted.
        """
        return False


class Encoder(Part, ABC):
    """Turns a graph into node vectors (or looks them up)."""

    hidden_channels: int
    uses_graph: bool
    reads_denied: bool = False
    """Whether messages pass over denied statements."""
    num_layers: int | None = None
    """Over how many edges a message travels, if that is known."""

    @abstractmethod
    def forward(self, graph: Data | None) -> Encoding:
        """Node vectors; ``graph`` is homogeneous with ``edge_index, edge_type``, or None if the encoder needs none."""

    def relation_states(self) -> Float[Tensor, "t c"] | None:
        """The relation table that decoders read in place of their own, ``(2 * num_relations, c)``, with inverses in the
        upper half. Most encoders have none and return None.
        """
        return None


class Candidates(ABC):
    """Candidate vectors of a batch of queries, ``k`` a query, in whatever form they are stored.

    The last result without offset and weight is remembered, because mutated scores are computed from plain ones.
    """

    @abstractmethod
    def inner(self, query: Float[Tensor, "b d"], offset: Float[Tensor, "b 1"] | None = None) -> Float[Tensor, "b k"]:
        """Inner products, with ``offset`` added to all products of a query."""

    @abstractmethod
    def distance(
        self, kind: int, query: Float[Tensor, "b d"], weight: Float[Tensor, "b h"] | None = None
    ) -> Float[Tensor, "b k"]:
        """Distances of a kind of :mod:`gnnneg.kernels.kinds`, each coordinate times its ``weight``."""

    @abstractmethod
    def map(self, change: Callable[[Tensor], Tensor]) -> "Candidates":
        """The candidates with each vector changed, ``(*s, d) -> (*s, e)``."""

    @abstractmethod
    def each(self, score: Callable[[Tensor, Tensor], Tensor], query: Float[Tensor, "b q"]) -> Float[Tensor, "b k"]:
        """The result of ``score`` on ``(b, q)`` query and ``(#b, k, d)`` candidate vectors, where no kernel fits.

        It is called on chunks of candidates, so that ``(b, k, d)`` are at most :obj:`gnnneg.mixed.CHUNK` numbers, and
        on all chunks again for the gradient.
        """


class Similarity(nn.Module, ABC):
    """How close a query vector is to a candidate vector; larger is more plausible.

    A *coordinate* is ``parts`` real numbers of a vector: two if it is complex, with real and imaginary parts in two
    halves of the vector.
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

    def __new__(cls, *args: object, **kwargs: object) -> "Similarity":
        if cls.__module__.startswith("gnnneg."):
            kinds(cls, args, kwargs)
        return super().__new__(cls)

    @abstractmethod
    def forward(
        self, query: Float[Tensor, "b q"], candidates: Candidates, mutation: Mutation | None = None
    ) -> Float[Tensor, "b k"]:
        """Scores of ``(b, q)`` query vectors, exact for mutated candidates too."""

    @abstractmethod
    def terms(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        """The contribution of each coordinate to the score of candidates ``(#b, k, d)``."""


class RelationTable(nn.Module, ABC):
    """A decoder's rows of numbers, one or two a relation."""

    weight: Tensor

    @abstractmethod
    def reading(self, states: Float[Tensor, "t c"]) -> "RelationTable":
        """The same table with other rows, such as an encoder's. These are no parameters and not in the state dict."""


class Decoder(Part, ABC):
    """An operator (what the relation does to the anchor) and a similarity.

    In TransH, TransD and HAKE the relation also moves the candidate. Such a decoder writes the numbers for that into
    the query vector, and has its own similarity that reads them.
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
        """The magnitudes of all vectors in the score, for norm penalties; complex vectors give moduli."""


class Scorer(ABC):
    """Scores any candidates for one fixed batch of queries."""

    num_candidates: int | None = None
    """The number of candidates, if they are not the nodes."""

    has_vectors: bool = True
    """Whether candidates have vectors that are the same for every query."""

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
        """The vectors of queries and of shared candidates, if scores are their inner products; otherwise None."""
        return None

    def own_vectors(self, index: Int[Tensor, "k"], asker: str) -> Float[Tensor, "k d"]:
        """The candidates' own vectors, which do not depend on the query.

        Raises:
            UserError: If they have none; the message tells the user to leave ``asker`` out.
        """
        vectors = self.embed(index[None]) if self.has_vectors else None
        if vectors is None or vectors.size(0) != 1:
            raise UserError(
                f"{asker} compares the entities' own vectors, and in this model these depend on the query: "
                f"leave {asker} out, or use a model that encodes entities."
            )
        return vectors[0]

    def columns(self, index: Int[Tensor, "c k"]) -> Callable[[slice], Float[Tensor, "c l d"]]:
        """The vectors of candidates, some columns at a time.

        The encoder computes everything here, once, and nothing when columns are read. So columns may be read inside a
        checkpoint. It reads them again for the gradient and must find the same, so reading must not draw random numbers
        or remember anything.
        """
        return lambda some: self.embed(index[:, some])

    @property
    def parts(self) -> int:
        """How many real numbers of a vector are one coordinate, which mutation exchanges as a whole: 2 if complex."""
        return 1

    def mutated(self, index: Int[Tensor, "c k"], mutation: Mutation) -> Float[Tensor, "b k"]:
        """The scores of candidate entities after some coordinates are replaced by the targets'.

        This is the reference, which makes the vectors. Scorers with a closed form override it.

        Raises:
            UserError: If the mutation has noise or no target: both need a closed form.
        """
        return mixed_scores(mutation, index.size(1), self.columns(index), self.decode, type(self).__name__)

    def terms(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"] | None:
        """The contribution of each coordinate to the score of candidate vectors; None if scores are no sums over
        coordinates.
        """
        return None

    def composed(self) -> Float[Tensor, "b d"] | None:
        """The combination of each anchor with its relation: a vector in the candidates' space, and answers lie near or
        along it. It carries the gradient of both. None if there is no such vector.
        """
        return None

    def anchors(self, query: Query) -> Float[Tensor, "b d"]:
        """The vectors of its queries' anchors. They are states of nodes even if the candidates are not nodes."""
        return self.embed(query.anchor[:, None])[:, 0]

    def asking(self, query: Query) -> "Scorer":
        """A scorer of other queries, for the same model in the same state.

        Raises:
            UserError: If the model has none.
        """
        raise UserError(f"{type(self).__name__} scores its own queries only: leave out parts that score other queries.")

    @abstractmethod
    def factors(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b _"], ...]:
        """The magnitudes in the score of each query's target, for norm penalties."""

    def by_decoder(self, read: Callable[[Decoder, Encoding], Any], asker: str) -> list[Any]:
        """The results of ``read`` on the decoder and node vectors behind the scores; two results if two models make the
        scores.

        Raises:
            UserError: If there is no decoder; the message tells the user to leave ``asker`` out.
        """
        raise UserError(f"{asker} asks a decoder, and this model has none: leave {asker} out.")


class Model(Part, ABC):
    """Scores triplets: an encoder with a decoder, or a network that computes its states for each query."""

    num_relations: int
    uses_graph: bool
    reads_denied: bool = False
    """Whether messages pass over denied statements."""
    activations: int = 0
    """About how many numbers it holds for each query and node while it scores. The more, the fewer queries are scored
    at once.
    """
    footprint = Former("activations")
    has_vectors: bool = True
    """Whether nodes have vectors that do not depend on the query."""

    @abstractmethod
    def encode(self, graph: Data | None) -> Encoding:
        """Once per step, once per evaluation."""

    @abstractmethod
    def scorer(self, encoding: Encoding, query: Query) -> Scorer:
        """A scorer for one batch of queries."""

    def forward(
        self, graph: Data | None, head_index: Int[Tensor, "b"], rel_type: Int[Tensor, "b"], tail_index: Int[Tensor, "b"]
    ) -> Float[Tensor, "b"]:
        """The scores of triplets, as PyG's models give them; if candidates are classes, ``tail_index`` are classes."""
        return self.scorer(self.encode(graph), Query(head_index, rel_type))(tail_index[:, None]).squeeze(1)

    def paths(self, graph: Data, query: Query, target: Int[Tensor, "1"], count: int) -> list[Path]:
        """The paths through the graph that contribute most to one answer to one query.

        Raises:
            UserError: If the model does not use paths.
        """
        raise UserError(f"{type(self).__name__} does not use paths, so paths cannot explain its predictions.")


class Corruption(Part, ABC):
    """Decides whether the head or the tail of a triplet is predicted."""

    @abstractmethod
    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        """Queries and targets; row ``i`` of ``triplets`` becomes row ``i`` (and ``i + b`` if both are predicted)."""


class Sampler(Part, ABC):
    """Chooses the entities that are offered as wrong answers."""

    gives_noise: bool = False
    """Whether its negatives carry :class:`~gnnneg.records.Noise`. A task reads it, other samplers do not."""

    @property
    def is_corrected(self) -> bool | None:
        """Whether weighted sums over its candidates are estimates of sums over all entities. None if that varies, as in
        a curriculum of both.
        """
        return False

    @abstractmethod
    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        """Candidates for each query. The critic's scores carry no gradient unless the sampler enables it."""

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        """The log-probability ``(#b, #k)`` that one draw gives each entity of ``index``, without weights.

        Raises:
            UserError: If the sampler does not know it.
        """
        raise UserError(f"{type(self).__name__} does not know how probable its candidates are: do not correct it.")


class SoftLabel(Part, ABC):
    """The soft label of each negative: how likely it is to be true after all."""

    former = ("Label",)

    @abstractmethod
    def forward(self, query: Query, index: Int[Tensor, "c k"]) -> Float[Tensor, "v j"]:
        """Labels ``(#b, #k)``, from 0 for certainly wrong to 1."""


@dataclass(frozen=True)
class Drawn:
    """The input of generators: queries with their targets, and the negatives drawn for them.

    Args:
        scorer (Scorer): The scorer of the queries.
        query (Query): The queries.
        target (torch.Tensor): The answers, ``(b,)``.
        negatives (Negatives): Candidates of the task's sampler.
        rng (torch.Generator, optional): For further random draws. (default: :obj:`None`, torch's own)
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
    """Whether it scores denied statements of its own choice. An encoder that reads denied statements would reveal them.
    """
    draws_entities: bool = False
    """Whether it draws entities itself, unknown to its task and to other generators."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in {"forward", "vectors"} & vars(cls).keys():
            setattr(cls, name, takes_record(vars(cls)[name], Drawn, cls.__name__))

    @abstractmethod
    def forward(self, drawn: Drawn) -> Made:
        """Scores of made negatives, from the vectors of the targets and of the sampled negatives."""

    @abstractmethod
    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        """Vectors that have these scores, or the same distribution: for plots, and for callers that need vectors
        instead of scores. A generator that learns when it is called learns here too.
        """

    def kinds(self) -> dict[str, int]:
        """How many negatives of each kind it makes, in their order. Empty if it changes the sampled ones instead."""
        return {}

    def trained(self) -> Iterator[Parameter]:
        """The parameters for the task's optimiser: all of them, unless the generator learns by itself."""
        yield from self.parameters()


class Loss(Part, ABC):
    """One number per query; the task averages."""

    takes_noise: bool = False
    """Whether scores may be log-odds against noise, with :math:`\\log k q` subtracted."""

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
        """The same loss for shared negatives whose scores are inner products, without labels and without a matrix of
        scores. None if the loss has no such form.
        """
        return None


class Penalty(Part, ABC):
    """A term of the loss that depends only on the answered query: norms of its vectors, or the prediction of its
    relation.
    """

    @abstractmethod
    def forward(self, scorer: Scorer, query: Query, target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        """The penalty of each answered query; ``scorer`` belongs to ``query``."""


class Weighing(Part, ABC):
    """How much each statement of a batch counts in the loss; penalties are not weighted."""

    @abstractmethod
    def forward(self, triplets: Triplets) -> Float[Tensor, "b"]:
        """The factor of each statement's loss in the sum."""


class Task(Part, ABC):
    """All that the trainer knows: the examples of one epoch, and the loss of a batch of them.

    All random draws of a call come from its generator, including those of dropout and of modules without an ``rng``
    argument.
    """

    model: Model

    def __call__(self, batch: Any, rng: torch.Generator | None = None, *args: Any, **kwargs: Any) -> Any:
        with lent(rng) as drawn_from:
            return super().__call__(batch, drawn_from, *args, **kwargs)

    @abstractmethod
    def examples(self, triplets: Triplets) -> tuple[Tensor, ...]:
        """The examples of one epoch: a (named) tuple of tensors of one length, sliced into batches."""

    @abstractmethod
    def forward(self, batch: Any, rng: torch.Generator | None = None) -> Float[Tensor, ""]:
        """The loss of one batch, a slice of :meth:`examples` in the same type."""

    @abstractmethod
    def trained(self) -> Iterator[Parameter]:
        """The parameters for the trainer's optimiser; samplers that learn by themselves leave theirs out."""

    def tune(self, evaluate: Callable[[], float]) -> bool:
        """Chooses, after training, values that no gradient can choose, and returns whether there were any.
        :obj:`evaluate` gives the model's current validation figure; larger is better.
        """
        return False

    settle = Former("tune")


__getattr__ = former_names(__name__)
