"""What a person reads on the page: all that is known of a statement, and of an entity; near names."""

import dataclasses
import re
from html import unescape

import pytest
import torch
from curation.tables import graph, written
from office import AT
from starlette.testclient import TestClient

from gnnneg.curation import Served, about
from gnnneg.curation.page import links
from gnnneg.curation.page.app import create_app
from gnnneg.curation.queues import standard
from gnnneg.curation.view import WeighedPath
from gnnneg.verdicts import Statement, Verdicts

STATED = ["a likes b train", "b likes c train", "c knows d train", "d knows e valid", "a likes d test"]
DENIED = ["a likes c train", "b likes a valid", "e knows a test"]
ASKED = Statement("a", "likes", "c")


@pytest.fixture(scope="module")
def served():
    data = graph(STATED, DENIED)
    node = data["entity"]
    node.labels = ["Alice", "Bob", "", "Dora", "Alice"]
    node.synonyms = [["Ali"], [], ["Caecilia"], [], []]
    node.definitions = ["A person <of old>.", "", "", "", ""]
    node.type = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]]).bool()
    node.type_names = ["person", "place"]
    data.relation_labels, data.relation_definitions = ["is fond of", ""], ["To like much.", ""]
    data.source_names = ["the register"]
    for polarity, size in (("stated", 5), ("denied", 3)):
        store = data["entity", polarity, "entity"]
        store.source, store.confidence = torch.tensor([0, *[-1] * (size - 1)]), torch.full((size,), 0.25)
    torch.manual_seed(3)
    return Served([written(data, torch.randn(2, 5, 5)), written(data, torch.randn(2, 5, 5))])


@pytest.fixture(scope="module")
def read(served, tmp_path_factory):
    """The text of a page, one thing a line."""
    queues, absent = standard(served)
    verdicts = Verdicts(tmp_path_factory.mktemp("page") / "v.sqlite")
    client = TestClient(create_app(served, queues, verdicts, absent=absent, who="Ann"), base_url=AT)

    def text(address):
        answer = client.get(address)
        assert answer.status_code == 200
        main = answer.text.partition("<main")[2]
        return [line.strip() for line in unescape(re.sub(r"<[^>]*>", "\n", main)).splitlines() if line.strip()]

    yield text
    verdicts.close()


def test_one_statement_on_one_screen(served, read):
    view = about(served, ASKED)
    paths = (WeighedPath(0.125, "Alice -is fond of-> Bob"),)
    first, second = view.opinions
    key = ("statement", *ASKED)
    served._views[key] = dataclasses.replace(view, opinions=(first, dataclasses.replace(second, paths=paths)))
    lines = read(links.statement_url(ASKED))
    served._views[key] = view
    text = " ".join(lines)
    for said in (
        "Alice is fond of c",  # the sentence
        "A person <of old>.",
        "To like much.",
        "Also called Ali",
        "person",
        "Denied, split train, by the register , confidence 0.25",  # where it comes from
        "Nearest stated",
        "Nearest denied",
        "Paths that support it 0.125 Alice -is fond of-> Bob",
        "Other statements about Alice",
        "Other statements about c",
    ):
        assert said in text, (said, text)
    assert text.count("Fitted on 4 stated and 3 denied validation statements.") == 2
    for opinion in (first, second):
        assert opinion.run in lines
        assert f"{100 * opinion.probability:.1f} %" in text
        assert f"{opinion.tail_rank:g} of {opinion.tail_candidates}" in lines
        assert f"{opinion.head_rank:g} of {opinion.head_candidates}" in lines


def test_an_entity_on_one_screen(served, read):
    """It is stated, denied and predicted of; each prediction leads to its statement."""
    text = " ".join(read(links.entity_url("a")))
    assert re.search(r"Stated 2 .*Denied 3 .*Predicted", text)
    assert "A person <of old>." in text
    assert "The new statements that the first run finds most plausible." in text
    assert "Alice" in read(links.entity_url("Ali"))  # by a synonym


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("Caecila", ["c", "also called Caecilia", "similar"]),
        ("dor", ["Dora", "d"]),
        ("nothing of the kind", ["No entity has this name or a similar one."]),
    ],
)
def test_near_names(read, asked, wanted):
    lines = [" ".join(line.split()) for line in read(f"/search?text={asked.replace(' ', '+')}")]
    place = lines.index(wanted[0])
    assert " ".join(lines[place : place + len(wanted) + 2]).startswith(" ".join(wanted))
