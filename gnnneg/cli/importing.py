"""``gnnneg data import``: makes a data set of your own files. Each option of a reader is a line of a table below."""

import argparse
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gnnneg.errors import UserError
from gnnneg.plain import to_json

if TYPE_CHECKING:
    from gnnneg.data.ingest import Report

OVERLAP = {"drop": "they were dropped from the later one", "keep": "they were kept"}
YES_NO = argparse.BooleanOptionalAction
TAKEN = ("format", "denied", "negated", "valid", "test", "seed", "cover", "wins", "overlap", "mirrored", "tidy")


def _listed(said: str) -> list[str]:
    return [name.strip() for name in said.split(",")]


def _pairs(items: list[str], option: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for item in items:
        key, sign, value = item.partition("=")
        if not sign or key in result:
            raise UserError(f"{option} takes pairs such as KEY=VALUE, each key once, not {item!r}.")
        result[key] = value
    return result


def _labels(said: list[str]) -> Any:
    from gnnneg.data.layout import Labels

    pairs = _pairs(said, "--labels")
    for meaning in pairs:
        if meaning not in ("stated", "denied", "unknown"):
            raise UserError(f"--labels: a label means stated, denied or unknown, not {meaning!r}.")
    return Labels(**{meaning: tuple(labels.split(",")) for meaning, labels in pairs.items()})


def _evidence(said: str) -> dict[str, float]:
    from gnnneg.data.formats.statements import share

    return {code: share(x, f"--evidence {code}") for code, x in _pairs(said.split(","), "--evidence").items()}


# what is made of what was said, and what argparse is told
Option = tuple[Callable[[Any], Any] | None, dict[str, Any]]


def _option(help: str, made: Callable[[Any], Any] | None = None, **rest: Any) -> Option:
    return made, {"help": help, **rest}


def _flag(help: str) -> Option:
    return _option(help, action="store_true", default=None)


IMPORT = {
    "path": _option("a file, or a folder with train, valid and test files", metavar="PATH"),
    "--out": _option("the folder to write", metavar="DIR", required=True),
    "--format": _option(
        "csv, tsv, jsonl, parquet, ntriples, rdf, owl, obo, gaf, gpad, hpoa, wikidata, truewalks (default: by name)",
        metavar="FORMAT",
    ),
    "--denied": _option("a second file, all of whose statements are denied", metavar="FILE"),
    "--negated": _option(
        "negated relations: how they begin, or an expression with a group for the plain one, such as 'Not(.*)'",
        metavar="PATTERN",
    ),
    "--entities": _option("names of the integer ids of entities", metavar="FILE"),
    "--relations": _option("names of the integer ids of relations", metavar="FILE"),
    "--dictionary": _option(
        "what their lines hold: name,id (default) or id,name", metavar="COLUMNS", default="name,id"
    ),
    "--valid": _option("share for validation (default: 0.1)", type=float, default=0.1),
    "--test": _option("share for test (default: 0.1)", type=float, default=0.1),
    "--cover": _option(
        "whether train must mention every entity and relation (default: yes)", action=YES_NO, default=True
    ),
    "--seed": _option("of the random split (default: 0)", type=int, default=0),
    "--wins": _option("keep the 'stated' or the 'denied' one where a statement is both", metavar="POLARITY"),
    "--overlap": _option("'drop' from the later split what stands in two splits, or 'keep' it there", metavar="WHAT"),
    "--mirrored": _option(
        "pairs that are linked both ways: 'together' in one split, 'keep' them as they come, or 'drop' from valid and "
        "test what train has the other way round (default: together, with given splits keep)",
        metavar="WHAT",
    ),
    "--tidy": _option(
        "whether names are written without stray blanks and in one form of Unicode, even if two become one (default: "
        "if none do)",
        action=YES_NO,
    ),
}
READER = {
    "tables (csv, tsv, jsonl, parquet)": {
        "--columns": _option(
            "columns of head, relation, tail: names, or positions counted from 1 (digits are always positions)",
            _listed,
            metavar="H,R,T",
        ),
        "--label": _option(
            "column that says stated (1, true) or denied (0, -1, false); one called 'negated' or so says the opposite",
            metavar="COLUMN",
        ),
        "--labels": _option(
            "other labels: stated=yes denied=no,never unknown=maybe", _labels, metavar="MEANING=LABEL,...", nargs="+"
        ),
        "--ignore": _option("columns that are left out although they look like labels", _listed, metavar="COLUMN,..."),
        "--confidence": _option("column of numbers from 0 to 1", metavar="COLUMN"),
        "--source": _option("column that says where a statement comes from", metavar="COLUMN"),
        "--header": _option("whether the first line names the columns", action=YES_NO),
        "--delimiter": _option("tab, comma, blank, semicolon or bar (default: by the format)", metavar="NAME"),
        "--count-line": _flag("the first line is the number of lines, here and in dictionaries"),
    },
    "other formats": {
        "--literals": _flag("ntriples, rdf: literals become entities"),
        "--denied-graph": _option(
            "rdf: a named graph whose triples are denied (repeatable)",
            metavar="IRI",
            action="append",
            dest="denied_graphs",
        ),
        "--evidence": _option("gaf, gpad: confidence by evidence code", _evidence, metavar="CODE=X,..."),
        "--frequency": _flag("hpoa: the frequency becomes the confidence"),
        "--deprecated": _option(
            "wikidata: confidence of deprecated statements (default: 0.5)", type=float, metavar="X"
        ),
    },
}


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    groups = [(parser, IMPORT), *((parser.add_argument_group(title), options) for title, options in READER.items())]
    for group, options in groups:
        for flag, (_, rest) in options.items():
            group.add_argument(flag, **rest)


def run(args: argparse.Namespace) -> int:
    """Writes the folder of an imported data set."""
    from gnnneg.data.ingest import ingest
    from gnnneg.documents import dump

    given = {name: getattr(args, name) for name in TAKEN}
    report = ingest(args.path, args.out, dictionary=_dictionary(args), **given, **_said(args))
    if args.json:
        print(to_json({"out": args.out, **vars(report)}))
        return 0
    print(", ".join(f"{value:,} {key.replace('_', ' ')}" for key, value in report.counts.items() if value))
    for number, what in (
        (report.short, "fewer than asked for were left out of train, which mentions everything so (or use --no-cover)"),
        (report.duplicates, "repeated lines were kept"),
        (report.contradictions, f"contradictions were resolved: the {args.wins} one was kept"),
        (report.overlap, f"statements in two splits: {OVERLAP.get(args.overlap)}"),
        (report.mirrored, _mirrored(report, args.mirrored)),
        (report.tidied, "names were written without stray blanks and in composed form (or use --no-tidy)"),
        *((number, f"left out: {why}") for why, number in report.left_out.items()),
        (report.closed, "questions have no answer at all (closed.parquet)"),
    ):
        if number:
            print(f"{number:,} {what}")
    for note in report.notes:
        print(note)
    print(f"Used: {'; '.join(report.used)}")
    told = dump({"data": {"name": str(args.out)}}).split("name: ", 1)[1].strip()
    info = f"gnnneg data info {shlex.quote(args.out)}"
    print(f"\nWritten to {args.out}: in a config, 'data: {{name: {told}}}'; see '{info}'.")
    return 0


def _mirrored(report: "Report", how: str | None) -> str:
    share = 100 * report.mirrored / max(report.asked, 1)
    did = "and were dropped" if how == "drop" else "so they are easily answered (--mirrored drop leaves them out)"
    return f"({share:.0f} %) of the statements of valid and test are in train the other way round, {did}"


def _dictionary(args: argparse.Namespace) -> Any:
    from gnnneg.data.catalogue import Dictionary
    from gnnneg.data.layout import Layout

    if args.entities is None and args.relations is None:
        return None
    if args.entities is None or args.relations is None:
        raise UserError("Ids need a dictionary of both: give --entities and --relations.")
    columns = tuple(c.strip() for c in args.dictionary.split(","))
    if sorted(columns) != ["id", "name"]:
        raise UserError(f"A dictionary's lines hold 'name,id' or 'id,name', not {args.dictionary!r}.")
    return Dictionary(args.entities, args.relations, Layout(columns, count_line=bool(args.count_line)))


def _said(args: argparse.Namespace) -> dict[str, Any]:
    """The options that were given for the reader of one format."""
    said = {}
    for options in READER.values():
        for flag, (made, rest) in options.items():
            name = rest.get("dest", flag.removeprefix("--").replace("-", "_"))
            value = getattr(args, name)
            if value is not None:
                said[name] = value if made is None else made(value)
    return said
