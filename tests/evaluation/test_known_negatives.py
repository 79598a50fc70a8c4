"""Ranks among verified negatives, by hand and by plain Python; random candidates that nobody has stated."""

import math
from collections import Counter

import pytest
import torch
from evaluation.tabled import NODES, RELATIONS, Tabled, bed, coarse, index_of, world

from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.evaluation import KnownNegatives
from gnnneg.evaluation.classification import auroc
from gnnneg.evaluation.drawn import corruptions, unknown
from gnnneg.records import Query, Triplets

NONE = Triplets(*(torch.empty(0, dtype=torch.long) for _ in range(3)))


def triplets(*rows: tuple[int, int, int]) -> Triplets:
    return Triplets(*(torch.tensor(column) for column in zip(*rows)))


def judged(score, known: Triplets, tested: Triplets, denied: Triplets, num_random: int, **policy):
    """What is found of test statements, where these are known from training."""
    size = score.size(1), score.size(0) // 2
    judged_on = bed(*size, {"train": known, "test": tested}, {"test": denied}, **policy)
    found = KnownNegatives(num_random=num_random)(Tabled(score), judged_on)
    assert found.rows == "relations"
    return found.figures, found.table


def test_by_hand():
    """Six people, one relation, tails scored by their number (heads likewise): 0 -> 3 is stated, 0 -> 1, 4, 5 denied.

    Of the tail question's negatives two lie above: rank 3 of 4. Its head question ``? -> 3`` has the denied 3 -> 3,
    which ties with nobody and lies above: rank 2 of 2. 1 -> 2 has nothing denied to either question. The denied
    0 -> 2 is stated in training: contradicted, and left out.
    """
    score = torch.arange(6.0).expand(2, 6, 6).clone()
    stated = triplets((0, 0, 3), (1, 0, 2))
    denied = triplets((0, 0, 1), (0, 0, 4), (0, 0, 5), (3, 0, 3), (0, 0, 2))
    figures, table = judged(score, triplets((0, 0, 2)), stated, denied, 0)
    assert figures["verified"]["mrr"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert figures["verified"]["tail"]["mr"] == 3
    assert figures["verified"]["head"]["mr"] == 2
    assert figures["with_random"] == figures["verified"]
    counts = ["queries", "without_denied", "stated", "denied", "contradicted", "random"]
    assert [figures[name] for name in counts] == [2, 2, 2, 4, 1, 0]
    # as answers to their tail questions, stated score 3, 2 and denied 1, 4, 5, 3: two pairs are won, one is a tie
    assert figures["auroc"] == pytest.approx(2.5 / 8)
    row = table.iloc[0]
    assert (row["relation"], row["queries"], row["hits@1"]) == ("0", 2, 0)
    assert row["auroc"] == figures["auroc"]


def test_random_candidates_join_the_denied():
    """0 -> 2 of 0, ..., 4, where all else than 1 is stated: the denied 1 and five times nobody, or the only unknown 0.

    Nothing random is known, denied or the target itself.
    """
    score = torch.zeros(2, 5, 5)
    score[0, 0] = torch.tensor([9.0, 8.0, 1.0, 10.0, 10.0])
    stated, denied = triplets((0, 0, 2)), triplets((0, 0, 1))
    known = triplets((0, 0, 3), (0, 0, 4))
    figures, _ = judged(score, known, stated, denied, 50, seed=0)
    zeros = figures["with_random"]["mr"] - 2  # the denied one is always there
    assert figures["verified"]["mr"] == 2
    assert zeros == pytest.approx(25, abs=12)  # the others were the denied one once more, and did not count
    figures, _ = judged(score, triplets((0, 0, 3), (0, 0, 4), (0, 0, 0)), stated, denied, 50)
    assert figures["with_random"]["mr"] == 2


@pytest.mark.filterwarnings("ignore:Ties decide")
@pytest.mark.parametrize("cells", [1, 20, 1 << 20])
@pytest.mark.parametrize("seed", range(3))
def test_plain_python_agrees(monkeypatch, seed, cells):
    """Many ties, repeated statements, contradictions; one row at a time or all at once."""
    monkeypatch.setattr("gnnneg.evaluation.known_negatives.CELLS", cells)
    whole, tested = world(seed)
    draw = torch.Generator().manual_seed(100 + seed)
    denied = Triplets(*(torch.randint(top, (90,), generator=draw) for top in (NODES, RELATIONS, NODES)))
    model = Tabled(coarse(seed))
    judged_on = bed(NODES, RELATIONS, {"train": whole, "test": tested}, {"test": denied})
    found = KnownNegatives(num_random=0)(model, judged_on)
    figures, table = found.figures, found.table
    assert model.encoded == 2  # once for all ranks, once for all scores

    facts = set(zip(*(column.tolist() for column in whole)))
    wrong = [row for row in zip(*(column.tolist() for column in denied)) if row not in facts]
    score, ranks, alone = model.score.tolist(), [], 0
    by_relation = Counter()
    for h, r, t in zip(*(column.tolist() for column in tested)):
        for row, target, rivals in (
            (score[r][h], t, {c for a, s, c in wrong if (a, s) == (h, r)}),
            (score[r + RELATIONS][t], h, {a for a, s, c in wrong if (s, c) == (r, t)}),
        ):
            if not rivals:
                alone += 1
                continue
            above, tied = sum(row[c] > row[target] for c in rivals), sum(row[c] == row[target] for c in rivals)
            ranks.append(1 + above + tied / 2)
            by_relation[r] += 1
    assert figures["verified"]["mrr"] == pytest.approx(sum(1 / rank for rank in ranks) / len(ranks))
    assert figures["verified"]["mr"] == pytest.approx(sum(ranks) / len(ranks))
    assert (figures["queries"], figures["without_denied"]) == (len(ranks), alone)
    assert figures["contradicted"] == 90 - len(wrong) > 0
    assert {int(row["relation"]): row["queries"] for row in table.to_dict("records")} == by_relation
    stated = torch.tensor([score[r][h][t] for h, r, t in zip(*(column.tolist() for column in tested))])
    negative = torch.tensor([score[r][h][t] for h, r, t in wrong])
    label = torch.arange(len(stated) + len(negative)) < len(stated)
    assert figures["auroc"] == pytest.approx(auroc(torch.cat([stated, negative]), label))


def test_nothing_denied_of_what_is_asked():
    """Denied elsewhere: no ranks, but the scores can be parted."""
    score = torch.arange(6.0).expand(2, 6, 6).clone()
    figures, table = judged(score, NONE, triplets((0, 0, 3)), triplets((1, 0, 1)), 9)
    assert figures["verified"] is figures["with_random"] is None
    assert figures["auroc"] == 1
    assert math.isnan(table.iloc[0]["mrr"])


def test_bad_splits():
    score, stated = torch.zeros(2, 6, 6), triplets((0, 0, 3))
    with pytest.raises(UserError, match="test split has no denied"):
        judged(score, NONE, stated, NONE, 9)
    with pytest.raises(UserError, match="test split has no stated"):
        judged(score, NONE, NONE, stated, 9)


def test_unknown_is_uniform_over_the_others():
    """Known 0, 1 and 4 of six: 2, 3 and 5 a third each. All known: nobody. Nothing known: a sixth each."""
    known = KnownAnswers(triplets((0, 0, 0), (0, 0, 1), (0, 0, 4), *((1, 0, t) for t in range(6))), 6, 1)
    query = Query(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0]))
    drawn = unknown(query, known, 30_000, torch.Generator().manual_seed(0))
    share = drawn[0].bincount(minlength=6) / 30_000
    assert share.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 3, 0, 1 / 3], abs=0.01)
    assert (drawn[0].bincount(minlength=6) == 0).tolist() == [True, True, False, False, True, False]
    assert drawn[1].unique().tolist() == [-1]
    assert (drawn[2].bincount(minlength=6) / 30_000).tolist() == pytest.approx([1 / 6] * 6, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_unknown_is_never_known(seed):
    whole, _ = world(seed, size=200)
    known = index_of(whole)
    query = Query(torch.arange(NODES).repeat(2 * RELATIONS), torch.arange(2 * RELATIONS).repeat_interleave(NODES))
    drawn = unknown(query, known, 400)
    assert not known.contains(query, drawn).any()
    left = NODES - known.count(query)
    assert [row.unique().numel() for row in drawn] == left.tolist()  # and each of the others comes


def test_corruptions_differ_on_one_side():
    whole, tested = world(0)
    facts = set(zip(*(column.tolist() for column in whole)))
    made = list(zip(*(column.tolist() for column in corruptions(tested, index_of(whole)))))
    before = list(zip(*(column.tolist() for column in tested)))
    assert not facts & set(made)
    sides = Counter((old[0] == new[0], old[2] == new[2]) for old, new in zip(before, made))
    assert set(sides) == {(True, False), (False, True)}
    assert all(old[1] == new[1] for old, new in zip(before, made))
    everyone = triplets(*((h, 0, t) for h in range(3) for t in range(3)))
    assert not corruptions(everyone, KnownAnswers(everyone, 3, 1)).rel_type.numel()
