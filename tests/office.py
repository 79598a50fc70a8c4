"""A small graph with names that would break a careless page, and a page about it."""

import os
import signal
import threading
import urllib.request

import torch
from experiment.helpers import trained
from starlette.testclient import TestClient

import gnnneg.cli.serve as command
from gnnneg.cli import main
from gnnneg.curation import Served
from gnnneg.curation.page.app import create_app
from gnnneg.curation.queues import Uncertain, standard
from gnnneg.data.statements import assemble
from gnnneg.records import Triplets
from gnnneg.verdicts import Verdicts

AT = "http://127.0.0.1:8000"
OWN = {"Origin": AT}
NASTY = [
    "<script>alert(1)</script>",
    "\"quoted\" & 'apostrophes'",
    "right\u202eleft",
    "a/b?c=1&d=2#e;%2e%2e",
    "</textarea></form><b>",
    "{{ 7 * 7 }}${7*7}",
    "  blanks  inside ",
    "名前 ünïcode 🙂",
    "javascript:alert(1)",
    "../../etc/passwd",
]
RELATIONS = ["next <i>to</i>", 'after" onclick="x']


def nasty():
    """A ring of twenty entities, ten of them with such names."""
    size = 20
    one = torch.arange(size)
    head, tail = torch.cat([one, one]), torch.cat([(one + 1) % size, (one + 2) % size])
    stated = Triplets(head, torch.tensor([0, 1]).repeat_interleave(size), tail)
    split = torch.tensor([0] * 8 + [1, 2]).repeat(2 * size // 10)
    denied = Triplets(one[:6], torch.zeros(6, dtype=torch.long), (one[:6] + 5) % size)
    names = [*NASTY, *(f"e{i}" for i in range(size - len(NASTY)))]
    return assemble(stated, split, names, RELATIONS, denied, torch.tensor([0, 0, 1, 1, 2, 2]))


class Office:
    """A page about one run; each client of it begins a record, or goes on with the one that there is."""

    def __init__(self, path):
        self.verdicts = Verdicts(path)
        self.run = trained(nasty(), None)
        self.served = Served([self.run])
        (_, *queues), self.absent = standard(self.served)
        self.queues = [Uncertain(self.served, length=24), *queues]
        self.uncertain = [item.statement for item in self.queues[0].items()]
        self.app = self.made()

    def made(self, **options):
        """The application with options of its own."""
        return create_app(self.served, self.queues, self.verdicts, absent=self.absent, **options)

    def begin(self, path):
        """A record of its own for a test."""
        self.verdicts = self.app.app.state.desk.verdicts = Verdicts(path)

    def client(self, who=None, app=None):
        client = TestClient(app or self.app, base_url=AT, raise_server_exceptions=False)
        if who is not None:
            client.post("/who", data={"who": who}, headers=OWN, follow_redirects=False)
        return client


def ended(monkeypatch, words, ask):
    """Runs ``gnnneg serve``, asks it something once it listens, and ends it as Ctrl-C does."""
    found, first = [], command._tell
    before = signal.getsignal(signal.SIGINT)

    def told(listener, *rest):
        where = listener.getsockname()
        first(listener, *rest)

        def visit():
            try:
                found.append(ask(f"http://{where[0]}:{where[1]}"))
            finally:
                os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=visit).start()

    with monkeypatch.context() as patch:
        patch.setattr(command, "_tell", told)
        assert main(words) == 0
    assert signal.getsignal(signal.SIGINT) == before
    return found[0]


def fetch(address):
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.status, answer.read().decode()
