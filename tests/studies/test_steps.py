"""Every training that a study of the repository names takes a step."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data, HeteroData

from gnnneg.config import Tree
from gnnneg.data.catalogue import node_card, with_split_nodes
from gnnneg.data.labelled import labelled_graph
from gnnneg.data.statements import triplets
from gnnneg.data.synthetic import world
from gnnneg.experiment import plan
from gnnneg.experiment.setup import assemble
from gnnneg.studies.definition import Cell, read
from gnnneg.studies.standing import chosen

FILES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))
MOST = 40  # of the small world's entities that a sampler may draw


@pytest.fixture(scope="module")
def data() -> HeteroData:
    """Statements, types and denied statements of a small world."""
    return world(num_entities=80, seed=0).data


def narrowed(tree: Any) -> Any:
    """The same with no more negatives than the small world has entities."""
    if isinstance(tree, list):
        return [narrowed(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    return {key: min(of, MOST) if key == "num_negatives" else narrowed(of) for key, of in tree.items()}


def distinct(cells: tuple[Cell, ...]) -> list[tuple[Cell, Tree]]:
    """One cell of each task and optimiser, whatever the data set."""
    found = {}
    for cell in cells:
        tree = narrowed(chosen(cell, 0, None))
        found.setdefault(json.dumps([tree["task"], tree["optimizer"]]), (cell, tree))
    return list(found.values())


def small(name: str, data: HeteroData) -> HeteroData:
    """The small world, or a graph with as many classes and features as a data set of labelled nodes."""
    if name not in with_split_nodes():
        return data
    card = node_card(name).published
    node = torch.arange(60)
    split = {f"{name}_mask": node % 3 == part for part, name in enumerate(("train", "val", "test"))}
    x, edge_index = torch.rand(60, card["features"]), torch.stack([node, node.roll(1)])
    return labelled_graph(Data(x=x, y=node % card["classes"], edge_index=edge_index, **split))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_cell_of_a_study_takes_a_step(file, data):
    """On a small world in place of its data set, with fewer negatives, all else as it stands."""
    wrong = []
    for cell, tree in distinct(read(file).cells):
        here = small(cell.data, data)
        try:
            setup = assemble(plan(tree), here)
            examples = setup.task.examples(triplets(here, "stated", "train"))
            batch = type(examples)(*(column[:16] for column in examples))
            before = [weight.detach().clone() for weight in setup.task.trained()]
            loss = setup.task(batch, torch.Generator().manual_seed(0))
            loss.backward()
            setup.optimizer.step()
            moved = [not torch.equal(one, other) for one, other in zip(before, setup.task.trained())]
            assert loss.isfinite(), loss
            assert all(moved), moved
        except Exception as error:
            wrong.append(f"{cell.name}: {error}")
    assert not wrong
