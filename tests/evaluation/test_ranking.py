"""Ranks against a plain Python oracle and against PyKEEN's evaluator, on scores full of ties."""

import pytest
import torch
from evaluation.tabled import NODES, RELATIONS, Tabled, bed, brute, coarse, index_of, world
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gnnneg import DistMult, KGEModel, Lookup
from gnnneg.data.statements import assemble
from gnnneg.errors import UserError
from gnnneg.evaluation import Ranking, Ranks, RelationRanking, Testbed, ranks, summary
from gnnneg.evaluation.entity_ranking import ranked
from gnnneg.evaluation.metrics import standard_error
from gnnneg.evaluation.ranking import counts
from gnnneg.experiment import Evaluation
from gnnneg.records import Query, Triplets


def rows(result: Ranks) -> list[tuple[int, int, int]]:
    return list(zip(result.optimistic.tolist(), result.pessimistic.tolist(), result.candidates.tolist()))


@given(seed=st.integers(0, 10_000), levels=st.integers(1, 6), size=st.integers(2, 90))
@settings(max_examples=30, deadline=None)
def test_ranks_equal_the_oracle(seed, levels, size):
    stated, tested = world(seed, size)
    score = coarse(seed, levels)
    assert rows(ranks(Tabled(score), None, tested, index_of(stated))) == brute(score, tested, stated)


def test_a_rank_by_hand():
    """Scores 5 4 4 4 3 for five entities; target 2; entity 0 is known: one rival tied with it twice, one below."""
    score = torch.zeros(2, 5, 5)
    score[0, 0] = torch.tensor([5.0, 4.0, 4.0, 4.0, 3.0])
    fact = Triplets(*torch.tensor([[0, 0], [0, 0], [2, 0]]))
    tested = Triplets(*(column[:1] for column in fact))
    result = ranks(Tabled(score), None, tested, index_of(fact, 5, 1)).of("tail")
    assert rows(result) == [(1, 3, 4)]
    assert result.realistic.tolist() == [2.0]


def test_an_unknown_target_is_no_rival_of_its_own():
    """The filter holds only other facts, as for a target that the index of known answers was not built with."""
    stated, tested = world(3)
    held = Triplets(*(column[40:] for column in stated))
    score = coarse(3)
    assert rows(ranks(Tabled(score), None, tested, index_of(held))) == brute(score, tested, held)


def test_queries_of_many_relations_and_entities_in_small_integers():
    """Relation times entities passes 2 ** 31, and 2 ** 32 with the inverse relations."""
    nodes, relations = 70_000, 40_000
    draw = torch.Generator().manual_seed(0)
    model = KGEModel(Lookup(nodes, 2), DistMult(relations, 2))
    tested = Triplets(*(torch.randint(top - 100, top, (6,), generator=draw) for top in (nodes, relations, nodes)))
    known = index_of(tested, nodes, relations)
    small = ranks(model, None, Triplets(*(column.int() for column in tested)), known)
    assert rows(small) == rows(ranks(model, None, tested, known))


def test_an_empty_filter():
    _, tested = world(4)
    none = Triplets(*(torch.empty(0, dtype=torch.long) for _ in range(3)))
    score = coarse(4)
    assert rows(ranks(Tabled(score), None, tested, index_of(none))) == brute(score, tested, none)


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
@pytest.mark.parametrize("memory_mib", [256.0, 8 * 5 * 7 / 2**20, 8 / 2**20])
def test_chunked_equals_whole(batch_size, memory_mib):
    """Over queries and over candidates; the smallest budget scores entity by entity."""
    stated, tested = world(5)
    model = Tabled(coarse(5))
    result = ranks(model, None, tested, index_of(stated), batch_size=batch_size, memory_mib=memory_mib)
    assert rows(result) == brute(model.score, tested, stated)


@pytest.fixture(scope="module")
def large() -> tuple[KGEModel, Triplets]:
    """A real model, whose matrix products round the last columns otherwise than the others, and unknown triplets."""
    draw = torch.Generator().manual_seed(0)
    model, nodes = KGEModel(Lookup(3000, 16), DistMult(2, 16)), 3000
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=draw))
    return model, Triplets(*(torch.randint(top, (600,), generator=draw) for top in (nodes, 2, nodes)))


def exact(model: KGEModel, asked: Triplets) -> tuple[list[int], torch.Tensor]:
    """Ranks by plain float64 arithmetic, tails and then heads, and how far the nearest rival is away."""
    vector, relation = model.encoder.weight.double(), model.decoder.relation.weight.double()
    found, gap = [], []
    for anchor, target in ((asked.head_index, asked.tail_index), (asked.tail_index, asked.head_index)):
        score = (vector[anchor] * relation[asked.rel_type]) @ vector.T
        own = score.gather(1, target[:, None])
        found += (1 + (score > own).sum(1)).tolist()
        gap.append((score - own).abs().scatter(1, target[:, None], torch.inf).amin(1))
    return found, torch.cat(gap)


def test_a_target_outside_the_filter_is_no_rival_in_chunks_either(large):
    """A target scored as one more column may differ from itself as a candidate: it is read where it is one."""
    model, tested = large
    none = Triplets(*(torch.empty(0, dtype=torch.long) for _ in range(3)))
    result = ranks(model, None, tested, index_of(none, 3000, 2), batch_size=3, memory_mib=0.05)
    expected, gap = exact(model, tested)
    sure = gap > 1e-5  # nearer rivals may be rounded past the target
    assert sure.double().mean() > 0.9
    assert result.optimistic[sure].tolist() == torch.tensor(expected)[sure].tolist()
    assert result.pessimistic[sure].tolist() == torch.tensor(expected)[sure].tolist()
    assert bool((result.pessimistic >= result.optimistic).all())


def test_nor_where_a_run_is_asked(large):
    """Filtered by training facts alone, and one triplet at a time, as an explanation asks."""
    model, tested = large
    data = assemble(tested, torch.full((600,), 2), [str(i) for i in range(3000)], ["a", "b"])
    with pytest.warns(UserWarning, match="filtered by the facts of train"):
        train_alone = Testbed(data, filter=("train",), memory_mib=0.05)
    expected, gap = exact(model, tested)
    for i in range(40):
        result = ranked(model, train_alone, Triplets(*(column[i : i + 1] for column in tested)))
        both = [expected[i], expected[i + 600]]
        if min(gap[i], gap[i + 600]) > 1e-5:
            assert result.optimistic.tolist() == result.pessimistic.tolist() == both


@pytest.mark.parametrize("shared", [True, False])
def test_a_target_among_given_candidates_ties_with_its_double(shared):
    """Entities 0 and 1 score alike, but whatever is scored last comes out one bit higher."""

    class Later(Tabled):
        def scorer(self, encoding, query):
            inner = super().scorer(encoding, query)

            class Nudged(type(inner)):
                def __call__(self, index):
                    score = super().__call__(index)
                    score[:, -1] = torch.nextafter(score[:, -1], torch.tensor(torch.inf))
                    return score

            return Nudged(inner.score, inner.asked)

    asked = Triplets(*torch.tensor([[0], [0], [0]]))
    none = Triplets(*(torch.empty(0, dtype=torch.long) for _ in range(3)))
    offered = torch.tensor([[1, 0, 2]]) if shared else torch.tensor([[1, 0, 2], [1, 0, 2]])
    result = ranks(Later(torch.ones(2, 3, 3)), None, asked, index_of(none, 3, 1), candidates=offered)
    assert rows(result) == [(1, 3, 3)] * 2


def test_the_budget_is_kept():
    """No score matrix takes more than half of it, but for the columns of the targets themselves."""
    stated, tested = world(6, size=400, nodes=400)
    model = Tabled(coarse(6, nodes=400))
    memory_mib = 8 * 2000 / 2**20
    ranks(model, None, tested, index_of(stated, 400), memory_mib=memory_mib)
    assert len(model.asked) > 10
    assert max(queries * min(width, 400) for queries, width in model.asked) <= 2000
    model.asked.clear()
    some = torch.randperm(400)[None, :300]
    ranks(model, None, tested, index_of(stated, 400), memory_mib=memory_mib, candidates=some)
    assert max(queries for queries, _ in model.asked) == 2000 // 300


class Largest(TorchDispatchMode):
    """The most numbers of one new tensor."""

    most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        for one in found if isinstance(found, tuple) else (found,):
            if isinstance(one, torch.Tensor) and one._base is None:
                self.most = max(self.most, one.numel())
        return found


@pytest.mark.parametrize("sparse", [True, False])
def test_a_table_is_not_copied_to_rank(sparse):
    """Rows of candidates are read where they lie: the largest tensor is a score matrix within the budget."""
    nodes, width, cells = 4000, 64, 60_000
    model = KGEModel(Lookup(nodes, width, sparse=sparse), DistMult(2, width))
    tested = Triplets(*(torch.randint(top, (40,)) for top in (nodes, 2, nodes)))
    with Largest() as largest:
        ranks(model, None, tested, index_of(tested, nodes, 2), memory_mib=8 * cells / 2**20)
    assert largest.most <= cells


def test_no_call_is_narrow():
    """A matrix product of a few columns rounds otherwise than one of many, which would part what is tied."""
    stated, tested = world(6, size=400, nodes=400)
    model = Tabled(coarse(6, nodes=400))
    few = Triplets(*(column[:3] for column in tested))
    result = ranks(model, None, few, index_of(stated, 400), memory_mib=8 * 6 * 130 / 2**20)
    assert rows(result) == brute(model.score, few, stated)
    assert {width for _, width in model.asked} <= {64, 128, 400 - 3 * 128}
    assert sum(width == 128 for _, width in model.asked) == 3


def test_a_sample_of_validation():
    """The same statements each time, and with them their error; all of them are no sample."""
    stated, tested = world(6, size=90)
    model, policy = Tabled(coarse(6)), {"train": stated, "valid": tested}

    def validated(**more) -> dict[str, float]:
        return Ranking("valid").validate(model, bed(NODES, RELATIONS, policy, **more))

    whole = validated()
    assert "mrr_se" not in whole
    for most in (45, 1000):
        found = validated(valid_sample=most)
        assert found.pop("mrr_se") == standard_error(Ranking("valid").ranks(model, bed(NODES, RELATIONS, policy)))
        assert found == whole
    some = validated(valid_sample=10)
    assert some == validated(valid_sample=10) != validated(valid_sample=10, seed=1)
    assert list(some) == Ranking("valid").metrics(bed(NODES, RELATIONS, policy, valid_sample=10))
    chosen = torch.randperm(45, generator=torch.Generator().manual_seed(0))[:10]
    result = ranks(model, None, Triplets(*(column[chosen] for column in tested)), index_of(stated))
    assert some["mrr"] == pytest.approx(float((1 / result.realistic).mean()))
    assert some["mrr_se"] == pytest.approx(standard_error(result))
    drawn = [validated(valid_sample=10, seed=seed) for seed in range(80)]
    mrr, error = (torch.tensor([one[name] for one in drawn]) for name in ("mrr", "mrr_se"))
    # drawn without replacement: the variance of 10 of 45 is 35 / 45 of that of 10 of many
    assert float(mrr.var()) == pytest.approx(float(error.square().mean()) * 35 / 45, rel=0.35)
    with pytest.raises(UserError, match=r"evaluation\.valid_sample is 0"):
        Evaluation(valid_sample=0)


def test_a_question_is_scored_once():
    stated, tested = world(7)
    model = Tabled(coarse(7))
    ranks(model, None, tested, index_of(stated))
    heads, rel_type, tails = (column.tolist() for column in tested)
    distinct = len(set(zip(heads, rel_type))) + len(set(zip(tails, rel_type)))
    assert sum(queries for queries, _ in model.asked) == distinct < 2 * len(heads)
    assert model.encoded == 1


def test_counts_add_over_shards():
    """Three processes that hold four entities each add up to one that holds all twelve."""
    stated, _ = world(8)
    known, score = index_of(stated), coarse(8)
    query, row = Query(torch.tensor([0, 3, 7]), torch.tensor([1, 0, 5])), torch.tensor([0, 0, 1, 2, 2])
    target = torch.tensor([3, 9, 0, 11, 4])
    scorer = Tabled(score).eval().scorer(None, query)
    whole = counts(scorer, query, row, target, known, 0, NODES)
    shards = [counts(scorer, query, row, target, known, start, start + 4) for start in (0, 4, 8)]
    total = shards[0] + shards[1] + shards[2]
    for name in ("above", "tied", "rivals"):
        assert getattr(total, name).tolist() == getattr(whole, name).tolist()


@pytest.mark.parametrize("shared", [True, False])
def test_given_candidates(shared):
    stated, tested = world(9)
    score, known, size = coarse(9), index_of(stated), 2 * len(tested.head_index)
    offered = torch.randint(NODES, (1 if shared else size, 6))
    result = ranks(Tabled(score), None, tested, known, candidates=offered, batch_size=7)
    facts = set(zip(*(column.tolist() for column in stated)))
    for i, (optimistic, pessimistic, among) in enumerate(rows(result)):
        a, r, t = int(result.anchor[i]), int(result.rel_type[i]), int(result.target[i])
        head = i >= size // 2
        row = score[r + RELATIONS * head, a].tolist()
        rivals = [
            e
            for e in offered[0 if shared else i].tolist()
            if e != t and ((e, r, a) if head else (a, r, e)) not in facts
        ]
        above, tied = sum(row[e] > row[t] for e in rivals), sum(row[e] == row[t] for e in rivals)
        assert (optimistic, pessimistic, among) == (1 + above, 1 + above + tied, 1 + len(rivals))


def test_all_entities_as_candidates_change_nothing():
    stated, tested = world(10)
    model, known = Tabled(coarse(10)), index_of(stated)
    every = torch.randperm(NODES)[None]
    assert rows(ranks(model, None, tested, known, candidates=every)) == rows(ranks(model, None, tested, known))


@pytest.mark.parametrize("change", [lambda s: 7 * s + 3, lambda s: s.tanh(), lambda s: s.double()])
def test_only_the_order_of_scores_matters(change):
    stated, tested = world(11)
    score, known = coarse(11), index_of(stated)
    assert rows(ranks(Tabled(change(score)), None, tested, known)) == rows(ranks(Tabled(score), None, tested, known))


def test_names_of_entities_do_not_matter():
    """Entities renumbered, in the scores and in the statements, get the same ranks."""
    stated, tested = world(12)
    score, new = coarse(12), torch.randperm(NODES)
    renumbered = torch.empty_like(score)
    renumbered[:, new[:, None], new[None]] = score

    def rename(t: Triplets) -> Triplets:
        return Triplets(new[t.head_index], t.rel_type, new[t.tail_index])

    result = ranks(Tabled(renumbered), None, rename(tested), index_of(rename(stated)))
    assert rows(result) == rows(ranks(Tabled(score), None, tested, index_of(stated)))


def test_infinite_scores_rank():
    stated, tested = world(13)
    score = coarse(13)
    score[score < -1] = -torch.inf
    score[score > 1] = torch.inf
    assert rows(ranks(Tabled(score), None, tested, index_of(stated))) == brute(score, tested, stated)


@pytest.mark.parametrize("memory_mib", [256.0, 8 / 2**20])
def test_nan_is_refused(memory_mib):
    """Wherever it stands, also at an answer that the filter would have hidden."""
    stated, tested = world(14)
    score = coarse(14)
    score[int(tested.rel_type[0]), int(tested.head_index[0]), 5] = torch.nan
    with pytest.raises(UserError, match="NaN"):
        ranks(Tabled(score), None, tested, index_of(stated), memory_mib=memory_mib)


def test_nothing_to_rank_is_refused():
    stated, _ = world(0)
    none = Triplets(*(torch.empty(0, dtype=torch.long) for _ in range(3)))
    with pytest.raises(UserError, match="no statements"):
        ranks(Tabled(coarse()), None, none, index_of(stated))
    with pytest.raises(UserError, match="no test statements"):
        RelationRanking()(Tabled(coarse()), bed(NODES, RELATIONS, {"train": stated}))


def test_the_model_is_left_as_it_was():
    """Training mode comes back, and a part that was frozen in evaluation mode stays frozen."""
    stated, tested = world(0)
    model = Tabled(coarse())
    model.frozen, model.other = nn.Dropout().eval(), nn.Dropout()
    model.train()
    model.frozen.eval()
    ranks(model, None, tested, index_of(stated))
    assert (model.training, model.frozen.training, model.other.training) == (True, False, True)
    assert torch.is_grad_enabled()


def test_progress_reaches_the_end():
    stated, tested = world(0)
    seen: list[tuple[int, int]] = []
    ranks(
        Tabled(coarse()),
        None,
        tested,
        index_of(stated),
        batch_size=4,
        progress=lambda done, all: seen.append((done, all)),
    )
    assert seen[-1] == (70, 70)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_pykeen_agrees():
    """PyKEEN's own evaluator, given the same scores, filters and ties: ranks, and every metric it knows, both sides."""
    from pykeen.evaluation import RankBasedEvaluator

    stated, tested = world(15, size=90)
    score = coarse(15)
    result = ranks(Tabled(score), None, tested, index_of(stated))
    ours = summary_quietly(result)
    facts = set(zip(*(column.tolist() for column in stated)))
    evaluator = RankBasedEvaluator()
    hrt = torch.stack(list(tested), dim=1)
    for side, anchor, rel_type, target in (
        ("tail", tested.head_index, tested.rel_type, tested.tail_index),
        ("head", tested.tail_index, tested.rel_type + RELATIONS, tested.head_index),
    ):
        matrix = score[rel_type, anchor].clone()
        true = matrix.gather(1, target[:, None])
        for i, (h, r, t) in enumerate(hrt.tolist()):
            for e in range(NODES):
                if ((h, r, e) if side == "tail" else (e, r, t)) in facts:
                    matrix[i, e] = torch.nan
        matrix.scatter_(1, target[:, None], true)
        evaluator.process_scores_(hrt, side, matrix, true)
    theirs = evaluator.finalize()
    for ours_side, side in ((ours, "both"), (ours["head"], "head"), (ours["tail"], "tail")):
        for mine, name in (
            ("mrr", "realistic.inverse_harmonic_mean_rank"),
            ("mr", "realistic.arithmetic_mean_rank"),
            ("hits@1", "realistic.hits_at_1"),
            ("hits@3", "realistic.hits_at_3"),
            ("hits@10", "realistic.hits_at_10"),
            ("amr", "realistic.adjusted_arithmetic_mean_rank"),
            ("amri", "realistic.adjusted_arithmetic_mean_rank_index"),
            ("amrr", "realistic.adjusted_inverse_harmonic_mean_rank"),
            ("z_mrr", "realistic.z_inverse_harmonic_mean_rank"),
            ("mrr_optimistic", "optimistic.inverse_harmonic_mean_rank"),
            ("mrr_pessimistic", "pessimistic.inverse_harmonic_mean_rank"),
        ):
            assert ours_side[mine] == pytest.approx(theirs.get_metric(f"{side}.{name}"), rel=1e-5), (side, mine)


def summary_quietly(result: Ranks) -> dict:
    with pytest.warns(UserWarning, match="Ties decide"):
        return summary(result)


def test_relations_ranked_by_hand_and_by_brute_force(monkeypatch):
    stated, tested = world(16)
    score = coarse(16, levels=2)
    monkeypatch.setattr("gnnneg.evaluation.relations.BATCH", 7)
    statements = bed(NODES, RELATIONS, {"train": stated, "test": tested})
    result = RelationRanking().ranks(Tabled(score), statements)
    facts = set(zip(*(column.tolist() for column in stated)))
    expected = []
    for h, r, t in zip(*(column.tolist() for column in tested)):
        rivals = [q for q in range(RELATIONS) if q != r and (h, q, t) not in facts]
        above = sum(float(score[q, h, t]) > float(score[r, h, t]) for q in rivals)
        tied = sum(float(score[q, h, t]) == float(score[r, h, t]) for q in rivals)
        expected.append((1 + above, 1 + above + tied, 1 + len(rivals)))
    assert rows(result) == expected
    assert len(result.of("relation")) == len(result)


@pytest.mark.parametrize("fits", [1, 2, 7])
def test_relations_are_asked_within_the_budget(fits):
    """A model that holds much for each query is asked no more of them at once than fit, be it part of a statement's."""
    stated, tested = world(16)
    model = Tabled(coarse(16, levels=2))
    model.activations = 10
    statements = {"train": stated, "test": tested}
    expected = rows(RelationRanking().ranks(model, bed(NODES, RELATIONS, statements)))
    model.asked.clear()
    budget = fits * 10 * NODES / 2**18
    assert rows(RelationRanking().ranks(model, bed(NODES, RELATIONS, statements, memory_mib=budget))) == expected
    assert max(queries for queries, _ in model.asked) <= fits


def test_parquet_round_trip(tmp_path):
    stated, tested = world(17)
    result = ranks(Tabled(coarse(17)), None, tested, index_of(stated))
    path = tmp_path / "ranks.parquet"
    result.to_parquet(path, [f"e<{i}>" for i in range(NODES)], list("abc"), {"degree": ["1"] * len(result)})
    again = Ranks.from_parquet(path)
    assert rows(again) == rows(result)
    assert torch.equal(again.side, result.side)
    assert torch.equal(again.anchor, result.anchor)
    assert torch.equal(again.rel_type, result.rel_type)
    path.write_bytes(b"no parquet")
    with pytest.raises(UserError, match="does not hold ranks"):
        Ranks.from_parquet(path)
