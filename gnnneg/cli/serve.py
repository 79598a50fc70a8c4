"""``gnnneg serve RUN ...``: the curation page, on this machine."""

import argparse
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from gnnneg.cli.where import where

EXAMPLES = """one run:         gnnneg serve runs/complex
two, compared:   gnnneg serve runs/complex runs/rotate --port 8080
elsewhere kept:  gnnneg serve runs/complex --verdicts judged.sqlite --who "Ada Lovelace"
for others, too: gnnneg serve runs/complex --host 0.0.0.0        (asks for the token that it prints)"""

RECORD = "verdicts.sqlite"
WAITING = 64  # connections that wait to be taken


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "serve",
        help="a page on which people judge what models predict, and its API",
        description="Serves queues of statements to judge, each with all that the runs and the data say of it; one key "
        "is a verdict. Verdicts go into one file that only grows. The page listens on this machine alone unless --host "
        "says otherwise, and then asks for a token. Needs the extra 'app'.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="RUN", nargs="+", help="run folders on the same entities and relations")
    parser.add_argument("--port", type=int, default=8000, help="where to listen, 0 for a free one (default: 8000)")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="(default: 127.0.0.1, this machine)")
    parser.add_argument("--token", metavar="T", help="what visitors have to know (default: with --host a random one)")
    parser.add_argument("--verdicts", metavar="FILE", help=f"where verdicts go (default: {RECORD} in the first run)")
    parser.add_argument(
        "--hierarchy",
        metavar="RELATION",
        help="the relation to superclasses: asks about contradictions by it",
    )
    parser.add_argument("--who", metavar="NAME", help="who judges (default: the page asks each browser once)")
    where(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.errors import MissingExtra

    try:
        import fastapi  # noqa: F401
        import jinja2  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MissingExtra("app", "The curation page") from error
    from gnnneg.curation.page.app import create_app
    from gnnneg.curation.page.people import person
    from gnnneg.curation.page.safety import local
    from gnnneg.verdicts import Verdicts

    who = None if args.who is None else person(args.who)
    token = _token(args.token, local(args.host))
    with _listening(args.host, args.port) as listener:
        verdicts = Verdicts(_record(args))
        served, standard = _served(args)
        chosen = {"host": args.host, "token": token, "who": who, "debug": "--debug" in sys.argv}
        app = create_app(served, standard.queues, verdicts, absent=standard.absent, **chosen)
        _tell(listener, args.host, token, verdicts.path)
        config = uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
        )
        with suppress(KeyboardInterrupt):  # uvicorn has ended in order by then, and says by which signal
            uvicorn.Server(config).run(sockets=[listener])
    verdicts.close()
    return 0


def _served(args: argparse.Namespace) -> tuple[Any, Any]:
    """The runs, and their statements to be judged."""
    from gnnneg.curation.queues import standard
    from gnnneg.curation.served import Served
    from gnnneg.experiment import Run

    served = Served([Run.load(path, args.device, args.data) for path in args.paths])
    return served, standard(served, hierarchy=args.hierarchy)


def _token(given: str | None, alone: bool) -> str | None:
    """The token of the page. By default there is none if only this machine can open it, otherwise a random one."""
    import secrets

    from gnnneg.errors import UserError

    if given is None:
        return None if alone else secrets.token_urlsafe(16)
    if not given.strip():
        raise UserError("--token is empty, so anybody would know it: give some letters, or leave it out.")
    return given


def _listening(host: str, port: int) -> socket.socket:
    """A bound socket. It is opened before the runs are loaded, so that a used port is told at once."""
    from gnnneg.errors import UserError, echo

    if not 0 <= port <= 65_535:
        raise UserError(f"--port is {port}: give one from 0 (any that is free) to 65535.")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
    except (OSError, UnicodeError) as error:
        raise UserError(f"--host {echo(host)} is no address of this machine: give one, such as 0.0.0.0.") from error
    listener = socket.socket(family, kind)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(WAITING)
    except OSError as error:
        listener.close()
        raise UserError(_refusal(host, port, error)) from error
    return listener


def _refusal(host: str, port: int, error: OSError) -> str:
    import errno

    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use on this machine: give another with --port, such as --port {port % 65_535 + 1}."
    if error.errno == errno.EACCES:
        return f"Port {port} is not for everybody: give one above 1023 with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is no address of this machine: give one, such as 0.0.0.0."
    return f"{host} port {port} cannot be listened on ({error.strerror}): give others with --host and --port."


def _record(args: argparse.Namespace) -> Path:
    """The file of verdicts; by default it is beside the first run."""
    from gnnneg.errors import UserError

    if args.verdicts is not None:
        return Path(args.verdicts)
    first = Path(args.paths[0])
    if first.is_dir() and os.access(first, os.W_OK):
        return first / RECORD
    raise UserError(f"Verdicts cannot be written into {first}: say where they go with --verdicts FILE.")


def _tell(listener: socket.socket, host: str, token: str | None, record: Path) -> None:
    port = listener.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    print(f"http://{name}:{port}/{'' if token is None else f'?token={token}'}")
    print(f"Verdicts go into {record}. Ctrl-C ends the server.", flush=True)
