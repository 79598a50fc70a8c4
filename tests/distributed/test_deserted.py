"""If one process fails, its sentence is seen, and not that of those who waited for it."""

import os
import socket
import subprocess
import sys

import pytest
from distributed import one_fails

from gnnneg import cli
from gnnneg.distributed import Deserted
from gnnneg.errors import UserError


def test_who_waited_for_one_that_failed_does_not_take_it_for_a_fault_of_ours():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    means = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    command = [sys.executable, "-W", "ignore", one_fails.__file__]
    both = [subprocess.Popen(command, env={**means, "RANK": rank}, stderr=subprocess.PIPE, text=True) for rank in "01"]
    waited, failed = ((process.communicate(timeout=300)[1], process.returncode) for process in both)
    assert failed == ("This is why.\n", cli.BAD_INPUT)
    assert waited == ("Another process has ended, and this one with it: the other one says why.\n", cli.BROKEN)


@pytest.mark.parametrize(
    ("rank", "error", "slept"),
    [
        ("0", UserError("why"), []),
        ("1", UserError("why"), [3.0]),  # the first one may say the same
        ("0", Deserted("gone"), [30.0]),  # after the one who says why
        ("1", Deserted("gone"), [30.0]),
    ],
)
def test_who_knows_the_reason_speaks_first(monkeypatch, capsys, rank, error, slept):
    """The others wait to be ended by torchrun."""
    waits = []

    def fails(words):
        raise error

    monkeypatch.setattr(cli, "_run", fails)
    monkeypatch.setattr(cli.time, "sleep", waits.append)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    assert cli.main(["train"]) == (cli.BAD_INPUT if isinstance(error, UserError) else cli.BROKEN)
    assert waits == slept
    assert capsys.readouterr().err == f"{error}\n"
