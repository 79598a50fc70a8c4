"""RDF graphs with labelled nodes: the published counts, and tables that do not fit the graph."""

import os
from pathlib import Path

import pytest
import torch

from gnnneg.data.catalogue import FileSource, NodeCard, node_card
from gnnneg.data.entities import read_entities
from gnnneg.data.layout import Layout
from gnnneg.datasets import Entities, Planetoid
from gnnneg.errors import UserError

MIRROR = os.environ.get("GNNNEG_MIRROR")
mirrored = pytest.mark.skipif(not MIRROR, reason="GNNNEG_MIRROR is not set")
LAYOUT = Layout(("name", "_", "label"), header=True)


@mirrored
@pytest.mark.parametrize(
    ("name", "nodes", "relations", "edges", "train", "test", "classes"),
    [("AIFB", 8_285, 45, 29_043, 140, 36, 4), ("MUTAG", 23_644, 23, 74_227, 272, 68, 2)],
)
def test_published_counts(name, nodes, relations, edges, train, test, classes, tmp_path):
    data = Entities(name, root=tmp_path)[0]
    assert (data.num_nodes, len(data.names)) == (nodes, nodes)
    assert len(data.relation_names) == relations
    assert data.num_edges == 2 * edges
    assert (int(data.train_mask.sum()), int(data.test_mask.sum())) == (train, test)
    assert not (data.train_mask & data.test_mask).any()
    assert torch.equal(data.y >= 0, data.train_mask | data.test_mask)
    assert len(data.class_names) == classes
    assert set(data.y.tolist()) == {-1, *range(classes)}
    (source, target), (back, forth) = data.edge_index[:, :edges], data.edge_index[:, edges:]
    assert torch.equal(source, forth)
    assert torch.equal(target, back)
    assert torch.equal(data.edge_type[:edges] + relations, data.edge_type[edges:])
    counts = {"nodes": nodes, "relations": relations, "edges": edges, "classes": classes, "train": train, "test": test}
    assert node_card(name).published == counts


@mirrored
def test_labels_agree_with_the_whole_table(tmp_path):
    """The table of all labels, which has its columns in another order and is not read, says the same."""
    for name in ("AIFB", "MUTAG"):
        data = Entities(name, root=tmp_path)[0]
        lines = (Path(MIRROR) / name / "completeDataset.tsv").read_text().splitlines()[1:]
        said = {line.split("\t")[1]: line.split("\t")[2] for line in lines}
        labelled = (data.y >= 0).nonzero()[:, 0].tolist()
        found = {data.names[i]: data.class_names[int(data.y[i])].removesuffix(".0") for i in labelled}
        assert found == said


def files(folder: Path, train: str = "a\t1\tx\r\n", test: str = "b\t2.0\ty\r\n") -> tuple[Path, dict[str, Path]]:
    graph = folder / "g.nt"
    graph.write_text('<a> <likes> <b> .\n<b> <is> "b" .\n<b> <likes> <a> .\n')
    labels = {split: folder / f"{split}.tsv" for split in ("train", "test")}
    labels["train"].write_text(f"name\tid\tlabel\r\n{train}")
    labels["test"].write_text(f"name\tid\tlabel\r\n{test}")
    return graph, labels


def test_by_hand(tmp_path):
    data = read_entities(*files(tmp_path), LAYOUT)
    assert data.names == ['"b"', "a", "b"]
    assert data.relation_names == ["is", "likes"]
    assert data.edge_index.tolist() == [[1, 2, 2, 2, 0, 1], [2, 0, 1, 1, 2, 2]]
    assert data.edge_type.tolist() == [1, 0, 1, 3, 2, 3]
    assert data.y.tolist() == [-1, 0, 1]
    assert data.class_names == ["x", "y"]
    assert data.train_mask.tolist() == [False, True, False]
    assert data.test_mask.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ({"test": "c\t1\tx\r\n"}, "test.tsv labels 'c', which is not in"),
        ({"test": "a\t1\tx\r\n"}, "test.tsv labels 'a', which has a label already"),
        ({"train": "a\t1\r\n"}, r"train.tsv:2: expected 3 fields"),
        ({"train": "a\t1\t\r\n"}, r"train.tsv:2: the label is empty"),
    ],
    ids=["unknown", "twice", "too few", "empty"],
)
def test_bad_tables_get_one_sentence(bad, match, tmp_path):
    with pytest.raises(UserError, match=match):
        read_entities(*files(tmp_path, **bad), LAYOUT)


def test_bad_cards_and_names():
    source = {"g.nt": FileSource()}
    for options, match in (
        ({}, "give 'prefix'"),
        ({"prefix": "ind.x", "graph": "g.nt"}, "give 'prefix'"),
        ({"graph": "g.nt", "labels": {"train": "g.nt"}}, "a file for train and test"),
        ({"graph": "g.nt", "labels": {"train": "g.nt", "test": "t.tsv"}}, "'t.tsv' is used but not listed"),
        ({"graph": "g.nt", "labels": {"train": "g.nt", "test": "g.nt"}, "layout": Layout(("name",))}, "name and label"),
    ):
        with pytest.raises(UserError, match=match):
            NodeCard("toy", source, **options)
    with pytest.raises(UserError, match="ask for Entities"):
        Planetoid("AIFB")
    with pytest.raises(UserError, match="ask for Planetoid"):
        Entities("Planetoid-Cora")
