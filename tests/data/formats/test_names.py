from pathlib import Path

import pytest

from gnnneg.data.catalogue import Dictionary
from gnnneg.data.formats.names import spelt_out, without_negations
from gnnneg.data.formats.statements import Row, Statements, collected
from gnnneg.data.layout import Layout
from gnnneg.errors import UserError


def statements(*rows: tuple[str, str, str, bool]) -> Statements:
    return collected([Row(*row, source="s") for row in rows], Path("a"), {"literals": 2})


def rows(found: Statements) -> list[tuple[object, ...]]:
    return [(x["head"], x["relation"], x["tail"], x["label"]) for x in found.table.to_pylist()]


@pytest.mark.parametrize("pattern", ["Not(.*)", "Not"])
def test_a_negated_relation_denies_the_plain_one(pattern: str) -> None:
    found, number = without_negations(
        statements(
            ("cat", "IsA", "animal", True),
            ("cat", "NotIsA", "dog", True),
            ("cat", "NotIsA", "pet", False),  # not said to be a pet
            ("cat", "IsA", "plant", False),
            ("cat", "Not", "x", True),  # the negation of nothing
        ),
        pattern,
    )
    assert rows(found) == [
        ("cat", "IsA", "animal", True),
        ("cat", "IsA", "dog", False),
        ("cat", "IsA", "plant", False),
        ("cat", "Not", "x", True),
    ]
    assert found.table["source"].to_pylist() == ["s"] * 4
    assert found.left_out == {"literals": 2, "denials of negated relations": 1}
    assert number == 2


def test_a_suffix_and_no_match() -> None:
    given = statements(("a", "likes_not", "b", True), ("a", "likes", "c", True))
    found, number = without_negations(given, "(.*)_not")
    assert rows(found) == [("a", "likes", "b", False), ("a", "likes", "c", True)]
    assert number == 1
    same, number = without_negations(given, "Not(.*)")
    assert rows(same) == rows(given)
    assert number == 0
    with pytest.raises(UserError, match=r"has 2 groups; it may have one"):
        without_negations(given, "(a)(b)")
    with pytest.raises(UserError, match="is not a regular expression"):
        without_negations(given, "(")


@pytest.mark.parametrize("pattern", ["lacks_part=has_part", r"lacks_(.*)=has_\1"])
def test_the_plain_relation_may_have_another_name(pattern: str) -> None:
    found, number = without_negations(
        statements(("cell", "lacks_part", "nucleus", True), ("cell", "has_part", "wall", True)), pattern
    )
    assert rows(found) == [("cell", "has_part", "nucleus", False), ("cell", "has_part", "wall", True)]
    assert number == 1
    assert not any("never stated" in what for what in found.left_out.taken)


def test_a_denial_of_what_nobody_states_is_told_of() -> None:
    found, _ = without_negations(statements(("cell", "lacks_part", "a", True), ("b", "has_part", "c", True)), "lacks_")
    assert [what for what in found.left_out.taken if what.startswith("relation 'part', which is denied and never")]


def test_a_question_of_a_negated_relation_is_none_of_the_plain_one() -> None:
    """That a cell lacks no part does not say that it has none."""
    stated = [Row("cell", "has_part", "wall"), Row("gene", "lacks_part", "wall")]
    given = collected(stated, Path("a"), {}, [("cell", "lacks_part"), ("wall", "has_part")])
    found, number = without_negations(given, r"lacks_(.*)=has_\1")
    assert found.closed is not None
    assert found.closed.to_pylist() == [{"head": "wall", "relation": "has_part"}]
    assert found.left_out == {"questions of negated relations that have no answer": 1}
    assert number == 2
    alone = collected(stated[:1], Path("a"), {}, [("cell", "lacks_part")])
    found, number = without_negations(alone, r"lacks_(.*)=has_\1")
    assert (found.closed, number) == (None, 1)


def test_no_pattern_takes_for_ever() -> None:
    """Of the kind for which Python's own expressions need time exponential in the length of a name."""
    given = statements(("a", "a" * 40 + "b", "b", True), ("a", "aaa", "b", True))
    found, number = without_negations(given, "(?:a+)+=plain")
    assert rows(found) == [("a", "a" * 40 + "b", "b", True), ("a", "plain", "b", False)]
    assert number == 1
    assert without_negations(given, "((?:a+)+)$")[1] == 1
    for wrong in ("Not(?=I)(.*)", r"(a)\1", "(a{1000}){1000}", "a**", r"(a+)=has_\2"):
        with pytest.raises(UserError, match="is not a regular expression"):
            without_negations(given, wrong)


@pytest.mark.parametrize("columns", [("name", "id"), ("id", "name")])
def test_ids_are_spelt_out(tmp_path: Path, columns: tuple[str, str]) -> None:
    order = 1 if columns[0] == "name" else -1
    for file, names in (("e", ["zero", "one one", "two"]), ("r", ["likes", "knows"])):
        lines = ["\t".join([name, str(i)][::order]) for i, name in enumerate(names)]
        (tmp_path / file).write_text("\n".join(lines[::-1]))
    dictionary = Dictionary(str(tmp_path / "e"), str(tmp_path / "r"), Layout(columns))
    given = collected([Row("2", "1", "0"), Row("1", "0", "1", False)], Path("a"), {}, [("0", "1")])
    found = spelt_out(given, dictionary, Path("a"))
    assert rows(found) == [("two", "knows", "zero", True), ("one one", "likes", "one one", False)]
    assert found.closed is not None
    assert found.closed.to_pylist() == [{"head": "zero", "relation": "knows"}]
    with pytest.raises(UserError, match="the tail 3 is not in the dictionary of 3"):
        spelt_out(collected([Row("0", "0", "3")], Path("a"), {}), dictionary, Path("a"))
    with pytest.raises(UserError, match="expected an integer id, found 'x'"):
        spelt_out(collected([Row("x", "0", "0")], Path("a"), {}), dictionary, Path("a"))
    (tmp_path / "r").write_text("\n".join("\t".join(["likes", i][::order]) for i in "01"))
    with pytest.raises(UserError, match="'likes' is the name of two ids"):
        spelt_out(given, dictionary, Path("a"))
