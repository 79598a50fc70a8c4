"""Groups of runs two by two, against what can be worked out by hand and against scipy."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import gnnneg
from gnnneg import UserError
from gnnneg.cli import main
from gnnneg.report.compared import comparisons
from gnnneg.report.paired import chance, holm, paired, quantile, stratified, within
from gnnneg.report.reading import read_all
from gnnneg.report.tables import group

pytestmark = pytest.mark.filterwarnings("ignore:On toy")
STATEMENTS = [("a", "likes", "b"), ("b", "likes", "c"), ("c", "knows", "a")]


def finished(path: Path, mrr: float, seed: int = 0, lr: float = 0.1, ranks=None, named: bool = True, **more) -> str:
    """A run folder; ``ranks`` are those of each statement's tail question, then of each one's head question."""
    path.mkdir(parents=True)
    config = {"data": {"name": "toy"}, "optimizer": {"lr": lr}, "seed": seed}
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    metrics = {"test": {"mrr": mrr, "mr": 1 / mrr, **more}}
    result = {"dataset": "toy", "seed": seed, "metrics": metrics, "time": {}, "memory": {}}
    (path / "result.json").write_text(json.dumps(result))
    if ranks is not None:
        head, relation, tail = zip(*STATEMENTS)
        frame = pd.DataFrame({"side": ["tail"] * 3 + ["head"] * 3, "optimistic": ranks, "pessimistic": ranks})
        if named:
            frame["anchor_name"], frame["target_name"] = head + tail, tail + head
        frame["relation_name"] = relation * 2
        frame.sample(frac=1, random_state=seed).to_parquet(path / "ranks.parquet")  # in any order
    return str(path)


def said(capsys, *words: str) -> tuple[int, str, str]:
    return main(list(words)), *capsys.readouterr()


# the statistics


def test_signs_by_hand():
    """Of 1, 2 and 3 two of eight sums are as far from 0 as 6; of 3 and -1 none is nearer than 2."""
    assert chance([1.0, 2.0, 3.0]) == 2 / 8
    assert chance([3.0, -1.0]) == 1.0  # the sums are 2, 4, -4 and -2
    assert chance([0.0, 0.0, 5.0]) == 1.0
    assert chance([]) == 1.0
    assert chance([0.1, 0.2, -0.3]) == 1.0  # a sum of zero but for rounding
    assert chance([1.0] * 5) == 2 / 32


def test_signs_are_turned_as_by_another_hand():
    rng = np.random.default_rng(3)
    for size in (4, 9):
        given = rng.normal(0.3, 1, size)
        every = [abs(np.dot(signs, given)) for signs in itertools.product((1, -1), repeat=size)]
        assert chance(given) == np.mean([one >= abs(given.sum()) - 1e-9 for one in every])
    given = rng.normal(0.2, 1, 15)  # one more than are gone through: drawn
    every = np.array(list(itertools.product((1, -1), repeat=15))) @ given
    exact = (np.abs(every) >= abs(given.sum())).mean()
    assert chance(given) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 10_000))
    assert chance(given) == chance(given)
    assert chance(np.ones(40)) == 1 / 10_001


def test_an_interval_by_hand():
    """Differences 1, 2, 3: mean 2, deviation 1, and Student's 4.3027 of two degrees over the root of three."""
    found = paired([1.0, 2.0, 3.0])
    assert (found.n, found.difference, found.effect, found.up, found.down) == (3, 2.0, 2.0, 3, 0)
    assert (found.high - 2, 2 - found.low) == pytest.approx((4.30265273 / 3**0.5,) * 2)
    assert (found.p, found.least) == (0.25, 0.25)
    same = paired([1.0, 1.0])
    assert (same.low, same.high, same.effect) == (1.0, 1.0, None)
    assert (paired([0.5]).low, paired([0.5]).p) == (None, 1.0)
    assert paired([1.0] * 15).least == 1 / 10_001


def test_sums_of_several_figures_are_weighed():
    """Two questions of one statement and one of another: the mean is over questions, the pairs are statements."""
    found = paired([0.6, -0.1], [2, 1])
    assert (found.n, found.difference) == (2, pytest.approx(0.5 / 3))
    assert (found.up, found.down, found.p) == (1, 1, 1.0)
    equal = paired([0.6, -0.2], [2, 2])
    plain = paired([0.3, -0.1])
    assert (equal.low, equal.high) == pytest.approx((plain.low, plain.high))


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.70620474), (2, 4.30265273), (4, 2.77644511), (9, 2.26215716)])
def test_student_as_in_the_tables(freedom, expected):
    assert quantile(0.975, freedom) == pytest.approx(expected, abs=1e-8)
    assert within(expected, freedom) == pytest.approx(0.95, abs=1e-9)


def test_as_scipy_finds_it():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for size in (5, 12):
        given = rng.normal(0.2, 1, size)
        found, ours = stats.ttest_1samp(given, 0).confidence_interval(0.95), paired(given.tolist())
        assert (ours.low, ours.high) == pytest.approx((found.low, found.high))
        test = stats.permutation_test((given,), np.sum, permutation_type="samples", n_resamples=np.inf)
        assert ours.p == pytest.approx(test.pvalue)
    for freedom in (1, 1.5, 6, 1999, 2001, 20_000):
        assert quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=2e-6)
    for t, freedom in itertools.product((0.01, 1.0, 4.0, 30.0), (1, 1.9, 2.5, 7, 60.3)):
        assert within(t, freedom) == pytest.approx(1 - 2 * stats.t.sf(t, freedom), abs=1e-9)
    few, more = [0.1, 0.3, 0.2], [0.4, 0.5]
    ours, one = stratified([few]), stats.ttest_1samp(few, 0)
    assert (ours.p, ours.low) == pytest.approx((one.pvalue, one.confidence_interval().low))
    # with the signs of the second stratum turned, the sum of two means is Welch's difference of two means
    ours, both = stratified([few, more]), stats.ttest_ind(few, [-value for value in more], equal_var=False)
    ends = both.confidence_interval()
    assert (ours.p, 2 * ours.low, 2 * ours.high) == pytest.approx((both.pvalue, ends.low, ends.high))


def test_strata_have_one_weight_by_hand():
    """Means .25 and .1, whatever the number of pairs; 2 degrees of freedom where p has a closed form."""
    found = stratified([[0.2, 0.3], [0.0, 0.1, 0.2]])
    assert (found.difference, found.n, found.strata, found.up) == (pytest.approx(0.175), 5, 2, 4)
    found = stratified([[0.2, 0.3], [0.1, 0.2]])
    assert found.p == pytest.approx(1 - math.sqrt(32 / 34))
    assert (found.low, found.high) == pytest.approx((0.2 - 4.30265273 * 0.00125**0.5, 0.2 + 4.30265273 * 0.00125**0.5))
    assert stratified([[0.1, 0.1], [0.3, 0.3]]).p == 0
    assert stratified([[0.0, 0.0]]).p == 1


def test_holm_by_hand():
    """0.005 of four, 0.01 of three, 0.03 of two; what comes behind is no less likely than what stands before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


# of runs


@pytest.fixture
def seeds(tmp_path) -> list[str]:
    """Two configs over the seeds 1 to 3; one has seed 4, too."""
    plain = [finished(tmp_path / f"plain-{seed}", 0.3 + seed / 100, seed) for seed in (1, 2, 3, 4)]
    return plain + [finished(tmp_path / f"fast-{seed}", 0.4 + seed / 50, seed, lr=0.2) for seed in (1, 2, 3)]


def test_runs_of_one_seed_are_paired(seeds, capsys):
    code, out, err = said(capsys, "compare", *seeds, "--json")
    assert (code, err) == (0, "")
    fast, plain = json.loads(out)
    assert plain["against"] == []
    (pair,) = fast["against"]
    assert (pair["first"], pair["second"], pair["metric"], pair["over"]) == ("fast", "plain", "mrr", "seeds")
    # 0.42 - 0.31, 0.44 - 0.32, 0.46 - 0.33: 0.11, 0.12, 0.13
    assert (pair["n"], pair["better"], pair["worse"]) == (3, 3, 0)
    assert pair["difference"] == pytest.approx(0.12)
    assert pair["effect"] == pytest.approx(12.0)
    half = 4.30265273 * 0.01 / 3**0.5
    assert pair["interval"] == pytest.approx([0.12 - half, 0.12 + half])
    assert pair["p"] == pair["p_holm"] == pair["least_p"] == 0.25
    code, out, _ = said(capsys, "compare", *seeds)
    assert code == 0
    assert "+0.1200" in out
    assert "  3 of 3  " in out
    assert "Paired over 3 seeds." in out
    assert "[+0.0952, +0.1448]" in out
    assert "With 3 seeds no p is below 0.25." in out
    assert "*" not in out


def test_in_a_figure_that_falls_less_is_better(seeds, capsys):
    _, out, _ = said(capsys, "compare", *seeds, "--metric", "mr", "--json")
    (pair,) = json.loads(out)[0]["against"]
    assert pair["difference"] < 0
    assert (pair["better"], pair["worse"]) == (3, 0)


def test_single_runs_are_paired_by_statement(tmp_path, capsys):
    """Reciprocal ranks 1, 1/2, 1/4 and 1/2, 1/2, 1/4 against 1/2, 1/2, 1/2 and 1/2, 1/2, 1."""
    one = finished(tmp_path / "one", 0.5, 0, ranks=[1, 2, 4, 2, 2, 4])
    two = finished(tmp_path / "two", 0.6, 1, lr=0.2, ranks=[2, 2, 2, 2, 2, 1])
    _, out, _ = said(capsys, "compare", one, two, "--json")
    (pair,) = json.loads(out)[0]["against"]
    assert (pair["first"], pair["over"], pair["n"]) == ("two", "statements", 3)
    # (a likes b): -1/2 of two questions; (b likes c): 0; (c knows a): 1/4 + 3/4
    assert pair["difference"] == pytest.approx((-0.5 + 0 + 1) / 6)
    assert (pair["better"], pair["worse"], pair["p"]) == (1, 1, 1.0)


def test_hits_and_mean_rank_are_of_statements_too(tmp_path):
    one = finished(tmp_path / "one", 0.5, 0, ranks=[1, 2, 4, 2, 2, 4], **{"hits@1": 1 / 6, "hits@3": 4 / 6})
    two = finished(tmp_path / "two", 0.6, 1, lr=0.2, ranks=[2, 2, 2, 2, 2, 1], **{"hits@1": 1 / 6, "hits@3": 1.0})
    groups = group(read_all([one, two]))
    for metric, difference, better in (("hits@1", 0.0, 1), ("hits@3", 2 / 6, 1), ("mr", -4 / 6, 1)):
        (pair,) = comparisons(groups, metric)
        assert pair.found.difference == pytest.approx(difference)
        assert pair.better == better


def test_statements_of_several_seeds_are_means(tmp_path):
    """One seed's ranks are all 1, another's all 2: each question counts 3/4."""
    ranks = [[1] * 6, [2] * 6, [4] * 6, [4] * 6]
    runs = [
        finished(tmp_path / f"{name}-{seed}", mrr, seed, lr=lr, ranks=ranks.pop(0))
        for name, lr, mrr in (("a", 0.1, 0.75), ("b", 0.2, 0.25))
        for seed in (0, 1)
    ]
    groups = group(read_all(runs))
    assert [one.over for one in comparisons(groups)] == ["seeds"]
    (pair,) = comparisons(groups, over="statements")
    assert (pair.over, pair.found.n, pair.found.difference) == ("statements", 3, pytest.approx(0.5))
    table = gnnneg.compare(runs, over="statements")
    assert table["difference"].tolist() == [pytest.approx(0.5)]
    assert table["p"].tolist() == [0.25]


def test_many_are_corrected_and_a_baseline_is_chosen(tmp_path, capsys):
    """Three configs are three pairs; six are five against the best; a baseline leaves those with it."""
    runs = [
        finished(tmp_path / f"{name}-{seed}", 0.2 + place / 10 + seed / 100, seed, lr=place + 1.0)
        for place, name in enumerate("abcdef")
        for seed in (0, 1, 2, 3)
    ]
    three = comparisons(group(read_all(runs[:12])))
    assert [(one.first.name, one.second.name) for one in three] == [("c", "b"), ("c", "a"), ("b", "a")]
    assert [one.found.p for one in three] == [0.125] * 3
    assert [one.p for one in three] == [0.375] * 3
    six = comparisons(group(read_all(runs)))
    assert [(one.first.name, one.second.name) for one in six] == [("f", name) for name in "edcba"]
    base = comparisons(group(read_all(runs)), baseline=runs[5])
    assert {(one.first.name, one.second.name) for one in base} == {*((name, "b") for name in "fedc"), ("b", "a")}
    assert [one.p for one in comparisons(group(read_all(runs[:12])), baseline="b")] == [0.25] * 2
    _, out, _ = said(capsys, "compare", *runs[:12])
    assert "corrected for 3 comparisons. With 4 seeds no p is below 0.125." in out


UNTESTED = {
    "they share 0 seeds, and two are needed": {"words": ["--over", "seeds"]},
    "a run has no ranks.parquet that names its statements": {"named": False},
    "they were tested on different statements": {"other": True},
    "they were tested on different questions": {"sides": True},
}


@pytest.mark.parametrize("why", UNTESTED)
def test_what_cannot_be_paired_is_told(tmp_path, capsys, why):
    case = UNTESTED[why]
    one = finished(tmp_path / "one", 0.5, 0, ranks=[1, 2, 4, 2, 2, 4])
    two = finished(tmp_path / "two", 0.6, 1, lr=0.2, ranks=[2, 2, 2, 2, 2, 1], named=case.get("named", True))
    file = tmp_path / "two" / "ranks.parquet"
    if "other" in case:
        pd.read_parquet(file).replace("c", "d").to_parquet(file)
    if "sides" in case:
        frame = pd.read_parquet(file)
        pd.concat([frame, frame[frame["side"] == "head"]]).to_parquet(file)
    code, out, _ = said(capsys, "compare", one, two, *case.get("words", []))
    assert code == 0
    assert f"two and one are not tested: {why}." in out
    _, out, _ = said(capsys, "compare", one, two, "--json", *case.get("words", []))
    assert json.loads(out)[0]["against"] == [{"first": "two", "second": "one", "metric": "mrr", "untested": why}]


def test_bad_words_are_one_sentence(seeds, capsys):
    for words, sentence in (
        (["--metric", "mrrr"], "did you mean 'mrr'"),
        (["--baseline", "nowhere"], "--baseline nowhere is not one of the compared runs"),
        (["--over", "queries"], "invalid choice: 'queries'"),
    ):
        code, out, err = said(capsys, "compare", *seeds, *words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert sentence in err
    with pytest.raises(UserError, match=r"amri is not a mean over statements \(--over\)"):
        gnnneg.compare([*seeds, finished(Path(seeds[0]).parent / "x", 0.1, amri=0.5)], "amri", "statements")


# figures of a user's own evaluators


def own(path: Path, gmr: float, seed: int, lr: float) -> str:
    """A run in which an evaluator of the user's own has found a figure that falls as a model gets better."""
    folder = finished(path, 0.5, seed, lr, Own={"gmr": gmr, "head": {"gmr": 9.0}})
    result = json.loads((path / "result.json").read_text())
    (path / "result.json").write_text(json.dumps({**result, "falling": {"Own": ["gmr"]}}))
    return folder


def test_a_run_says_which_of_its_own_figures_fall(tmp_path, capsys):
    paths = [own(tmp_path / f"good-{s}", 2.0 + s / 10, s, lr=1) for s in (0, 1, 2)]
    paths += [own(tmp_path / f"bad-{s}", 5.0 + s / 5, s, lr=2) for s in (0, 1, 2)]
    for metric in ("Own.gmr", "gmr"):  # by its end too
        (pair,) = comparisons(group(read_all(paths)), metric)
        assert (pair.metric, {pair.first.name, pair.second.name}) == ("Own.gmr", {"good", "bad"})
        assert (pair.better, pair.worse) == ((3, 0) if pair.first.name == "good" else (0, 3))
    _, out, _ = said(capsys, "compare", *paths, "--metric", "gmr")
    assert any(line.split() == ["good", "2.1000", "±", "0.1000"] for line in out.splitlines())


@pytest.mark.parametrize(("metric", "fewer"), [("brier", "sigmoid.brier"), ("mr", "mr")])
def test_figures_of_gnnneg_fall_too(metric, fewer, tmp_path):
    paths = [finished(tmp_path / f"a-{s}", 0.5, s, lr=1, sigmoid={"brier": 0.1}) for s in (0, 1)]
    paths += [finished(tmp_path / f"b-{s}", 0.4, s, lr=2, sigmoid={"brier": 0.3}) for s in (0, 1)]
    (pair,) = comparisons(group(read_all(paths)), metric)
    assert (pair.metric, pair.first.name, pair.better) == (fewer, "a", 2)


def test_a_figure_that_is_missing_or_called_by_two_names(tmp_path, capsys):
    paths = [own(tmp_path / f"a-{s}", 2.0, s, lr=1) for s in (0, 1)]
    paths += [finished(tmp_path / f"b-{s}", 0.4, s, lr=2) for s in (0, 1)]
    assert "a and b are not tested: b does not have Own.gmr." in said(capsys, "compare", *paths, "--metric", "gmr")[1]
    two = [finished(tmp_path / f"c-{s}", 0.4, s, one={"x": 1.0}, other={"x": 2.0}) for s in (0, 1)]
    with pytest.raises(UserError, match=r"--metric x may be one\.x or other\.x: give one of them"):
        comparisons(group(read_all(two)), "x")


def test_figures_of_validation_are_not_compared_with_those_of_test(tmp_path, capsys):
    """As those of a study's trials, which have not looked at the test set, and of its seeds."""
    runs = [finished(tmp_path / f"a{seed}", 0.5, seed) for seed in range(2)]
    for seed in range(2):
        runs.append(finished(tmp_path / f"b{seed}", 0.4, seed, lr=0.2))
        file = Path(runs[-1]) / "result.json"
        file.write_text(file.read_text().replace('"test"', '"valid"'))
    with pytest.warns(UserWarning, match=r"^On toy, metrics of b are of validation statements, and metrics of a of t"):
        groups = group(read_all(runs))
    (pair,) = comparisons(groups)
    assert pair.found is None
    assert pair.why == "one has metrics of test statements, and the other of validation statements"


def test_the_metric_that_chose_the_epochs_is_told_beside_those_of_the_test(tmp_path, capsys):
    """0.75 and 0.85 are 0.8 on average, with a sample deviation of 0.0707; MRR needs no words."""
    paths = [finished(tmp_path / f"a{seed}", 0.4, seed) for seed in range(2)]
    for path, figure in zip(paths, (0.75, 0.85)):
        file = Path(path) / "config.yaml"
        file.write_text(file.read_text() + "fit: {metric: triple_accuracy}\n")
        file = Path(path) / "result.json"
        result = json.loads(file.read_text())
        result["metrics"]["valid"] = {"mrr": 0.3, "triple_accuracy": figure}
        file.write_text(json.dumps(result))
    told = said(capsys, "compare", *paths)[1]
    assert "valid triple_accuracy, by which epochs were chosen" in told
    assert "0.8000 ± 0.0707" in told
    paths.append(finished(tmp_path / "b", 0.5, lr=0.2))  # chosen by MRR
    assert "by which epochs were chosen" not in said(capsys, "compare", *paths)[1]


def test_one_run_has_nothing_to_be_compared_with(tmp_path):
    run = finished(tmp_path / "a", 0.5)
    for paths in (run, [run]):
        table = gnnneg.compare(paths)
        assert len(table) == 0
        assert {"first", "second", "difference", "p_holm"} <= set(table.columns)
    two = gnnneg.compare([run, finished(tmp_path / "b", 0.4, lr=0.2, ranks=[1] * 6), run])
    assert set(two.columns) <= set(table.columns) | {"untested"}


def test_a_study_is_no_run_and_its_runs_are_told(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.yaml").touch()
    for read in (lambda path: gnnneg.compare([path]), gnnneg.Run.load):
        with pytest.raises(
            UserError, match=r"study is a study, not a run: give a run in it, such as .*/study/seeds/\*"
        ):
            read(tmp_path / "study")
