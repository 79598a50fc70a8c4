"""``gnnneg plan CONFIG``: what a config would take on a graph and machines that are not at hand."""

import argparse
from textwrap import fill
from typing import TYPE_CHECKING, Any

from gnnneg.errors import UserError
from gnnneg.plain import to_json

if TYPE_CHECKING:
    from gnnneg.planning import Constants, Forecast

WIDE = 100  # columns


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "plan",
        help="say whether a config fits on a graph and machines of some size, how long it takes, and what bounds it",
        usage="gnnneg plan CONFIG --entities N --statements N [--relations N] [--machines N] [--memory SIZE] "
        "[--network SPEED] [--cores N] [--json] [--KEY VALUE ...]\n       gnnneg plan --measure",
        description="Works out memory, seconds and bytes sent from constants that were measured; trains nothing, and "
        "does not look at the data set.",
        epilog="Any key of the config can be set, as in 'gnnneg train': --task.sampler.num_negatives 64.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="a YAML file")
    parser.add_argument("--entities", metavar="N", help="of the graph, such as 90e6")
    parser.add_argument("--statements", metavar="N", help="that are trained on, such as 338e6")
    parser.add_argument("--relations", metavar="N", default="1000", help="of the graph (default: 1000)")
    parser.add_argument("--machines", metavar="N", default="1", help="with one process each (default: 1)")
    parser.add_argument("--memory", metavar="SIZE", default="24GiB", help="of each (default: 24GiB)")
    parser.add_argument("--network", metavar="SPEED", default="10Gbit", help="of each, a second (default: 10Gbit)")
    parser.add_argument("--cores", metavar="N", default="2", help="of each (default: 2)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--measure", action="store_true", help="measure this machine first, and keep the constants")
    parser.set_defaults(run=run, settings=[])


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.planning import known

    if args.config is None and not args.measure:
        raise UserError("Which config? Write 'gnnneg plan CONFIG --entities N --statements N', or --measure alone.")
    asked = None if args.config is None else _asked(args)
    constants = _measured(quiet=args.json) if args.measure else known()
    if asked is None:
        if args.json:
            from dataclasses import asdict

            print(to_json(asdict(constants)))
        return 0
    made = asked(constants)
    if args.json:
        print(to_json(figures(made)))
        return 0
    _show(made)
    return 0


def _measured(quiet: bool) -> "Constants":
    from gnnneg.planning import kept
    from gnnneg.planning.measure import measure

    constants = measure()
    file = kept(constants)
    if not quiet:
        print(f"Measured this machine: {file}")
    return constants


def _asked(args: argparse.Namespace) -> Any:
    """What makes the forecast of constants, once all that was written makes sense."""
    from gnnneg.distributed import leaves_empty
    from gnnneg.experiment import read
    from gnnneg.planning import Graph, Machines, forecast, units, work

    for option in ("entities", "statements"):
        if getattr(args, option) is None:
            raise UserError(f"How large is the graph? Give --{option}, such as --{option} 4.6e6.")
    entities, statements, relations, machines, cores = (
        units.count(getattr(args, option), f"--{option}")
        for option in ("entities", "statements", "relations", "machines", "cores")
    )
    if leaves_empty(entities, machines):
        raise UserError(f"--machines {machines:,}: of {entities:,} entities some machines would hold none: give fewer.")
    graph = Graph(entities, statements, relations)
    given = Machines(machines, units.size(args.memory, "--memory"), units.speed(args.network, "--network"), cores)
    done = work(read(args.config, args.settings, args.allow), graph)
    return lambda constants: forecast(done, graph, given, constants)


def figures(made: "Forecast") -> dict[str, Any]:
    """All that a forecast says, in bytes and seconds."""
    return {
        "fits": made.fits,
        "memory_bytes": made.memory,
        "total_bytes": made.total,
        "checkpoint_bytes": made.checkpoint,
        "seconds": made.seconds,
        "step_s": made.step,
        "steps": made.steps,
        "epoch_s": made.epoch,
        "sent_bytes": made.sent,
        "bound": made.bound,
        "machines_needed": made.needed(),
        "advice": made.advice(),
        "notes": list(made.work.notes),
        "constants": {"measured": made.constants.measured, "machine": made.constants.machine},
        "negatives": {
            name: {
                "epoch_s": other.epoch,
                "step_s": other.step,
                "sent_bytes": other.sent,
                "total_bytes": other.total,
                "fits": other.fits,
                "bound": other.bound,
            }
            for name, other in made.compared().items()
        },
    }


def _show(made: "Forecast") -> None:
    from gnnneg.cli.table import show
    from gnnneg.memory import spoken

    graph, machines = made.graph, made.machines
    many = f"{machines.count:,} machines" if machines.count > 1 else "one machine"
    sizes = f"{graph.entities:,} entities, {graph.statements:,} statements, {graph.relations:,} relations"
    print(fill(f"{sizes} on {many} of {spoken(machines.memory)} and {machines.cores} cores", WIDE), end="\n\n")
    show(["memory of each machine", "bytes"], [[name, spoken(size)] for name, size in made.memory.items()])
    fits = "fits" if made.fits else "does not fit"
    print(f"in all {spoken(made.total)}, which {fits}; a checkpoint takes {spoken(made.checkpoint)} of all disks\n")
    names = list(made.seconds)
    rows = [
        [
            name,
            *(_time(other.seconds[part]) for part in names),
            _time(other.step),
            _time(other.epoch),
            spoken(other.sent),
            "yes" if other.fits else "no",
        ]
        for name, other in {"as configured": made, **made.compared()}.items()
        if other is made or other.work.negatives != made.work.negatives
    ]
    short = [name.removeprefix("memory ") for name in names]
    show(["negatives", *short, "step", "epoch", "sent", "fits"], rows)
    print()
    for note in made.work.notes:
        print(fill(note, WIDE))
    whose = f"measured on {made.constants.measured} by '{made.constants.command}' on {made.constants.machine}"
    print(fill(f"Constants: {whose}.", WIDE))
    print(fill(made.advice(), WIDE))


def _time(seconds: float) -> str:
    for name, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {name}"
    return f"{1000 * seconds:.1f} ms"
