"""What a server holds does not grow with what is judged."""

import gc
import logging
import threading
import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from jaxtyping import config
from office import OWN, Office

from gnnneg.curation import served as module
from gnnneg.curation.page import judging, links
from gnnneg.verdicts import Statement, Verdicts
from gnnneg.verdicts.record import IDLE

ROUNDS, EACH = 6, 6
LEAK = 300  # bytes for each verdict, which are found
ALLOWED = 250  # bytes for each verdict that one line may keep, by which torch keeps some
ALL = 1_500 + LEAK  # and all lines: a row alone, with the reason, has more than twice as much
OURS, PLANTED = str(Path(module.__file__).parents[1]), "<planted>"
leak = eval(compile(f"lambda: bytes({LEAK})", PLANTED, "eval"))


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    return Office(tmp_path_factory.mktemp("office") / "v.sqlite")


def judge(client, statement, number):
    """What a person's browser asks for around one verdict, and a look at all else that is kept for the next time."""
    asked = statement._asdict()
    assert client.get(links.statement_url(statement, "uncertain")).status_code == 200
    sent = {**asked, "verdict": ("deny", "accept", "unsure")[number % 3], "why": "x" * 3_000, "queue": "uncertain"}
    assert client.post("/api/verdicts", json=sent, headers=OWN).status_code == 201
    if number % EACH == 3:
        assert client.post("/api/undo", json={}, headers=OWN).status_code == 200
    assert client.get(f"/live?after={number}").status_code == 200
    for address in ("/api/entity", "/search"):
        key = "name" if address.startswith("/api") else "text"
        assert client.get(address, params={key: statement.head}).status_code == 200
    if number % EACH == 0:
        question = {"head": statement.head, "relation": statement.relation, "top": 3}
        for address in ("/ask", "/api/predict"):
            assert client.get(address, params=question).status_code == 200
        assert client.get("/history").status_code == client.get("/summary").status_code == 200


def places():
    """How many bytes are held of what each line of ours has allocated, and that of all lines."""
    gc.collect()
    found = Counter()
    for one in tracemalloc.take_snapshot().statistics("lineno"):
        file = one.traceback[0].filename
        if file not in (__file__, tracemalloc.__file__):  # what is counted here is held here
            found["all"] += one.size
        if file.startswith((OURS, PLANTED)):
            found[f"{one.traceback[0]}"] = one.size
    return found


def steady(held):
    """How much each line of code has grown by in each of some rounds, at least; only those that have in all of them."""
    grown = [Counter(after) - Counter(before) for before, after in pairwise(held)]  # only what is positive
    return {place: min(each[place] for each in grown) for place in set.intersection(*map(set, grown))}


def test_what_grows_in_each_round():
    assert steady([{"a": 1, "b": 5}, {"a": 3, "b": 9}, {"a": 9, "b": 9}]) == {"a": 2}
    assert steady([{}, {"a": 300}, {"a": 500}, {"a": 900}]) == {"a": 200}
    assert steady([{"a": 9}, {"a": 300}, {"a": 20}]) == {}


def test_memory_is_flat(office, tmp_path, monkeypatch):
    """Verdicts of more people on other statements leave nothing behind but the last views. What is made once is made in
    some round, and what is kept for each verdict in every one, by one line of code. One that is planted here is found.
    """
    monkeypatch.setattr(module, "KEPT", 5)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest keeps what the client logs
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # and checks of types keep each function within another
    office.begin(tmp_path / "v.sqlite")
    names, relations = office.served.data["entity"].names, office.served.data.relation_names
    every = [Statement(h, r, t) for h in names for r in relations for t in names]
    held, leaked = [], []
    tracemalloc.start()
    try:
        for turn in range(ROUNDS):
            client = office.client(f"Person {turn}")
            for place in range(EACH):
                number = turn * EACH + place
                judge(client, every[7 * number % len(every)], number)
                leaked.append(leak())
            client.close()
            del client
            assert len(office.served._views) == 5
            office.served._views.clear()  # they are not all of one size
            held.append(places())
    finally:
        tracemalloc.stop()
    grown = {place: size / EACH for place, size in steady(held).items()}
    assert grown.pop("all", 0) < ALL, held  # gone if it shrank in some round
    assert [place for place, size in grown.items() if size > ALLOWED] == [f"{PLANTED}:1"], grown
    assert not office.served._making


def test_what_is_kept_is_the_last(office, monkeypatch):
    """Of views and questions so many, the one least lately asked for goes first; what fails is not kept."""
    monkeypatch.setattr(module, "KEPT", 3)
    made = []

    def ask(key):
        return office.served.kept((key,), lambda: made.append(key) or key)

    for key in "abcadb":
        assert ask(key) == key
    assert made == [*"abcdb"]
    with pytest.raises(ZeroDivisionError):
        office.served.kept(("z",), lambda: 1 // 0)
    assert list(office.served._views) == [("a",), ("d",), ("b",)]
    assert not office.served._making


def test_few_connections_wait(tmp_path):
    """As many threads as ask at once each have one; afterwards a few are kept, and all that was judged is there."""
    verdicts = Verdicts(tmp_path / "v.sqlite")
    together = threading.Barrier(3 * IDLE)

    def ask(number):
        with verdicts._lent():
            together.wait(60)
        verdicts.record(Statement("a", "r", str(number)), "deny", "ann")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3 * IDLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(verdicts._idle) <= IDLE
    assert len(verdicts.rows()) == 3 * IDLE
    verdicts.close()


def test_a_look_at_what_others_said_sees_the_last(office, tmp_path, monkeypatch):
    """Who asks for all of a long record is not answered with all of it."""
    monkeypatch.setattr(judging, "MOST", 4)
    office.begin(tmp_path / "v.sqlite")
    client = office.client("Ann")
    for statement in office.uncertain[:6]:
        office.verdicts.record(statement, "deny", "Ann")
    found = client.get("/live?after=0").json()
    assert found["last"] == 6
    assert found["mine"] == [links.statement_url(one) for one in office.uncertain[2:6]]
    assert len(client.get("/live?after=4").json()["mine"]) == 2
