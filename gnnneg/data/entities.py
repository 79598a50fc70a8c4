"""RDF graphs with labelled nodes (AIFB, MUTAG): statements from N-Triples, classes from tables."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch_geometric.data import Data

from gnnneg.data.formats.ntriples import read_ntriples
from gnnneg.data.layout import Layout
from gnnneg.data.read import read_table
from gnnneg.data.rows import where_of
from gnnneg.errors import UserError

UNLABELLED = -1


def read_entities(graph: Path, labels: Mapping[str, Path], layout: Layout) -> Data:
    """Reads an RDF graph with literals as nodes, and the classes of its nodes.

    Args:
        graph (Path): N-Triples.
        labels (dict): The tables of labelled nodes, of ``train`` and ``test``.
        layout (Layout): What their lines hold, with the columns ``name`` and ``label``.

    Returns:
        ``edge_index (2, 2 e)`` and ``edge_type (2 e,)`` with inverse edges, as ``message_graph`` makes them,
        ``y (n,)`` with -1 for nodes without a class, ``train_mask``, ``test_mask``, and lists of names in alphabetical
        order: ``names``, ``relation_names``, ``class_names``.

    Raises:
        UserError: If a file is missing or garbled, labels a node that is not in the graph, or labels a node twice.
    """
    table = read_ntriples(graph, literals=True, blank=True).table
    head, relation, tail = (table[column].to_pylist() for column in ("head", "relation", "tail"))
    names, relations = sorted({*head, *tail}), sorted(set(relation))
    node, number = ({name: i for i, name in enumerate(some)} for some in (names, relations))
    source, target = torch.tensor([node[name] for name in head]), torch.tensor([node[name] for name in tail])
    edge_type = torch.tensor([number[name] for name in relation])

    found = {split: read_table(path, layout) for split, path in labels.items()}
    for split, one in found.items():
        if "" in (given := one["label"].to_pylist()):
            place = where_of(labels[split], layout)(given.index(""))
            raise UserError(f"{place}: the label is empty: leave the line out.")
    classes = sorted({label for one in found.values() for label in one["label"].to_pylist()})
    y = torch.full((len(names),), UNLABELLED)
    masks = {}
    for split, one in found.items():
        mask = masks[split] = torch.zeros(len(names), dtype=torch.bool)
        for name, label in zip(one["name"].to_pylist(), one["label"].to_pylist()):
            if name not in node:
                raise UserError(f"{labels[split]} labels {name!r}, which is not in {graph}: check the card's columns.")
            if y[node[name]] != UNLABELLED:
                raise UserError(f"{labels[split]} labels {name!r}, which has a label already: a node has one class.")
            y[node[name]], mask[node[name]] = classes.index(label), True
    return Data(
        edge_index=torch.stack([torch.cat([source, target]), torch.cat([target, source])]),
        edge_type=torch.cat([edge_type, edge_type + len(relations)]),
        num_nodes=len(names),
        y=y,
        train_mask=masks["train"],
        test_mask=masks["test"],
        names=names,
        relation_names=relations,
        class_names=classes,
    )
