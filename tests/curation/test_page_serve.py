"""``gnnneg serve`` as a command: where it listens, where verdicts go, and what it refuses in a sentence."""

import os
import socket
import sys
import urllib.request
from zipfile import ZipFile

import pytest
from experiment.helpers import trained
from office import ended, fetch, nasty

from gnnneg.cli import main
from gnnneg.cli.serve import _token
from gnnneg.verdicts import Statement, Verdicts


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "ring"
    trained(nasty(), folder)
    return folder


def test_it_serves_and_ends_quietly(run, tmp_path, monkeypatch, capsys):
    """A verdict lies beside the run, and nothing but the address and the place of the record is printed;
    who packs the run gives no verdicts away."""
    words = ["serve", str(run), "--port", "0", "--who", "Ann", "--device", "cpu"]

    def ask(url):
        body = b'{"head": "e1", "relation": "next <i>to</i>", "tail": "e2", "verdict": "deny"}'
        sent = urllib.request.Request(f"{url}/api/verdicts", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(sent, timeout=20) as answer:
            assert answer.read() == b'{"id":1}'
        return fetch(url)

    status, text = ended(monkeypatch, words, ask)
    assert (status, "Statements to judge" in text) == (200, True)
    (row,) = Verdicts(run / "verdicts.sqlite", writing=False).rows()
    assert (row.statement, row.who, row.run) == (Statement("e1", "next <i>to</i>", "e2"), "Ann", "ring")
    said = capsys.readouterr()
    assert said.err == ""
    assert main(["pack", str(run), str(tmp_path / "run.zip")]) == 0
    assert not [name for name in ZipFile(tmp_path / "run.zip").namelist() if "verdicts" in name]
    first, second = said.out.splitlines()
    assert first.startswith("http://127.0.0.1:")
    assert first.endswith("/")
    assert second == f"Verdicts go into {run / 'verdicts.sqlite'}. Ctrl-C ends the server."


def test_for_others_it_asks_for_a_token(run, tmp_path, monkeypatch, capsys):
    """A random one is printed, and every other visitor is turned away."""
    words = ["serve", str(run), "--port", "0", "--host", "0.0.0.0", "--verdicts", str(tmp_path / "new" / "v.sqlite")]

    def ask(url):
        token = capsys.readouterr().out.splitlines()[0].rpartition("?token=")[2]
        assert len(token) >= 20
        url = url.replace("0.0.0.0", "127.0.0.1")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            fetch(url)
        return fetch(f"{url}/?token={token}")[0]

    assert ended(monkeypatch, words, ask) == 200
    assert (tmp_path / "new" / "v.sqlite").exists()


def test_tokens():
    assert _token(None, alone=True) is None
    assert _token("mine", alone=True) == "mine"
    assert _token(None, alone=False) != _token(None, alone=False)


def test_what_is_refused(run, tmp_path, capsys, monkeypatch):
    """Each in one sentence that names the option, before runs are loaded."""
    monkeypatch.setattr("gnnneg.cli.serve._served", lambda args: pytest.fail("a run is loaded for nothing"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        pack = tmp_path / "run.pack"
        pack.write_bytes(b"x" * 3_000)
        for words, said in {
            ("--port", str(port)): f"Port {port} is in use on this machine: give another with --port",
            ("--port", "70000"): "--port is 70000",
            ("--port", "-1"): "--port is -1",
            ("--port", "0", "--host", "no.such.host.invalid"): "--host 'no.such.host.invalid' is no address",
            ("--port", "0", "--host", "203.0.113.7"): "--host 203.0.113.7 is no address of this machine",
            ("--port", "0", "--token", " "): "--token is empty",
            ("--port", "0", "--who", ""): "Your name is empty",
            ("--port", "0", "--verdicts", str(tmp_path)): "cannot be opened",
            ("--port", "0", "--verdicts", str(pack)): "is no record of verdicts",
        }.items():
            assert main(["serve", str(run), *words]) == 2, words
            error = capsys.readouterr().err
            assert said in error
            assert error.count("\n") == 1
    assert main(["serve", str(pack), "--port", "0"]) == 2
    assert "say where they go with --verdicts FILE" in capsys.readouterr().err
    assert main(["serve", str(tmp_path / "nothing"), "--port", "0"]) == 2
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(run)]) == 2
    assert capsys.readouterr().err.endswith("The curation page needs the extra 'app': pip install 'gnnneg[app]'.\n")


def test_a_folder_that_cannot_be_written(run, capsys, monkeypatch):
    """As it is for everybody but root, who may write anywhere."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert main(["serve", str(run), "--port", "0"]) == 2
    error = capsys.readouterr().err
    assert error == f"Verdicts cannot be written into {run}: say where they go with --verdicts FILE.\n"
