"""``gnnneg data list | info | check | fetch | import``: data sets, their properties, and your own files."""

import argparse
from typing import TYPE_CHECKING, Any

from gnnneg.cli import importing
from gnnneg.cli.table import show
from gnnneg.plain import to_json

if TYPE_CHECKING:
    from gnnneg.data.profile import Profile

COUNTED = ("entities", "relations", "train", "valid", "test")
COMMON: dict[str, dict[str, Any]] = {
    "name": {"metavar": "NAME", "help": "a data set, or a folder written by 'import'"},
    "--root": {"help": "where data sets are kept (default: ~/.cache/gnnneg)"},
    "--json": {"action": "store_true", "help": "print JSON"},
}


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("data", help="list, describe, fetch and import data sets")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add(actions, "list", run_list, "the data sets that have a card", "--json")
    about = "counts, cardinalities, unseen entities, leakage, contradictions"
    _add(actions, "info", run_info, about, "name", "--root", "--json")
    about = "every contradiction by name, also those that follow from a hierarchy"
    checking = _add(actions, "check", run_check, about, "name", "--root", "--json")
    checking.add_argument("--hierarchy", metavar="RELATION", help="the relation to superclasses, such as subClassOf")
    fetching = _add(actions, "fetch", run_fetch, "download the files of a data set and check them", "--root")
    fetching.add_argument("name", metavar="NAME", nargs="+", help="a data set")
    about = "turn your own table, RDF, ontology or annotations into a data set"
    importing.add(_add(actions, "import", importing.run, about, "--json"))


def _add(actions: Any, name: str, run: Any, about: str, *common: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = actions.add_parser(name, help=about)
    for argument in common:
        made.add_argument(argument, **COMMON[argument])
    made.set_defaults(run=run)
    return made


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
            *(graph.published.get(what) for what in COUNTED),
            sum(count for what, count in graph.published.items() if what.startswith("denied_")) or None,
        ]
        for c in cards
        for place, graph in enumerate(c.graphs)
    ]
    show(["name", *COUNTED, "denied"], rows)
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
    """Prints every finding. Findings are no failure of the command."""
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


def _describe(result: "Profile") -> None:
    rows = []
    for key, value in result.counts.items():
        if value or key in result.published:
            said = result.published.get(key)
            rows.append([key.replace("_", " "), value, said, "" if said is None else "yes" if said == value else "NO"])
    show(["", "counted", "published", "same"], rows)
    print()
    show(
        ["cardinality", *result.cardinality],
        [
            ["share of relations", *result.cardinality.values()],
            ["share of test statements", *result.cardinality_test.values()],
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
    show(["", *splits], [[what, *(number.get(split) for split in splits)] for what, number in by_split.items()])
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
