"""Knowledge graphs of stated facts."""

from pathlib import Path

from gnnneg.data.catalogue import card
from gnnneg.datasets.benchmark import Benchmark, OneCard, Transform


class FB15k237(OneCard):
    """FB15k-237 from `"Observed versus latent features for knowledge base and text inference"
    <https://aclanthology.org/W15-4007/>`_: 14,541 entities, 237 relations, 310,116 statements.
    """

    of = "FB15k-237"


class WN18RR(OneCard):
    """WN18RR from `"Convolutional 2D Knowledge Graph Embeddings" <https://arxiv.org/abs/1707.01476>`_: 40,943 synsets
    of WordNet, 11 relations, 93,003 statements.
    """

    of = "WN18RR"


class WN18(OneCard):
    """WN18 from `"Translating Embeddings for Modeling Multi-relational Data" <https://papers.nips.cc/paper/5071>`_:
    40,943 synsets, 18 relations, 151,442 statements. Its test set leaks: 4,698 of 5,000 pairs are reversed in train.
    """

    of = "WN18"


class UMLS(OneCard):
    """The semantic network of UMLS, from `"Statistical Predicate Invention" <https://doi.org/10.1145/1273496.1273551>`_:
    135 entities, 46 relations, 6,529 statements.
    """

    of = "UMLS"


class Kinship(OneCard):
    """Kinship in the Alyawarra tribe, from `"Statistical Predicate Invention"
    <https://doi.org/10.1145/1273496.1273551>`_: 104 people, 25 relations, 10,686 statements.
    """

    of = "Kinship"


class Nations(OneCard):
    """Relations between nations, from `"Statistical Predicate Invention"
    <https://doi.org/10.1145/1273496.1273551>`_: 14 nations, 55 relations, 1,992 statements. Very dense.
    """

    of = "Nations"


class Countries(Benchmark):
    """Countries of Bouchard et al. 2015 in the files of `"RotatE" <https://arxiv.org/abs/1902.10197>`_: which country
    lies in which region, with ever more of the way there taken out. Evaluation ranks the five regions only:
    ``data["entity"].candidate_tails``.

    Args:
        version (str): ``"S1"``, ``"S2"`` or ``"S3"``, from easy to hard.
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        version: str = "S1",
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card(f"Countries-{version}"), root, transform, pre_transform)


class NELL995(OneCard):
    """NELL-995 from `"DeepPath" <https://arxiv.org/abs/1707.06690>`_ in OpenKE's split: 75,492 entities, 200 relations,
    154,213 statements. At least four data sets go by this name.
    """

    of = "NELL-995"


class YAGO310(Benchmark):
    """YAGO3-10 from `"Convolutional 2D Knowledge Graph Embeddings" <https://arxiv.org/abs/1707.01476>`_: 123,182
    entities, 37 relations, 1,089,040 statements.

    Args:
        quarter (bool): The quarter of the training statements known as ``YAGO3-10-quarter``, good for timing and for
            no published number. (default: :obj:`False`)
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        quarter: bool = False,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("YAGO3-10-quarter" if quarter else "YAGO3-10"), root, transform, pre_transform)
