"""One or more examples of every concrete part, on a toy graph; the contract tests run over all of them.

A new part adds its line here: ``tests/contracts/test_guards.py`` fails until it has one.
"""

import inspect
from collections.abc import Callable
from functools import cache, partial

import networkx
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import LGConv

import gnnneg.corruption
import gnnneg.decoders
import gnnneg.encoders
import gnnneg.evaluation
import gnnneg.generators
import gnnneg.labels
import gnnneg.losses
import gnnneg.models
import gnnneg.penalties
import gnnneg.samplers
import gnnneg.tasks
import gnnneg.weighings  # noqa: F401  every module of parts is imported, so that its subclasses are known
from gnnneg.corruption import Alternating, Bernoulli, Both, Either, Head, OneSide, Tail
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import slots
from gnnneg.data.statements import PAIR, assemble, message_graph
from gnnneg.decoders import (
    ERMLPE,
    HAKE,
    RESCAL,
    ComplEx,
    Distance,
    DistMult,
    DynamicMapping,
    Hyperplane,
    Inner,
    Modulus,
    Polar,
    RotatE,
    TransD,
    TransE,
    TransH,
)
from gnnneg.encoders import GNN, RGCN, CompGCN, Lookup, SampledEdges, SampledNeighbors, ShardedLookup, Subtraction
from gnnneg.evaluation import (
    Clustering,
    Isotropy,
    KnownNegatives,
    PairClassification,
    ProbabilityCalibration,
    Ranking,
    RelationRanking,
    Testbed,
    TripleClassification,
)
from gnnneg.generators import (
    DANS,
    EMU,
    GNDN,
    Adversary,
    AsReleased,
    DeniedStatements,
    HardestEMU,
    LearnedEMU,
    MatchedEMU,
    Mixup,
    Redrawn,
    SelfPacedEMU,
)
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.labels import PathLabel, SlotLabel
from gnnneg.losses import BCE, HaSa, InfoNCE, LimitBased, LogSigmoid, MarginRanking
from gnnneg.models import Difference, KGEModel, NBFNet, NodeClassifier
from gnnneg.penalties import DURA, Lp, QueryPrediction, RelationPrediction, SoftConstraints, Together
from gnnneg.records import Negatives, Query, Triplets
from gnnneg.samplers import (
    KBGAN,
    KMAS,
    MCNS,
    All,
    Cached,
    Child,
    Corrected,
    Corrupt,
    Curriculum,
    Denied,
    Discounted,
    Diverse,
    Filtered,
    HardDraw,
    Hardest,
    InBatch,
    Influence,
    KHop,
    Mixture,
    Nearest,
    NoiseContrastive,
    Padded,
    Popular,
    PreBatch,
    Projected,
    RandomWalk,
    Relational,
    SelfPaced,
    Typed,
    Uniform,
    WithCritic,
)
from gnnneg.tasks import Dual, KvsAll, LinkPrediction, NodeClassification, SharedMask
from gnnneg.weighings import Confidence, Subsampling

NODES, RELATIONS, CHANNELS = 11, 3, 8


def toy(size: int = 40, seed: int = 0) -> Triplets:
    """Random statements over the toy's entities and relations."""
    draw = torch.Generator().manual_seed(seed)
    return Triplets(
        torch.randint(NODES, (size,), generator=draw),
        torch.randint(RELATIONS, (size,), generator=draw),
        torch.randint(NODES, (size,), generator=draw),
    )


def sparse() -> Triplets:
    """A few of the toy's statements: some entities have no facts at all."""
    return Triplets(*(column[:6] for column in toy()))


def denied() -> Triplets:
    """Other statements than the toy's, of every relation."""
    return toy(12, seed=7)


def side(triplets: Triplets, **options) -> LinkPrediction:
    """One side of dual training, which chooses the hardest of all unknown."""
    sampler = Hardest(Filtered(All(NODES), known(triplets)), 2)
    return LinkPrediction(kge(), Both(RELATIONS), sampler, InfoNCE(), **options)


def known(triplets: Triplets | None = None) -> KnownAnswers:
    return KnownAnswers(triplets or toy(), NODES, RELATIONS)


def graph(triplets: Triplets) -> networkx.Graph:
    """Who is linked with whom."""
    made = networkx.Graph()
    made.add_nodes_from(range(NODES))
    made.add_edges_from(zip(triplets.head_index.tolist(), triplets.tail_index.tolist()))
    return made


def messages() -> Data:
    """What messages pass over: a part of the toy's statements, with a few others denied."""
    names = [str(i) for i in range(NODES)], [str(i) for i in range(RELATIONS)]
    stated, denied = sparse(), toy(10, seed=1)
    return message_graph(assemble(stated, torch.zeros(6).long(), *names, denied, torch.zeros(10).long()))


def bed(seed: int = 0, bare: bool = False) -> Testbed:
    """All that an evaluation may ask about, statements of each split, denied ones, types and pairs; or none of it."""
    names = [str(i) for i in range(NODES)], [str(i) for i in range(RELATIONS)]
    stated, wrong = toy(40, seed=2), toy(30, seed=3)
    if bare:
        return Testbed(assemble(stated, torch.zeros(40).long(), *names), seed=seed)
    data = assemble(stated, torch.arange(40) % 3, *names, wrong, torch.arange(30) % 3)
    data["entity"].type = torch.eye(NODES, 2, dtype=torch.bool)
    data["entity"].type[5:, 0] = True
    data[PAIR].edge_label_index = torch.stack([stated.head_index, stated.tail_index])
    data[PAIR].edge_label = torch.arange(40) % 2
    return Testbed(data, seed=seed)


def kge(decoder: type = DistMult, **options) -> KGEModel:
    return KGEModel(Lookup(NODES, CHANNELS, bound=0.5), decoder(RELATIONS, CHANNELS), **options)


EXAMPLES: list[Callable[[], nn.Module]] = [
    # encoders
    partial(Lookup, NODES, CHANNELS),
    partial(Lookup, NODES, CHANNELS, sparse=True),
    partial(ShardedLookup, NODES, CHANNELS),
    lambda: GNN(LGConv(), CHANNELS),
    partial(RGCN, NODES, RELATIONS, CHANNELS, num_bases=2),
    partial(RGCN, NODES, RELATIONS, CHANNELS, num_layers=1, num_blocks=2, edge_dropout=0.5, signed=True),
    partial(RGCN, NODES, RELATIONS, CHANNELS, one_hot=True, dropout=0.5, per_relation=True),
    partial(CompGCN, NODES, RELATIONS, CHANNELS),
    lambda: CompGCN(NODES, RELATIONS, CHANNELS, 2, Subtraction(), in_channels=5),
    lambda: SampledEdges(RGCN(NODES, RELATIONS, CHANNELS, signed=True), 3),
    lambda: SampledNeighbors(RGCN(NODES, RELATIONS, CHANNELS, signed=True), [2, -1]),
    # decoders
    *(
        partial(decoder, RELATIONS, CHANNELS, reciprocal=reciprocal)
        for decoder in (DistMult, ComplEx, RotatE, TransE, RESCAL, HAKE, TransH, TransD)
        for reciprocal in (False, True)
    ),
    partial(ERMLPE, RELATIONS, CHANNELS, width=24),
    partial(TransE, RELATIONS, CHANNELS, p=2),
    partial(RotatE, RELATIONS, CHANNELS, p=2, bound=0.5),
    partial(TransH, RELATIONS, CHANNELS, p=1),
    partial(TransD, RELATIONS, CHANNELS, p=1),
    # similarities
    Inner,
    Distance,
    partial(Distance, 2),
    Modulus,
    partial(Polar, 1.5, 0.7, 2.0),
    *(partial(similarity, p=p) for similarity in (Hyperplane, DynamicMapping) for p in (1, 2)),
    # models
    kge,
    partial(kge, RotatE),
    partial(kge, dropout=0.5),
    lambda: NodeClassifier(Lookup(NODES, CHANNELS, bound=0.5), Inner(), NODES, dropout=0.5),
    lambda: Difference(kge(), kge(ComplEx), 0.5),
    partial(NBFNet, RELATIONS, CHANNELS, 2),
    # corruptions
    partial(Tail, RELATIONS),
    partial(Head, RELATIONS),
    partial(Both, RELATIONS),
    partial(Either, RELATIONS),
    partial(Alternating, RELATIONS),
    lambda: Bernoulli(known()),
    lambda: OneSide(known()),
    # samplers
    partial(Uniform, NODES, 5),
    partial(Uniform, NODES, 5, shared=True),
    partial(All, NODES),
    lambda: InBatch(known()),
    lambda: Filtered(Uniform(NODES, 5), known()),
    lambda: Filtered(All(NODES), known()),
    lambda: Popular(known(), 5, alpha=0.5),
    lambda: Popular(known(), 5, shared=True),
    partial(PreBatch, 2),
    lambda: Corrupt(known(), 5),
    lambda: KHop(known(sparse()), 5),
    lambda: RandomWalk(known(sparse()), 5),
    lambda: Typed(slots(known(sparse())), NODES, 5),
    lambda: Relational(known(), 5),
    lambda: Denied(known(sparse()), 5),
    partial(Nearest, NODES, 5, 4),
    partial(Nearest, NODES, 5, 0.3, refresh=2),
    lambda: Hardest(All(NODES), 5),
    lambda: Hardest(Filtered(Uniform(NODES, 9), known()), 3),
    lambda: HardDraw(All(NODES), 5),
    lambda: HardDraw(Filtered(Uniform(NODES, 9), known()), 3, weighted=False),
    lambda: Mixture([Uniform(NODES, 5), Hardest(All(NODES), 3)], [0.5, 0.5]),
    lambda: Mixture([Uniform(NODES, 5, shared=True), InBatch(known())]),
    lambda: Mixture([Uniform(NODES, 6), Popular(known(), 3)], [2.0, 1.0]),
    lambda: Corrected(Mixture([Uniform(NODES, 5, shared=True), Filtered(InBatch(known()), known())])),
    lambda: Mixture([Corrected(Uniform(NODES, 5)), Corrected(Popular(known(), 3))], [0.3, 0.7]),
    lambda: Padded(Denied(known(sparse()), 5), Uniform(NODES, 5)),
    lambda: Corrected(Popular(known(), 5)),
    lambda: Corrected(Filtered(InBatch(known()), known())),
    lambda: NoiseContrastive(Filtered(Popular(known(), 5), known())),
    lambda: NoiseContrastive(Uniform(NODES, 5, shared=True)),
    lambda: Discounted(Uniform(NODES, 5), SlotLabel(known(sparse()), 0.5)),
    lambda: Curriculum([Uniform(NODES, 5), Corrupt(known(), 5)], [0, 1]),
    lambda: SelfPaced(Uniform(NODES, 9), 3),
    lambda: KMAS(known(sparse()), 5, warmup=0.0, peak=0.0, steps=20),
    lambda: Influence(Uniform(NODES, 9), 3),
    lambda: Diverse(Uniform(NODES, 9), 3),
    lambda: Diverse(Filtered(Uniform(NODES, 9, shared=True), known()), 3),
    lambda: Child(Uniform(NODES, 9), kge(), 3),
    lambda: Child(Filtered(All(NODES), known()), kge(ComplEx), 3),
    lambda: Influence(Filtered(All(NODES), known()), 3),
    lambda: WithCritic(Hardest(All(NODES), 3), kge()),
    lambda: Cached(Uniform(NODES, 5), known(), 3, size=4),
    lambda: Cached(Uniform(NODES, 5, shared=True), known(), 3, size=4, temperature=0.0, every=2),
    lambda: KBGAN(Uniform(NODES, 5), kge(), 2),
    lambda: KBGAN(Filtered(All(NODES), known()), kge(ComplEx), 2),
    lambda: MCNS(known(sparse()), 5),
    lambda: Projected(DANS(known(), CHANNELS, 2, 1, width=12), NODES),
    lambda: Filtered(Projected(EMU(0.5, groups=None), NODES, Uniform(NODES, 5)), known()),
    # generators
    partial(EMU, 0.6, soft_label=0.3),
    partial(EMU, 0.6, groups=2, fixed=True),
    partial(EMU, 0.6, groups=None),
    partial(EMU, 0.6, joint=False, detach=True),
    partial(MatchedEMU, 0.6, soft_label=0.3),
    partial(SelfPacedEMU, 2.0, 1.0, 10),
    partial(LearnedEMU, RELATIONS, CHANNELS, 0.6),
    partial(HardestEMU, 0.4),
    Mixup,
    lambda: Redrawn(EMU(0.6, soft_label=0.3, groups=None), Uniform(NODES, 2)),
    partial(GNDN, RELATIONS, CHANNELS, 2),
    lambda: DANS(known(), CHANNELS, 1, 1, width=12),
    lambda: DANS(known(), CHANNELS, 2, 0, width=12, adversary=Adversary(average=0.5, hinge=True)),
    lambda: DANS(known(), CHANNELS, 0, 2, 12, film=False, adversary=Adversary(conditional=True), soft_label=0.1),
    lambda: DANS(known(), CHANNELS, 1, 1, width=12, as_released=AsReleased(True, True, True, True, True)),
    lambda: DeniedStatements(known(denied()), 2),
    lambda: DeniedStatements(known(denied()), 2, grouped=False),
    # labels
    lambda: SlotLabel(known(), 0.2, 0.05),
    lambda: PathLabel(known(sparse()), 1, 0.2, 0.05),
    # losses
    InfoNCE,
    partial(InfoNCE, temperature=0.1, learnable=True),
    partial(HaSa, prior=0.1),
    partial(HaSa, prior=0.3, hardness=0.0, margin=1.0),
    partial(LogSigmoid, margin=2.0),
    partial(LogSigmoid, margin=2.0, adversarial=1.0),
    partial(LogSigmoid, margin=2.0, k=2),
    partial(LimitBased, positive=0.1, negative=2.0, balance=0.5),
    partial(MarginRanking, margin=1.0),
    partial(MarginRanking, margin=1.0, k=2),
    partial(BCE, margin=1.0),
    # penalties
    partial(Lp, 0.1),
    partial(Lp, 0.1, p=2),
    partial(DURA, 0.1),
    partial(RelationPrediction, 0.5),
    lambda: QueryPrediction(known(), 0.5, 0.2),
    partial(SoftConstraints, 0.5),
    lambda: Together([Lp(0.1), RelationPrediction(0.5)]),
    # weighings
    lambda: Subsampling(known()),
    lambda: Confidence(known()),
    # evaluators
    Ranking,
    partial(Ranking, "valid", sampled=3),
    partial(Ranking, per="relation"),
    partial(Ranking, per="half_links"),
    RelationRanking,
    TripleClassification,
    partial(KnownNegatives, num_random=4),
    ProbabilityCalibration,
    PairClassification,
    partial(Clustering, seeds=2),
    Isotropy,
    # tasks
    lambda: Dual(side(toy()), side(denied()), known(denied())),
    lambda: LinkPrediction(kge(), Both(RELATIONS), Uniform(NODES, 5), InfoNCE()),
    lambda: LinkPrediction(kge(), Tail(RELATIONS), NoiseContrastive(Popular(known(), 5)), BCE()),
    lambda: LinkPrediction(kge(), Both(RELATIONS), Uniform(NODES, 5), BCE(), generators=[EMU(0.3)], one_term=True),
    lambda: LinkPrediction(
        KGEModel(RGCN(NODES, RELATIONS, CHANNELS, signed=True), DistMult(RELATIONS, CHANNELS)),
        Both(RELATIONS),
        Uniform(NODES, 5),
        InfoNCE(),
        graph=messages(),
    ),
    lambda: NodeClassification(
        NodeClassifier(Lookup(NODES, CHANNELS), Inner(), NODES), All(NODES), InfoNCE(), generators=[EMU(0.3)]
    ),
    lambda: KvsAll(kge(), known()),
    lambda: KvsAll(kge(), known(), softmax=True, weighted=True, penalty=Lp(0.01)),
    lambda: KvsAll(kge(), known(), softmax=True, weighted=True, mutation=SharedMask(0.3, 0.1), scale=0.5),
]


def examples(base: type) -> list[Callable[[], nn.Module]]:
    """The examples of one interface, to be built afresh by each test."""
    return [make for make in EXAMPLES if issubclass(made_by(make), base)]


@cache
def made_by(make: Callable[[], nn.Module]) -> type:
    """The class of an example, which is made once to ask it: every file of contracts asks while it is collected."""
    return type(make())


def name(make: Callable[[], nn.Module]) -> str:
    """A test id: the class and what was passed to it."""
    options = ",".join(f"{k}={v}" for k, v in getattr(make, "keywords", {}).items())
    return made_by(make).__name__ + (f"({options})" if options else "")


def concrete(base: type) -> set[type]:
    """Every subclass of gnnneg's that is not abstract."""
    found = set()
    for child in base.__subclasses__():
        found |= concrete(child)
        if not inspect.isabstract(child) and child.__module__.startswith("gnnneg."):
            found.add(child)
    return found


class Scores(Scorer):
    """A scorer that reads a given ``(b, n)`` matrix, for tests that need to know the scores."""

    def __init__(self, score: Tensor):
        self.score = score

    def embed(self, index: Tensor) -> Tensor:
        return index[..., None].float()

    def decode(self, candidate: Tensor) -> Tensor:
        return self(candidate[..., 0].long())

    def __call__(self, index: Tensor) -> Tensor:
        return self.score.gather(1, index.expand(len(self.score), -1))

    def factors(self, target: Tensor) -> tuple[Tensor, ...]:
        return ()


class Fixed(Sampler):
    """Always the same candidates."""

    def __init__(self, index: Tensor, weight: Tensor):
        super().__init__()
        self.index, self.weight, self.learnt = index, weight, 0

    def forward(self, query: Query, target: Tensor, critic: Scorer, rng: torch.Generator | None = None) -> Negatives:
        self.learnt += self.training
        rows = slice(None) if self.index.size(0) == 1 else slice(0, target.numel())
        return Negatives(self.index[rows], self.weight)
