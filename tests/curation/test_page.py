"""The curation page without a browser: what it shows, records and refuses."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from office import AT, NASTY, OWN, RELATIONS, Office

from gnnneg.curation.page import links
from gnnneg.curation.page.people import person
from gnnneg.curation.page.safety import LARGEST
from gnnneg.errors import UserError
from gnnneg.verdicts import Statement


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    return Office(tmp_path_factory.mktemp("office") / "v.sqlite")


@pytest.fixture
def page(office, tmp_path):
    office.begin(tmp_path / "v.sqlite")
    return office.client("Ann")


ROW = '<td class="text short"><span class="said'


def form(statement, verdict, queue="uncertain", **more):
    return {**statement._asdict(), "verdict": verdict, "queue": queue, **more}


class Reader(HTMLParser):
    """The tags of a page, with what they are called, and the texts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def test_every_page_shows_names_as_text(page, office):
    """No name becomes a tag, an attribute, a template or a direction of writing; nothing is loaded from elsewhere."""
    first = office.uncertain[0]
    page.post("/judge", data=form(first, "deny", why=NASTY[0] + NASTY[4] + NASTY[2]), headers=OWN)
    asked = [f"/entity?{urlencode({'name': name})}" for name in NASTY]
    asked += [f"/search?{urlencode({'text': name})}" for name in NASTY]
    asked += [f"/ask?{urlencode({'head': name, 'relation': RELATIONS[1]})}" for name in NASTY]
    asked += [links.statement_url(item, "uncertain") for item in office.uncertain[:20]]
    for address in ["/", "/history", "/summary", "/docs", "/who", *asked]:
        answer = page.get(address)
        assert answer.status_code == 200, (address, answer.text)
        read = Reader(answer.text)
        assert [tag for tag, _ in read.tags].count("script") == 1  # our own
        assert not {"i", "iframe", "img"} & {tag for tag, _ in read.tags}
        assert not any(name.startswith("on") or name == "style" for _, attrs in read.tags for name in attrs)
        assert "\u202e" not in "".join(read.texts)  # in a field's value it stays, and turns nothing beyond
        for tag, attrs in read.tags:
            for name in ("src", "href", "action"):
                assert attrs.get(name, "/").startswith(("/", "#")), (tag, attrs)
    found = Reader(page.get(asked[0]).text)
    assert NASTY[0] in found.texts


def test_judging_without_a_script(page, office):
    """A form leads to the next statement, and its row has the exact names and what the run says of it."""
    first, second, third = office.uncertain[:3]
    begun = page.get("/queue?key=uncertain", follow_redirects=False)
    assert begun.headers["location"] == links.statement_url(first, "uncertain")
    led = page.post("/judge", data=form(first, "deny", why="never"), headers=OWN, follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (303, links.statement_url(second, "uncertain"))
    led = page.post("/judge", data=form(second, "skip"), headers=OWN, follow_redirects=False)
    assert led.headers["location"] == links.statement_url(third, "uncertain")
    rows = office.verdicts.rows()
    assert [(row.statement, row.verdict, row.who, row.why, row.queue) for row in rows] == [
        (first, "deny", "Ann", "never", "uncertain"),
        (second, "skip", "Ann", "", "uncertain"),
    ]
    said, _ = office.run.explain(*first)
    assert rows[0].score == pytest.approx(said["score"][0])
    assert rows[0].probability == pytest.approx(said["probability"][0])
    undone = page.post("/undo", headers=OWN, follow_redirects=False)
    assert undone.headers["location"] == links.statement_url(second, "uncertain")
    assert office.verdicts.judged("Ann") == {first}
    noted = page.post("/judge", data=form(second, "note", why="look again"), headers=OWN, follow_redirects=False)
    assert noted.headers["location"] == links.statement_url(second, "uncertain")
    assert "look again" in page.get(noted.headers["location"]).text
    assert page.get("/queue?key=uncertain", follow_redirects=False).headers["location"].startswith("/statement")


def test_a_bookmark_of_a_queue_that_has_changed(page, office):
    """A statement that is no longer in its queue has its page all the same, and its verdict leads to the queue."""
    names = office.served.data["entity"].names
    gone = next(Statement(one, RELATIONS[0], one) for one in names if (one, RELATIONS[0], one) not in office.uncertain)
    text = page.get(links.statement_url(gone, "uncertain")).text
    assert 'id="judge"' in text
    assert 'rel="next"' not in text
    assert "Statement 1 of" not in text
    led = page.post("/judge", data=form(gone, "deny"), headers=OWN, follow_redirects=False)
    assert led.headers["location"] == links.statement_url(office.uncertain[0], "uncertain")
    assert page.get(links.statement_url(gone, "uncertain")).status_code == 200
    assert page.get(links.statement_url(gone, "of-old")).status_code == 400


def test_a_queue_ends_and_goes_round(page, office):
    """Behind the last one come those passed over; then the queue is done."""
    last, others = office.uncertain[-1], office.uncertain[:-1]
    led = page.post("/judge", data=form(last, "accept"), headers=OWN, follow_redirects=False)
    assert led.headers["location"] == links.queue_url("uncertain")
    for one in others:
        office.verdicts.record(one, "deny", "Ann")
    answer = page.get("/queue?key=uncertain")
    assert "all judged" in answer.text
    assert 'data-left="uncertain">0</b>' in answer.text
    assert f"{len(others):,} left" not in page.get("/").text


def test_the_name_is_asked_once(office, tmp_path):
    office.begin(tmp_path / "v.sqlite")
    client = office.client()
    address = links.statement_url(office.uncertain[0], "uncertain")
    asked = client.get(address)
    assert asked.url.path == "/who"
    led = client.post("/who", data={"who": " Zoë\u0308 & Co ", "next": address}, headers=OWN)
    assert str(led.url) == AT + address
    assert "Zoë̈ &amp; Co" in client.get("/").text
    assert client.post("/who", data={"who": " "}, headers=OWN).status_code == 400
    default = office.client(app=office.made(who="Cyd"))
    default.post("/judge", data=form(office.uncertain[0], "accept"), headers=OWN)
    assert [row.who for row in office.verdicts.rows()] == ["Cyd"]


def test_people_who_differ(office, tmp_path):
    """The first two of four shared statements as one, so kappa is worked by hand: p_o = 1/2, p_e = 1/2."""
    office.begin(tmp_path / "v.sqlite")
    ann, bob = (office.client(who) for who in ("Ann", "Bob"))
    for place, (mine, yours) in enumerate(
        [("accept", "accept"), ("deny", "deny"), ("accept", "deny"), ("deny", "accept")]
    ):
        for client, verdict in ((ann, mine), (bob, yours)):
            client.post("/judge", data=form(office.uncertain[place], verdict), headers=OWN)
    text = Reader(ann.get("/summary").text).texts
    assert "0.00" in text
    assert [one["kappa"] for one in ann.get("/api/summary").json()["agreement"]] == [0.0]
    assert "conflict" in text or "in conflict" in text
    assert ann.get("/history").text.count('class="conflict"') == 4
    live = ann.get("/live?after=0").json()
    assert live["news"][-1].startswith("Bob accepted")
    assert live["last"] == 8
    assert "People disagree." in bob.get(links.statement_url(office.uncertain[2])).text
    bob.post("/undo", headers=OWN)
    bob.post("/undo", headers=OWN)
    assert "People disagree." not in bob.get(links.statement_url(office.uncertain[2])).text
    assert "accepted</b> by <bdi>Bob</bdi>, taken back" in bob.get(links.statement_url(office.uncertain[3])).text


def test_live_tells_what_changed(page, office):
    first, second = office.uncertain[:2]
    office.verdicts.record(first, "deny", "Bob", why="<b>no</b>")
    asked = urlencode({"after": 0, **first._asdict(), "queue": "uncertain"})
    now = page.get(f"/live?{asked}").json()
    assert "by <bdi>Bob</bdi>" in now["said"]
    assert "&lt;b&gt;no" in now["said"]
    assert (now["judged"], now["last"]) == (0, 1)
    asked = urlencode({"after": 1, **second._asdict(), "queue": "uncertain"})
    later = page.get(f"/live?{asked}").json()
    assert (later["said"], later["news"], later["last"]) == (None, [], 1)


def test_a_record_of_other_runs(page, office):
    """It may name queues, and entities, that these runs do not have."""
    office.verdicts.record(Statement("nobody", "r", "e1"), "deny", "Ann", queue="ask?nonsense")
    office.verdicts.record(office.uncertain[0], "deny", "Ann", queue="of-old")
    for address in ("/history", "/summary", "/live?after=0", "/"):
        assert page.get(address).status_code == 200
    assert page.post("/undo", headers=OWN).status_code == 200
    assert page.post("/api/undo", json={}).json()["row"]["url"] == "/statement?head=nobody&relation=r&tail=e1"


def test_history_by_pages(page, office):
    for place in range(104):
        office.verdicts.record(office.uncertain[place % 10], "deny", f"p{place}")
    newest = page.get("/history")
    assert newest.text.count(ROW) == 100
    assert "p103" in newest.text
    assert "p3<" not in newest.text
    (older,) = re.findall(r'rel="next" href="([^"]+)"', newest.text)
    old = page.get(older).text
    assert old.count(ROW) == 4
    assert "p0<" in old
    assert 'rel="prev" href="/history"' in old


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:8000"}, 421),
        ({"Host": "192.168.1.7:8000"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "localhost:8000"}, 200),
        ({"Host": "[::1]:8000"}, 200),
    ],
)
def test_only_for_its_own_name(page, headers, status):
    """DNS rebinding: another site's name may lead here, and a browser takes its pages for that site's own."""
    assert page.get("/api/queues", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),  # no browser
        ({"Origin": AT}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://127.0.0.1:9000"}, False),
        ({"Origin": "null"}, False),
        ({"Referer": f"{AT}/statement"}, True),
        ({"Referer": "http://evil.example/"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": AT}, False),
    ],
)
@pytest.mark.parametrize("address", ["/judge", "/undo", "/who", "/api/verdicts", "/api/undo"])
def test_others_change_nothing(page, office, headers, passes, address):
    statement = office.uncertain[0]
    office.verdicts.record(statement, "accept", "Ann")
    sent = form(statement, "deny", who="Ann")
    body = {"json": sent} if address.startswith("/api") else {"data": sent}
    answer = page.post(address, headers=headers, follow_redirects=False, **body)
    assert (answer.status_code != 403) == passes
    assert (len(office.verdicts.rows()) == 1) == (not passes or address == "/who")


def test_reading_changes_nothing(page, office):
    for address in ("/judge", "/undo", "/api/undo"):
        assert page.get(address).status_code == 405
    assert office.verdicts.rows() == []


def test_a_token(office, tmp_path):
    """Asked of everybody, given by a link, a form or a header, kept in a cookie that no script reads."""
    app = office.made(token="sésame", host="0.0.0.0")
    client = office.client(app=app)
    asked = client.get("/summary")
    assert asked.status_code == 401
    assert "sésame" not in asked.text
    assert 'name="token"' in asked.text
    refused = client.get("/api/queues")
    assert (refused.status_code, list(refused.json())) == (401, ["detail"])
    assert client.get("/static/curate.css").status_code == 200
    assert client.get("/?token=wrong").status_code == 401
    assert client.post("/login", data={"token": "wrong"}, headers=OWN).status_code == 401
    assert client.post("/login", data={"token": "sésame"}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.get("/").status_code == 401
    let_in = client.get("/history?token=s%C3%A9same&before=3")
    assert let_in.status_code == 200
    cookie = let_in.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "token=s" not in let_in.text
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"Host": "192.168.1.7:8000"}).status_code == 200
    assert client.get("/", headers={"Host": "evil.example:8000"}).status_code == 421
    client.cookies.clear()
    led = client.post("/login", data={"token": "sésame", "next": "/ask"}, headers=OWN)
    assert led.url.path == "/ask"
    client.cookies.clear()
    client.cookies.set(cookie.partition("=")[0], "s")
    assert client.get("/").status_code == 401
    local = office.made(token="abc")
    for scheme, status in (("Bearer", 200), ("bearer", 200), ("Basic", 401)):
        program = office.client(app=local)
        given = {"Authorization": f"{scheme} abc"}
        assert program.get("/api/queues", headers=given).status_code == status
    assert office.client(app=local).get("/api/queues", headers={"Authorization": "Bearer abd"}).status_code == 401


@pytest.mark.parametrize("address", ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nb"])
def test_no_form_leads_elsewhere(page, address):
    led = page.post("/who", data={"who": "Ann", "next": address}, headers=OWN, follow_redirects=False)
    assert led.headers["location"] == "/"


def test_headers_of_every_answer(page):
    for address in ("/", "/nothing", "/static/curate.js", "/api/queues", "/entity?name=nobody"):
        headers = page.get(address).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "address",
    [
        "/static/app.py",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/.git",
    ],
)
def test_no_request_names_a_file(page, address):
    answer = page.get(address)
    assert answer.status_code == 404
    assert "import" not in answer.text


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/entity?name=nobody", 400, "There is no entity &#39;nobody&#39;"),
        ("/api/entity?name=nobody", 400, "There is no entity 'nobody'"),
        ("/queue?key=nothing", 400, "There is no queue &#39;nothing&#39;"),
        ("/queue?key=ask%3Fhead%3De1", 400, "is not a question"),
        ("/statement?head=e1", 422, "relation is missing"),
        ("/api/explain?head=e1&relation=r&tail=nobody", 400, "There is no relation 'r'"),
        ("/api/verdicts?after=x", 422, "after: "),
        (f"/api/verdicts?after={10**30}", 422, "after: "),
        (f"/history?before={10**30}", 422, "before: "),
        (f"/live?after={10**30}", 422, "after: "),
        ("/live?after=-1", 422, "after: "),
        ("/api/predict?head=e1&top=0&relation=r", 422, "top: "),
        ("/api/predict?head=e1&relation=r&run=other", 400, "No run 'other' is served"),
        ("/ask?head=e1&relation=nothing", 400, "There is no relation"),
        ("/ask?head=e1&relation=x&tail=e2", 400, "give a relation, and a head or a tail"),
        ("/nothing", 404, "There is no such page"),
        ("/api/nothing", 404, "There is no such page"),
    ],
)
def test_failures_are_one_sentence(page, address, status, said):
    answer = page.get(address)
    assert answer.status_code == status
    assert said in answer.text
    assert "Traceback" not in answer.text
    if address.startswith("/api"):
        assert list(answer.json()) == ["detail"]


def test_what_is_broken_is_told_in_the_terminal(page, office, monkeypatch, capsys):
    monkeypatch.setattr("gnnneg.curation.page.reading.entity", lambda *_: 1 / 0)
    answer = page.get("/entity?name=e1")
    assert answer.status_code == 500
    assert "its terminal shows the error" in answer.text
    assert "ZeroDivision" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"
    assert capsys.readouterr().err == "/entity: unexpected ZeroDivisionError: division by zero\n"


def test_bodies_are_bounded(page, office):
    assert page.post("/judge", content=b"x" * (LARGEST + 1), headers=OWN).status_code == 413
    assert page.post("/judge", content=iter([b"x" * 40_000] * 3), headers=OWN).status_code == 413
    assert page.post("/judge", content=b"\xff\xfe", headers=OWN).status_code == 400
    assert page.post("/judge", content=b"a&" * 1000, headers=OWN).status_code == 400
    long = form(office.uncertain[0], "deny", why="x" * 5_000)
    assert page.post("/api/verdicts", json=long, headers=OWN).status_code == 422
    assert page.post("/judge", data=form(office.uncertain[0], "maybe"), headers=OWN).status_code == 400
    assert office.verdicts.rows() == []


def test_the_api_answers_as_predict(page, office):
    run, head, relation = office.run, NASTY[1], RELATIONS[0]
    answers = page.get("/api/predict", params={"head": head, "relation": relation, "top": 5}).json()
    wanted = run.predict(head, relation, k=5)
    assert [one["tail"] for one in answers] == wanted["tail"].tolist()
    assert [one["score"] for one in answers] == pytest.approx(wanted["score"].tolist())
    new = page.get("/api/predict", params={"relation": relation, "tail": head, "new": True}).json()
    assert [one["head"] for one in new] == run.predict(None, relation, head, unknown_only=True)["head"].tolist()
    asked = office.uncertain[0]
    told = page.get("/api/explain", params=asked._asdict()).json()
    said, _ = run.explain(*asked)
    (opinion,) = told["opinions"]
    for name in ("score", "probability", "tail_rank", "head_rank"):
        assert opinion[name] == pytest.approx(said[name][0])
    queue = page.get("/api/queues/uncertain?limit=3&after=1").json()
    assert [Statement(one["head"], one["relation"], one["tail"]) for one in queue] == office.uncertain[1:4]
    found = page.get("/api/ask", params={"head": head, "relation": relation}).json()
    unknown = run.predict(head, relation, k=len(found["items"]), unknown_only=True)
    assert [one["tail"] for one in found["items"]] == unknown["tail"].tolist()
    assert page.get(
        f"/api/queues/{found['key'].replace('?', '%3F').replace('%', '%25').replace('%253F', '%3F')}"
    ).json()


def test_verdicts_by_the_api(page, office):
    first, second = office.uncertain[:2]
    assert page.post("/api/verdicts", json={**first._asdict(), "verdict": "deny", "who": "robot"}).json() == {"id": 1}
    assert page.post("/api/verdicts", json={**second._asdict(), "verdict": "note", "why": "hm"}).json() == {"id": 2}
    rows = page.get("/api/verdicts").json()
    assert [(row["verdict"], row["who"]) for row in rows] == [("deny", "robot"), ("note", "Ann")]
    assert page.get("/api/verdicts?after=1&limit=1").json() == rows[1:]
    assert page.post("/api/undo", json={"who": "robot"}).json()["row"]["id"] == 1
    assert page.post("/api/undo", json={"who": "robot"}).status_code == 400
    for wrong in ({"verdict": "maybe"}, {"head": "nobody"}, {"queue": "nothing"}, {"who": "x" * 99}, {"who": "\u202e"}):
        sent = {**first._asdict(), "verdict": "deny", **wrong}
        assert page.post("/api/verdicts", json=sent).status_code in (400, 422), wrong
    assert office.verdicts.last() == 3
    stranger = office.client().post("/api/verdicts", json={**first._asdict(), "verdict": "deny"})
    assert "The server does not know who you are" in stranger.json()["detail"]


def test_the_description_of_the_api(page):
    """Every path of the API is described, and shown on a page that loads nothing."""
    schema = page.get("/openapi.json").json()
    assert set(schema["paths"]) >= {"/api/predict", "/api/explain", "/api/verdicts", "/api/queues", "/api/queues/{key}"}
    assert all(path.startswith("/api/") for path in schema["paths"])
    text = page.get("/docs").text
    for path in schema["paths"]:
        assert path in text
    assert json.dumps(schema).count('"description"') > 30


def test_names_of_people():
    assert person("  Ada  Lovelace ") == "Ada  Lovelace"
    for wrong in ("", "x" * 61, "a\u202eb", "a\nb"):
        with pytest.raises(UserError, match="Your name"):
            person(wrong)
