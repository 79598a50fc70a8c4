"""Vectors and models for others: the same scores in PyKEEN and in PyG, names with every vector."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from experiment.helpers import ring
from torch.optim import Adagrad
from torch.testing import assert_close

from gnnneg import (
    HAKE,
    RESCAL,
    RGCN,
    Both,
    ComplEx,
    DistMult,
    Fit,
    InfoNCE,
    KGEModel,
    LinkPrediction,
    Lookup,
    NBFNet,
    RotatE,
    TransD,
    TransE,
    TransH,
    Uniform,
    export,
    message_graph,
    to_pyg,
    to_pykeen,
    train,
)
from gnnneg.cli import main
from gnnneg.errors import UserError
from gnnneg.experiment import Run
from gnnneg.records import Query

N, R, D = 20, 2, 6
KINDS = {
    "TransE-1": lambda: TransE(R, D, p=1),
    "TransE-2": lambda: TransE(R, D, p=2, reciprocal=True),
    "DistMult": lambda: DistMult(R, D),
    "DistMult-reciprocal": lambda: DistMult(R, D, reciprocal=True),
    "ComplEx": lambda: ComplEx(R, D, reciprocal=True),
    "ComplEx-tied": lambda: ComplEx(R, D),
    "RESCAL": lambda: RESCAL(R, D),
    "RotatE-1": lambda: RotatE(R, D, bound=0.7),
    "RotatE-2": lambda: RotatE(R, D, p=2, reciprocal=True),
    "RotatE-2-tied": lambda: RotatE(R, D, p=2, bound=0.3),
    "TransH": lambda: TransH(R, D),
}


def run_of(model, data=None) -> Run:
    """A run of one step."""
    data = data or ring()
    graph = message_graph(data) if model.uses_graph else None
    task = LinkPrediction(model, Both(R), Uniform(N, 4), InfoNCE(), graph=graph)
    fit = Fit(epochs=1, batch_size=32, evaluate_every=1, patience=None)
    return train(task, data, Adagrad(task.trained(), lr=0.05), fit, progress=False)


def scores(run: Run) -> tuple[torch.Tensor, torch.Tensor]:
    """What the run says of all tails and of all heads, ``(n, r, n)`` by anchor, relation and answer."""
    anchor, relation = (index.flatten() for index in torch.meshgrid(torch.arange(N), torch.arange(R), indexing="ij"))
    with torch.no_grad():
        encoding = run.model.encode(run.testbed.graph)
        forth, back = (
            run.model.scorer(encoding, Query(anchor, relation + more))(torch.arange(N)[None]).view(N, R, N)
            for more in (0, R)
        )
    return forth, back


@pytest.mark.parametrize("kind", KINDS)
def test_pykeen_gives_the_same_scores(kind):
    run = run_of(KGEModel(Lookup(N, D, bound=1.0), KINDS[kind]()))
    model = to_pykeen(run)
    anchor, relation = (index.flatten() for index in torch.meshgrid(torch.arange(N), torch.arange(R), indexing="ij"))
    forth, back = scores(run)
    close = {"rtol": 1e-4, "atol": 1e-4}
    with torch.no_grad():
        assert_close(model.predict_t(torch.stack([anchor, relation], 1)).view(N, R, N), forth, **close)
        assert_close(model.predict_h(torch.stack([relation, anchor], 1)).view(N, R, N), back, **close)
        triple = torch.stack([anchor, relation, anchor.flip(0)], 1)
        assert_close(model.predict_hrt(triple)[:, 0], forth[anchor, relation, anchor.flip(0)], **close)
    assert model.use_inverse_triples == (len(run.vectors().relations) == 2 * R)


@pytest.mark.parametrize(
    "kind", ["DistMult", "DistMult-reciprocal", "ComplEx", "ComplEx-tied", "RotatE-2", "RotatE-2-tied"]
)
def test_pyg_gives_the_same_scores(kind):
    run = run_of(KGEModel(Lookup(N, D, bound=1.0), KINDS[kind]()))
    model, (forth, back) = to_pyg(run), scores(run)
    h, r, t = torch.cartesian_prod(torch.arange(N), torch.arange(R), torch.arange(N)).T
    with torch.no_grad():
        assert_close(model(h, r, t).view(N, R, N), forth, rtol=1e-4, atol=1e-4)
        if model.num_relations == 2 * R:
            assert_close(model(h, r + R, t).view(N, R, N), back, rtol=1e-4, atol=1e-4)


def test_pyg_has_transe_of_length_one():
    model = KGEModel(Lookup(N, D, bound=1.0), TransE(R, D, p=2))
    run = run_of(model)
    with pytest.raises(UserError, match="scales entities to length 1"):
        to_pyg(run)
    with torch.no_grad():
        model.encoder.weight /= model.encoder.weight.norm(dim=1, keepdim=True)
    h, r, t = torch.cartesian_prod(torch.arange(N), torch.arange(R), torch.arange(N)).T
    with torch.no_grad():
        assert_close(to_pyg(run)(h, r, t).view(N, R, N), scores(run)[0], rtol=1e-4, atol=1e-4)


def test_an_encoder_of_a_graph_goes_as_a_table(tmp_path):
    run = run_of(KGEModel(RGCN(N, R, D), DistMult(R, D)))
    with torch.no_grad():
        every = torch.cartesian_prod(torch.arange(N), torch.arange(R), torch.arange(N))
        assert_close(to_pykeen(run).predict_hrt(every).view(N, R, N), scores(run)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "to", "wrong"),
    [
        (lambda: KGEModel(Lookup(N, D), HAKE(R, D)), to_pykeen, "PyKEEN has no interaction with the scores of HAKE"),
        (lambda: KGEModel(Lookup(N, D), TransD(R, D)), to_pykeen, "no interaction with the scores of TransD"),
        (lambda: KGEModel(Lookup(N, D), RESCAL(R, D)), to_pyg, "PyG has no model with the scores of RESCAL"),
        (lambda: KGEModel(Lookup(N, D), RotatE(R, D)), to_pyg, "one norm of all moduli"),
        (lambda: NBFNet(R, 4, 2), to_pyg, "PyG has no model like NBFNet"),
        (lambda: NBFNet(R, 4, 2), lambda run: run.vectors(), "NBFNet has no entity vectors"),
        (lambda: NBFNet(R, 4, 2), lambda run: run.neighbors("e1"), "NBFNet has no entity vectors"),
    ],
)
@pytest.mark.filterwarnings("ignore:Ties decide")
def test_refused(model, to, wrong):
    with pytest.raises(UserError, match=wrong):
        to(run_of(model()))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A run folder of ComplEx with parameters for inverse relations."""
    out, data = tmp_path_factory.mktemp("export") / "run", ring()
    data["entity"].labels = [f"the {i}th" if i else "" for i in range(N)]
    data["entity"].type = torch.tensor([[i % 2 == 0] for i in range(N)])
    data["entity"].type_names = ["even"]
    task = LinkPrediction(
        KGEModel(Lookup(N, D, bound=1.0), ComplEx(R, D, reciprocal=True)), Both(R), Uniform(N, 4), InfoNCE()
    )
    train(task, data, Adagrad(task.trained(), lr=0.05), Fit(epochs=1, batch_size=32), out=out, progress=False)
    return out


def test_vectors_with_names(kept):
    entities, relations = Run.load(kept).vectors()
    model = Run.load(kept).model
    assert list(entities.index) == [f"e{i}" for i in range(N)]
    assert list(relations.index) == ["next", "after", "next_inverse", "after_inverse"]
    assert np.array_equal(entities.to_numpy(), model.encoder.weight.detach().numpy())
    assert np.array_equal(relations.to_numpy(), model.decoder.relation.weight.detach().numpy())


def test_neighbors_by_hand(kept):
    run = Run.load(kept)
    table = run.model.encoder.weight.detach().numpy().astype("float64")
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    order = [i for i in np.argsort(-(unit @ unit[3])).tolist() if i != 3]
    found = run.neighbors("the 3th", k=4)
    assert list(found.columns) == ["entity", "cosine", "label"]
    assert found["entity"].tolist() == [f"e{i}" for i in order[:4]]
    assert found["cosine"].to_numpy() == pytest.approx((unit @ unit[3])[order[:4]], abs=1e-6)
    even = run.neighbors("e3", k=99, among="even")
    assert even["entity"].tolist() == [f"e{i}" for i in order if i % 2 == 0]
    assert len(run.neighbors("e4", k=99, among="even")) == 9
    with pytest.raises(UserError, match="did you mean"):
        run.neighbors("e33")
    with pytest.raises(UserError, match="at least 1"):
        run.neighbors("e3", k=0)


def test_folders(kept, tmp_path, capsys):
    run = Run.load(kept)
    entities, relations = run.vectors()
    for kind in ("parquet", "npy", "word2vec", "pyg", "pykeen"):
        assert main(["export", str(kept), "--format", kind, "--out", str(tmp_path / kind)]) == 0
    assert str(tmp_path / "npy" / "entities.npy") in capsys.readouterr().out
    for name, frame in (("entities", entities), ("relations", relations)):
        read = pd.read_parquet(tmp_path / "parquet" / f"{name}.parquet")
        assert read["name"].tolist() == list(frame.index)
        assert np.array_equal(np.stack(read["vector"]), frame.to_numpy())
        assert np.array_equal(np.load(tmp_path / "npy" / f"{name}.npy"), frame.to_numpy())
        assert json.loads((tmp_path / "npy" / f"{name}.json").read_text()) == list(frame.index)
        first, *lines = (tmp_path / "word2vec" / f"{name}.txt").read_text().splitlines()
        assert first == f"{len(frame)} {frame.shape[1]}"
        assert [line.split(" ")[0] for line in lines] == list(frame.index)
        told = np.array([line.split(" ")[1:] for line in lines], dtype="float32")
        assert np.array_equal(told, frame.to_numpy())
    how = json.loads((tmp_path / "pyg" / "model.json").read_text())
    from torch_geometric.nn import kge

    model = getattr(kge, how["class"].rpartition(".")[2])(**how["init_args"])
    model.load_state_dict(torch.load(tmp_path / "pyg" / "model.pt", weights_only=True))
    with torch.no_grad():
        back = model(torch.tensor([4]), torch.tensor([1 + R]), torch.tensor([7]))
    assert float(back) == pytest.approx(float(scores(run)[1][4, 1, 7]), abs=1e-4)
    assert json.loads((tmp_path / "pyg" / "relations.json").read_text()) == list(relations.index)

    from pykeen.triples import TriplesFactory

    peer = torch.load(tmp_path / "pykeen" / "trained_model.pkl", weights_only=False)
    names = TriplesFactory.from_path_binary(tmp_path / "pykeen" / "training_triples")
    asked = torch.tensor([[names.entity_to_id["e4"], names.relation_to_id["after"], names.entity_to_id["e7"]]])
    answer = run.predict("e4", "after", "e7")["score"].item()
    with torch.no_grad():
        assert float(peer.predict_hrt(asked)) == pytest.approx(answer, abs=1e-4)
    assert names.num_triples == 32


def test_a_folder_of_ones_own_with_an_unlucky_name_stays(kept, tmp_path):
    (tmp_path / "vectors.tmp").mkdir()
    (tmp_path / "vectors.tmp" / "mine").touch()
    export(Run.load(kept), "npy", tmp_path / "vectors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vectors", "vectors.tmp"]
    assert (tmp_path / "vectors.tmp" / "mine").exists()


def test_refused_folders(kept, tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    for words, wrong in (
        (["--format", "parquet", "--out", tmp_path / "full"], "full is not empty: choose another folder with --out"),
        (["--format", "parket", "--out", tmp_path / "new"], "did you mean 'parquet'"),
        (["--format", "npy", "--out", "."], "--out '.' is no name of a new folder: give one"),
        (["--format", "npy", "--out", ""], "--out '' is no name of a new folder: give one"),
    ):
        assert main(["export", str(kept), *map(str, words)]) == 2
        assert wrong in capsys.readouterr().err
    data = ring()
    data["entity"].names = ["a b", "a  b", *[f"e{i}" for i in range(2, N)]]
    run = run_of(KGEModel(Lookup(N, D), DistMult(R, D)), data)
    with pytest.raises(UserError, match="'a b' and 'a  b' are one: export parquet or npy"):
        export(run, "word2vec", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


@pytest.mark.parametrize("name", ["null", "NaN", "NA", "a\rb", "007"])
@pytest.mark.parametrize("kind", ["entities", "relations"])
def test_names_that_pykeen_does_not_read_back_are_refused(name, kind, tmp_path):
    data = ring()
    if kind == "entities":
        data["entity"].names = [name, *[str(i) for i in range(1, N)]]
    else:
        data.relation_names = ["1", name]
    run = run_of(KGEModel(Lookup(N, D), DistMult(R, D)), data)
    with pytest.raises(UserError, match=rf"cannot read the name .* of one of the {kind} back: export parquet or npy"):
        export(run, "pykeen", tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_nearest_on_the_command_line(kept, capsys):
    assert main(["nearest", str(kept), "the 3th", "--top", "2", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    wanted = Run.load(kept).neighbors("e3", k=2)
    assert [row["entity"] for row in rows] == wanted["entity"].tolist()
    assert main(["nearest", str(kept), "e3", "--among", "even"]) == 0
    assert "cosine" in capsys.readouterr().out
    assert main(["nearest", str(kept), "nobody"]) == 2
    assert "no entity 'nobody'" in capsys.readouterr().err
