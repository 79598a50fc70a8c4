"""``gnnneg data list | info | check | fetch | import``: what data there is, what it is like, and one's own."""

import argparse
import shlex
import sys
from typing import TYPE_CHECKING, Any

from gnnneg.plain import to_json

if TYPE_CHECKING:
    from gnnneg.data.profile import Profile

COUNTED = ("entities", "relations", "train", "valid", "test")


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("data", help="list, describe, fetch and import data sets")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="the data sets that have a card")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run_list)

    info = actions.add_parser("info", help="counts, cardinalities, unseen entities, leakage, contradictions")
    info.add_argument("name", metavar="NAME", help="a data set, or a folder written by 'import'")
    info.add_argument("--root", help="where data sets are kept (default: ~/.cache/gnnneg)")
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(run=run_info)

    checking = actions.add_parser("check", help="every contradiction by name, also those that follow from a hierarchy")
    checking.add_argument("name", metavar="NAME", help="a data set, or a folder written by 'import'")
    checking.add_argument("--hierarchy", metavar="RELATION", help="the relation to superclasses, such as subClassOf")
    checking.add_argument("--root", help="where data sets are kept (default: ~/.cache/gnnneg)")
    checking.add_argument("--json", action="store_true", help="print JSON")
    checking.set_defaults(run=run_check)

    fetching = actions.add_parser("fetch", help="download the files of a data set and check them")
    fetching.add_argument("name", metavar="NAME", nargs="+", help="a data set")
    fetching.add_argument("--root", help="where to keep it (default: ~/.cache/gnnneg)")
    fetching.set_defaults(run=run_fetch)

    importing = actions.add_parser("import", help="turn your own table, RDF, ontology or annotations into a data set")
    importing.add_argument("path", metavar="PATH", help="a file, or a folder with train, valid and test files")
    importing.add_argument("--out", metavar="DIR", required=True, help="the folder to write")
    importing.add_argument(
        "--format",
        metavar="FORMAT",
        help="csv, tsv, parquet, ntriples, rdf, owl, obo, gaf, gpad, hpoa, wikidata, truewalks (default: by the name)",
    )
    importing.add_argument("--denied", metavar="FILE", help="a second file, all of whose statements are denied")
    importing.add_argument(
        "--negated",
        metavar="PATTERN",
        help="negated relations: how they begin, or an expression with a group for the plain one, such as 'Not(.*)'",
    )
    importing.add_argument("--entities", metavar="FILE", help="names of the integer ids of entities")
    importing.add_argument("--relations", metavar="FILE", help="names of the integer ids of relations")
    importing.add_argument(
        "--dictionary", metavar="COLUMNS", default="name,id", help="what their lines hold: name,id (default) or id,name"
    )
    _add_columns(importing.add_argument_group("tables (csv, tsv, parquet)"))
    _add_formats(importing.add_argument_group("other formats"))
    importing.add_argument("--valid", type=float, default=0.1, help="share for validation (default: 0.1)")
    importing.add_argument("--test", type=float, default=0.1, help="share for test (default: 0.1)")
    importing.add_argument(
        "--cover",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether train must mention every entity and relation (default: yes)",
    )
    importing.add_argument("--seed", type=int, default=0, help="of the random split (default: 0)")
    importing.add_argument(
        "--wins", metavar="POLARITY", help="keep the 'stated' or the 'denied' one where a statement is both"
    )
    importing.add_argument(
        "--overlap", metavar="WHAT", help="'drop' from the later split what stands in two splits, or 'keep' it there"
    )
    importing.add_argument(
        "--mirrored",
        metavar="WHAT",
        help="pairs that are linked both ways: 'together' in one split, 'keep' them as they come, or 'drop' from valid "
        "and test what train has the other way round (default: together, with given splits keep)",
    )
    importing.add_argument(
        "--tidy",
        action=argparse.BooleanOptionalAction,
        help="whether names are written without stray blanks and in one form of Unicode, even if two become one "
        "(default: if none do)",
    )
    importing.add_argument("--json", action="store_true", help="print JSON")
    importing.set_defaults(run=run_import)


def _add_columns(group: Any) -> None:
    group.add_argument(
        "--columns",
        metavar="H,R,T",
        help="columns of head, relation, tail: names, or positions counted from 1 (digits are always positions)",
    )
    group.add_argument(
        "--label",
        metavar="COLUMN",
        help="column that says stated (1, true) or denied (0, -1, false); one called 'negated' or so says the opposite",
    )
    group.add_argument(
        "--labels",
        metavar="MEANING=LABEL,...",
        nargs="+",
        help="other labels: stated=yes denied=no,never unknown=maybe",
    )
    group.add_argument(
        "--ignore", metavar="COLUMN,...", help="columns that are left out although they look like labels"
    )
    group.add_argument("--confidence", metavar="COLUMN", help="column of numbers from 0 to 1")
    group.add_argument("--source", metavar="COLUMN", help="column that says where a statement comes from")
    group.add_argument(
        "--header", action=argparse.BooleanOptionalAction, help="whether the first line names the columns"
    )
    group.add_argument(
        "--delimiter", metavar="NAME", help="tab, comma, blank, semicolon or bar (default: by the format)"
    )
    group.add_argument(
        "--count-line", action="store_true", help="the first line is the number of lines, here and in dictionaries"
    )


def _add_formats(group: Any) -> None:
    group.add_argument("--literals", action="store_true", help="ntriples, rdf: literals become entities")
    group.add_argument(
        "--denied-graph",
        metavar="IRI",
        action="append",
        help="rdf: a named graph whose triples are denied (repeatable)",
    )
    group.add_argument("--evidence", metavar="CODE=X,...", help="gaf, gpad: confidence by evidence code")
    group.add_argument("--frequency", action="store_true", help="hpoa: the frequency becomes the confidence")
    group.add_argument(
        "--deprecated", type=float, metavar="X", help="wikidata: confidence of deprecated statements (default: 0.5)"
    )


def run_list(args: argparse.Namespace) -> int:
    """Prints the cards."""
    from gnnneg.data.catalogue import card, names

    cards = [card(name) for name in names()]
    if args.json:
        print(to_json([{"name": c.name, "title": c.title, "task": c.task, **c.published} for c in cards]))
        return 0
    rows = [
        [
            c.name if not place else "  tested on",
            *(f"{graph.published[k]:,}" if k in graph.published else "" for k in COUNTED),
            _denied(graph),
        ]
        for c in cards
        for place, graph in enumerate(c.graphs)
    ]
    _table(["name", *COUNTED, "denied"], rows)
    return 0


def run_info(args: argparse.Namespace) -> int:
    """Prints the profile of a data set."""
    from gnnneg.data.catalogue import CARD, card, read_card
    from gnnneg.data.profile import profile
    from gnnneg.datasets import folder_of, graphs

    folder = folder_of(args.name)
    found = read_card(folder / CARD) if folder else card(args.name)
    made = graphs(args.name, args.root)
    result, *others = (profile(data, dict(own.published)) for data, own in zip(made, found.graphs))
    if args.json:
        about: dict[str, Any] = {
            "name": found.name,
            "title": found.title,
            "licence": found.licence,
            "citation": found.citation,
        }
        about |= {"account": dict(found.account)} if found.account else {}
        tested = {"test_graph": others[0].as_dict()} if others else {}
        print(to_json(about | result.as_dict() | tested, ensure_ascii=False))
        return 0
    print(f"{found.title or found.name}\n")
    _describe(result)
    for other in others:
        print("\nThe graph that is tested on\n")
        _describe(other)
    for why, number in found.account.get("left_out", {}).items():
        print(f"\nLeft out when it was imported: {number:,} {why}")
    for what, text in (("Notes", found.notes), ("Licence", found.licence), ("Cite", found.citation)):
        if text:
            print(f"\n{what}: {text}")
    return 0


def run_check(args: argparse.Namespace) -> int:
    """Prints every finding; there being some is no failure."""
    from collections import Counter
    from dataclasses import asdict

    from gnnneg.data.check import check
    from gnnneg.datasets import graphs

    found = [finding for data in graphs(args.name, args.root) for finding in check(data, args.hierarchy)]
    if args.json:
        print(to_json([asdict(finding) for finding in found], ensure_ascii=False))
        return 0
    for finding in found:
        said = f"{finding.polarity} in {finding.split}: {finding.head} {finding.relation} {finding.tail}"
        chain = f": {' < '.join(finding.chain)}" if finding.chain else ""
        print(f"{said}   {finding.kind}, {finding.other}{chain}")
    kinds = Counter(finding.kind for finding in found)
    print(
        ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()) or "Nothing contradicts itself, nothing leaks."
    )
    return 0


def run_fetch(args: argparse.Namespace) -> int:
    """Downloads, checks and reads data sets."""
    from gnnneg.data.catalogue import card
    from gnnneg.datasets import KnowledgeGraph

    for name in args.name:
        card(name)  # before anything is downloaded
    for name in args.name:
        dataset = KnowledgeGraph(name, args.root)
        dataset.download()  # a file may have been changed since it was read
        print(f"{name}: {dataset.root}")
    return 0


def run_import(args: argparse.Namespace) -> int:
    """Writes the folder of an imported data set."""
    from gnnneg.data.ingest import ingest
    from gnnneg.documents import dump

    report = ingest(
        args.path,
        args.out,
        format=args.format,
        denied=args.denied,
        dictionary=_dictionary(args),
        negated=args.negated,
        valid=args.valid,
        test=args.test,
        seed=args.seed,
        cover=args.cover,
        wins=args.wins,
        overlap=args.overlap,
        mirrored=args.mirrored,
        tidy=args.tidy,
        **_options(args),
    )
    if args.json:
        print(to_json({"out": args.out, **vars(report)}))
        return 0
    print(", ".join(f"{value:,} {key.replace('_', ' ')}" for key, value in report.counts.items() if value))
    for number, what in (
        (report.short, "fewer than asked for were left out of train, which mentions everything so (or use --no-cover)"),
        (report.duplicates, "repeated lines were kept"),
        (report.contradictions, f"contradictions were settled for the {args.wins} one"),
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


OVERLAP = {"drop": "they were dropped from the later one", "keep": "they were kept"}


def _mirrored(report: Any, how: str | None) -> str:
    share = 100 * report.mirrored / max(report.asked, 1)
    did = "and were dropped" if how == "drop" else "so they are easily answered (--mirrored drop leaves them out)"
    return f"({share:.0f} %) of the statements of valid and test are in train the other way round, {did}"


def _dictionary(args: argparse.Namespace) -> Any:
    from gnnneg.data.catalogue import Dictionary
    from gnnneg.data.layout import Layout
    from gnnneg.errors import UserError

    if args.entities is None and args.relations is None:
        return None
    if args.entities is None or args.relations is None:
        raise UserError("Ids need a dictionary of both: give --entities and --relations.")
    columns = tuple(c.strip() for c in args.dictionary.split(","))
    if sorted(columns) != ["id", "name"]:
        raise UserError(f"A dictionary's lines hold 'name,id' or 'id,name', not {args.dictionary!r}.")
    return Dictionary(args.entities, args.relations, Layout(columns, count_line=args.count_line))


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """What was said for the reader of one format, without what was not."""
    said = {
        "columns": [c.strip() for c in args.columns.split(",")] if args.columns else None,
        "label": args.label,
        "labels": _pairs(args.labels, "--labels"),
        "confidence": args.confidence,
        "source": args.source,
        "ignore": [c.strip() for c in args.ignore.split(",")] if args.ignore else None,
        "header": args.header,
        "delimiter": args.delimiter,
        "count_line": args.count_line or None,
        "literals": args.literals or None,
        "denied_graphs": args.denied_graph,
        "evidence": _pairs(args.evidence.split(",") if args.evidence else None, "--evidence"),
        "frequency": args.frequency or None,
        "deprecated": args.deprecated,
    }
    if said["evidence"] is not None:
        from gnnneg.data.formats.statements import share

        said["evidence"] = {code: share(value, f"--evidence {code}") for code, value in said["evidence"].items()}
    if said["labels"] is not None:
        said["labels"] = _labels(said["labels"])
    return {name: value for name, value in said.items() if value is not None}


def _labels(pairs: dict[str, str]) -> Any:
    from gnnneg.data.layout import Labels
    from gnnneg.errors import UserError

    for meaning in pairs:
        if meaning not in ("stated", "denied", "unknown"):
            raise UserError(f"--labels: a label means stated, denied or unknown, not {meaning!r}.")
    return Labels(**{meaning: tuple(labels.split(",")) for meaning, labels in pairs.items()})


def _pairs(items: list[str] | None, option: str) -> dict[str, str] | None:
    from gnnneg.errors import UserError

    if items is None:
        return None
    result: dict[str, str] = {}
    for item in items:
        key, sign, value = item.partition("=")
        if not sign or key in result:
            raise UserError(f"{option} takes pairs such as KEY=VALUE, each key once, not {item!r}.")
        result[key] = value
    return result


def _denied(found: Any) -> str:
    number = sum(value for key, value in found.published.items() if key.startswith("denied_"))
    return f"{number:,}" if number else "-"


def _describe(result: "Profile") -> None:
    rows = []
    for key, value in result.counts.items():
        if not value and key not in result.published:
            continue
        said = result.published.get(key)
        sign = "" if said is None else "yes" if said == value else "NO"
        rows.append([key.replace("_", " "), f"{value:,}", f"{said:,}" if said is not None else "-", sign])
    _table(["", "counted", "published", "same"], rows)
    print()
    _table(
        ["cardinality", *result.cardinality],
        [
            ["% of relations", *(f"{100 * x:.2f}" for x in result.cardinality.values())],
            ["% of test statements", *(f"{100 * x:.2f}" for x in result.cardinality_test.values())],
        ],
    )
    print()
    by_split = {
        "entities unseen in train": result.unseen_entities,
        "statements with such": result.unseen_statements,
        "relations unseen in train": result.unseen_relations,
        "repeated lines": result.duplicates,
        "also in train": result.overlap,
        "self-loops": result.self_loops,
        "denied but stated": result.contradictions,
    }
    splits = ("train", "valid", "test")
    _table(["", *splits], [[k, *(f"{v[s]:,}" if s in v else "-" for s in splits)] for k, v in by_split.items()])
    leak = result.leakage
    print(
        f"\nOf the test pairs, {leak['reversed']:,} ({100 * leak['reversed_share']:.1f} %) are linked in train the "
        f"other way round and {leak['same']:,} ({100 * leak['same_share']:.1f} %) the same way."
    )
    if result.leaks:
        print("Relations that repeat another in train:")
        for found in result.leaks[:10]:
            what = "is the inverse of" if found.reversed else "implies"
            what = "is symmetric with" if found.relation == found.other else what
            print(f"  {found.relation} {what} {found.other} in {100 * found.share:.0f} % of {found.pairs:,} pairs")
        if len(result.leaks) > 10:
            print(f"  and {len(result.leaks) - 10} more (--json)")


def _table(header: list[str], rows: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for i, title in enumerate(header):
        table.add_column(title, justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # a pipe has no width: nothing is cut off there
    Console(width=None if sys.stdout.isatty() else 160).print(table)
