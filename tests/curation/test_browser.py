"""The curation page in a browser, of a server that is a process of its own: keys, tabs, phones, readers of screens."""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from experiment.helpers import trained
from office import NASTY, nasty

from gnnneg.verdicts import Verdicts

PATIENCE = 90_000  # milliseconds that a page may take where other work holds the machine
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
EVERY = [
    "/",
    "/ask?head=e1&relation=next+<i>to</i>",
    "/history",
    "/summary",
    "/docs",
    "/search?text=e1",
    "/entity?name=e1",
]

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed, so no browser is driven")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page is not tried in a browser")


class Server:
    """The command itself, on a free port."""

    def __init__(self, run):
        self.record = run / "verdicts.sqlite"
        words = [sys.executable, "-m", "gnnneg", "serve", str(run), "--port", "0", "--device", "cpu"]
        told = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=told)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/\n", line)
        if not found:
            self.kill()
        assert found, line
        self.url = found[1]

    def kill(self):
        self.process.kill()  # SIGKILL
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The last one that was started, and the run that it serves."""
    run = tmp_path_factory.mktemp("served") / "run"
    trained(nasty(), run)
    started = [Server(run)]
    yield started, run
    started[-1].kill()


@pytest.fixture
def server(servers):
    """One that listens: tests come in any order, and one of them kills it."""
    started, run = servers
    if started[-1].process.poll() is not None:
        started.append(Server(run))
    return started[-1]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def window(server, browser):
    """Opens pages, each person in a browser of their own; no script may fail, and nothing else may be asked."""
    troubles, contexts = [], []

    def opened(who, address="/queue?key=uncertain", allowed=(), **options):
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}} | options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda said: said.type == "error" and not said.text.startswith(allowed) and troubles.append(said.text),
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith(server.url) or troubles.append(asked.url))
        page.goto(server.url + "/who")
        page.get_by_label("Your name").fill(who)
        page.get_by_role("button", name="Continue").click()
        page.goto(server.url + address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def heading(page):
    return page.locator("h1").inner_text()


def rows(server, who, count):
    """What a person has said, once it is so much."""
    record = Verdicts(server.record, writing=False)
    end = time.monotonic() + 10
    while True:
        found = [row for row in record.rows() if row.who == who]
        if len(found) >= count or time.monotonic() > end:
            record.close()
            assert len(found) == count
            return found
        time.sleep(0.02)


def turned(page, before):
    """The next statement, once it is there."""
    page.wait_for_function("before => document.querySelector('h1').innerText !== before", arg=before)
    return heading(page)


def test_every_key(window, server):
    page = window("Ann")
    seen = [heading(page)]
    for key in "daus":
        page.keyboard.press(key)
        seen.append(turned(page, seen[-1]))
    assert len(set(seen)) == 5
    said = rows(server, "Ann", 4)
    assert [row.verdict for row in said] == ["deny", "accept", "unsure", "skip"]
    assert " ".join(said[0].statement).split() == seen[0].replace("\\u202e", "\u202e").split()
    page.wait_for_function("() => document.querySelector('#judged').textContent === '4'")
    page.keyboard.press("z")
    assert turned(page, seen[4]) == seen[3]
    page.keyboard.press("n")
    page.keyboard.type("d is only a letter here")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    turned(page, seen[3])
    page.keyboard.press("ArrowLeft")
    assert turned(page, seen[4]) == seen[3]
    page.keyboard.press("ArrowRight")
    assert turned(page, seen[3]) == seen[4]
    page.keyboard.press("n")
    page.keyboard.type("look again")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("d")  # judges nothing while the list is open
    page.keyboard.press("Escape")
    page.keyboard.press("Control+a")
    said = rows(server, "Ann", 7)
    assert [row.verdict for row in said[4:]] == ["undo", "accept", "note"]
    assert [row.why for row in said[5:]] == ["d is only a letter here", "look again"]
    assert heading(page) == seen[4]
    page.reload()
    assert heading(page) == seen[4]  # the address is that of the statement
    page.go_back()
    assert turned(page, seen[4]) == seen[3]


def test_a_key_held_down_and_other_alphabets(window, server):
    page = window("Held")
    first = heading(page)
    page.keyboard.down("d")
    page.keyboard.down("d")  # as a held key repeats
    second = turned(page, first)
    page.keyboard.up("d")
    page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ф', code: 'KeyA', bubbles: true}))")
    turned(page, second)
    assert [row.verdict for row in rows(server, "Held", 2)] == ["deny", "accept"]
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Judge with keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("d")
    page.wait_for_timeout(200)
    rows(server, "Held", 2)


def test_the_next_one_is_there_at_once(window):
    """It is kept ready: from the key to the next sentence it takes less than 100 ms, where other
    work does not hold the machine."""
    page = window("Quick")
    page.wait_for_timeout(700)
    took = [
        page.evaluate(
            """() => new Promise(done => {
                const start = performance.now();
                new MutationObserver(() => done(performance.now() - start)).observe(document.body, {childList: true});
                document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "s", code: "KeyS", bubbles: true}));
            })"""
        )
        for _ in range(3)
    ]
    assert min(took) < 100


def test_two_people_and_two_tabs(window, server):
    """Whatever one says, the other sees; two tabs of one person lose nothing, and leave out what the other judged."""
    ann, bob = window("Tab1"), window("Tab2")
    assert heading(ann) == heading(bob)
    first = heading(ann)
    ann.keyboard.press("d")
    bob.get_by_text("by Tab1").wait_for()
    assert "Tab1 denied" in bob.locator("#news").inner_text()
    bob.keyboard.press("a")
    turned(bob, first)
    ann.goto(server.url + "/summary")
    assert ann.get_by_text("Tab1 and Tab2").is_visible()
    assert ann.get_by_text("accepted by Tab2").or_(ann.locator("li", has_text="by Tab2")).first.is_visible()
    bob.goto(server.url + "/queue?key=errors")
    other = bob.context.new_page()
    other.goto(server.url + "/queue?key=errors")
    for _ in range(2):
        before = heading(bob), heading(other)
        bob.keyboard.press("u")
        other.keyboard.press("s")
        turned(bob, before[0])
        turned(other, before[1])
    assert len(rows(server, "Tab2", 5)) == 5


def test_every_page_on_a_phone(window, server):
    page = window("Phone", viewport={"width": 360, "height": 740}, has_touch=True)
    for address in [page.url.removeprefix(server.url), *EVERY]:
        page.goto(server.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
    page.goto(server.url + "/queue?key=uncertain")
    first = heading(page)
    for name in ("Deny", "Accept", "Unsure", "Skip", "Undo"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["height"] >= 36
    page.get_by_role("button", name="Deny", exact=True).tap()
    turned(page, first)


def test_what_a_reader_of_screens_says(window, server):
    """Everything that can be used has a name; one heading of the first level; landmarks; what happened is announced."""
    page = window("Reader")
    client = page.context.new_cdp_session(page)
    usable = {"button", "link", "textbox", "searchbox", "checkbox", "combobox", "progressbar", "meter", "dialog"}
    for address in [page.url.removeprefix(server.url), *EVERY]:
        page.goto(server.url + address)
        nodes = client.send("Accessibility.getFullAXTree")["nodes"]
        known = [
            (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]
        ]
        nameless = [role for role, name in known if role in usable and not name.strip()]
        assert not nameless, (address, nameless)
        roles = [role for role, _ in known]
        assert roles.count("main") == 1
        assert {"banner", "navigation", "search"} <= set(roles)
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.lang") == "en"
    page.goto(server.url + "/queue?key=uncertain")
    first = heading(page)
    page.keyboard.press("d")
    second = turned(page, first)
    page.wait_for_function("() => document.querySelector('#status').textContent !== ''")
    said = page.locator("#status").inner_text()
    assert said.startswith("Denied. ")
    assert " ".join(second.split()) in said
    assert page.evaluate("document.activeElement.tagName") == "H1"


def test_by_the_keyboard_alone(window, server):
    """The tabulator leads to each button, and Enter presses it; where one is can be seen."""
    page = window("Tabs")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "unsure":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    first = heading(page)
    page.keyboard.press("Enter")
    turned(page, first)
    assert [row.verdict for row in rows(server, "Tabs", 1)] == ["unsure"]


def test_by_the_mouse_and_without_a_script(window, server):
    page = window("Mouse", java_script_enabled=False)
    first = heading(page)
    page.get_by_label("Why").fill("by hand")
    page.get_by_role("button", name="Deny", exact=True).click()
    assert heading(page) != first
    page.get_by_role("button", name="Undo", exact=True).click()
    assert heading(page) == first
    assert page.get_by_text("denied").first.is_visible()
    said = rows(server, "Mouse", 2)
    assert [(row.verdict, row.why) for row in said] == [("deny", "by hand"), ("undo", "")]
    page.locator("main").get_by_role("link").first.click()
    page.get_by_role("searchbox").fill(NASTY[0])
    page.get_by_role("button", name="Find").click()
    assert page.get_by_role("link", name=NASTY[0]).first.is_visible()


def test_what_is_not_recorded_is_told(window, server):
    """If the server cannot record, the page says so, and is back at the statement."""
    page = window("Lost", allowed="Failed to load resource")
    first = heading(page)
    page.route("**/api/verdicts", lambda route: route.abort())
    page.keyboard.press("d")
    page.get_by_text("Not recorded").wait_for()
    page.wait_for_function("before => document.querySelector('h1').innerText === before", arg=first)
    rows(server, "Lost", 0)


def test_a_killed_server_has_the_verdict(window, server):
    page = window("Killed", allowed="Failed to load resource")
    with page.expect_response("**/api/verdicts"):
        page.keyboard.press("d")
    server.kill()
    assert [row.verdict for row in rows(server, "Killed", 1)] == ["deny"]
    page.keyboard.press("a")
    page.get_by_text("Not recorded").wait_for()
