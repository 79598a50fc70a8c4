"""``gnnneg negatives CONFIG|RUN``: the negatives that a sampler draws, and their quality."""

import argparse
from pathlib import Path
from typing import Any

from gnnneg.cli.where import chosen
from gnnneg.cli.writing import write_text
from gnnneg.plain import to_json

NAMED = 4  # negatives named for each query

MEANING = {
    "false_negative_rate": "share that is true",
    "hardness": "mean percentile of their scores among all entities: 0.5 uniform, 1 hardest",
    "margin": "mean of the target's score less the negative's",
    "above_target": "share scored above the target",
    "perplexity": "entities it might as well choose from evenly",
    "coverage": "share of entities drawn at least once",
    "type_consistency": "share of the target's type, or else that fills the slot asked for",
    "degree_ratio": "how popular they are against targets: 1 alike",
    "denied": "share explicitly denied",
    "absent": "share filtered out or never there",
    "drawn": "candidates drawn",
    "per_second": "candidates a second",
}


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "negatives",
        help="draw negatives and show their hardness, diversity and false-negative rate",
        description="Draws negatives as training would and looks at them: of a run with its trained model as critic, "
        "of a config with an untrained one.",
        epilog="Settings of a config can be given as in 'gnnneg train'; of a run only --device, where to work, and "
        "--data.name, where its data set is now.",
    )
    parser.add_argument("path", metavar="CONFIG|RUN", help="a YAML file or a run folder")
    parser.add_argument("--split", choices=("train", "valid", "test"), default="train", help="(default: train)")
    parser.add_argument(
        "--statements", metavar="N", type=int, default=10_000, help="draw for N of them, by chance (default: 10000)"
    )
    parser.add_argument(
        "--true", metavar="N", type=int, default=0, help="also name N drawn negatives that are in fact true"
    )
    parser.add_argument("--plot", metavar="FILE.html", help="write pictures of where negatives lie around positives")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run, settings=[])


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli.table import cell, show
    from gnnneg.data.naming import said
    from gnnneg.digits import digits
    from gnnneg.errors import UserError
    from gnnneg.experiment import Run, untrained

    if Path(args.path).is_dir():
        device, data, others = chosen(args.settings)
        if others:
            raise UserError(f"A run's settings stay as they are: leave {others[0]} out, or give its config.")
        asked = Run.load(args.path, device, data)
    else:
        asked = untrained(args.path, args.settings)
    if args.statements < 1:
        raise UserError(f"--statements is {args.statements}: give at least 1.")
    if args.true < 0:
        raise UserError(f"--true is {args.true}: give the number to name, or leave it out.")
    figures = asked.negatives(args.split, args.statements, args.true)
    if args.plot:
        from gnnneg.report.negatives import page

        write_text(Path(args.plot), page(args.path, figures))
    if args.json:
        print(to_json(figures))
        return 0
    clouds, words = figures.pop("geometry"), figures.pop("examples")
    false = figures.pop("false_negatives", [])
    del figures["percentiles"], figures["plane"]
    table = [[name, cell(value, digits(name, figures)), MEANING.get(name, "")] for name, value in figures.items()]
    show(["negatives", "", ""], table)
    print()
    rows = [
        [name, *(cloud[key] for key in ("cosine", "isotropy", "rank", "likeness"))] for name, cloud in clouds.items()
    ]
    show(["vectors", "cosine to the positive", "isotropy", "rank of all", "likeness within a query"], rows)
    print()
    lines = []
    for one in words:
        anchor, relation, target = (said(one[key], one.get(f"{key}_label")) for key in ("anchor", "relation", "target"))
        question = anchor, relation, "?"
        hardest = sorted(one["negatives"], key=lambda drawn: -drawn["percentile"])[:NAMED]
        named = [
            f"{said(drawn['name'], drawn.get('label'))}{' (true)' * drawn['true']} {drawn['percentile']:.2f}"
            for drawn in hardest
        ]
        lines.append([" ".join(question if one["side"] == "tail" else question[::-1]), target, ", ".join(named)])
    show(["asked", "answer", f"hardest {NAMED} drawn, with percentile"], lines)
    if args.true:
        print()
        _false(false)
    return 0


def _false(false: list[dict[str, Any]]) -> None:
    """Prints false negatives: drawn statements that are true."""
    from gnnneg.cli.table import show
    from gnnneg.data.naming import said

    if not false:
        print("None of the negatives looked at is known to be true.")
        return
    rows = []
    for one in false:
        ends = [said(one["anchor"], one.get("anchor_label")), said(one["name"], one.get("label"))]
        head, tail = ends if one["side"] == "tail" else ends[::-1]
        rows.append([head, said(one["relation"], one.get("relation_label")), tail, one["percentile"]])
    show(["head", "relation", "tail", "percentile"], rows, "drawn as wrong, but true")
