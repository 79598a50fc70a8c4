"""The card of a model in Markdown: its use, data, metrics with their protocol, and files."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnneg import config, datasets, run_files
from gnnneg.data import catalogue
from gnnneg.data.catalogue import Card, read_card
from gnnneg.errors import UserError
from gnnneg.experiment import folder
from gnnneg.experiment.kept import Kept

if TYPE_CHECKING:
    from gnnneg.experiment.run import Run

FIGURES = ("mrr", "hits@1", "hits@3", "hits@10", "mr", "amri")
OURS = ("gnnneg", "torch", "torch_geometric")
LONG = 2000  # the longest text from the card of a data set


def model_card(run: "Run", kept: Kept, dataset: str, along: bool, needs: bool, file: str) -> str:
    """The card.

    Args:
        run (Run): The run.
        kept (Kept): Its folder.
        dataset (str): The name of its data set.
        along (bool): Whether the pack contains statements.
        needs (bool): Whether the model needs them.
        file (str): The name of the pack.
    """
    model = folder.read_json(kept.path / run_files.MODEL / run_files.MODEL_CONFIG)["model"]
    name = " and ".join(dict.fromkeys(_classes(model))) or "Model"
    parts = [
        f"# {_words(name)} on {_words(dataset)}",
        "A knowledge graph model trained with [gnnneg](https://pypi.org/project/gnnneg/), packed by `gnnneg pack`.",
        "## Use",
        _use(file, model, run),
        "## Data",
        _data(run, kept, dataset),
        "## Model",
        f"{sum(p.numel() for p in run.model.parameters()):,} parameters. The whole config is `{run_files.CONFIG}`.",
        f"```yaml\n{config.dump(model).rstrip()}\n```",
        "## Figures",
        _figures(run, kept),
        "## What it was tuned on",
        _tuned(run, kept),
        "## Probabilities",
        _probabilities(run),
        "## What is in this file",
        _inside(along, needs),
    ]
    return "\n\n".join(parts) + "\n"


def _classes(tree: Any) -> Iterator[str]:
    """The last names of the classes of a config, such as ``KGEModel``, ``Lookup``, ``ComplEx``."""
    if isinstance(tree, dict):
        if isinstance(tree.get("class_path"), str):
            yield tree["class_path"].rpartition(".")[2]
        for value in tree.values():
            yield from _classes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _classes(value)


def _modules(tree: Any) -> Iterator[str]:
    """The modules of classes that are neither gnnneg's nor torch's. A reader must allow them."""
    if isinstance(tree, dict):
        path = tree.get("class_path")
        if isinstance(path, str) and "." in path and path.partition(".")[0] not in OURS:
            yield path.rpartition(".")[0]
        for value in tree.values():
            yield from _modules(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _modules(value)


def _use(file: str, model: Any, run: "Run") -> str:
    foreign = sorted(set(_modules(model)))
    allow = "".join(f" --allow {name}" for name in foreign)
    inside = f", allow={foreign!r}" if foreign else ""
    lines = [
        "```bash",
        "pip install gnnneg",
        f"gnnneg predict {file} --head HEAD --relation RELATION{allow}",
        f"gnnneg predict {file} --queries questions.tsv --top 10 --out answers.parquet{allow}",
        f"gnnneg evaluate {file} --data statements.tsv{allow}",
        "```",
        "",
        "```python",
        "from gnnneg import Run",
        "",
        f'run = Run.load("{file}"{inside})',
        'run.predict(head="HEAD", relation="RELATION", k=10)',
        "```",
    ]
    if foreign:
        named = ", ".join(f"`{name}`" for name in foreign)
        lines += ["", f"The model has classes of {named}, which are not in this file: get them from its author."]
    return "\n".join(lines)


def _data(run: "Run", kept: Kept, dataset: str) -> str:
    card = _card_of(kept)
    lines = [f"Trained on {_words(card.title if card is not None and card.title else dataset)}.", ""]
    first = kept.about["graphs"][0]
    rows = [(what, part["count"]) for what, part in first.items() if isinstance(part, dict) and part.get("count")]
    lines += ["| part | count |", "| --- | --- |", *(f"| {_words(what)} | {count:,} |" for what, count in rows), ""]
    told = run.result.get("verdicts")
    if isinstance(told, dict):
        lines += [
            f"Among them are {told.get('accepted', 0):,} training statements that people accepted and "
            f"{told.get('denied', 0):,} that they denied, from the record {_words(str(told.get('file')))}.",
            "",
        ]
    licence = card.licence if card is not None else ""
    lines.append(
        f"Licence of the data: {_words(licence)}"
        if licence
        else "Licence of the data: not stated. Ask whoever gave you this file before you pass it on."
    )
    if card is not None and card.citation:
        lines += ["", f"Cite: {_words(card.citation)}"]
    lines += ["", f"`{run_files.DATA}` has a fingerprint that identifies the data set."]
    return "\n".join(lines)


def _card_of(kept: Kept) -> Card | None:
    """The card of the data set, if it can be found."""
    name = kept.place or kept.dataset
    try:
        if name in catalogue.names():
            return catalogue.card(name)
        place = datasets.folder_of(name)
        return None if place is None else read_card(Path(place) / catalogue.CARD)
    except (UserError, OSError):
        return None


def _figures(run: "Run", kept: Kept) -> str:
    if not run.metrics:
        return "The run was not finished, and has no figures."
    columns = [name for name in FIGURES if any(name in values for values in run.metrics.values())]
    lines = [f"| split | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for split, values in run.metrics.items():
        lines.append(f"| {split} | {' | '.join(_number(values.get(name)) for name in columns)} |")
    policy = kept.outline.arguments["evaluation"].build({})
    splits = ", ".join(policy.filter) or "no split"
    others = [f"`{key}`" for values in run.metrics.values() for key, value in values.items() if isinstance(value, dict)]
    more = sorted(set(others) - {"`head`", "`tail`"})
    lines += [
        "",
        "Protocol: filtered ranking. For each statement, its tail and its head are ranked among all entities (or the "
        f"data set's own candidates, if it has any), except other entities that make a stated fact of {splits}. Ties "
        "count half (the realistic rank). No question is left out.",
    ]
    if more:
        lines += ["", f"`{run_files.RESULT}` has more: {', '.join(more)}."]
    return "\n".join(lines)


def _number(value: Any) -> str:
    return "" if not isinstance(value, int | float) else f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3f}"


def _tuned(run: "Run", kept: Kept) -> str:
    fit = kept.tree.get("fit") or {}
    metric, epochs = fit.get("metric", "mrr"), fit.get("epochs")
    best = run.result.get("best_epoch")
    first = kept.about["graphs"][0]
    valid = (first.get("stated valid") or {}).get("count") or 0
    lines = []
    if best is not None and valid:
        lines.append(
            f"The weights are those of epoch {best} of at most {epochs}, the best by {metric} on {valid:,} validation "
            "statements."
        )
    else:
        lines.append("The weights are those of the last epoch, because there were no validation statements.")
    lines.append(f"Seed {kept.tree.get('seed', 0)}.")
    file = kept.path / run_files.TUNED
    if not file.exists():
        return " ".join([*lines, "A run does not know how the other settings were chosen: ask its author."])
    how = folder.read_json(file)
    if not isinstance(how.get("settings"), dict):
        raise UserError(f"{file} is damaged: delete it, and the card does not say how the settings were chosen.")
    chosen = ", ".join(f"`{key}` {value}" for key, value in how["settings"].items())
    lines.append(
        f"Its settings are those of the best of {how.get('trials')} trials of `gnnneg tune`, by {how.get('metric')} on "
        f"validation: {chosen}."
    )
    return " ".join(lines)


def _probabilities(run: "Run") -> str:
    fitted = run.fitted()
    if fitted is None:
        return "None: there is no calibration, so answers have scores and no probabilities."
    others = "random triples, since none is denied" if fitted.drawn else "denied ones"
    return (
        f"By Platt scaling, fitted on {fitted.stated:,} stated validation statements and {fitted.denied:,} {others}. "
        "They are valid for a similar mix of statements."
    )


def _inside(along: bool, needs: bool) -> str:
    lines = [
        f"- `{run_files.MODEL}/{run_files.WEIGHTS}`: the weights; no pickled objects and no code",
        f"- `{run_files.MODEL}/{run_files.ENTITIES}`, `{run_files.MODEL}/{run_files.RELATIONS}`: names, in the order "
        "of the weights",
        f"- `{run_files.CONFIG}`, `{run_files.ENVIRONMENT}`: the settings and versions, without paths of that machine",
        f"- `{run_files.RESULT}`, `{run_files.CALIBRATION}`: metrics, and the calibration of probabilities",
    ]
    if along:
        why = "which the model needs for every answer" if needs else "to mark known answers"
        lines.append(
            f"- `{run_files.STATEMENTS}`: **the statements of the data set**, {why}; its licence applies to them"
        )
    else:
        lines.append(f"- `{run_files.ATTRIBUTES}`: labels and types; the statements of the data set are not in it")
    return "\n".join(lines)


def _words(text: str) -> str:
    """Text of a data set on one line, with the special characters of Markdown and HTML escaped."""
    plain = " ".join(text.split())[:LONG]
    for sign in "\\`*_[]<>|":
        plain = plain.replace(sign, f"\\{sign}")
    return plain
