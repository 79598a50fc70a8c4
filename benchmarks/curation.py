"""Which queue is worth a person's time: a simulated curator answers its questions, and the model is trained again.

``python benchmarks/curation.py run synthetic`` asks about a made-up world, of which all is known: 100, 300 and 1,000
questions of each queue, and of random statements, for each of five seeds. ``... run GO-NegStatements`` asks about the
annotations with frequent classes of the Gene Ontology, where a part of what is denied was held back for the curator: a
question to which it is no answer gets *unsure*. One line of JSON a training is appended to
``results/curation.jsonl``; what stands there is not run again. ``... show docs/curate-study.md`` puts the tables at the
end of that page, and ``... draw docs/curate-study.png`` draws the picture.

A world's training statements have false ones among them, a twentieth of all. A tenth of what is denied is trained on
from the beginning; what is denied in valid and test stays there, so no question is about it. Test MRR is filtered by
all that is true in the world, or by all annotations that are stated, whatever was accepted: so no answer makes the
test itself easier.
"""

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import torch
from torch.optim import Adagrad
from torch_geometric.data import HeteroData

import gnnneg
from gnnneg.curation import Served
from gnnneg.curation.queues import (
    AuditNegatives,
    AuditPredictions,
    Disagreement,
    Queue,
    SuspectedErrors,
    SuspectedFalseNegatives,
    Uncertain,
)
from gnnneg.data.known import KnownAnswers
from gnnneg.data.ontology import inherited
from gnnneg.data.splits import random_split
from gnnneg.data.statements import assemble, triplets
from gnnneg.data.synthetic import world
from gnnneg.data.texts import Texts
from gnnneg.evaluation import KnownNegatives, ranks
from gnnneg.evaluation.drawn import corruptions
from gnnneg.evaluation.metrics import mrr
from gnnneg.evaluation.said import WORDS, Said
from gnnneg.experiment import Run
from gnnneg.records import Query, Triplets
from gnnneg.report.paired import paired
from gnnneg.verdicts import Statement
from gnnneg.verdicts.joined import curated

BEGIN = "## Tables"
RECORDS = Path(__file__).parents[1] / "results" / "curation.jsonl"
NUMBERS = (100, 300, 1000)
SEEDS = range(5)
OBSERVED = 0.4  # of what is true in a world is stated
NOISE = 0.05  # of a world's training statements are false
KEPT = 0.1  # of what is denied in train is trained on from the beginning
NONE, RANDOM = "none", "random statements"
QUEUES: dict[str, Callable[[Served, int], Queue]] = {
    "uncertain": lambda served, seed: Uncertain(served, seed=seed),
    "disagreement": lambda served, seed: Disagreement(served, seed=seed),
    "false negatives": lambda served, seed: SuspectedFalseNegatives(served, seed=seed),
    "errors": lambda served, seed: SuspectedErrors(served, length=10_000, seed=seed),
    "audit of negatives": lambda served, seed: AuditNegatives(served, draws=1500, seed=seed),
    "audit of predictions": lambda served, seed: AuditPredictions(served, draws=1500, seed=seed),
}


@dataclass(frozen=True)
class Case:
    """A graph, what its curator knows, and what does not count as a rival in its test."""

    data: HeteroData
    true: Callable[[Triplets], list[bool | None]]
    known: KnownAnswers
    fit: gnnneg.Fit
    width: int
    negatives: int


def synthetic(seed: int, num_entities: int = 500) -> Case:
    """A world in which a part of what is denied is stated, and of the rest a part is denied."""
    made = world(num_entities, OBSERVED, test=0.2, seed=seed)
    stated, denied = (triplets(made.data, polarity) for polarity in ("stated", "denied"))
    split, other = (made.data["entity", polarity, "entity"].split for polarity in ("stated", "denied"))
    train = (other == 0).nonzero()[:, 0]
    train = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))]
    false = train[: round(NOISE * int((split == 0).sum()))]
    kept = torch.cat([train[len(false) :][: round(KEPT * len(train))], (other > 0).nonzero()[:, 0]])
    said = Triplets(*(torch.cat([one, two[false]]) for one, two in zip(stated, denied)))
    parts = said, torch.cat([split, other[false]])
    names = made.data["entity"].names, made.data.relation_names
    data = assemble(*parts, *names, Triplets(*(column[kept] for column in denied)), other[kept])
    fit = gnnneg.Fit(epochs=40, batch_size=256, evaluate_every=10)
    return Case(data, lambda asked: made.true(asked).tolist(), made.known, fit, 64, 16)


def ontology(seed: int, often: int = 30) -> Case:
    """Annotations with the classes that are stated or denied most often. Of what is denied, a part is held back for the
    curator, who knows that it holds of subclasses too.
    """
    whole = gnnneg.load("GO-NegStatements")
    rng = torch.Generator().manual_seed(seed)
    stated, denied = (triplets(whole, polarity) for polarity in ("stated", "denied"))
    held = torch.rand(len(denied.rel_type), generator=rng) < 0.6
    names, notes = whole["entity"].names, stated.rel_type == whole.relation_names.index("hasAnnot")
    classes = assemble(*_train(chosen(stated, ~notes)), names, whole.relation_names, *_train(chosen(denied, held)))
    answers = triplets(inherited(classes, "subClassOf"), "denied")
    stated, denied = chosen(stated, notes), chosen(denied, ~held)

    count = torch.cat([stated.tail_index, denied.tail_index]).bincount(minlength=len(names))
    stated, denied, answers = (chosen(part, count[part.tail_index] >= often) for part in (stated, denied, answers))
    there = torch.cat([stated.head_index, stated.tail_index, denied.head_index, denied.tail_index]).unique()
    answers = chosen(answers, torch.isin(answers.head_index, there) & torch.isin(answers.tail_index, there))
    stated, denied, answers = (
        Triplets(torch.searchsorted(there, head), torch.zeros_like(tail), torch.searchsorted(there, tail))
        for head, _, tail in (stated, denied, answers)
    )
    split, other = random_split(stated, 0.1, 0.1, rng), torch.rand(len(denied.rel_type), generator=rng)
    other = torch.bucketize(other, torch.tensor([0.25, 0.5]), right=True)  # train, valid, test
    data = assemble(stated, split, Texts.of(names).take(there), ["hasAnnot"], denied, other)
    known = KnownAnswers(answers, len(there), 1)

    def true(asked: Triplets) -> list[bool | None]:
        found = known.contains(Query(asked.head_index, asked.rel_type), asked.tail_index[:, None])[:, 0]
        return [False if one else None for one in found.tolist()]

    fit = gnnneg.Fit(epochs=8, batch_size=500, evaluate_every=4)
    return Case(data, true, KnownAnswers(stated, len(there), 1), fit, 64, 16)


def _train(part: Triplets) -> tuple[Triplets, torch.Tensor]:
    """Statements, and that all are of train."""
    return part, torch.zeros_like(part.rel_type)


def chosen(part: Triplets, mask: torch.Tensor) -> Triplets:
    """Some of the statements."""
    return Triplets(*(column[mask] for column in part))


CASES: dict[str, Callable[[int], Case]] = {"synthetic": synthetic, "GO-NegStatements": ontology}


def trained(case: Case, data: HeteroData, seed: int) -> Run:
    """ComplEx with N3 on a softmax over what is denied of a question, made up with random negatives.

    This was chosen among eight ways to train, by validation on worlds of other seeds.
    """
    facts = gnnneg.Facts(data)
    nodes, relations = facts.num_nodes, facts.num_relations
    torch.manual_seed(seed)
    model = gnnneg.KGEModel(gnnneg.Lookup(nodes, case.width), gnnneg.ComplEx(relations, case.width))
    unknown = gnnneg.Filtered(gnnneg.Uniform(nodes, case.negatives), facts.known)
    sampler = gnnneg.Padded(gnnneg.Denied(facts.denied, case.negatives), unknown)
    task = gnnneg.LinkPrediction(model, gnnneg.Both(relations), sampler, gnnneg.InfoNCE(), penalty=gnnneg.Lp(0.05))
    return gnnneg.train(task, data, Adagrad(task.trained(), lr=0.1), case.fit, seed=seed, progress=False)


def judged(case: Case, run: Run) -> dict[str, float]:
    """Test MRR under one filter for all, and the AUROC of stated against denied statements of test."""
    questions = triplets(case.data, "stated", "test")
    found = ranks(run.model, run.testbed.graph_for(run.model), questions, case.known)
    return {"mrr": mrr(found.realistic), "auroc": run.evaluate(KnownNegatives("test", 0)).figures["auroc"]}


def asked(case: Case, served: Served, queue: str, seed: int) -> list[Statement]:
    """The first thousand statements that may be asked about; what valid or test state or deny may not."""
    if queue == RANDOM:
        train = triplets(case.data, "stated", "train")
        rng = torch.Generator().manual_seed(seed)
        drawn = [corruptions(train, served.known, rng) for _ in range(-(-2 * max(NUMBERS) // len(train.rel_type)))]
        every = Triplets(*(torch.cat(column) for column in zip(*drawn)))
        order = torch.randperm(len(every.rel_type), generator=rng)
        statements = served.called(Triplets(*(column[order] for column in every)))
    else:
        statements = [item.statement for item in QUEUES[queue](served, seed).items()]
    statements = list(dict.fromkeys(statements))
    said = [WORDS[code] for code in Said(case.data)(served.places(statements)).tolist()]
    return [one for one, word in zip(statements, said) if word not in ("valid", "test")][: max(NUMBERS)]


def again(case: Case, statements: list[Statement], served: Served, seed: int) -> dict[str, float]:
    """The same model, trained on what the curator says too."""
    answers = case.true(served.places(statements))
    label = {True: "stated", False: "denied", None: "unsure"}
    lines = ["\t".join((*one, label[answer])) for one, answer in zip(statements, answers)]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what does not join; the record has the numbers
        file = Path(folder) / "verdicts.tsv"
        file.write_text("\n".join(["head\trelation\ttail\tlabel", *lines]) + "\n")
        said = any(answer is not None for answer in answers)  # a table of nothing but unsure is refused
        data = curated(case.data, file, wins="verdicts") if said else case.data
        run = trained(case, data, seed)
    words = {True: "true", False: "false", None: "unsure"}
    counts = {f"said_{word}": answers.count(answer) for answer, word in words.items()}
    joined = {f"joined_{key}": data.get("verdicts", {}).get(key, 0) for key in ("accepted", "denied", "replaced")}
    return {"asked": len(statements), **counts, **joined, **judged(case, run)}


def run_all(name: str, records: Path, seeds: range = SEEDS, numbers: tuple[int, ...] = NUMBERS) -> None:
    """What is not recorded yet, seed by seed."""
    for seed in seeds:
        there = {
            (row["queue"], row["questions"]) for row in read(records) if (row["data"], row["seed"]) == (name, seed)
        }
        todo = [(queue, number) for queue in (RANDOM, *QUEUES) for number in numbers if (queue, number) not in there]
        if not todo and (NONE, 0) in there:
            continue
        case = CASES[name](seed)
        base = trained(case, case.data, seed)
        if (NONE, 0) not in there:
            write(records, name, seed, NONE, 0, judged(case, base))
        served = Served([base, trained(case, case.data, seed + 1000)])
        for queue in dict.fromkeys(queue for queue, _ in todo):
            statements = asked(case, served, queue, seed)
            for number in [number for one, number in todo if one == queue]:
                begun = time.perf_counter()
                found = again(case, statements[:number], served, seed)
                write(records, name, seed, queue, number, {**found, "seconds": round(time.perf_counter() - begun, 1)})


def read(records: Path) -> list[dict]:
    return [json.loads(line) for line in records.read_text().splitlines()] if records.exists() else []


def write(records: Path, name: str, seed: int, queue: str, number: int, found: dict[str, float]) -> None:
    line = {"data": name, "seed": seed, "queue": queue, "questions": number, **found}
    with records.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


FIGURES = {"mrr": "test MRR", "auroc": "AUROC"}


def table(rows: list[dict]) -> Iterator[str]:
    """Of one data set: what each queue's answers were worth, against as many of random statements of the same seeds."""
    titles = "".join(f" {title} | less random (95%) |" for title in FIGURES.values())
    yield f"| queue | questions | seeds | true | false |{titles}"
    yield f"|---|---:|---:|---:|---:|{'---:|---:|' * len(FIGURES)}"
    keyed = {(row["queue"], row["questions"], row["seed"]): row for row in rows}
    for queue in (NONE, RANDOM, *QUEUES):
        for number in sorted({row["questions"] for row in rows if row["queue"] == queue}):
            mine = {seed: row for (one, n, seed), row in keyed.items() if (one, n) == (queue, number)}
            cells = [queue, f"{number:,}", str(len(mine))]
            cells += [
                "" if queue == NONE else f"{mean(r[k] for r in mine.values()):.0f}" for k in ("said_true", "said_false")
            ]
            for figure in FIGURES:
                cells.append(f"{mean(row[figure] for row in mine.values()):.4f}")
                pairs = [
                    row[figure] - other[figure] for s, row in mine.items() if (other := keyed.get((RANDOM, number, s)))
                ]
                cells.append("" if queue in (NONE, RANDOM) or not pairs else difference(pairs))
            yield f"| {' | '.join(cells)} |"


def tables(rows: list[dict]) -> str:
    """Those of all data sets that have been asked about."""
    parts = []
    for name in CASES:
        mine = [row for row in rows if row["data"] == name]
        if mine:
            parts += [f"### {name}", "", *table(mine), ""]
    return "\n".join(parts)


def difference(pairs: list[float]) -> str:
    """A mean difference with its interval, bold where that holds no 0."""
    found = paired(pairs)
    if found.low is None or found.high is None:
        return f"{found.difference:+.4f}"
    said = f"{found.difference:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
    return f"**{said}**" if found.low * found.high > 0 else said


def draw(rows: list[dict], path: str) -> None:
    """A row of panels for each data set, one for each figure; lines are queues, and the grey one is before."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    sets = [name for name in CASES if any(row["data"] == name for row in rows)]
    figure, axes = pyplot.subplots(
        len(sets), len(FIGURES), figsize=(10, 4 * len(sets) + 0.6), layout="constrained", squeeze=False
    )
    for panels, name in zip(axes, sets):
        for panel, (key, title) in zip(panels, FIGURES.items()):
            for place, queue in enumerate((RANDOM, *QUEUES)):
                found: dict[int, list[float]] = {}
                for row in rows:
                    if (row["data"], row["queue"]) == (name, queue):
                        found.setdefault(row["questions"], []).append(row[key])
                numbers = sorted(found)
                spread = [stdev(found[n]) / len(found[n]) ** 0.5 if len(found[n]) > 1 else 0.0 for n in numbers]
                style = (
                    {"fmt": "s--", "color": "black", "lw": 2}
                    if queue == RANDOM
                    else {"fmt": "o-", "color": f"C{place - 1}"}
                )
                x = [n * 1.02 ** (place - 3) for n in numbers]
                panel.errorbar(x, [mean(found[n]) for n in numbers], spread, ms=4, capsize=2, label=queue, **style)
            before = [row[key] for row in rows if (row["data"], row["queue"]) == (name, NONE)]
            panel.axhline(mean(before), color="grey", lw=1, label="before")
            panel.set(xscale="log", title=f"{name}: {title}", xlabel="questions answered")
            panel.set_xticks(NUMBERS, [f"{n:,}" for n in NUMBERS])
            panel.minorticks_off()
            panel.grid(alpha=0.3)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "show", "draw"])
    parser.add_argument("which", nargs="?", help="run: the data; draw: the picture; show: a page that ends with them")
    parser.add_argument("--records", type=Path, default=RECORDS)
    given = parser.parse_args()
    if given.what == "run":
        torch.set_num_threads(1)
        run_all(given.which, given.records)
    elif given.what == "draw":
        draw(read(given.records), given.which)
    elif given.which is None:
        print(tables(read(given.records)))
    else:
        page = Path(given.which)
        before, *_ = page.read_text().split(BEGIN)
        page.write_text(f"{before}{BEGIN}\n\n{tables(read(given.records))}")


if __name__ == "__main__":
    main()
