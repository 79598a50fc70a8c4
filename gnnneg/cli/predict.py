"""``gnnneg predict RUN --head H --relation R``: the answers of a trained model."""

import argparse
import sys
from pathlib import Path
from typing import Any

from gnnneg.cli.where import where
from gnnneg.cli.writing import refuse_source, write, write_text
from gnnneg.plain import harmless, records, to_json, visible

EXAMPLES = """which tails:      gnnneg predict RUN --head aspirin --relation treats
which heads:      gnnneg predict RUN --relation treats --tail migraine
which relations:  gnnneg predict RUN --head aspirin --tail migraine
how plausible:    gnnneg predict RUN --head aspirin --relation treats --tail migraine
among a type:     gnnneg predict RUN --head aspirin --relation treats --among disease
by which paths:   gnnneg predict RUN --head aspirin --relation treats --tail migraine --explain
many at once:     gnnneg predict RUN --queries questions.tsv --top 3 --among disease --out answers.parquet"""

PLAIN = ("txt", "out", "log")  # endings of texts of any kind
FORMATS = ("table", "csv", "tsv", "json", "parquet")


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "predict",
        help="the best answers to a question, or the score of a triple",
        description="Give two of head, relation and tail to ask for the third, or all three to ask about the triple: "
        "score, probability, rank, and the nearest stated and denied statements of its relation (in table and json). "
        "Names, labels and synonyms are understood. 'score' is what the model says of the tail, and a probability "
        "belongs to it; 'head_score' is what it says of the head: heads are ordered by it. A file of questions has the "
        "columns head, relation and tail, one of them empty in each row, or none to score and rank the triple; answers "
        "come in its order, 'question' is the row they belong to, from 0, and 'asked' what was asked for.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="RUN", help="a run folder, or what 'gnnneg pack' made of one")
    parser.add_argument("--head", metavar="H", help="name or label of the head entity")
    parser.add_argument("--relation", metavar="R", help="name or label of the relation")
    parser.add_argument("--tail", metavar="T", help="name or label of the tail entity")
    parser.add_argument("--queries", metavar="FILE", help="many questions at once: a .tsv, .csv or .parquet file")
    parser.add_argument("--top", metavar="K", type=int, default=10, help="how many answers (default: 10)")
    parser.add_argument("--explain", action="store_true", help="the K heaviest paths to a triple, of an NBFNet")
    parser.add_argument("--new", action="store_true", help="leave out what the data set says already")
    few = parser.add_mutually_exclusive_group()
    few.add_argument(
        "--among", metavar="TYPE", help="choose, or rank, among the entities of this type alone, heads and tails alike"
    )
    few.add_argument("--among-names", metavar="FILE", help="the same among the entities named in a file, one a line")
    parser.add_argument(
        "--skip-unknown", action="store_true", help="with --queries: leave out questions whose names nobody knows"
    )
    parser.add_argument("--format", choices=FORMATS, help="(default: as --out is called, else a table, or tsv of many)")
    parser.add_argument("--out", metavar="FILE", help="write there instead of standard output")
    parser.add_argument("--quiet", action="store_true", help="with --queries: show no progress")
    where(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli.table import show, spoken
    from gnnneg.errors import UserError
    from gnnneg.experiment import Run

    refuse_source(args.out, args.queries, args.among_names, args.path)
    args.format = args.format or _by_name(args)
    if args.format == "parquet" and not args.out and sys.stdout.isatty():
        raise UserError("Parquet is no text for a terminal: give a file with --out FILE.")
    if args.format == "table" and args.out:
        raise UserError("A table is for the screen: write a file with --format csv, tsv, json or parquet.")
    if args.queries is not None:
        return _many(args)
    if args.skip_unknown:
        raise UserError("--skip-unknown is for a file of questions: give --queries FILE, or leave it out.")
    trained = Run.load(args.path, args.device, args.data)
    among = _among(args)
    likened, paths = None, None
    whole = args.head is not None and args.relation is not None and args.tail is not None
    if args.explain and not whole:
        raise UserError("Paths lead to an answer: give --explain a whole triple, with --head, --relation and --tail.")
    if whole:
        if args.new:
            raise UserError("A whole triple has no other answers to choose among: leave --new out.")
        if args.explain:
            paths = trained.paths(args.head, args.relation, args.tail, args.top)
        answers, likened = trained.explain(args.head, args.relation, args.tail, among=among)
    else:
        chosen = {"unknown_only": args.new, "among": among}
        answers = trained.predict(args.head, args.relation, args.tail, args.top, **chosen)
    if args.format == "table":
        if whole and "tail_rank" in answers:
            for side in ("tail", "head"):
                candidates = answers.pop(f"{side}_candidates")
                answers[f"{side}_rank"] = [f"{r:g} of {n:,}" for r, n in zip(answers[f"{side}_rank"], candidates)]
        answers = spoken(answers)
        show(list(answers.columns), answers.itertuples(index=False))
        if whole and "probability" in answers and answers["probability"].notna().all():
            print(_fitted(trained.calibration))
        if likened is not None:
            for polarity in ("stated", "denied"):
                part = spoken(likened[likened["polarity"] == polarity].drop(columns="polarity"))
                print()
                if len(part):
                    show(list(part.columns), part.itertuples(index=False), f"nearest {polarity} statements")
                else:
                    print(f"No other statement of {args.relation} is {polarity}.")
        if paths is not None:
            print()
            if len(paths):
                show(list(paths.columns), paths.itertuples(index=False), "paths")
            else:
                print("No path leads there in as many steps as the model has layers.")
    elif args.format == "parquet" and args.out:
        write(Path(args.out), lambda path: answers.to_parquet(path, index=False))
    elif args.format == "parquet":
        answers.to_parquet(sys.stdout.buffer, index=False)
    else:
        as_json = args.format == "json"
        rows = records(answers)
        if likened is not None:
            rows[0]["nearest"] = records(likened)
        if paths is not None:
            rows[0]["paths"] = records(paths)
        sign = "\t" if args.format == "tsv" else ","
        text = to_json(rows) + "\n" if as_json else harmless(answers).to_csv(index=False, sep=sign)
        if args.out:
            write_text(Path(args.out), text)
        else:
            sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
    return 0


def _by_name(args: argparse.Namespace) -> str:
    """The format by the file's name. A name without an ending, a text or a device gets what a terminal would.

    Raises:
        UserError: If the name is that of another kind of file.
    """
    from gnnneg.errors import UserError, echo

    named = Path(args.out).suffix.lower().removeprefix(".") if args.out else ""
    if named in FORMATS:
        return named
    if named and named not in PLAIN and not _device(args.out):
        raise UserError(
            f"--out {echo(args.out)[1:-1]}: answers are written as .tsv, .csv, .json or .parquet; call the file so, or "
            "say which with --format."
        )
    return "table" if args.queries is None else "tsv"


def _device(out: str) -> bool:
    """Whether it is no ordinary file, such as a pipe."""
    return Path(out).exists() and not Path(out).is_file()


def _among(args: argparse.Namespace) -> str | list[str] | None:
    """The candidates: a type, or the names in a file."""
    if args.among_names is None:
        return args.among
    from gnnneg.data.decode import lines
    from gnnneg.errors import UserError

    names = [line for _, line in lines(args.among_names) if line.strip()]
    if not names:
        raise UserError(f"{args.among_names} names nobody to choose among: write one name a line.")
    return names


def _many(args: argparse.Namespace) -> int:
    """Answers a file of questions."""
    from gnnneg.cli.progress import counting
    from gnnneg.errors import UserError
    from gnnneg.evaluation.answer_files import write_answers
    from gnnneg.experiment import Run

    alone = [f"--{name}" for name in ("head", "relation", "tail", "explain") if getattr(args, name)]
    if alone:
        raise UserError(f"--queries asks what its file says: leave {alone[0]} out.")
    if args.format == "table":
        raise UserError(
            "Answers to many questions are no table for the screen: give --format tsv, csv, json or parquet."
        )
    trained = Run.load(args.path, args.device, args.data)
    with counting("questions", not args.quiet) as progress:
        means = {"unknown_only": args.new, "among": _among(args), "skip_unknown": args.skip_unknown}
        parts = trained.predict_parts(args.queries, args.top, **means, progress=progress)
        if args.out:
            write(Path(args.out), lambda path: write_answers(parts, path, args.format))
        else:
            write_answers(parts, sys.stdout.buffer, args.format)
            sys.stdout.buffer.flush()
    return 0


def _fitted(by: Any) -> str:
    """The origin of a probability. It holds for the same mixture of true and false statements."""
    others = "random ones, since none is denied" if by.drawn else "denied ones"
    share = 100 * by.stated / (by.stated + by.denied)
    return (
        f"\nThe probability is by Platt scaling, fitted on {by.stated:,} stated validation statements ({share:.0f} %) "
        f"and {by.denied:,} {others}."
    )
