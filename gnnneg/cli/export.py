"""``gnnneg export RUN --format F --out DIR``: vectors and models for other tools."""

import argparse
from typing import Any

from gnnneg.cli.where import where

FORMATS = """formats:
  parquet    entities.parquet, relations.parquet: name, vector
  npy        entities.npy, relations.npy, and their names as .json
  word2vec   entities.txt, relations.txt
  pykeen     a PyKEEN model with the same scores: TransE, DistMult, ComplEx, RESCAL, RotatE, TransH
  pyg        one of torch_geometric.nn.kge with the same scores: DistMult, ComplEx, RotatE (p=2), unit TransE"""


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "export",
        help="a run's vectors or model in the form of another tool",
        description="Writes vectors of entities and relations with their names, or a model of another library that "
        "gives the same scores.",
        epilog=FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="RUN", help="a run folder, or what 'gnnneg pack' made of one")
    parser.add_argument("--format", metavar="FORMAT", required=True, help="parquet, npy, word2vec, pykeen or pyg")
    parser.add_argument("--out", metavar="DIR", required=True, help="a new folder")
    where(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.experiment import Run
    from gnnneg.exports import export

    for file in export(Run.load(args.path, args.device, args.data), args.format, args.out):
        print(file)
    return 0
