"""Knowledge graphs with statements that are denied."""

from pathlib import Path

from gnnneg.data.catalogue import card
from gnnneg.datasets.benchmark import Benchmark, OneCard, Transform


class CoDEx(Benchmark):
    """CoDEx from `"CoDEx: A Comprehensive Knowledge Graph Completion Benchmark" <https://arxiv.org/abs/2009.07810>`_,
    with its verified negatives as denied statements of the valid and test splits, and its types: several per entity.

    Args:
        size (str): ``"S"`` (2,034 entities) or ``"M"`` (17,050). (default: ``"S"``)
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        size: str = "S",
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card(f"CoDEx-{size}"), root, transform, pre_transform)


class GONegStatements(OneCard):
    """The Gene Ontology with positive and negative annotations of proteins, from `"Improving Knowledge Graph Embeddings
    through Contrastive Learning with Negative Statements" <https://arxiv.org/abs/2510.11868>`_: 43,721 entities, 91,701
    stated and 32,959 denied statements, all in train. ``data["entity", "pair", "entity"]`` says of 2,048 pairs of
    proteins whether they interact.
    """

    of = "GO-NegStatements"


class InferWiki16k(OneCard):
    """InferWiki16k from `"Are Missing Links Predictable? An Inferential Benchmark for Knowledge Graph Completion"
    <https://arxiv.org/abs/2108.01387>`_: 16,288 entities, 197 relations, 169,220 statements. 3,778 negatives
    are denied; 2,957 that are unknown in an open world are counted in ``data.left_out``.
    """

    of = "InferWiki16k"


class FB13(OneCard):
    """FB13 from `"Reasoning With Neural Tensor Networks for Knowledge Base Completion"
    <https://papers.nips.cc/paper/5028>`_: 75,043 entities, 13 relations, 345,873 statements, and for each of valid and
    test a denied one. 53 of those of test are in fact stated.
    """

    of = "FB13"


class WN11(OneCard):
    """WN11 from `"Reasoning With Neural Tensor Networks for Knowledge Base Completion"
    <https://papers.nips.cc/paper/5028>`_: 38,588 entities, 11 relations, 125,734 statements, and for each of valid and
    test a denied one.
    """

    of = "WN11"


class ConceptNetNegatER(Benchmark):
    """ConceptNet as released with `"NegatER: Unsupervised Discovery of Negatives in Commonsense Knowledge Bases"
    <https://arxiv.org/abs/2011.07497>`_.

    Args:
        full (bool): All 102,400 statements, where what is said under ``NotIsA`` is denied of ``IsA``; otherwise the
            relations of which true negative statements are known, with those to deny in valid and test. (default:
            :obj:`True`)
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        full: bool = True,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        name = f"ConceptNet-NegatER-{'full' if full else 'trueneg'}"
        super().__init__(card(name), root, transform, pre_transform)
