"""Hierarchies against networkx's closures, and the checker against the real Gene Ontology."""

import os
from pathlib import Path

import networkx
import pytest
import torch
from torch_geometric.data import HeteroData

from gnnneg.data.check import check
from gnnneg.data.ontology import Hierarchy, hierarchy, inherited
from gnnneg.data.statements import assemble, triplets
from gnnneg.datasets import load
from gnnneg.errors import UserError
from gnnneg.experiment.graph import read_statements, write_statements
from gnnneg.records import Triplets

# animal > dog > poodle, animal > cat; things: x, y
MIRROR = Path(os.environ.get("GNNNEG_MIRROR", Path(__file__).parents[3] / "shared" / "datasets"))
needs_mirror = pytest.mark.skipif(
    not (MIRROR / "GO-NegStatements").is_dir(), reason=f"no mirror of the data sets at {MIRROR}: set GNNNEG_MIRROR"
)
NAMES = ["animal", "dog", "poodle", "cat", "x", "y"]
IS, HAS = 0, 1


def columns(rows: list[tuple[int, int, int]]) -> Triplets:
    return Triplets(*torch.tensor(rows, dtype=torch.long).reshape(-1, 3).T.contiguous())


def world(stated, denied=(), split=None, denied_split=None) -> HeteroData:
    classes = [(1, IS, 0), (2, IS, 1), (3, IS, 0)]
    stated = [*classes, *stated]
    given = torch.tensor([0, 0, 0, *(split or [0] * (len(stated) - 3))])
    against = torch.tensor(denied_split or [0] * len(denied), dtype=torch.long)
    return assemble(columns(stated), given, NAMES, ["isA", "has"], columns(list(denied)), against)


def rows(data, polarity) -> set[tuple[int, int, int]]:
    return set(zip(*(column.tolist() for column in triplets(data, polarity))))


def test_stated_rises_and_denied_sinks():
    data = inherited(world([(4, HAS, 2)], [(5, HAS, 1)]), "isA")
    assert rows(data, "stated") - rows(world([]), "stated") == {(4, HAS, 2), (4, HAS, 1), (4, HAS, 0)}
    assert rows(data, "denied") == {(5, HAS, 1), (5, HAS, 2)}
    assert rows(inherited(world([(4, HAS, 2)], [(5, HAS, 1)]), "isA", denied=False), "denied") == {(5, HAS, 1)}


def test_only_training_statements_teach():
    """What is asked in valid or test gives nothing away, and stays where it is."""
    before = world([(4, HAS, 2), (5, HAS, 1), (4, HAS, 1)], split=[0, 2, 1])
    data = inherited(before, "isA")
    train, valid, test = (
        set(zip(*(c.tolist() for c in triplets(data, "stated", s)))) for s in ("train", "valid", "test")
    )
    assert train - rows(world([]), "stated") == {(4, HAS, 2), (4, HAS, 0)}  # (4, has, 1) is valid's own
    assert (valid, test) == ({(4, HAS, 1)}, {(5, HAS, 1)})


def test_what_follows_is_as_sure_as_the_surest_it_follows_from():
    data = world([(4, HAS, 2), (4, HAS, 3)])
    data["entity", "stated", "entity"].confidence = torch.tensor([1.0, 1, 1, 0.3, 0.8])
    store = inherited(data, "isA")["entity", "stated", "entity"]
    sure = {(h, t): c for (h, t), c in zip(store.edge_index.T.tolist(), store.confidence.tolist()) if h == 4}
    assert sure == pytest.approx({(4, 2): 0.3, (4, 3): 0.8, (4, 1): 0.3, (4, 0): 0.8})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("down", [False, True])
def test_closure_is_networkx(seed, down):
    """On random graphs, circles included."""
    graph = networkx.gnp_random_graph(40, 0.04, seed=seed, directed=True)
    walked = graph.reverse() if down else graph
    order = Hierarchy(walked.edges)
    for node in graph:
        assert set(order.reached(node)) == (networkx.descendants(walked, node) | {node})
        for end in order.reached(node):
            chain = order.chain(node, end)
            assert networkx.is_path(walked, chain)
            assert len(chain) == networkx.shortest_path_length(walked, node, end) + 1


def test_findings_by_hand():
    stated = [(4, HAS, 2), (5, HAS, 0), (5, HAS, 3), (5, HAS, 3)]
    denied = [(4, HAS, 0), (4, HAS, 3), (5, HAS, 2), (5, HAS, 3), (4, HAS, 3)]
    found = check(world(stated, denied, [0, 0, 0, 2], [0, 0, 1, 0, 2]), "isA")
    said = [(f.kind, f.head, f.tail, f.split, f.other, f.polarity, f.chain) for f in found]
    assert said == [
        ("contradicted by a subclass", "x", "animal", "train", "train", "denied", ("poodle", "dog", "animal")),
        ("stated and denied", "y", "cat", "train", "train", "denied", ()),
        ("in two splits", "y", "cat", "test", "train", "stated", ()),
        ("in two splits", "x", "cat", "test", "train", "denied", ()),
    ]


def test_without_a_hierarchy_only_the_statement_itself_contradicts():
    assert check(world([(4, HAS, 2)], [(4, HAS, 0)])) == []


def test_what_is_denied_is_not_stated_because_it_follows():
    """x is a poodle, and said to be no animal, whatever the split of that: it becomes a dog, and no animal."""
    for split in range(3):
        before = world([(4, HAS, 2)], [(4, HAS, 0)], denied_split=[split])
        with pytest.warns(UserWarning, match="1 statements that would be stated by isA were not added, since they are"):
            data = inherited(before, "isA", denied=False)
        assert rows(data, "stated") - rows(world([]), "stated") == {(4, HAS, 2), (4, HAS, 1)}
        assert rows(data, "denied") == {(4, HAS, 0)}
        assert [f for f in check(data) if f.kind == "stated and denied"] == []


def test_what_would_follow_both_ways_is_neither():
    """Of a poodle that is no animal, being a dog follows as stated and as denied."""
    with pytest.warns(UserWarning, match="were not added"):
        data = inherited(world([(4, HAS, 2)], [(4, HAS, 0)]), "isA")
    assert rows(data, "stated") - rows(world([]), "stated") == {(4, HAS, 2)}
    assert rows(data, "denied") == {(4, HAS, 0), (4, HAS, 3)}


@pytest.mark.filterwarnings("ignore:.*were not added")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("denied", [False, True])
def test_inheriting_never_contradicts(seed, denied):
    """And adds all else that networkx's closures give."""
    graph = networkx.gnp_random_graph(20, 0.08, seed=seed, directed=True)
    draw = torch.Generator().manual_seed(seed)
    stated = torch.randint(20, (40, 2), generator=draw).unique(dim=0).tolist()
    against = [row for row in torch.randint(20, (15, 2), generator=draw).unique(dim=0).tolist() if row not in stated]
    classes = [(a, IS, b) for a, b in graph.edges]
    names = [str(i) for i in range(20)]
    said, no = [*classes, *((h, HAS, t) for h, t in stated)], [(h, HAS, t) for h, t in against]
    given = (torch.zeros(len(part), dtype=torch.long) for part in (said, no))
    data = assemble(columns(said), next(given), names, ["isA", "has"], columns(no), next(given))
    made = inherited(data, "isA", denied)
    up = {(h, HAS, b) for h, t in stated for b in {t, *networkx.descendants(graph, t)}}
    down = {(h, HAS, b) for h, t in against for b in {t, *networkx.ancestors(graph, t)}} if denied else set(no)
    assert rows(made, "stated") == {*said, *(up - down - set(no))}
    assert rows(made, "denied") == {*no, *(down - up - set(said))}
    assert not rows(made, "stated") & rows(made, "denied")


def test_pairs_that_train_links_the_other_way_round_are_found():
    stated = [(4, HAS, 2), (2, IS, 4), (5, HAS, 5), (5, HAS, 5), (3, HAS, 5), (5, HAS, 3)]
    found = check(world(stated, split=[0, 2, 0, 1, 1, 2]))
    assert [(f.kind, f.head, f.tail, f.split, f.other) for f in found] == [
        ("in two splits", "y", "y", "valid", "train"),
        ("the other way round", "poodle", "x", "test", "train"),
    ]


def test_valid_and_test_overlap_too():
    (found,) = check(world([(4, HAS, 2), (4, HAS, 2)], split=[2, 1]))
    assert (found.kind, found.split, found.other) == ("in two splits", "test", "valid")


def test_unknown_relation():
    with pytest.raises(UserError, match="no relation 'subclassof' to make a hierarchy"):
        hierarchy(world([]), "subclassof")


@needs_mirror
def test_gene_ontology_contradicts_itself_317_times(monkeypatch):
    monkeypatch.setenv("GNNNEG_MIRROR", str(MIRROR))
    data = load("GO-NegStatements")
    found = check(data, "subClassOf")
    assert len(found) == 317
    assert {f.kind for f in found} == {"contradicted by a subclass"}
    # independently: a denied class that lies above a stated one
    graph, annotated = networkx.DiGraph(), {}
    for h, r, t in zip(*(column.tolist() for column in triplets(data))):
        if data.relation_names[r] == "subClassOf":
            graph.add_edge(h, t)
        else:
            annotated.setdefault(h, []).append(t)
    above = {h: set().union(*(networkx.descendants(graph, t) for t in ts if t in graph)) for h, ts in annotated.items()}
    head_index, _, tail_index = triplets(data, "denied")
    expected = {(h, t) for h, t in zip(head_index.tolist(), tail_index.tolist()) if t in above.get(h, ())}
    names = data["entity"].names
    assert {(f.head, f.tail) for f in found} == {(names[h], names[t]) for h, t in expected}
    with pytest.warns(UserWarning, match="317 statements that would be stated by subClassOf were not added"):
        taught = inherited(data, "subClassOf", denied=False)
    assert [f for f in check(taught) if f.kind == "stated and denied"] == []
    edges = {(names[a], names[b]) for a, b in graph.edges}
    assert all(edges.issuperset(zip(f.chain, f.chain[1:])) and f.chain[-1] == f.tail for f in found)


def test_a_graph_of_ones_own_keeps_what_is_sure(tmp_path):
    data = world([(4, HAS, 2)], [(5, HAS, 1)])
    data["entity", "stated", "entity"].confidence = torch.tensor([1.0, 1, 1, 0.3])
    write_statements(tmp_path / "a.parquet", data)
    again = read_statements(tmp_path / "a.parquet", NAMES, ["isA", "has"])
    assert again["entity", "stated", "entity"].confidence.tolist() == pytest.approx([1, 1, 1, 0.3])
    assert again["entity", "denied", "entity"].confidence.tolist() == [1]
