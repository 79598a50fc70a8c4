"""Processes that work beside this one and end with it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

from gnnneg.errors import UserError

PATIENCE = 60.0  # seconds in which a process may write its checkpoint


def started(module: str, orders: Mapping[str, Any], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Starts ``python -m MODULE ORDERS``, where ``orders`` are JSON. It finds the modules that this process finds.

    The process should watch its input with :func:`until_input_ends`: it ends when this process does.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, json.dumps(orders)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONPATH": module_path()},
        start_new_session=True,  # Ctrl-C strikes us alone, and we tell them
    )


def module_path() -> str:
    """The folders in which this process finds modules, among them a script's own, as ``PYTHONPATH``."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)


def told(process: "subprocess.Popen[str]") -> str:
    """The sentence that a process ended with: its last line."""
    said = process.stdout.read() if process.stdout else ""
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    return (said.strip().splitlines() or [""])[-1]


def code_of(work: Callable[[], None], place: str) -> int:
    """The exit code of a process that does some work. The sentence of what went wrong is printed for :func:`told`. What
    the work prints goes to standard error: nobody reads the other stream before the process ends.

    Args:
        work (callable): The work.
        place (str): The file or folder to name, if the system names none.
    """
    try:
        with redirect_stdout(sys.stderr):
            work()
    except KeyboardInterrupt:
        return 130
    except UserError as error:
        print(error)
        return 2
    except OSError as error:
        print(f"{error.filename or place}: {error.strerror or error}.")
        return 2
    return 0


def ended(crew: Sequence["subprocess.Popen[str]"]) -> None:
    """Ends processes, each of which may write its checkpoint first."""
    for process in crew:
        process.terminate()
    for process in crew:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        told(process)


def until_input_ends() -> None:
    """Waits until the process that started this one is gone, then ends this one as after Ctrl-C."""
    while os.read(0, 1024):  # not sys.stdin, whose lock we would hold when Python ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)
