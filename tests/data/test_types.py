"""Types as pairs are those of the table, and a table that is too large is not made."""

import json

import pytest
import torch
from torch_geometric.data import HeteroData

from gnnneg.data import naming, types
from gnnneg.data.build import build
from gnnneg.data.catalogue import Card, FileSource
from gnnneg.data.facts import Facts
from gnnneg.data.hetero import by_type, to_networkx
from gnnneg.data.statements import sliced
from gnnneg.errors import UserError
from gnnneg.evaluation.clustering import Clustering
from gnnneg.evaluation.testbed import Testbed
from gnnneg.experiment.fingerprint import fingerprint
from gnnneg.experiment.graph import read_named, write_named

OF = {"a": ["y", "x", "y"], "b": [], "c": ["x"], "d": ["z", "x"]}


def typed(folder, of=OF) -> HeteroData:
    (folder / "train.txt").write_text("a\tr\tb\nc\tr\td\n")
    (folder / "types.json").write_text(json.dumps(of))
    files = {name: FileSource() for name in ("train.txt", "types.json")}
    return build(Card(name="toy", stated={"train": "train.txt"}, types="types.json", files=files), folder)


@pytest.fixture
def both(tmp_path, monkeypatch):
    dense = typed(tmp_path)
    monkeypatch.setattr(types, "DENSE", 3)
    sparse = typed(tmp_path)
    assert dense["entity"].type.layout == torch.strided
    assert sparse["entity"].type.layout == torch.sparse_coo
    return dense, sparse


def test_all_readers_of_types(both, tmp_path) -> None:
    dense, sparse = both
    assert torch.equal(sparse["entity"].type.to_dense(), dense["entity"].type)
    for one, other in zip(types.pairs(dense), types.pairs(sparse)):
        assert torch.equal(one, other)
    pools = [Facts(data).types for data in both]
    assert torch.equal(pools[0].member, pools[1].member)
    assert torch.equal(pools[0].offset, pools[1].offset)
    assert naming.among(sparse, "x").tolist() == [0, 2, 3] == naming.among(dense, "x").tolist()
    assert to_networkx(sparse).nodes(data=True)["d"]["types"] == ["x", "z"]
    assert fingerprint(sparse)["types"]["count"] == 4
    chosen = sliced("type", sparse["entity"].type, torch.tensor([False, False, True, True]), 4)
    assert torch.equal(chosen.to_dense(), dense["entity"].type[2:])
    write_named(tmp_path / "run", sparse)
    again = read_named(tmp_path / "run")
    assert torch.equal(again["entity"].type.to_dense(), dense["entity"].type)


def test_one_type_each(tmp_path, monkeypatch) -> None:
    of = {"a": ["y"], "b": ["x"], "c": ["x"], "d": ["y"]}
    dense = typed(tmp_path, of)
    monkeypatch.setattr(types, "DENSE", 3)
    sparse = typed(tmp_path, of)
    assert str(by_type(dense).to_dict()) == str(by_type(sparse).to_dict())


def test_what_needs_the_table_says_what_it_takes(both) -> None:
    with pytest.raises(UserError, match=r"Clustering needs a table of 4 entities by 3 types, which takes 12 bytes"):
        Clustering().refuse(Testbed(both[1]))
    assert types.dense(both[0], "Clustering") is both[0]["entity"].type
