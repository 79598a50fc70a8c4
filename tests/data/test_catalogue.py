from pathlib import Path

import pytest
import yaml

from gnnneg.data.catalogue import CARD, card, cards, names, read_card
from gnnneg.errors import UserError

GOOD = {"name": "toy", "stated": {"train": "train.txt"}, "files": {"train.txt": {"sha256": "0" * 64}}}


def test_every_data_set_of_the_readme_has_a_card() -> None:
    assert set(names()) == {
        *("FB15k-237", "WN18RR", "WN18", "UMLS", "Kinship", "Nations", "Countries-S1", "Countries-S2", "Countries-S3"),
        *("NELL-995", "CoDEx-S", "CoDEx-M", "YAGO3-10", "YAGO3-10-quarter", "synthetic", "Town"),
        *("GO-NegStatements", "FB13", "WN11", "InferWiki16k", "ConceptNet-NegatER-full", "ConceptNet-NegatER-trueneg"),
        *("LogInfer-WN-trian-pa", "LogInfer-WN-trian-qg", "LogInfer-WN-trian-rb", "TrueWalks-GO"),
        "TrueWalks-HP",
        *(f"GraIL-{name}-v{i}" for name in ("FB15k-237", "WN18RR", "NELL-995") for i in (1, 2, 3, 4)),
    }


@pytest.mark.parametrize("name", names())
def test_cards_are_complete(name: str) -> None:
    found = card(name)
    assert found.name == name
    assert all([found.title, found.task, found.licence, found.citation, found.notes])
    assert {"entities", "relations", "train", "valid", "test"} <= set(found.published)
    folder = cards()
    assert folder is not None
    assert (folder / name / "README.md").read_text().startswith("# ")
    for file in found.needed:
        source = found.files[file]
        assert source.url is not None
        assert source.url.startswith("https://raw.githubusercontent.com/")
        assert len(source.url.split("/")[5]) == 40, "a fixed commit, not a branch"
        assert name == "YAGO3-10" or (len(source.sha256 or "") == 64 and source.bytes)


def test_the_digest_follows_what_is_read(tmp_path: Path) -> None:
    def digest(**changes: object) -> str:
        (tmp_path / CARD).write_text(yaml.safe_dump(GOOD | changes))
        return read_card(tmp_path / CARD).digest

    assert digest() == digest(title="other", notes="other")
    changed = [
        digest(layout={"columns": ["head", "tail", "relation"]}),
        digest(files={"train.txt": {"sha256": "1" * 64}}),
        digest(denied={"train": "train.txt"}),
        digest(layouts={"train.txt": {"columns": ["head", "tail", "relation"]}}),
        digest(pairs="train.txt"),
        digest(types="train.txt"),
        digest(negated={"NotIsA": "IsA"}),
        digest(layout={"labels": {"stated": [1]}}),
        digest(test_graph={"train": "train.txt", "test": "train.txt"}),
    ]
    assert len({digest(), *changed}) == 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"licens": "MIT"}, "unknown key 'licens'; did you mean 'licence'"),
        ({"layout": {"colums": []}}, "unknown key 'colums'; did you mean 'columns'"),
        ({"layout": ["head"]}, "expected the fields of a layout"),
        ({"stated": {"dev": "train.txt"}}, "unknown split 'dev'"),
        ({"stated": {}}, "names no file for train"),
        ({"denied": {"test": "no.txt"}}, "'no.txt' is used but not listed"),
        ({"test_graph": {"dev": "train.txt"}}, "unknown split 'dev'"),
        ({"test_graph": {"train": "train.txt"}}, "'test_graph' needs a file for train and one for test"),
        ({"test_graph": {"train": "train.txt", "test": "no.txt"}}, "'no.txt' is used but not listed"),
        ({"name": None}, "'name' cannot be None"),
        ({"stated": ["train.txt"]}, r"'stated' cannot be \['train.txt'\]"),
        ({"files": {"train.txt": {"sha256": 7}}}, "'sha256' cannot be 7"),
        ({"files": ["train.txt"]}, "'files' must map"),
        ({"layouts": ["train.txt"]}, "'layouts' must map"),
        ({"layouts": {"no.txt": {}}}, "'layouts' describes 'no.txt', which is not used"),
        ({"layouts": {"train.txt": {"colums": []}}}, "unknown key 'colums'"),
        ({"pairs": "no.txt"}, "'no.txt' is used but not listed"),
        ({"layout": {"labels": ["1"]}}, "expected the fields of a labels"),
        ({"layout": {"labels": {"true": ["1"]}}}, "unknown key 'true'"),
        ({"dictionary": {"entities": "a", "relations": "b", "layout": 3}}, "expected the fields of a layout, found 3"),
        ({"dictionary": {"entities": "train.txt"}}, "'relations' is missing"),
    ],
)
def test_a_wrong_card_is_said(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    (tmp_path / CARD).write_text(yaml.safe_dump(GOOD | changes))
    with pytest.raises(UserError, match=said):
        read_card(tmp_path / CARD)


def test_a_card_of_two_graphs_is_two(tmp_path: Path) -> None:
    files = dict.fromkeys(("train.txt", "other.txt", "denied.txt", "types.json"))
    two = {"test_graph": {"train": "other.txt", "test": "other.txt"}, "denied": {"train": "denied.txt"}}
    layouts = {"other.txt": {"delimiter": "blank"}, "denied.txt": {"delimiter": "comma"}}
    published = {"entities": 3, "test_graph_entities": 4, "test_graph_train": 5}
    more = {"layouts": layouts, "published": published, "types": "types.json", "files": files}
    (tmp_path / CARD).write_text(yaml.safe_dump(GOOD | two | more))
    card = read_card(tmp_path / CARD)
    first, second = card.graphs
    assert card.needed == ["train.txt", "denied.txt", "other.txt", "types.json"]
    assert (first.needed, second.needed) == (["train.txt", "denied.txt", "types.json"], ["other.txt"])
    assert (first.published, second.published) == ({"entities": 3}, {"entities": 4, "train": 5})
    assert (list(first.layouts), second.layout_of("other.txt").delimiter) == (["denied.txt"], "blank")
    assert first.graphs == [first]


def test_unreadable_cards(tmp_path: Path) -> None:
    for content, said in (
        ("a: [", "not a readable card"),
        ("- a", "is not a card"),
        ("stated: {}", "'name' is missing"),
    ):
        (tmp_path / CARD).write_text(content)
        with pytest.raises(UserError, match=said):
            read_card(tmp_path / CARD)
    with pytest.raises(UserError, match="does not exist"):
        read_card(tmp_path / "no.yaml")


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'FB15k-237'"):
        card("FB15k237")
    with pytest.raises(UserError, match=r"Unknown data set '\.\./FB15k-237'"):
        card("../FB15k-237")


@pytest.mark.parametrize(("name", "cls"), [("AIFB", "Entities"), ("Planetoid-Cora", "Planetoid")])
def test_a_graph_with_labelled_nodes_is_told_to_be_one(name: str, cls: str) -> None:
    """Not answered with a data set whose name is near."""
    with pytest.raises(UserError, match=rf"labelled nodes, .* gnnneg\.datasets\.{cls}\('{name}'\)"):
        card(name)
