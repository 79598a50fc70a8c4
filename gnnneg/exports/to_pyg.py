"""A model of PyG's ``torch_geometric.nn.kge`` with the same scores."""

import math
from typing import Any

import torch
import torch.nn.functional as F

from gnnneg import decoders
from gnnneg.errors import UserError
from gnnneg.experiment import Run
from gnnneg.exports.embedding import Embedding, embedding


def to_pyg(run: Run) -> Any:
    """A ``torch_geometric.nn.kge`` model with a run's vectors: ``model(head_index, rel_type, tail_index)`` is our
    score.

    Where inverse relations have vectors of their own they are the upper half of its relations: ``(tail, relation +
    num_relations, head)`` is the score of the head. PyG has DistMult, ComplEx, RotatE with one norm of all moduli
    (``p=2``) and TransE of entities of length 1.

    Raises:
        UserError: If PyG has no model with the same scores.
    """
    return made(embedding(run, "PyG"))[0]


def made(of: Embedding) -> tuple[Any, dict[str, Any]]:
    """The model, and how it is made: its class and the arguments of its constructor."""
    from torch_geometric.nn import kge

    nodes, width = of.entities.shape
    options: dict[str, Any]
    sizes = {"num_nodes": nodes, "num_relations": len(of.relations)}
    if of.name == "DistMult":
        options, tables = {**sizes, "hidden_channels": width}, {"node_emb": of.entities, "rel_emb": of.relations}
    elif of.name == "TransE":
        p = float(of.decoder.similarity.p)  # type: ignore[arg-type]
        if not torch.allclose(F.normalize(of.entities, p=p, dim=1), of.entities, atol=1e-5):
            raise UserError(
                "PyG's TransE scales entities to length 1, and the vectors of this run have other lengths, so that its "
                "scores would be others: export pykeen, parquet or npy instead."
            )
        options = {**sizes, "hidden_channels": width, "p_norm": p}
        tables = {"node_emb": of.entities, "rel_emb": of.relations}
    elif of.name in ("ComplEx", "RotatE"):
        if isinstance(of.decoder.similarity, decoders.Modulus):
            raise UserError(
                "PyG's RotatE takes one norm of all moduli (p=2 here), and this run sums them, as the paper does: "
                "train with --task.model.decoder.p 2, or export pykeen, parquet or npy instead."
            )
        options, (real, imaginary) = {**sizes, "hidden_channels": width // 2}, of.entities.chunk(2, dim=1)
        tables = {"node_emb": real, "node_emb_im": imaginary}
        if of.name == "RotatE":
            options["margin"] = 0.0  # which it adds to every score
            tables["rel_emb"] = of.relations * (math.pi / float(of.decoder.bound))  # type: ignore[arg-type]
        else:
            tables["rel_emb"], tables["rel_emb_im"] = of.relations.chunk(2, dim=1)
    else:
        raise UserError(f"PyG has no model with the scores of {of.name}: export pykeen, parquet or npy instead.")
    model = getattr(kge, of.name)(**options)
    with torch.no_grad():
        for name, table in tables.items():
            getattr(model, name).weight.copy_(table)
    return model.eval(), {"class": f"torch_geometric.nn.kge.{of.name}", "init_args": options}
