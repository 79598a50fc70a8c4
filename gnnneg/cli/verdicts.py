"""``gnnneg verdicts FILE``: people's verdicts, their agreement, and export to other formats."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnneg.cli.writing import refuse_source
from gnnneg.errors import UserError
from gnnneg.plain import to_json, visible

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from gnnneg.verdicts import Summary, Verdicts
    from gnnneg.verdicts.out import Outcome, Written

DATASET = "dataset"
FORMATS = """formats:
  tsv             statements labelled stated, denied or unsure; 'gnnneg train CONFIG --data.verdicts' reads it
  dataset         the data set that was judged with the verdicts in it, a folder (needs --data)
  ntriples        RDF, denied statements as owl:NegativePropertyAssertion
  gaf             GAF 2.2, denied annotations with NOT
  quickstatements commands for Wikidata; what is denied it cannot say
  sssom           a table with predicate_modifier Not"""
ENDINGS = {".tsv": "tsv", ".nt": "ntriples", ".gaf": "gaf", ".qs": "quickstatements", ".sssom": "sssom"}


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "verdicts",
        help="what people have judged, how well they agree, and their verdicts in other formats",
        description="Counts the verdicts of a record by statement and person, and writes them in another format. What "
        "people are unsure of or differ on is never written as stated or denied.",
        epilog=FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="FILE", help="a record, such as 'gnnneg serve' keeps it")
    parser.add_argument(
        "--whose",
        metavar="NAME",
        action="append",
        default=[],
        help="whose verdict wins where people differ (repeatable)",
    )
    parser.add_argument("--format", choices=("tsv", DATASET, "ntriples", "gaf", "quickstatements", "sssom"))
    parser.add_argument("--out", metavar="FILE", help="where to write it (default: standard output; tells the format)")
    parser.add_argument("--data", metavar="NAME|RUN", help="the data set that was judged, or a run on it: gives labels")
    parser.add_argument("--root", help="where data sets are kept (default: ~/.cache/gnnneg)")
    parser.add_argument(
        "--wins",
        metavar="WHAT",
        help="with --format dataset: 'verdicts', 'stated' or 'denied' stays where a verdict contradicts the data set",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.verdicts import Verdicts, summary

    format = args.format or _by_name(args.out)
    refuse_source(args.out, args.path)
    if args.wins is not None and format != DATASET:
        raise UserError("--wins is for --format dataset: leave it out.")
    with Verdicts(args.path, writing=False) as verdicts:
        found = summary(verdicts, tuple(args.whose))
        told = _written(args, verdicts, format) if format is not None else None
    if args.json and (told is None or args.out):
        print(to_json({**found.as_dict(), **({} if told is None else {"written": told})}, ensure_ascii=False))
    elif told is None:
        _show(found)
    return 0


def _by_name(out: str | None) -> str | None:
    """The format by the file's name."""
    if out is None:
        return None
    if out.lower().endswith(".sssom.tsv"):
        return "sssom"
    found = ENDINGS.get(Path(out).suffix.lower())
    if found is None:
        raise UserError(f"{out}: the name does not tell the format: say --format tsv, or another one.")
    return found


def _show(found: "Summary") -> None:
    from gnnneg.cli.table import show

    show(["statements", ""], [[name, count] for name, count in found.statements.items()])
    for frame, empty in ((found.people, "Nobody has judged anything."), (found.agreement, "")):
        if len(frame):
            print()
            show([*frame.columns], frame.astype(object).where(frame.notna(), None).itertuples(index=False))
        elif empty:
            print(f"\n{empty}")
    print(f"\nVerdicts taken back: {found.undone:,}. Notes: {found.notes:,}.")


def _written(args: argparse.Namespace, verdicts: "Verdicts", format: str) -> dict[str, Any]:
    """Writes the verdicts, and tells what the format cannot hold."""
    from gnnneg.verdicts.out import FORMATS as MADE
    from gnnneg.verdicts.out import outcome

    data, where = _data(args)
    said = outcome(verdicts.standing(), verdicts.path.name, args.whose, {} if data is None else _labels(data))
    if format == DATASET:
        return _dataset(args, verdicts, said, data, where)
    made = MADE[format](said)
    if not made.said:
        why = "; ".join(f"{number:,} {reason}" for reason, number in _left_out(made.left_out, said).items())
        raise UserError(f"{args.path} has nothing that {format} can say ({why or 'nothing is judged in it'}).")
    if args.out is None:
        sys.stdout.write(visible(made.text) if sys.stdout.isatty() else made.text)
    else:
        from gnnneg.cli.writing import write_text

        write_text(Path(args.out), made.text)
    _tell(args, format, made, said)
    left_out = _left_out(made.left_out, said)
    return {"format": format, "statements": made.said, "left_out": left_out, "notes": list(made.notes)}


def _dataset(
    args: argparse.Namespace, verdicts: "Verdicts", said: "Outcome", data: "HeteroData | None", where: str
) -> dict[str, Any]:
    from gnnneg.verdicts.out.dataset import write_dataset

    if args.out is None:
        raise UserError("A data set is a folder: say where to write it with --out DIR.")
    if data is None:
        raise UserError("A data set is what was judged with the verdicts in it: say which with --data NAME, or a run.")
    told = write_dataset(Path(args.out), data, verdicts, said, args.whose, args.wins, where)
    if not args.json:
        print(f"{told['accepted']:,} accepted and {told['denied']:,} denied statements joined those of {where}.")
        if told["already"]:
            print(f"{told['already']:,} others are there already.")
        for note in told["notes"]:
            print(note)
        print(f"\nWritten to {args.out}; see 'gnnneg data info {shlex.quote(args.out)}'.")
    return {"format": DATASET, **told}


def _left_out(left_out: dict[str, int], said: "Outcome") -> dict[str, int]:
    conflicts = {"in conflict, since people differ (--whose NAME says who wins)": said.conflicts}
    return {reason: number for reason, number in (left_out | conflicts).items() if number}


def _tell(args: argparse.Namespace, format: str, made: "Written", said: "Outcome") -> None:
    """Prints what was written and what was not, to standard error if the text is on standard output."""
    where = sys.stderr if args.out is None or args.json else sys.stdout
    for reason, number in _left_out(made.left_out, said).items():
        print(visible(f"Left out: {number:,} {reason}."), file=where)
    for note in made.notes:
        print(note, file=where)
    if args.out is not None:
        again = ""
        if made.options is not None:
            how = " ".join(
                filter(None, ["--format tsv" if format in ("tsv", "sssom") else f"--format {format}", made.options])
            )
            again = f" To import it: gnnneg data import {shlex.quote(args.out)} --out DIR {how}"
        print(visible(f"{made.said:,} statements were written to {args.out}.{again}"), file=where)


def _data(args: argparse.Namespace) -> "tuple[HeteroData | None, str]":
    """The judged data set, and its name."""
    if args.data is None:
        return None, ""
    from gnnneg.run_files import CONFIG

    if (Path(args.data) / CONFIG).is_file():
        from gnnneg.experiment import Run

        run = Run.load(args.data, "cpu")
        return run.data, str(run.result.get("dataset", args.data))
    from gnnneg.datasets import load

    return load(args.data, args.root), Path(args.data).name


def _labels(data: "HeteroData") -> dict[str, str]:
    """The labels, by name."""
    result: dict[str, str] = {}
    for names, labels in (
        (data["entity"].names, data["entity"].get("labels")),
        (data.relation_names, data.get("relation_labels")),
    ):
        result |= {name: label for name, label in zip(names, labels or ()) if label}
    return result
