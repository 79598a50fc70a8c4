import gzip
import json
import os
import pickle
import shutil
import time
from pathlib import Path

import pytest
import torch
from examples import Scores
from torch_geometric.data import HeteroData, InMemoryDataset
from torch_geometric.datasets import FB15k_237, WordNet18RR

from gnnneg import datasets
from gnnneg.data.catalogue import Card, FileSource, card, names
from gnnneg.data.facts import Facts
from gnnneg.data.formats.ntriples import read_ntriples
from gnnneg.data.hetero import by_type, from_hetero
from gnnneg.data.known import KnownAnswers
from gnnneg.data.layout import Layout
from gnnneg.data.parts import appearance
from gnnneg.data.profile import profile
from gnnneg.data.read import read_table
from gnnneg.data.rows import by_row
from gnnneg.data.statements import PAIR, counts, message_graph, triplets
from gnnneg.data.values import truth
from gnnneg.datasets import Benchmark, KnowledgeGraph, SyntheticWorld, load
from gnnneg.errors import UserError
from gnnneg.experiment.graph import read_statements, write_statements
from gnnneg.records import Query
from gnnneg.samplers.typed import Typed

MIRROR = Path(os.environ.get("GNNNEG_MIRROR") or Path(__file__).parents[2] / "shared" / "datasets")
needs_mirror = pytest.mark.skipif(
    not (MIRROR / "FB15k-237").is_dir(), reason=f"no mirror of the data sets at {MIRROR}: set GNNNEG_MIRROR"
)
MIRRORED = [name for name in names() if name not in ("YAGO3-10", "synthetic")]
# entities of a dictionary that no stated triple mentions
UNMENTIONED = {
    "GO-NegStatements": 74,
    "WN11": 38_588 - 38_551,
    "ConceptNet-NegatER-full": 2_655,
    "ConceptNet-NegatER-trueneg": 41_529 - 38_648,
    "TrueWalks-GO": 1_525,
    "TrueWalks-HP": 67,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GNNNEG_MIRROR", str(MIRROR))


@needs_mirror
@pytest.mark.parametrize("name", MIRRORED)
def test_the_published_counts_hold_for_every_card(root: Path, name: str) -> None:
    for data, own in zip(datasets.graphs(name, root), card(name).graphs, strict=True):
        found = counts(data)
        assert {key: found[key] for key in own.published} == dict(own.published)
        for polarity in ("stated", "denied"):
            head_index, rel_type, tail_index = triplets(data, polarity)
            assert head_index.dtype == rel_type.dtype == torch.long
            mentioned = torch.cat([head_index, tail_index]).unique()
            if polarity == "stated":
                assert mentioned.numel() == found["entities"] - UNMENTIONED.get(name, 0)


@needs_mirror
@pytest.mark.parametrize(
    ("made", "name"),
    [
        (lambda root: datasets.FB15k237(root), "FB15k-237"),
        (lambda root: datasets.WN18RR(root), "WN18RR"),
        (lambda root: datasets.WN18(root), "WN18"),
        (lambda root: datasets.UMLS(root), "UMLS"),
        (lambda root: datasets.Kinship(root), "Kinship"),
        (lambda root: datasets.Nations(root), "Nations"),
        (lambda root: datasets.Countries("S2", root), "Countries-S2"),
        (lambda root: datasets.NELL995(root), "NELL-995"),
        (lambda root: datasets.CoDEx("M", root), "CoDEx-M"),
        (lambda root: datasets.YAGO310(quarter=True, root=root), "YAGO3-10-quarter"),
        (lambda root: datasets.GONegStatements(root), "GO-NegStatements"),
        (lambda root: datasets.FB13(root), "FB13"),
        (lambda root: datasets.WN11(root), "WN11"),
        (lambda root: datasets.InferWiki16k(root), "InferWiki16k"),
        (lambda root: datasets.ConceptNetNegatER(root=root), "ConceptNet-NegatER-full"),
        (lambda root: datasets.ConceptNetNegatER(full=False, root=root), "ConceptNet-NegatER-trueneg"),
        (lambda root: KnowledgeGraph("Countries-S3", root), "Countries-S3"),
    ],
)
def test_every_class_stands_on_its_card(root: Path, made, name: str) -> None:
    dataset = made(root)
    assert isinstance(dataset, InMemoryDataset)
    assert repr(dataset) == f"{name}()"
    assert len(dataset) == 1
    assert isinstance(dataset[0], HeteroData)
    assert dataset[0]["entity"].num_nodes == card(name).published["entities"]
    assert Path(dataset.root) == root / name


@needs_mirror
@pytest.mark.parametrize(("name", "peer"), [("UMLS", FB15k_237), ("WN18RR", WordNet18RR)])
def test_numbers_are_those_of_pyg(root: Path, tmp_path: Path, name: str, peer: type[InMemoryDataset]) -> None:
    """PyG's reader of FB15k-237 is given the smaller UMLS, whose files look the same."""
    data = load(name, root)
    (tmp_path / "raw").mkdir()
    for split in ("train", "valid", "test"):
        shutil.copy(root / name / "raw" / f"{split}.txt", tmp_path / "raw")
    if peer is FB15k_237:
        parts = [(split, peer(str(tmp_path), split=pyg)[0]) for split, pyg in (("train", "train"), ("test", "test"))]
        for split, theirs in parts:
            ours = triplets(data, "stated", split)
            assert torch.equal(theirs.edge_index, torch.stack([ours.head_index, ours.tail_index]))
            assert torch.equal(theirs.edge_type, ours.rel_type)
        return
    theirs = peer(str(tmp_path))[0]
    # PyG meets all heads of a file before its tails, and numbers relations by a table: the same graph otherwise
    met: dict[int, None] = {}
    for split in ("train", "valid", "test"):
        head_index, _, tail_index = triplets(data, "stated", split)
        met |= dict.fromkeys(head_index.tolist() + tail_index.tolist())
    entity, relation = torch.tensor(list(met)), torch.tensor([data.relation_names.index(r) for r in peer.edge2id])
    for split, mask in (("train", theirs.train_mask), ("valid", theirs.val_mask), ("test", theirs.test_mask)):
        head_index, rel_type, tail_index = triplets(data, "stated", split)
        ours = torch.stack([head_index, rel_type, tail_index], 1).unique(dim=0)
        head, tail = entity[theirs.edge_index[:, mask]]
        assert torch.equal(ours, torch.stack([head, relation[theirs.edge_type[mask]], tail], 1).unique(dim=0))


@needs_mirror
def test_wordnet_in_openke_form_is_the_same_graph(root: Path, tmp_path: Path) -> None:
    """The text files are h r t, OpenKE's integers h t r: two layouts, one graph."""
    for path in (MIRROR / "WN18" / "openke").iterdir():
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        (tmp_path / path.name.removesuffix(".gz")).write_bytes(raw)
    (tmp_path / "dataset.yaml").write_text(
        "name: openke\nlayout: {columns: [head, tail, relation], delimiter: blank, count_line: true}\n"
        "stated: {train: train.txt, valid: valid.txt, test: test.txt}\n"
        "dictionary: {entities: entity2id.txt, relations: relation2id.txt, "
        "layout: {columns: [name, id], count_line: true}}\n"
        "files: {train.txt: , valid.txt: , test.txt: , entity2id.txt: , relation2id.txt: }\n"
    )
    text, integers = load("WN18", root), load(tmp_path)
    assert all(len(name) == 8 for name in text["entity"].names)
    assert any(name.startswith("0") for name in text["entity"].names), "leading zeros are kept"

    def by_name(data: HeteroData) -> torch.Tensor:
        entity, relation = (
            torch.tensor([sorted(names).index(x) if len(names) < 99 else order[x] for x in names])
            for names, order in (
                (data["entity"].names, {x: i for i, x in enumerate(sorted(data["entity"].names))}),
                (data.relation_names, {}),
            )
        )
        head_index, rel_type, tail_index = triplets(data)
        split = data["entity", "stated", "entity"].split
        return torch.stack([split, entity[head_index], relation[rel_type], entity[tail_index]], 1)

    assert torch.equal(by_name(text), by_name(integers)), "line by line"


@needs_mirror
def test_what_the_readme_of_the_mirror_says(root: Path) -> None:
    found = {name: profile(load(name, root)) for name in ("FB15k-237", "WN18RR", "WN18", "NELL-995", "CoDEx-S")}
    fb, wn, old, nell, codex = found.values()
    assert fb.unseen_entities == {"valid": 8, "test": 29, "any": 36}
    assert fb.unseen_statements == {"valid": 9, "test": 28}
    assert fb.self_loops["train"] == 1625
    assert fb.leakage["either"] == 0
    mix = [round(100 * share, 2) for share in fb.cardinality.values()]
    assert mix == pytest.approx([7.17, 10.97, 36.28, 45.56], abs=0.011)
    assert [round(237 * share) for share in fb.cardinality.values()] == [17, 26, 86, 108]
    assert wn.unseen_entities == {"valid": 198, "test": 209, "any": 384}
    assert wn.unseen_statements == {"valid": 210, "test": 210}
    assert wn.leakage["reversed"] == 1095
    assert old.leakage["reversed"] == 4698
    inverse = {(leak.relation, leak.other) for leak in old.leaks if leak.reversed}
    assert {("_hypernym", "_hyponym"), ("_hyponym", "_hypernym"), ("_part_of", "_has_part")} <= inverse
    assert not any("_hypernym" in (leak.relation, leak.other) for leak in wn.leaks)
    assert nell.unseen_entities["test"] == 964
    assert nell.unseen_statements["test"] == 1159
    assert nell.unseen_entities["valid"] == 104
    assert codex.contradictions == {"train": 0, "valid": 0, "test": 0}
    assert codex.counts["denied_test"] == 1828


@needs_mirror
def test_what_go_says_of_its_negatives(root: Path) -> None:
    """317 of 32,959 denied annotations follow from stated ones, passed up subClassOf; pairs disturb nothing."""
    data = load("GO-NegStatements", root)
    stated, denied = triplets(data), triplets(data, "denied")
    above: dict[int, list[int]] = {}
    classes: dict[int, list[int]] = {}
    for h, r, t in zip(*(x.tolist() for x in stated)):
        (above if data.relation_names[r] == "subClassOf" else classes).setdefault(h, []).append(t)
    implied = {}
    for protein, found in classes.items():
        reached, ahead = set(found), list(found)
        while ahead:
            new = set(above.get(ahead.pop(), [])) - reached
            reached |= new
            ahead += new
        implied[protein] = reached
    rows = list(zip(denied.head_index.tolist(), denied.tail_index.tolist()))
    assert len(implied) == 3021
    assert len({h for h, _ in rows}) == 2984
    assert {data.relation_names[r] for r in denied.rel_type.tolist()} == {"hasAnnot"}
    assert sum(t in implied[h] for h, t in rows) == 317
    assert profile(data).contradictions == {"train": 0, "valid": 0, "test": 0}
    pairs = data["entity", "pair", "entity"]
    assert set(pairs.edge_label_index.flatten().tolist()) <= set(implied)
    assert pairs.edge_label_index.unique().numel() == 440
    names = data["entity"].names
    first = [[names[i] for i in pair] for pair in pairs.edge_label_index[:, :2].T.tolist()]
    assert (first, pairs.edge_label[:2].tolist()) == ([["O15455", "P28472"], ["Q16763", "P61088"]], [0, 0])
    assert message_graph(data).edge_index.size(1) == 2 * 91_701
    again = from_hetero(by_type(data), denied="not_")
    assert torch.equal(again[PAIR].edge_label_index, pairs.edge_label_index)
    assert torch.equal(again[PAIR].edge_label, pairs.edge_label)
    assert counts(again) == counts(data)


@needs_mirror
@pytest.mark.parametrize("version", ["v1", "v2", "v3", "v4"])
@pytest.mark.parametrize(("name", "short"), [("FB15k-237", "fb237"), ("WN18RR", "WN18RR"), ("NELL-995", "nell")])
def test_grail_has_a_graph_to_train_on_and_one_to_test_on(root: Path, name: str, short: str, version: str) -> None:
    """Line by line what the files say, counted as the manifest counts; names in both are those that the card admits."""
    dataset = datasets.GraIL(name, version, root)
    assert repr(dataset) == f"GraIL-{name}-{version}()"
    parts = json.loads((MIRROR / "MANIFEST.json").read_text())["GraIL-inductive"]["parts"]
    training, test = dataset
    assert training.relation_names == test.relation_names
    for data, part in ((training, f"{short}_{version}"), (test, f"{short}_{version}_ind")):
        entity, relation = data["entity"].names, data.relation_names
        for split in ("train", "valid", "test"):
            rows = zip(*(x.tolist() for x in triplets(data, "stated", split)))
            assert [[entity[h], relation[r], entity[t]] for h, r, t in rows] == lines(
                f"GraIL-inductive/{part}/{split}.txt"
            )
            assert parts[part][f"n_{split}"] == triplets(data, "stated", split).rel_type.numel()
        used = triplets(data).rel_type.unique().numel()
        assert (parts[part]["n_entities"], parts[part]["n_relations"]) == (len(entity), used)
        if used < len(relation):
            assert f"has {used} of the {len(relation)} relations" in " ".join(card(dataset.card.name).notes.split())
    clash = {"GraIL-WN18RR-v3": 8, "GraIL-NELL-995-v3": 3, "GraIL-NELL-995-v4": 1}.get(dataset.card.name, 0)
    assert len(set(training["entity"].names) & set(test["entity"].names)) == clash
    assert (f" {clash} name" in dataset.card.notes) == bool(clash)
    torch.load(dataset.processed_paths[0], weights_only=True)


def lines(name: str) -> list[list[str]]:
    """A file of the mirror, by no reader of ours."""
    path = MIRROR / name
    text = path.read_text() if path.is_file() else gzip.decompress(Path(f"{path}.gz").read_bytes()).decode()
    return [line.split("\t") for line in text.split("\n") if line]


@needs_mirror
@pytest.mark.parametrize(("name", "contradictions"), [("FB13", (14, 53)), ("WN11", (2, 8))])
def test_socher_s_positives_are_openke_s(root: Path, name: str, contradictions: tuple[int, int]) -> None:
    """The labelled names of dev and test, read through the dictionary, are OpenKE's integers line by line."""
    data = load(name, root)
    for split in ("valid", "test"):
        head_index, rel_type, tail_index = triplets(data, "stated", split)
        theirs = [list(map(int, line)) for line in lines(f"{name}/{split}2id.txt")[1:]]
        assert torch.stack([head_index, tail_index, rel_type], 1).tolist() == theirs
        denied = triplets(data, "denied", split)  # the line below each positive corrupts its tail
        assert torch.equal(denied.head_index, head_index)
        assert torch.equal(denied.rel_type, rel_type)
    found = profile(data)
    assert found.contradictions == {"train": 0, "valid": contradictions[0], "test": contradictions[1]}
    if name == "FB13":
        assert found.unseen_entities["any"] == 0
        assert triplets(data, "stated", "test").rel_type.unique().numel() == 7
        return
    assert (found.duplicates["train"], found.duplicates["test"]) == (2220, 51)
    assert (found.unseen_entities["test"], found.unseen_statements["test"]) == (351, 800)


@needs_mirror
def test_inferwiki_tells_false_from_unknown(root: Path) -> None:
    data = load("InferWiki16k", root)
    assert data.left_out == {"unknown_valid": 1456, "unknown_test": 1501}
    entity, relation = data["entity"].names, data.relation_names
    for split in ("valid", "test"):
        denied = [
            [entity[h], relation[r], entity[t]]
            for h, r, t in zip(*(x.tolist() for x in triplets(data, "denied", split)))
        ]
        assert denied == [row[:3] for row in lines(f"InferWiki16k/{split}_neg.txt") if row[3] != "0c"]
    assert set(entity) == {row[0] for row in lines("InferWiki16k/ent_vocab.txt")}
    assert set(relation) == {row[0] for row in lines("InferWiki16k/rel_vocab.txt")}
    assert profile(data).contradictions == {"train": 0, "valid": 0, "test": 0}


@needs_mirror
def test_conceptnet_s_negated_relations_are_denied(root: Path) -> None:
    data = load("ConceptNet-NegatER-full", root)
    entity, relation = data["entity"].names, data.relation_names
    assert not any(name.startswith("Not") for name in relation)
    dictionary = {row[0]: row[1] for row in lines("ConceptNet-NegatER-full/relation_ids.txt")}
    phrase = [name for _, name in lines("ConceptNet-NegatER-full/entity_ids.txt")]
    assert entity == phrase
    for split in ("train", "valid", "test"):
        rows = [(int(h), dictionary[r], int(t), False) for h, r, t in lines(f"ConceptNet-NegatER-full/{split}.txt")]
        if split != "train":
            wrong = lines(f"ConceptNet-NegatER-full/{split}_negatives.txt")
            rows += [(int(h), dictionary[r], int(t), True) for h, r, t in wrong]
        for polarity, kept in (
            ("stated", [(h, r, t) for h, r, t, wrong in rows if not r.startswith("Not") and not wrong]),
            ("denied", [(h, r.removeprefix("Not"), t) for h, r, t, wrong in rows if r.startswith("Not") != wrong]),
        ):
            found = zip(*(x.tolist() for x in triplets(data, polarity, split)))
            assert [(h, relation[r], t) for h, r, t in found] == kept
        twice = sum(r.startswith("Not") and wrong for _, r, _, wrong in rows)
        assert counts(data).get(f"doubly_denied_{split}", 0) == twice
    of = torch.bincount(triplets(data, "denied", "train").rel_type, minlength=len(relation)).tolist()
    assert {relation[r]: n for r, n in enumerate(of) if n} == {
        **{"Desires": 1626, "CapableOf": 1043, "HasProperty": 339},
        **{"IsA": 152, "HasA": 120, "MadeOf": 13},
    }
    # of the corruptions 16 in valid (17 lines) and 13 in test; the others are negated relations
    assert profile(data).contradictions == {"train": 43, "valid": 18, "test": 13}


@needs_mirror
def test_what_else_the_readme_says_of_negatives(root: Path) -> None:
    found = profile(load("ConceptNet-NegatER-trueneg", root))
    assert found.contradictions == {"train": 0, "valid": 0, "test": 0}
    assert found.unseen_statements == {"valid": 1156, "test": 1117}
    n, r = 40_943, 11
    for kind, clashes in (("pa", [0, 0, 0]), ("qg", [909, 9, 3]), ("rb", [0, 0, 0])):
        data = load(f"LogInfer-WN-trian-{kind}", root)
        facts = KnownAnswers(triplets(data, "stated", "train"), n, r)
        denied = [triplets(data, "denied", split) for split in ("train", "valid", "test")]
        hit = [facts.contains(Query(d.head_index, d.rel_type), d.tail_index[:, None]).sum().item() for d in denied]
        assert hit == clashes
        assert (profile(data).contradictions["train"] == 1131) == (kind == "qg")


@needs_mirror
def test_truewalks_states_and_denies(root: Path) -> None:
    """GO's annotations are those of GO-NegStatements with the aspect as source; HP says six things both ways."""
    data, other = load("TrueWalks-GO", root), load("GO-NegStatements", root)

    def said(data: HeteroData, polarity: str) -> set[tuple[str, str]]:
        head_index, rel_type, tail_index = triplets(data, polarity)
        names = [name.rsplit("/", 1)[-1].replace("_", ":") for name in data["entity"].names]
        rows = zip(head_index.tolist(), rel_type.tolist(), tail_index.tolist())
        return {(names[h], names[t]) for h, r, t in rows if data.relation_names[r] != "subClassOf"}

    for polarity, number in (("stated", 29_098), ("denied", 32_959)):
        assert said(data, polarity) == said(other, polarity)
        assert len(said(data, polarity)) == number == data["entity", polarity, "entity"].edge_type.numel()
    assert sorted(data.source_names) == ["C", "F", "P"]
    text = "".join(row[1] for row in lines("TrueWalks-annotations/GO/GO_annotations.tsv"))
    for polarity, sign in (("stated", "+"), ("denied", "-")):
        of = torch.bincount(data["entity", polarity, "entity"].source).tolist()
        assert dict(zip(data.source_names, of)) == {a: text.count(f"({a}){sign}") for a in data.source_names}

    def by_name(data: HeteroData) -> set[tuple[str, str, int]]:
        names, pairs = data["entity"].names, data[PAIR]
        head, tail = pairs.edge_label_index.tolist()
        return {(names[h], names[t], y) for h, t, y in zip(head, tail, pairs.edge_label.tolist())}

    assert by_name(data) == by_name(other)
    human = load("TrueWalks-HP", root)
    assert profile(human).contradictions == {"train": 6, "valid": 0, "test": 0}
    assert len(said(human, "stated") & said(human, "denied")) == 6
    assert len({human["entity"].names[h] for h in triplets(human).head_index.tolist()}) == 162


@needs_mirror
def test_codex_has_types(root: Path) -> None:
    """Those of its file; a sampler draws by them, and a node store for each is refused in one sentence."""
    data = load("CoDEx-S", root)
    listed = json.loads(gzip.decompress((MIRROR / "CoDEx-types" / "entity2types.json.gz").read_bytes()))
    entity = data["entity"]
    assert entity.type.dtype == torch.bool
    assert entity.type.shape == (2034, 502) == (len(entity.names), len(entity.type_names))
    for name, row in zip(entity.names, entity.type):
        assert {entity.type_names[i] for i in row.nonzero()[:, 0].tolist()} == set(listed[name])
    assert load("CoDEx-M", root)["entity"].type.shape == (17_050, 1_505)
    types = Facts(data).types
    assert types.member.numel() == 3280
    target = torch.arange(200)
    sampler = Typed(types, 2034, 8)
    drawn = sampler(Query(target, target * 0), target, Scores(torch.zeros(200, 2034)), torch.Generator().manual_seed(0))
    assert bool((drawn.weight == 1).all())
    assert bool((entity.type[target][:, None] & entity.type[drawn.index]).any(-1).all())
    with pytest.raises(
        UserError, match=r"^Entity 'Q\d+' has \d+ types, but a node store needs exactly one: choose one"
    ):
        by_type(data)
    del data["entity"].type, data["entity"].type_names
    assert by_type(data).node_types == ["entity"]


@needs_mirror
def test_countries_name_the_tails_to_rank(root: Path) -> None:
    data = load("Countries-S1", root)
    regions = [data["entity"].names[i] for i in data["entity"].candidate_tails.tolist()]
    assert regions == ["oceania", "asia", "europe", "africa", "americas"]
    located = triplets(data, "stated", "test")
    assert set(located.tail_index.tolist()) <= set(data["entity"].candidate_tails.tolist())


@needs_mirror
def test_a_processed_copy_is_the_same_and_quick(root: Path) -> None:
    first = load("FB15k-237", root)
    begin = time.perf_counter()
    again = load("FB15k-237", root)
    assert time.perf_counter() - begin < 1.0  # 0.05 s on a quiet machine
    for polarity in ("stated", "denied"):
        a, b = first["entity", polarity, "entity"], again["entity", polarity, "entity"]
        assert all(torch.equal(a[key], b[key]) for key in ("edge_index", "edge_type", "split"))
    assert first["entity"].names == again["entity"].names
    path = Path(datasets.FB15k237(root).processed_paths[0])
    torch.load(path, weights_only=True)  # nothing in it can execute anything


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    monkeypatch.setenv("GNNNEG_MIRROR", str(tmp_path / "mirror"))
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    (tmp_path / "mirror" / "toy" / "train.txt").write_text("a\tr\tb\nb\tr\ta\n")
    return Card(name="toy", stated={"train": "train.txt"}, files={"train.txt": FileSource()}, published={"train": 2})


class Toy(Benchmark):
    pass


def test_a_changed_card_is_not_answered_from_an_old_copy(tmp_path: Path, toy: Card) -> None:
    assert Toy(toy, tmp_path)[0]["entity"].names == ["a", "b"]
    other = Card(
        name="toy", layout=Layout(("relation", "head", "tail")), stated=toy.stated, files=toy.files, published={}
    )
    assert Toy(other, tmp_path)[0]["entity"].names == ["r", "b", "a"]


def test_transforms(tmp_path: Path, toy: Card) -> None:
    def mark(data: HeteroData) -> HeteroData:
        data.marked = data.get("marked", 0) + 1
        return data

    assert Toy(toy, tmp_path, transform=mark)[0].marked == 1
    assert "marked" not in Toy(toy, tmp_path)[0]
    assert Toy(toy, tmp_path / "other", pre_transform=mark)[0].marked == 1


def test_counts_stand_in_for_an_unknown_digest(tmp_path: Path, toy: Card) -> None:
    wrong = Card(name="toy", stated=toy.stated, files=toy.files, published={"train": 3})
    with pytest.raises(UserError, match="toy should have 3 train, but its files have 2"):
        Toy(wrong, tmp_path)
    assert card("YAGO3-10").files["train.txt"].sha256 is None


def test_a_file_put_there_by_hand_is_checked(tmp_path: Path, toy: Card) -> None:
    known = Card(name="toy", stated=toy.stated, files={"train.txt": FileSource(None, "0" * 64)})
    (tmp_path / "toy" / "raw").mkdir(parents=True)
    (tmp_path / "toy" / "raw" / "train.txt").write_text("a\tr\tb\n")
    with pytest.raises(UserError, match="the card says 000000000000"):
        Toy(known, tmp_path)


def test_the_cache_is_where_it_is_said(toy: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Path(Toy(toy).root) == tmp_path / "home" / ".cache" / "gnnneg" / "toy"


def test_a_garbled_raw_file_is_one_sentence(tmp_path: Path, toy: Card) -> None:
    (tmp_path / "mirror" / "toy" / "train.txt").write_text("a\tr\tb\na\tr")
    with pytest.raises(UserError, match=r"train\.txt:2: expected 3 fields"):
        Toy(toy, tmp_path)


def test_the_synthetic_world_by_every_name(tmp_path: Path) -> None:
    made = SyntheticWorld()
    for data in (made[0], load("synthetic"), KnowledgeGraph("synthetic", tmp_path)[0]):
        assert counts(data) == dict(card("synthetic").published)
        assert data["entity"].type.shape == (200, 5)
        for polarity in ("stated", "denied"):
            ours = made.world.data["entity", polarity, "entity"]
            assert torch.equal(data["entity", polarity, "entity"].edge_index, ours.edge_index)
    assert isinstance(made.world.known, KnownAnswers)
    assert SyntheticWorld(num_entities=50, seed=1)[0]["entity"].num_nodes == 50
    pickle.loads(pickle.dumps(made[0]))


def test_unknown_names_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="did you mean 'WN18RR'"):
        load("WN18R")
    with pytest.raises(UserError, match="did you mean"):
        datasets.Countries("S4")
    with pytest.raises(UserError, match="is no folder"):
        load(tmp_path / "no")
    with pytest.raises(UserError, match=r"holds no dataset\.yaml"):
        load(f"{tmp_path}")
    (tmp_path / "own.tsv").write_text("a\tr\tb\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=r"own\.tsv is no folder: .* 'gnnneg data import own\.tsv --out DIR', and name DIR"
    ):
        load("own.tsv")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").touch()
    for name in ("run", f"{tmp_path}/run"):
        with pytest.raises(UserError, match=r"the folder of a run, not of data: write what .* data\.name, or train on"):
            load(name)
    # a folder that happens to be called like a data set does not hide it
    (tmp_path / "synthetic").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load("synthetic")["entity"].num_nodes == 200


@needs_mirror
@pytest.mark.parametrize(
    ("file", "literals", "expected"),
    [
        ("AIFB/aifb_stripped.nt.gz", True, (29_043, 8_285, 45)),
        ("AIFB/aifb_stripped.nt.gz", False, (20_338, 2_835, 22)),
    ],
)
def test_real_ntriples(file: str, literals: bool, expected: tuple[int, int, int]) -> None:
    table = read_ntriples(MIRROR / file, literals, blank=True).table  # as for the graph of one file
    entities, relations = appearance((table["head"], table["tail"])), appearance((table["relation"],))
    assert (table.num_rows, len(entities), len(relations)) == expected


@needs_mirror
@pytest.mark.parametrize("file", ["FB13/test.tsv.gz", "WN11/test.tsv.gz", "GO-NegStatements/Test_triples.tsv"])
def test_real_label_columns(file: str) -> None:
    """Half of each is denied: FB13 23,733, WN11 10,544, GO 1,024 (with CRLF)."""
    table = read_table(MIRROR / file, Layout(("head", "relation", "tail", "label")))
    stated = sum(truth(table["label"], by_row(file)).to_pylist())
    assert stated == table.num_rows - stated == {"F": 23_733, "W": 10_544, "G": 1_024}[file[0]]


@needs_mirror
def test_a_run_keeps_the_statements_and_not_the_pairs(root: Path, tmp_path: Path) -> None:
    data = load("GO-NegStatements", root)
    write_statements(tmp_path / "s.parquet", data)
    again = read_statements(tmp_path / "s.parquet", data["entity"].names, data.relation_names)
    assert counts(again) == {k: v for k, v in counts(data).items() if not k.startswith("pairs")}
