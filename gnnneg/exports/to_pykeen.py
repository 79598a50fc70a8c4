"""A PyKEEN model with the same scores."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg import decoders
from gnnneg.data.statements import triplets
from gnnneg.errors import MissingExtra, UserError
from gnnneg.experiment import Run
from gnnneg.exports.embedding import Embedding, embedding

# the name of the interaction there, its options, and the representations of entities and of relations
Form = tuple[str, dict[str, Any], list[Tensor], list[Tensor]]


def to_pykeen(run: Run) -> Any:
    """A ``pykeen.models.ERModel`` with a run's vectors: ``score_hrt``, ``score_t`` and ``score_h`` are our scores.

    Where inverse relations have vectors of their own it is a model with inverse triples, and ``predict_h`` asks these.
    What an encoder made of a graph is a table there.

    ==================================  =================================================================
    decoder                             interaction there
    ==================================  =================================================================
    TransE, DistMult, ComplEx, RESCAL   the same
    RotatE with ``p=2``                 RotatE, whose norm is one of all moduli
    RotatE with ``p=1``, the paper's    LineaRE on complex numbers, :math:`\\lVert \\mathbf{h} \\circ \\mathbf{r} -
                                        \\mathbf{t} \\rVert_1`, since RotatE there takes ``p=2`` whatever is said
    TransH                              TransH, normals divided by their length
    ==================================  =================================================================

    Raises:
        UserError: If PyKEEN has no interaction with the same scores.
        MissingExtra: If PyKEEN is not installed.
    """
    found = embedding(run, "PyKEEN")
    if found.name not in FORMS:
        raise UserError(f"PyKEEN has no interaction with the scores of {found.name}: export parquet or npy instead.")
    name, options, entities, relations = FORMS[found.name](found)
    try:
        from pykeen.models import ERModel
        from pykeen.nn import modules
    except ImportError:
        raise MissingExtra("pykeen", "A PyKEEN model") from None
    if found.reciprocal:
        relations = [_interleaved(table) for table in relations]
    model = ERModel(
        triples_factory=factory(found.data, found.reciprocal),
        interaction=getattr(modules, f"{name}Interaction")(**options),
        entity_representations=[_table(one) for one in entities],
        relation_representations=[_table(one) for one in relations],
        random_seed=0,
    )
    for representation in (*model.entity_representations, *model.relation_representations):
        setattr(representation, "initializer", torch.nn.init.normal_)  # noqa: B010  (ours holds the vectors once more)
    return model.eval()


def factory(data: HeteroData, inverse: bool) -> Any:
    """PyKEEN's triples: the names, and the training statements where they are at hand."""
    from pykeen.triples import TriplesFactory

    return TriplesFactory(
        mapped_triples=torch.stack(tuple(triplets(data, "stated", "train")), 1).cpu(),
        entity_to_id={name: row for row, name in enumerate(data["entity"].names)},
        relation_to_id={name: row for row, name in enumerate(data.relation_names)},
        create_inverse_triples=inverse,
    )


def _table(rows: Tensor) -> Any:
    from pykeen.nn import Embedding as Representation
    from pykeen.nn.init import PretrainedInitializer

    given = torch.view_as_real(rows) if rows.is_complex() else rows
    return Representation(
        max_id=len(rows), shape=tuple(rows.shape[1:]), dtype=rows.dtype, initializer=PretrainedInitializer(given)
    )


def _interleaved(table: Tensor) -> Tensor:
    """Each inverse behind its relation, as PyKEEN numbers them."""
    forth, back = table.chunk(2)
    return torch.stack([forth, back], 1).flatten(0, 1).contiguous()


def _complex(table: Tensor) -> Tensor:
    return torch.complex(*(half.contiguous() for half in table.chunk(2, dim=1)))


def _transe(of: Embedding) -> Form:
    return "TransE", {"p": of.decoder.similarity.p, "power_norm": False}, [of.entities], [of.relations]


def _distmult(of: Embedding) -> Form:
    return "DistMult", {}, [of.entities], [of.relations]


def _complex_(of: Embedding) -> Form:
    return "ComplEx", {}, [_complex(of.entities)], [_complex(of.relations)]


def _rescal(of: Embedding) -> Form:
    width = of.entities.size(1)
    return "RESCAL", {}, [of.entities], [of.relations.unflatten(1, (width, width)).contiguous()]


def _rotate(of: Embedding) -> Form:
    angle = of.relations * (math.pi / float(of.decoder.bound))  # type: ignore[arg-type]
    turn = torch.polar(torch.ones_like(angle), angle)
    if isinstance(of.decoder.similarity, decoders.Modulus):
        relations = [turn, torch.zeros_like(turn), torch.ones_like(turn)]
        return "LineaRE", {"p": 1, "power_norm": False}, [_complex(of.entities)], relations
    return "RotatE", {}, [_complex(of.entities)], [turn]


def _transh(of: Embedding) -> Form:
    normal, move = of.relations.chunk(2, dim=1)
    tables = [F.normalize(normal, dim=1), move.contiguous()]
    return "TransH", {"p": of.decoder.similarity.p, "power_norm": False}, [of.entities], tables


FORMS: dict[str, Callable[[Embedding], Form]] = {
    "TransE": _transe,
    "DistMult": _distmult,
    "ComplEx": _complex_,
    "RESCAL": _rescal,
    "RotatE": _rotate,
    "TransH": _transh,
}
