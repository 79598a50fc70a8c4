"""What a judged sample says of all that it was drawn from."""

import pandas as pd
import pytest
import torch
from curation.tables import graph, written

from gnnneg.curation import Served
from gnnneg.curation.queues import AuditNegatives, AuditPredictions
from gnnneg.curation.queues.audit import Audit
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler
from gnnneg.records import Negatives, Triplets
from gnnneg.verdicts.intervals import clopper_pearson

STATED = ["a likes b train", "b likes c train", "c knows d train", "d knows e valid", "a likes d test"]
DENIED = ["a likes c train", "e knows a test"]
COLUMNS = ["head", "relation", "tail", "verdict", "who", "queue", "why", "when", "run", "score", "probability"]


class Sample(Audit):
    """A sample that is given."""

    name = "sample"
    title = "Sample"
    meaning = "What is given."

    def __init__(self, served, rows):
        super().__init__(served, len(rows), 0)
        self.rows = rows

    def drawn(self):
        return Triplets(*(torch.tensor(column) for column in zip(*self.rows)))


class Two(Sampler):
    """The entities 2 and 4 to every question, the second one only where the anchor is not the last entity."""

    def forward(self, query, target, critic, rng=None):
        there = torch.stack([torch.ones(len(target)), (query.anchor < 4).float()], 1)
        return Negatives(torch.tensor([[2, 4]]).expand(len(target), -1).contiguous(), there)


@pytest.fixture(scope="module")
def served():
    torch.manual_seed(0)
    return Served([written(graph(STATED, DENIED), torch.randn(2, 5, 5))])


def said(*rows, who="kim", queue="sample"):
    """What stands of rows such as ``("a likes e", "deny")``."""
    made = []
    for statement, verdict, *rest in rows:
        made.append([*statement.split(), verdict, *(rest or [who, queue]), "", "", "", 0.0, 0.0])
    return pd.DataFrame(made, columns=COLUMNS).astype({"score": float, "probability": float})


# unknown, stated, unknown, denied, unknown, unknown once more the first
ROWS = [(0, 0, 4), (0, 0, 1), (1, 0, 4), (0, 0, 2), (2, 1, 4), (0, 0, 4)]


def test_nothing_judged(served):
    found = Sample(served, ROWS).estimate(said())
    assert (found.share, found.low, found.high, found.n, found.left) == (None, 0.0, 1.0, 0, 6)


def test_each_statement_is_asked_once(served):
    queue = Sample(served, ROWS)
    assert [" ".join(item.statement) for item in queue.items()] == ["a likes e", "b likes e", "c knows e"]
    assert queue.random


def test_a_prefix_counts(served):
    """The first one judged, and the known one behind it: then somebody is asked again."""
    found = Sample(served, ROWS).estimate(said(("a likes e", "deny")))
    assert (found.true, found.n, found.known, found.left) == (1, 2, 1, 4)
    assert found.share == 0.5
    assert (found.low, found.high) == clopper_pearson(1, 2)


def test_a_draw_that_comes_twice_counts_twice(served):
    found = Sample(served, ROWS).estimate(said(("a likes e", "accept"), ("b likes e", "deny"), ("c knows e", "deny")))
    assert (found.true, found.n, found.known, found.left) == (3, 6, 2, 0)


def test_what_nobody_can_say_is_told_apart(served):
    found = Sample(served, ROWS).estimate(
        said(
            ("a likes e", "unsure"),
            ("b likes e", "skip"),
            ("c knows e", "accept"),
            ("c knows e", "deny", "lee", "sample"),
        )
    )
    assert (found.unsure, found.skipped, found.conflicting) == (2, 1, 1)
    assert (found.true, found.n, found.known) == (1, 2, 2)


def test_verdicts_of_other_queues_do_not_choose(served):
    """Judged elsewhere, a statement counts once the sample has come to it, and not before."""
    elsewhere = ("b likes e", "accept", "kim", "uncertain")
    alone = Sample(served, ROWS).estimate(said(elsewhere))
    assert (alone.n, alone.left) == (0, 6)
    first = Sample(served, ROWS).estimate(said(("a likes e", "deny"), elsewhere))
    assert (first.true, first.n, first.left) == (1, 2, 4)
    third = Sample(served, ROWS).estimate(said(("a likes e", "deny"), elsewhere, ("c knows e", "deny")))
    assert (third.true, third.n, third.left) == (2, 6, 0)


def test_a_gap_ends_the_prefix(served):
    """The first one was taken back."""
    found = Sample(served, ROWS).estimate(said(("b likes e", "accept"), ("c knows e", "deny")))
    assert (found.n, found.left) == (0, 6)


def test_all_judged_elsewhere_is_a_sample_too(served):
    rows = [("a likes e", "deny"), ("b likes e", "deny"), ("c knows e", "accept")]
    found = Sample(served, ROWS).estimate(said(*rows, queue="uncertain"))
    assert (found.true, found.n, found.left) == (2, 6, 0)


def test_coverage(served):
    """Somebody stops anywhere, and has judged true statements elsewhere: the interval holds the share all the same."""
    rng = torch.Generator().manual_seed(0)
    true = {"a likes e", "c likes e", "d knows a"}
    every = [(h, r, t) for h in range(5) for r in range(2) for t in range(5)]
    stated = {" ".join(line.split()[:3]) for line in STATED}
    share, trials = len(true | stated) / len(every), 100
    held, n, total = 0, 0, 0.0
    for _ in range(trials):
        queue = Sample(served, [every[i] for i in torch.randint(len(every), (40,), generator=rng).tolist()])
        statements, words = queue.sample
        asked = list(dict.fromkeys(" ".join(one) for one, word in zip(statements, words) if word == "unknown"))
        stop = 1 + int(torch.randint(len(asked), (), generator=rng))
        here = [(one, "accept" if one in true else "deny") for one in asked[:stop]]
        elsewhere = [(one, "accept", "kim", "uncertain") for one in sorted(true & set(asked[stop:]))]
        found = queue.estimate(said(*here, *elsewhere))
        held += found.low <= share <= found.high
        total, n = total + found.true - share * found.n, n + found.n
    assert held / trials > 0.93
    assert abs(total / n) < 3 * (share * (1 - share) / n) ** 0.5


def test_negatives_are_drawn_evenly():
    """Each candidate that is there with the same chances, those of questions with one candidate too."""
    data = graph(["a likes b train", "b likes e train", "c knows d valid", "d knows a test"])
    run = written(data, torch.zeros(2, 5, 5), Two())
    # a likes ?: c, e; ? likes b: c, e; b likes ?: c, e; ? likes e: c alone, as e is the last entity
    offered = ["a likes c", "a likes e", "c likes b", "e likes b", "b likes c", "b likes e", "c likes e"]
    seen = dict.fromkeys(offered, 0)
    for seed in range(120):
        queue = AuditNegatives(Served([run]), draws=2, seed=seed)
        statements, _ = queue.sample
        assert len(statements) == 2
        for one in statements:
            seen[" ".join(one)] += 1
    assert len(seen) == len(offered)
    expected = 240 / len(offered)
    assert (
        sum((count - expected) ** 2 / expected for count in seen.values()) < 22.5
    )  # chi-square of 6, one in a thousand


def test_an_audit_of_negatives_counts_what_is_known():
    """The one negative that the data state is a false one without being judged."""
    data = graph(["a likes b train", "b likes e train", "c knows d valid", "d knows a test"])
    queue = AuditNegatives(Served([written(data, torch.zeros(2, 5, 5), Two())]))
    statements, words = queue.sample
    assert sorted(map(" ".join, statements)) == sorted(
        ["a likes c", "a likes e", "c likes b", "e likes b", "b likes c", "b likes e", "c likes e"]
    )
    assert [word for one, word in zip(statements, words) if " ".join(one) == "b likes e"] == ["train"]
    found = queue.estimate(said(*((" ".join(i.statement), "deny") for i in queue.items()), queue="audit-negatives"))
    assert (found.true, found.n, found.known) == (1, 7, 1)


def test_an_audit_of_predictions(served):
    """All that it may draw is a best unknown answer of an answered question, and is drawn as the seed says."""
    queue = AuditPredictions(served, k=1)
    statements, words = queue.sample
    assert set(words) == {"unknown"}
    asked = {("a", "likes"), ("b", "likes"), ("c", "knows"), ("d", "knows")}
    back = {("likes", "b"), ("likes", "c"), ("likes", "d"), ("knows", "d"), ("knows", "e")}
    assert len(statements) == len(asked) + len(back)
    assert all((h, r) in asked or (r, t) in back for h, r, t in statements)
    assert statements == AuditPredictions(served, k=1).sample[0]
    assert statements != AuditPredictions(served, k=1, seed=1).sample[0]
    assert len(AuditPredictions(served, draws=3).sample[0]) == 3


@pytest.mark.parametrize("kind", [AuditNegatives, AuditPredictions])
def test_an_audit_needs_draws(served, kind):
    with pytest.raises(UserError, match="draws"):
        kind(served, draws=0)
