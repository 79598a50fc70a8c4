"""Tables and the page against the files they are made from."""

import json
import re
import statistics
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml

from gnnneg.cli import main
from gnnneg.digits import borne, digits, written
from gnnneg.errors import MissingExtra, UserError
from gnnneg.report.page import page
from gnnneg.report.reading import read, read_all
from gnnneg.report.tables import differences, duration, group, row, telling

# any two runs of one data set that are close get a warning; the tests that are about something else look away
close = pytest.mark.filterwarnings("ignore:On toy")


def finished(
    path: Path, mrr: float = 0.3, seed: int = 0, lr: float = 0.1, relation: str = "likes", **test: object
) -> Path:
    """A run folder of two test queries, ranked 1 and 4 to 6."""
    path.mkdir(parents=True)
    model = {"class_path": "DistMult", "init_args": {"reciprocal": False}}
    config = {"data": {"name": "toy"}, "task": {"model": model}, "optimizer": {"lr": lr}, "seed": seed}
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    (path / "environment.json").write_text(json.dumps({"format": 1, "cpu": "a <fast> one", "seed": seed}))
    metrics = {
        "mrr": mrr,
        "mr": 3.0,
        "hits@1": 0.1,
        "hits@3": 0.2,
        "hits@10": 0.5,
        "amri": 0.9,
        "head": {"mrr": mrr / 2},
    }
    result = {
        "dataset": "toy",
        "seed": seed,
        "best_epoch": 2,
        "metrics": {"test": metrics | test},
        "time": {"train_s": 2.0 + seed, "evaluate_s": 1.0, "triples_per_s": 5.0},
        "memory": {"peak_rss_mib": 100.0, "peak_cuda_mib": None},
    }
    (path / "result.json").write_text(json.dumps(result))
    lines = [
        {"epoch": 1, "loss": 3.0, "sampler.reward": 0.5},
        {"epoch": 2, "loss": 1.0},
        {"epoch": 2, "valid": {"mrr": 0.3}},
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    frame = {
        "side": ["tail", "head"],
        "optimistic": [1, 4],
        "pessimistic": [1, 6],
        "relation_name": [relation, relation],
        "cardinality": ["1-1", "N-N"],
        "degree": ["11+", "1–6"],
    }
    pd.DataFrame(frame).to_parquet(path / "ranks.parquet")
    return path


def text(html: str) -> str:
    """The page with tags and white space gone, as ``|``-separated pieces."""
    body = re.sub(r"<(script|style).*?</\1>", "", html, flags=re.S)
    return re.sub(r"[|\s]*\|[|\s]*", "|", re.sub(r"<[^>]*>", "|", body))


@close
def test_seeds_are_grouped_and_the_spread_is_the_samples(tmp_path):
    runs = [finished(tmp_path / f"plain-{seed}", mrr, seed) for seed, mrr in enumerate([0.3, 0.4, 0.35])]
    runs.append(finished(tmp_path / "fast", 0.5, lr=0.2))
    best, other = group(read_all([str(run) for run in runs]))
    assert (best.name, best.seeds, best.differs) == ("fast", [0], {"optimizer.lr": 0.2})
    assert (other.name, other.seeds, other.differs) == ("plain", [0, 1, 2], {"optimizer.lr": 0.1})
    assert other.mean("mrr") == pytest.approx(0.35)
    assert other.spread("mrr") == pytest.approx(statistics.stdev([0.3, 0.4, 0.35])) == pytest.approx(0.05)
    assert row(other)[:4] == ["plain", "toy", 3, "0.3500 ± 0.0500"]
    assert row(best)[3] == "0.5000"
    told = other.to_json()
    assert told["n"] == 3
    assert told["metrics"]["head.mrr"] == {"mean": pytest.approx(0.175), "std": pytest.approx(0.025)}
    assert told["time"]["train_s"] == pytest.approx(3.0)
    assert told["memory"] == {"peak_rss_mib": 100.0, "peak_cuda_mib": None}
    assert best.to_json()["metrics"]["mrr"] == {"mean": 0.5, "std": None}


@close
def test_a_run_named_twice_counts_once(tmp_path):
    run = finished(tmp_path / "a")
    assert len(read_all([str(run), str(run), str(tmp_path / "." / "a")])) == 1


def test_small_leads_are_told_of(tmp_path):
    a = [finished(tmp_path / f"a{seed}", 0.300, seed) for seed in range(4)]
    b = [finished(tmp_path / f"b{seed}", 0.302, seed, lr=0.2) for seed in range(5)]
    with pytest.warns(UserWarning, match=r"b leads a by 0.0020 MRR: a lead under 0.003 needs 5 seeds"):
        group(read_all([str(run) for run in a + b]))
    a.append(finished(tmp_path / "a4", 0.300, 4))
    group(read_all([str(run) for run in a + b]))  # enough seeds: no warning
    group(read_all([str(a[0]), str(finished(tmp_path / "far", 0.4, lr=0.3))]))  # far apart: none either


def test_one_seed_twice_is_told_of(tmp_path):
    runs = [finished(tmp_path / "a0", 0.3, 7), finished(tmp_path / "a1", 0.4, 7)]
    with pytest.warns(UserWarning, match="share a seed"):
        group(read_all([str(run) for run in runs]))


def test_what_differs():
    one = {"task": {"decoder": {"class_path": "TransE", "init_args": {"p": 1}}}, "fit": {"epochs": 5}, "seed": 0}
    two = {"task": {"decoder": {"class_path": "DistMult", "init_args": {}}}, "fit": {"epochs": 5}, "seed": 1}
    assert differences([one, two]) == [{"task.decoder": "TransE", "task.decoder.p": 1}, {"task.decoder": "DistMult"}]


def test_figures_are_written_plainly():
    assert [written(None), written(0.25), written(1234.56), written(0.25, spread=0.01)] == [
        "",
        "0.2500",
        "1,234.6",
        "0.2500 ± 0.0100",
    ]


@close
def test_the_page_shows_what_the_files_say(tmp_path):
    html = page([read(finished(tmp_path / "a", 0.3117)), read(finished(tmp_path / "b", 0.4225, lr=0.2))])
    said = text(html)
    assert re.search(r"\|MRR\|[^|]*\|0.3117\|0.4225\|", said)
    assert re.search(r"\|MRR, head asked\|[^|]*\|0.155[89]\|0.211[23]\|", said)
    # ranks 1 and, realistic, 5: (1 + 1/5) / 2, both among the first ten
    assert "|likes|2|0.6|1.0|0.6|1.0|" in said
    assert "|1-1|1 queries|1.0|1.0|N-N|1 queries|0.2|0.2|" in said
    assert said.index("|1–6|") < said.index("|11+|")
    assert "|optimizer.lr|0.1|0.2|" in said
    assert said.count("sampler.reward") >= 1
    assert html.count("<svg") == 4  # loss, validation, hits at k, the sampler's reward
    assert "Triple classification" not in said
    assert "Many ties" not in said


def test_one_run_has_more_columns(tmp_path):
    html = page([read(finished(tmp_path / "a", classification={"accuracy": 0.75, "auroc": 0.8}))])
    said = text(html)
    assert "|Relation|Queries|MRR|MRR head|MRR tail|Hits@1|Hits@10|MR|" in said
    assert "|likes|2|0.6|0.2|1.0|0.5|1.0|3.0|" in said
    assert "|Accuracy|0.7500|" in said
    assert "|AUROC|0.8000|" in said


def test_ties_are_told_of(tmp_path):
    html = page([read(finished(tmp_path / "a", mrr_optimistic=0.31, mrr_pessimistic=0.29))])
    assert "Many ties" in html


class Wellformed(HTMLParser):
    """Collects tags, and sees that they close."""

    VOID = {"meta", "input", "br"}

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_names_run_nothing(tmp_path):
    nasty = "</td><script>alert(1)</script>\"'&$x_1$"
    run = read(finished(tmp_path / "a<img src=x onerror=alert(2)>", relation=nasty))
    run.log[0]["<em>metric</em>$"] = 1.0
    html = page([run, read(finished(tmp_path / "b", lr=0.5, mrr=0.9))])
    parser = Wellformed()
    parser.feed(html)
    assert not parser.open
    tags = [tag for tag, _ in parser.seen]
    assert tags.count("script") == 1
    assert not {"img", "link", "iframe", "em"} & set(tags)
    for _, attributes in parser.seen:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith("#")
    assert not re.search(r"url\((?!['\"]?#)", html)
    assert "@import" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert len(html) < 2_000_000


def test_the_same_run_gives_the_same_page(tmp_path):
    run = read(finished(tmp_path / "a"))
    assert page([run]) == page([run])


def test_a_long_log_and_many_relations_stay_small(tmp_path):
    run = read(finished(tmp_path / "a"))
    run.log[:] = [{"epoch": epoch, "loss": 1 / epoch} for epoch in range(1, 5_000)]
    frame = pd.concat([run.ranks.assign(relation_name=f"r{i}") for i in range(1_500)])
    run.__dict__["ranks"] = frame
    html = page([run])
    assert len(html) < 2_000_000
    assert "The 500 relations with the fewest queries are left out." in html


def test_without_ranks_log_and_test_split(tmp_path):
    path = finished(tmp_path / "a")
    (path / "ranks.parquet").unlink()
    (path / "metrics.jsonl").unlink()
    result = json.loads((path / "result.json").read_text())
    result["metrics"] = {"valid": {"mrr": 0.25}}
    (path / "result.json").write_text(json.dumps(result))
    html = page([read(path)])
    assert "evaluated on the valid split" in html
    assert "0.2500" in html
    assert "<svg" not in html


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path):
    path = finished(tmp_path / "a")
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "lo')
    assert len(read(path).log) == 3


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_missing_packages_name_their_extra(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"gnnneg\[plot\]"):
        page([read(finished(tmp_path / "a"))])


def said_otherwise(run: Path, **parts: object) -> None:
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(result | parts))


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda run: (run / "config.yaml").unlink(), "not a run folder"),
        (lambda run: (run / "config.yaml").write_text("a: [1"), "config.yaml is damaged"),
        (lambda run: (run / "config.yaml").write_bytes(b"\xff\xfe\x00"), "config.yaml is damaged"),
        (lambda run: (run / "result.json").unlink(), "no result yet.*gnnneg resume"),
        (lambda run: (run / "result.json").write_text("{"), "result.json is damaged"),
        (lambda run: (run / "result.json").write_text("[]"), "result.json is damaged"),
        (lambda run: (run / "result.json").write_text('{"metrics": 3}'), "result.json is damaged"),
        (
            lambda run: said_otherwise(run, metrics={"test": {"mrr": "good"}}),
            "result.json is damaged .metrics.test.mrr",
        ),
        (lambda run: said_otherwise(run, metrics={"test": {"head": {"mr": [1]}}}), "damaged .metrics.test.head.mr is"),
        (lambda run: said_otherwise(run, time=3.0), "result.json is damaged .time is 3.0"),
        (lambda run: said_otherwise(run, time={"train_s": "long"}), "result.json is damaged .time.train_s is 'long'"),
        (lambda run: (run / "metrics.jsonl").write_text("{\n{}\n"), "metrics.jsonl is damaged .line 1"),
        (lambda run: (run / "environment.json").write_text('{"format": 9}'), "run format 9"),
    ],
)
def test_bad_folders_get_one_sentence(tmp_path, capsys, spoil, match):
    run = finished(tmp_path / "a", 0.3)
    spoil(run)
    with pytest.raises(UserError, match=match):
        read(run)
    for command in ("compare", "report"):
        assert main([command, str(run)]) == 2
        said = capsys.readouterr().err
        assert len(said.strip().splitlines()) == 1
        assert re.search(match, said)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"PAR1 or not"),
        lambda path: path.write_bytes(b""),
        lambda path: pd.DataFrame({"optimistic": [1], "side": ["head"]}).to_parquet(path),
        lambda path: pd.DataFrame({"optimistic": [], "pessimistic": [], "side": []}).to_parquet(path),
        lambda path: pd.DataFrame({"optimistic": ["x"], "pessimistic": ["y"], "side": ["head"]}).to_parquet(path),
        lambda path: pd.DataFrame({"optimistic": [1, 1], "pessimistic": [1, None]}).to_parquet(path),
    ],
    ids=["garbled", "empty file", "no column", "no rows", "words", "a gap"],
)
def test_damaged_ranks_get_one_sentence(tmp_path, capsys, spoil):
    run = finished(tmp_path / "a", 0.3)
    spoil(run / "ranks.parquet")
    assert main(["report", str(run)]) == 2
    said = capsys.readouterr().err
    assert "ranks.parquet is damaged" in said
    assert len(said.strip().splitlines()) == 1


def test_nowhere_gets_one_sentence(tmp_path, capsys):
    assert main(["compare", str(tmp_path / "nowhere")]) == 2
    assert "There is no folder" in capsys.readouterr().err


def test_what_is_null_is_no_figure(tmp_path, capsys):
    """A run writes null for NaN: strict JSON, in and out."""
    run = finished(tmp_path / "a", float("nan"))
    (run / "result.json").write_text((run / "result.json").read_text().replace("NaN", "null"))
    assert main(["compare", str(run), "--json"]) == 0
    said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert "mrr" not in said[0]["metrics"]
    assert said[0]["metrics"]["mr"]["mean"] > 0


def test_times_are_said_as_people_do(tmp_path, capsys):
    assert [duration(x) for x in (None, 7.4, 99.0, 100.0, 2214.2, 5940.0, 7200.0)] == [
        "",
        "7 s",
        "99 s",
        "2 min",
        "37 min",
        "99 min",
        "2.0 h",
    ]
    assert row(group([read(finished(tmp_path / "a", seed=4))])[0])[-1] == "6 s"


@close
def test_of_many_differences_those_that_all_have_come_first(tmp_path, capsys):
    runs = [finished(tmp_path / name, mrr, lr=mrr) for name, mrr in (("a", 0.3), ("b", 0.5))]
    config = yaml.safe_load((runs[0] / "config.yaml").read_text())
    config["fit"] = {f"option{number}": number for number in range(20)}
    (runs[0] / "config.yaml").write_text(yaml.safe_dump(config))
    keys, more = telling(group(read_all([str(run) for run in runs])))
    assert (keys[0], len(keys), more) == ("optimizer.lr", 12, 9)
    assert main(["compare", *map(str, runs)]) == 0
    assert "and 9 more settings (--json lists them)" in capsys.readouterr().out


def test_commands(tmp_path, capsys, monkeypatch):
    runs = [str(finished(tmp_path / "a", 0.3)), str(finished(tmp_path / "b", 0.4, lr=0.2))]
    assert main(["compare", *runs, "--json"]) == 0
    assert [one["metrics"]["mrr"]["mean"] for one in json.loads(capsys.readouterr().out)] == [0.4, 0.3]
    assert main(["compare", *runs]) == 0
    said = capsys.readouterr().out
    assert said.index("0.4000") < said.index("0.3000")
    assert "optimizer.lr" in said
    assert main(["report", *runs, "--out", str(tmp_path / "deep" / "page.html")]) == 0
    assert (tmp_path / "deep" / "page.html").read_text().startswith("<!doctype html>")
    assert main(["report", runs[0]]) == 0
    assert (tmp_path / "a" / "report.html").exists()
    monkeypatch.chdir(tmp_path)
    assert main(["report", *runs]) == 0
    assert (tmp_path / "report.html").exists()


def test_the_data_and_what_stands_on_them(tmp_path):
    """How much is stated and denied, from where; no more digits than 20 denials bear; answers by name."""
    path = finished(
        tmp_path / "a", classification={"accuracy": 0.7701, "all_true": 0.77, "auroc": 0.87654, "count": 87}
    )
    result = json.loads((path / "result.json").read_text())
    result["data"] = {"entities": 12345, "relations": 3, "train": 900, "denied_test": 20, "sources_in_all": 7}
    result["data"]["sources"] = {"PMID:<1>": 800, "PMID:2": 90}
    result["verified_negatives"] = {"verified": {"mrr": 0.61234}, "auroc": 0.87654, "denied": 20, "queries": 17}
    (path / "result.json").write_text(json.dumps(result))
    kept = {"platt": {"slope": 0.5, "intercept": -1.25}, "stated": 60, "denied": 20, "drawn": False}
    (path / "calibration.json").write_text(json.dumps(kept))
    frame = pd.read_parquet(path / "ranks.parquet").assign(anchor_name=["d1", "P<1>"], target_name=["x", "d2"])
    frame.assign(anchor_label=["aspirin", ""], candidates=[9, 8]).to_parquet(path / "ranks.parquet")
    html = page([read(path)])
    said = text(html)
    assert "|toy|12,345|3|900|0|0|0|0|20|" in said
    assert "The largest sources of toy: PMID:&lt;1&gt; (800), PMID:2 (90) and 5 more." in said
    assert "|Accuracy|0.77|Accuracy of calling all true|0.77|AUROC|0.88|" in said
    assert "No better than nothing" not in said  # by a hair
    assert "|MRR among denied answers|0.61|AUROC of stated against denied|0.88|Denied statements|20|" in said
    assert "exp(-(0.5 s -1.25))" in said
    assert "60 stated validation statements and 20 denied statements" in said
    assert "|came first|aspirin (d1) likes ?|x|1 of 9|" in said
    assert "|came last|? likes P&lt;1&gt;|d2|5 of 8|" in said
    (path / "calibration.json").write_text(json.dumps({"platt": 3}))
    with pytest.raises(UserError, match=r"calibration.json is damaged"):
        page([read(path)])


def test_accuracy_no_better_than_calling_all_true(tmp_path):
    run = finished(tmp_path / "a", classification={"accuracy": 67 / 87, "all_true": 67 / 87, "count": 87})
    assert "Calling every test statement true is at least as accurate as a." in text(page([read(run)]))


@pytest.mark.parametrize(("count", "digits"), [(None, 4), (5, 1), (20, 2), (100, 2), (101, 3), (1000, 3), (5000, 4)])
def test_digits_a_count_bears(count, digits):
    assert borne(count) == digits
    assert written(0.123456, borne(count)) == f"{0.123456:.{digits}f}"


@pytest.mark.parametrize(
    ("name", "about", "most"),
    [
        ("mrr", {"queries": 30}, 2),
        ("hits@10", {"queries": 3000}, 4),
        ("amri", {}, 4),
        ("auroc", {"stated": 900, "denied": 8}, 1),
        ("accuracy", {"stated": 90, "denied": 0}, 2),
        ("f1", {"count": 1000, "all_true": 0.97}, 2),  # of 30 denied ones
        ("brier", {"stated": 500, "denied": 500}, 3),
        ("auroc", {"tested": 40}, 2),
        ("hardness", {"drawn": 64, "denied": 0.25}, 2),
        ("denied", {"drawn": 64, "denied": 0.25}, 2),
        ("threshold", {"stated": 3, "denied": 3}, 4),  # a score
        ("score", {"queries": 3}, 4),
    ],
)
def test_which_count_bears_a_figure(name, about, most):
    assert digits(name, about) == most


def test_figures_of_few_queries_have_few_digits_everywhere(tmp_path, capsys):
    """In tiles, headlines, the table of runs and the page alike."""
    paths = [finished(tmp_path / f"r{seed}", 0.31234, seed) for seed in range(2)]
    for path in paths:
        result = json.loads((path / "result.json").read_text())
        result["data"] = {"test": 20}  # 40 questions, 20 from each side
        (path / "result.json").write_text(json.dumps(result))
    said = text(page([read(path) for path in paths]))
    assert re.search(r"\|MRR\|[^|]*\|0.31\|0.31\|", said)
    assert re.search(r"\|MRR, head asked\|[^|]*\|0.16\|0.16\|", said)
    assert "|0.31 ± 0.00|" in said
    assert "0.312" not in said
    assert main(["compare", *map(str, paths)]) == 0
    assert "0.31 ± 0.00" in capsys.readouterr().out


@close
def test_many_runs_are_rows(tmp_path):
    runs = [read(finished(tmp_path / f"r{seed}", 0.2 + seed / 10, seed)) for seed in range(6)]
    said = text(page(runs))
    assert "|Test|MRR|" in said
    assert "|r5|0.7000|" in said
    assert "|MRR|mean reciprocal rank" not in said


@pytest.mark.parametrize(("best", "told"), [(2, True), (4, False)])
def test_a_run_that_was_best_at_first_sight_is_told_to_overfit(tmp_path, best, told):
    run = finished(tmp_path / "a")
    assert "the first of" not in page([read(run)])  # one look tells nothing
    with (run / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps({"epoch": epoch, "valid": {"mrr": 0.2}}) + "\n" for epoch in (4, 6))
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(result | {"best_epoch": best}))
    words = f"best epoch {best}, the first of 3 validated epochs: the later ones overfit"
    assert (words in page([read(run)])) is told
