"""Planetoid files: equal to PyG's reading of them, and nothing but data is ever unpickled."""

import os
import pickle
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from torch_geometric.io import read_planetoid_data

from gnnneg.data.catalogue import node_card
from gnnneg.data.planetoid import read_planetoid
from gnnneg.datasets import Planetoid
from gnnneg.errors import UserError

MIRROR = os.environ.get("GNNNEG_MIRROR")
NAMES = ["Planetoid-Cora", "Planetoid-Citeseer"]
mirrored = pytest.mark.skipif(not MIRROR, reason="GNNNEG_MIRROR is not set")


@mirrored
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")  # PyG unpickles with whatever the files ask for, and numpy complains
def test_equals_pyg(name, tmp_path):
    data = Planetoid(name, root=tmp_path)[0]
    card = node_card(name)
    wanted = read_planetoid_data(str(tmp_path / name / "raw"), name.split("-")[1].lower())
    for key in ("x", "y", "train_mask", "val_mask", "test_mask"):
        assert torch.equal(data[key], wanted[key]), key
    assert {tuple(edge) for edge in data.edge_index.T.tolist()} == {
        tuple(edge) for edge in wanted.edge_index.T.tolist()
    }
    assert not data.has_self_loops()
    assert data.is_undirected()
    counts = card.published
    assert data.num_nodes == counts["nodes"]
    assert data.num_edges == 2 * counts["edges"]
    assert data.num_features == counts["features"]
    assert len(data.y.unique()) == counts["classes"]
    again = Planetoid(name, root=tmp_path)[0]
    assert torch.equal(again.edge_index, data.edge_index)


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/gnnneg-was-here",)


def files(folder: Path, **other: object) -> Path:
    parts = {part: {} for part in ("x", "tx", "allx", "y", "ty", "ally")}
    parts = {**parts, "graph": defaultdict(list), **other}
    for part, content in parts.items():
        raw = content if isinstance(content, bytes) else pickle.dumps(content, protocol=2)
        (folder / f"ind.toy.{part}").write_bytes(raw)
    (folder / "ind.toy.test.index").write_text("1\n")
    return folder


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (Evil(), "asks for (posix|nt|os).system"),
        (b"not a pickle", "no whole pickle"),
        (pickle.dumps([1, 2, 3])[:-3], "no whole pickle"),
        ([1, 2], "do not fit each other"),
    ],
    ids=["evil", "garbled", "cut off", "another thing"],
)
def test_bad_files_get_one_sentence(content, match, tmp_path):
    with pytest.raises(UserError, match=match):
        read_planetoid(files(tmp_path, graph=content), "ind.toy")
    assert not Path("/tmp/gnnneg-was-here").exists()


def test_missing_files_and_names(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_planetoid(tmp_path, "ind.toy")
    with pytest.raises(UserError, match="Planetoid-Cora"):
        Planetoid("Planetoid-Coral", root=tmp_path)
