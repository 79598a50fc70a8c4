"""Nothing of a user's own graph is lost in the run folder."""

import shutil

import numpy as np
import pytest
import torch
from experiment.helpers import everything, linked, log, ring, trained, weights
from torch.optim import Adagrad
from torch_geometric.data import HeteroData

from gnnneg import Run, Typed, UserError, from_hetero, train
from gnnneg.data.facts import Facts
from gnnneg.data.hetero import by_type
from gnnneg.data.statements import PAIR
from gnnneg.data.text_lists import TextLists
from gnnneg.data.texts import Texts
from gnnneg.experiment import resume, train_config
from gnnneg.experiment.graph import read_graph, write_graph
from gnnneg.training import Fit, Interrupted


def rich() -> HeteroData:
    """A graph with all that one may have."""
    data = ring()
    entity = data["entity"]
    entity.type = torch.eye(20, 2, dtype=torch.bool)
    entity.type[2:, 1] = True
    entity.type_names = ["even", "odd"]
    entity.x = torch.rand(20, 3, dtype=torch.float64)
    entity.y = torch.arange(20)
    entity.half = torch.rand(20, 2).to(torch.bfloat16)
    entity.labels = [f"Label {i}\u0003ü" for i in range(20)]
    entity.synonyms = TextLists.of([["é", str(i)][: i % 3] for i in range(20)])
    data.relation_labels, data.relation_synonyms = Texts.of(["beside", ""]), TextLists.of([[], []])
    entity.candidate_tails = torch.tensor([3, 4, 5])
    entity.attributes = {"drug": {"weight": torch.rand(3), "note": None}}
    entity.array = np.arange(6).reshape(2, 3)
    entity.sparse = torch.eye(20).to_sparse_coo().coalesce()
    for polarity, size in (("stated", 40), ("denied", 6)):
        store = data["entity", polarity, "entity"]
        store.source = torch.arange(size) % 2
        store.edge_attr = torch.rand(size, 2)
    data["entity", "denied", "entity"].confidence = torch.rand(6)  # the stated ones are sure
    data.source_names = ["PMID:1", "PMID:2"]
    data[PAIR].edge_label_index, data[PAIR].edge_label = torch.tensor([[0, 1], [2, 3]]), torch.tensor([1, 0])
    data.left_out = {"unknown_train": 3}
    data.origin = [{"edge_type": ("a", "b", "c"), "polarity": "stated", "relation": 0, "attributes": {}}]
    return data


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor) and one.is_sparse:
        return other.is_sparse and torch.equal(one.to_dense(), other.to_dense())
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(value, other[key]) for key, value in one.items())
    return type(one) is type(other) and one == other


def test_every_attribute_comes_back(tmp_path):
    data = rich()
    write_graph(tmp_path, data)
    again = read_graph(tmp_path, data["entity"].names, data.relation_names)
    assert set(data.edge_types) == set(again.edge_types)
    for store, kept in ((data["entity"], again["entity"]), *((data[kind], again[kind]) for kind in data.edge_types)):
        assert set(store.keys()) == set(kept.keys())
        for key, value in store.items():
            assert same(value, kept[key]), key
    assert {key: value for key, value in data._global_store.items() if key != "relation_names"} == {
        key: value for key, value in again._global_store.items() if key != "relation_names"
    }


def test_what_is_neither_number_nor_word_is_told(tmp_path):
    data = ring()
    data["entity"].secret = object()
    with pytest.warns(UserWarning, match="'secret' of the graph is not kept in the run folder, because it has a obj"):
        write_graph(tmp_path, data)
    assert "secret" not in read_graph(tmp_path, data["entity"].names, data.relation_names)["entity"]


def test_damaged_attributes_are_one_sentence(tmp_path):
    data = rich()
    write_graph(tmp_path, data)
    file = tmp_path / "attributes.safetensors"
    whole = file.read_bytes()
    for content in (b"", whole[:-5], b"x" * 100, whole.replace(b'"tensor"', b'"tonsor"', 1)):
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"attributes\.safetensors is damaged \([^\n]*\): copy the run again"):
            read_graph(tmp_path, data["entity"].names, data.relation_names)


def beyond(data):
    data["entity"].candidate_tails = torch.tensor([3, 20])


def below(data):
    data[PAIR].edge_label_index[0, 0] = -1


def too_few_types(data):
    data["entity"].type = data["entity"].type[1:]


def unlabelled(data):
    data[PAIR].edge_label = data[PAIR].edge_label[:1]


def too_few_sources(data):
    data["entity", "denied", "entity"].source = torch.ones(5)


@pytest.mark.parametrize("harm", [beyond, below, too_few_types, unlabelled, too_few_sources])
def test_numbers_that_would_be_looked_up_beyond_the_entities_are_refused(tmp_path, harm):
    data = rich()
    harm(data)
    write_graph(tmp_path, data)
    with pytest.raises(UserError, match=r"attributes\.safetensors is damaged \(it"):
        read_graph(tmp_path, data["entity"].names, data.relation_names)


def test_attributes_do_not_replace_statements(tmp_path):
    """Somebody else's file says that it holds edges, too."""
    import json

    from safetensors.torch import load_file, save_file

    data = ring()
    write_graph(tmp_path, data)
    file = tmp_path / "attributes.safetensors"
    for place, key in (
        (["entity", "stated", "entity"], "edge_index"),
        ("entity", "num_nodes"),
        (None, "relation_names"),
    ):
        tensors = load_file(file)
        tree = json.dumps([[place, {key: 10**9}]]).encode()
        save_file({**tensors, "tree": torch.frombuffer(bytearray(tree), dtype=torch.uint8)}, file)
        with pytest.raises(UserError, match=f"is damaged .it holds another {key}"):
            read_graph(tmp_path, data["entity"].names, data.relation_names)


def test_a_run_read_again_judges_as_before(tmp_path):
    """Candidates, types and pairs: what was asked of the run in memory is asked of the one from the disk."""
    data = rich()
    run = trained(data, tmp_path / "run")
    again = Run.load(tmp_path / "run", "cpu")
    assert again.evaluate() == run.evaluate() == {k: v for k, v in run.metrics["test"].items() if k != "classification"}
    data["entity"].candidate_tails = None
    assert again.clusters()[0] == run.clusters()[0]
    assert again.data.source_names == ["PMID:1", "PMID:2"]
    assert again.data["entity"].labels == data["entity"].labels


def test_by_type_of_a_run_read_again_is_the_users_own_graph(tmp_path):
    graph = HeteroData()
    graph["drug"].num_nodes, graph["disease"].num_nodes = 12, 8
    graph["drug"].x, graph["disease"].x = torch.rand(12, 3), torch.rand(8, 5)
    draw = torch.Generator().manual_seed(0)
    ends = torch.stack([torch.randint(12, (60,), generator=draw), torch.randint(8, (60,), generator=draw)])
    graph["drug", "treats", "disease"].edge_index = torch.unique(ends, dim=1)
    data = from_hetero(graph)
    trained(data, tmp_path / "run")
    back = by_type(Run.load(tmp_path / "run").data)
    for kind in ("drug", "disease"):
        assert torch.equal(back[kind].x, graph[kind].x)
    found = back["drug", "treats", "disease"].edge_index
    assert torch.equal(found, graph["drug", "treats", "disease"].edge_index)


def test_resumed_with_typed_negatives_to_the_same_bits(tmp_path, monkeypatch):
    """Types decide what is drawn: without them the second half would be another."""

    def go(out, struck=None):
        import signal

        from gnnneg import LinkPrediction

        data = rich()
        step, calls = LinkPrediction.forward, []

        def forward(self, *arguments):
            calls.append(None)
            if len(calls) == struck:
                signal.raise_signal(signal.SIGINT)
            return step(self, *arguments)

        with monkeypatch.context() as patched:
            patched.setattr(LinkPrediction, "forward", forward)
            trained(data, out, 4, Typed(Facts(data).types, 20, 3))

    go(tmp_path / "whole")
    with pytest.raises(Interrupted):
        go(tmp_path / "cut", 6)
    resume(tmp_path / "cut", progress=False)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert log(tmp_path / "cut") == log(tmp_path / "whole")


def test_the_config_of_a_run_of_ones_own_graph_makes_it_again(tmp_path):
    """Its statements lie beside it."""
    data = rich()
    trained(data, tmp_path / "run")
    again = train_config(tmp_path / "run" / "config.yaml", [], tmp_path / "again", progress=False)
    assert torch.equal(again.data["entity"].type, data["entity"].type)
    shutil.rmtree(tmp_path / "run")
    assert Run.load(tmp_path / "again").evaluate()["mrr"] == again.evaluate()["mrr"]
    assert "attributes.safetensors" in everything(tmp_path / "again")


def test_another_data_set_can_be_asked_for_all_the_same(tmp_path):
    trained(ring(), tmp_path / "run")
    with pytest.raises(UserError, match="Unknown data set 'nothing'"):
        train_config(tmp_path / "run" / "config.yaml", ["--data.name", "nothing"], tmp_path / "x", progress=False)
    with pytest.raises(UserError, match=r"holds its own statements: leave --data\.name out"):
        Run.load(tmp_path / "run", data="synthetic").evaluate()


def test_a_graph_called_synthetic_is_judged_by_its_own_facts(tmp_path):
    run = trained(ring(), tmp_path / "run", name="synthetic")
    assert Run.load(tmp_path / "run", "cpu").negatives()["false_negative_rate"] == pytest.approx(
        run.negatives()["false_negative_rate"]
    )


def test_made_up_worlds_of_pyg_are_taken(tmp_path):
    from gnnneg.datasets import SyntheticWorld

    data = SyntheticWorld(40)
    task = linked(data[0])
    run = train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=1), out=tmp_path / "run", progress=False)
    assert Run.load(tmp_path / "run", "cpu").evaluate() == run.evaluate()


def test_a_transformed_data_set_is_kept_as_it_was_made(tmp_path, monkeypatch):
    """Its name would bring it back without the transform: what it was trained on lies in the run."""
    from gnnneg.data.catalogue import Card, FileSource
    from gnnneg.datasets import Benchmark

    class Own(Benchmark):
        pass

    def chosen(data):
        data["entity"].candidate_tails = torch.tensor([1, 2])
        return data

    (tmp_path / "mirror" / "own").mkdir(parents=True)
    for split, places in (("train", range(20)), ("test", range(0, 20, 4))):
        step = 1 if split == "train" else 2
        rows = "".join(f"e{i}\tr\te{(i + step) % 20}\n" for i in places)
        (tmp_path / "mirror" / "own" / f"{split}.tsv").write_text(rows)
    monkeypatch.setenv("GNNNEG_MIRROR", str(tmp_path / "mirror"))
    files = {"train.tsv": FileSource(), "test.tsv": FileSource()}
    card = Card(name="own", stated={"train": "train.tsv", "test": "test.tsv"}, files=files)
    data = Own(card, tmp_path / "root", transform=chosen)
    task = linked(data[0])
    optimizer = Adagrad(task.trained(), lr=0.1)
    with pytest.warns(UserWarning, match="no validation statements"):
        run = train(task, data, optimizer, Fit(epochs=1), out=tmp_path / "run", progress=False)
    again = Run.load(tmp_path / "run", "cpu")
    assert again.data["entity"].candidate_tails.tolist() == [1, 2]
    assert again.evaluate() == run.evaluate()
