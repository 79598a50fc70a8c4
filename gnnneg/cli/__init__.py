"""The command line: one module a command. Bad input gets one sentence on standard error and exit code 2."""

import argparse
import codecs
import gc
import importlib
import importlib.util
import io
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from gnnneg import compiling, errors
from gnnneg.cli import early
from gnnneg.cli.settings import options, parted
from gnnneg.errors import UserError, echo
from gnnneg.former import FormerName
from gnnneg.plain import visible
from gnnneg.postponed import postpone
from gnnneg.trust import VARIABLE, allowing

# of a config or a run
READERS = (
    *("train", "tune", "resume", "evaluate", "predict", "negatives", "compare", "report", "plan"),
    *("nearest", "export", "pack", "serve"),
)
COMMANDS = (*READERS, "demo", "data", "verdicts", "bench", "study")

LONG = 500  # letters of a complaint about the command line
PATIENCE = 3.0  # seconds in which torchrun ends the processes that have nothing of their own to say
BAD_INPUT, BROKEN, INTERRUPTED = 2, 1, 130
RARELY = 50_000, 20, 20  # Python's own thresholds go through a million objects again and again while modules load


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        message = message if len(message) < LONG else f"{message[:LONG]}..."
        raise UserError(f"{message[0].upper()}{message[1:].rstrip('.')}; see '{self.prog} --help'.")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and gives the exit code: 0 only on success."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:  # the process is ours
        gc.set_threshold(*RARELY)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if any("\0" in word for word in words):
        return _say("The command line holds a zero byte, which no name of a file has: leave it out.", BAD_INPUT, debug)
    warnings.showwarning = _warn  # type: ignore[assignment]
    warnings.simplefilter("default", FormerName)  # which Python tells programmers alone
    _speak()
    postpone()
    try:
        with _terminable():
            return _run(words)
    except KeyboardInterrupt as error:
        return _say(str(error) or "Interrupted.", INTERRUPTED, debug)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN
    except UserError as error:
        return _say(str(error), BAD_INPUT, debug)
    except OSError as error:
        where = f"{str(error.filename)[:LONG]}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}.", BAD_INPUT, debug)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "memory" in str(error).lower():
            advice = "Out of memory: lower fit.batch_size, the sampler's num_negatives or evaluation.memory_mib."
            return _say(advice, BAD_INPUT, debug)
        if _deserted(error):  # after the one who says why
            return _say(str(error), BROKEN, debug, 10 * PATIENCE)
        return _broken(error, debug)
    except Exception as error:
        return _broken(error, debug)


def parser() -> tuple[Parser, dict[str, argparse.ArgumentParser]]:
    """The whole command line, and the parser of each command by its name."""
    whole = Parser(prog="gnnneg", description="Learns knowledge graph embeddings from what is, and is not, true.")
    whole.add_argument("--version", action="store_true", help="print the version and exit")
    whole.add_argument("--debug", action="store_true", help="show where an error came from (anywhere on the line)")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")
    for name in COMMANDS:
        if importlib.util.find_spec(f"gnnneg.cli.{name}"):
            importlib.import_module(f"gnnneg.cli.{name}").add(commands)
    for name in set(READERS) & set(commands.choices):
        commands.choices[name].add_argument(
            "--allow",
            metavar="MODULE",
            action="append",
            default=[],
            help=f"your own module that the config or run may name; can be repeated (or set {VARIABLE})",
        )
    return whole, dict(commands.choices)


def _run(words: list[str]) -> int:
    whole, commands = parser()
    if words and not words[0].startswith("-") and words[0] not in commands:
        raise UserError(f"There is no command {echo(words[0])}: {errors.nearest(words[0], commands)}")
    known, settings = parted(words, options(whole, words))
    args = whole.parse_args(known)
    if args.version:
        from importlib.metadata import version

        print(f"gnnneg {version('gnnneg')}")
        return 0
    if args.command is None:
        whole.print_help()
        return 0
    if settings and not hasattr(args, "settings"):
        raise UserError(f"'gnnneg {args.command}' takes no settings of a config, such as {settings[0]}: see --help.")
    args.settings = settings
    early.refuse(args)
    told = sys.stderr.isatty() and not getattr(args, "quiet", False)
    with allowing(getattr(args, "allow", ())), compiling.told(_tell if told else _silent):
        return args.run(args)


@contextmanager
def _terminable() -> Iterator[None]:
    """Ends at SIGTERM as at Ctrl-C, so that unfinished files are removed. A handler that is there already stays."""
    mine = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if mine:
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        if mine:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _speak() -> None:
    """Writes UTF-8 in any locale. A terminal with another encoding gets escapes for characters that it lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper) and codecs.lookup(sys.stdout.encoding).name != "utf-8":
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")


def _say(message: str, code: int, debug: bool, patience: float = 0.0) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    patience = patience if _leads() else max(patience, PATIENCE)
    if patience and not _alone(patience):
        return code
    print(visible(" ".join(message.split())), file=sys.stderr)
    return code


def _tell(words: str) -> None:
    print(words, file=sys.stderr)


def _silent(words: str) -> None:
    pass


def _leads() -> bool:
    """Whether this is the first of the processes that torchrun has started, or the only one."""
    return os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK", "0") == "0"


def _alone(seconds: float) -> bool:
    """Whether this process is still there after so long. If another one has printed, torchrun ends it."""
    try:
        time.sleep(seconds)
    except KeyboardInterrupt:
        return False
    return True


def _deserted(error: Exception) -> bool:
    """Whether an error only follows from that of another process."""
    if early.LATE not in sys.modules:
        return False
    from gnnneg.distributed import Deserted

    return isinstance(error, Deserted)


def _broken(error: Exception, debug: bool) -> int:
    kind = type(error).__name__
    return _say(f"Unexpected {kind}: {error} (--debug shows where; please report it)", BROKEN, debug)


def _warn(message: Warning | str, category: type[Warning], *_: object) -> None:
    if _leads():
        print(f"Warning: {visible(' '.join(str(message).split()))}", file=sys.stderr)
