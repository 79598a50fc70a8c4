"""``gnnneg pack RUN model.zip``: writes a trained model as one file."""

import argparse
from pathlib import Path
from typing import Any

from gnnneg.cli.where import where


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "pack",
        help="a trained model in one file, with a card, to share",
        description="Writes weights, names, config, figures, calibration and a model card into a zip archive that "
        "'predict', 'evaluate', 'nearest' and 'export' read anywhere, without the data set. No code is in it, and no "
        "statements, unless the model looks at its graph or --statements says so.",
    )
    parser.add_argument("path", metavar="RUN", help="a run folder")
    parser.add_argument("out", metavar="FILE", help="the file to write, such as model.zip")
    parser.add_argument("--statements", action="store_true", help="take the statements of the data set along")
    where(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.experiment import Run
    from gnnneg.experiment.pack import pack
    from gnnneg.run_files import STATEMENTS

    names = pack(Run.load(args.path, args.device, args.data), args.out, args.statements)
    size = Path(args.out).stat().st_size
    print(f"{args.out}: {len(names)} files, {size / (1 << 20):,.1f} MiB.")
    if STATEMENTS in names:
        why = "as asked" if args.statements else "since the model looks at its graph"
        print(f"The statements of the data set are in it, {why}: its licence holds for them.")
    else:
        print("The statements of the data set are not in it.")
    return 0
