"""``gnnneg resume RUN``: go on from the last checkpoint."""

import argparse
from typing import Any

from gnnneg.cli.where import where


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "resume",
        help="go on with a run from its last checkpoint",
        usage="gnnneg resume RUN [--fit.epochs N] [--fit.patience N] [--fit.max_seconds S] [--device D] "
        "[--data.name FOLDER]",
        description="Goes on with a run as if it had never been stopped: on a CPU with as many threads, to the same "
        "bits. A finished run stays as it is, unless it is asked for more.",
        epilog="--fit.epochs, --fit.patience, --fit.max_seconds, --fit.evaluate_every and --fit.checkpoint_seconds can "
        "be changed, and config.yaml then says so; all else would make another run.",
        allow_abbrev=False,
    )
    parser.add_argument("path", metavar="RUN", help="a run folder")
    where(parser)
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run, settings=[])


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg import distributed
    from gnnneg.cli.train import tell
    from gnnneg.experiment import resume

    with distributed.together():
        done = resume(args.path, progress=not args.quiet, device=args.device, data=args.data, overrides=args.settings)
        if distributed.rank() == 0:
            tell(done, args.json)
    return 0
