"""GAF, GPAD, hpoa and the lists of TrueWalks: a line is a statement."""

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnneg.data.formats.files import read_statements
from gnnneg.data.formats.gaf import read_gaf
from gnnneg.data.formats.gpad import read_gpad
from gnnneg.data.formats.hpoa import COLUMNS as HPOA_COLUMNS
from gnnneg.data.formats.hpoa import read_hpoa
from gnnneg.data.formats.statements import Statements
from gnnneg.data.formats.truewalks import read_truewalks
from gnnneg.data.layout import Layout
from gnnneg.data.read import read_table
from gnnneg.data.values import read_names
from gnnneg.errors import UserError

EXCERPTS = Path(__file__).parent / "excerpts"
MIRROR = Path(os.environ.get("GNNNEG_MIRROR") or Path(__file__).parents[4] / "shared" / "datasets")
needs_mirror = pytest.mark.skipif(
    not (MIRROR / "TrueWalks-annotations").is_dir(), reason=f"no mirror of the data sets at {MIRROR}: set GNNNEG_MIRROR"
)


def said(statements: Statements) -> list[str]:
    names = (statements.table[role].to_pylist() for role in ("label", "head", "relation", "tail"))
    return [f"{'+' if row[0] else '-'} {' '.join(row[1:])}" for row in zip(*names)]


def left_out(statements: Statements) -> dict[str, int]:
    """But for the columns."""
    return {what: number for what, number in statements.left_out.items() if not what.startswith("column")}


def test_every_column_is_used_or_left_out() -> None:
    """By name and number, with how many lines hold something in it."""
    found = read_statements(EXCERPTS / "goa.gaf").left_out
    assert found.taken["column 3 (DB Object Symbol)"] == 8
    assert found.taken["column 16 (Annotation Extension)"] == 2
    assert {what: number for what, number in found.items() if what.startswith("column")} == {
        "column 8 (With/From)": 1,
        **{f"column {i} ({name})": 8 for i, name in ((9, "Aspect"), (12, "DB Object Type"), (13, "Taxon"))},
        **{f"column {i} ({name})": 8 for i, name in ((14, "Date"), (15, "Assigned By"))},
    }
    found = read_statements(EXCERPTS / "goa.gpa").left_out
    assert {what for what in found if what.startswith("column")} == {
        *("column 9 (Date)", "column 10 (Assigned By)", "column 12 (Properties)"),
    }
    found = read_statements(EXCERPTS / "phenotype.hpoa").left_out
    assert found["column 12 (biocuration)"] == 7
    assert found.taken["column 9 (sex)"] == 1


def test_gaf() -> None:
    found = read_statements(EXCERPTS / "goa.gaf", evidence={"IEA": 0.5, "IDA": 1.0})
    assert said(found) == [
        "+ UniProtKB:P04637 enables GO:0003677",
        "+ UniProtKB:P04637 involved_in GO:0006915",
        "- UniProtKB:P04637 enables GO:0005524",
        "- MGI:MGI:98834 located_in GO:0005739",
        "+ UniProtKB:Q8N0X7 acts_upstream_of_or_within GO:0009838",  # stated with an extension: stated without
    ]
    assert found.table["confidence"].to_pylist() == [1, 0.5, 1, 1, 1]
    assert found.table["source"].to_pylist()[3] == "IDA MGI:MGI:123456|PMID:2222222"
    assert left_out(found) == {
        "denied of an extended annotation only": 1,
        "denied of one gene product form only": 1,
        "annotations without data (ND)": 1,
        "restrictions to an extended annotation: what is stated so is stated without, too": 1,
    }
    assert "confidence" not in read_gaf(EXCERPTS / "goa.gaf").table.column_names


def test_gpad_1() -> None:
    found = read_statements(EXCERPTS / "goa.gpa")
    assert said(found) == ["+ UniProtKB:P04637 enables GO:0003677", "- UniProtKB:P04637 enables GO:0005524"]
    assert left_out(found) == {"denied of an extended annotation only": 1, "annotations without data (ND)": 1}


def test_gpad_2() -> None:
    found = read_statements(EXCERPTS / "goa.gpad", evidence={"ECO:0000501": 0.25})
    assert said(found) == [
        "+ UniProtKB:P04637 RO:0002327 GO:0003677",
        "- SGD:S000002164 RO:0002331 GO:0043409",
        "+ MGI:MGI:98834 RO:0002264 GO:0008150",
    ]
    assert found.table["confidence"].to_pylist() == [1, 1, 0.25]
    assert found.table["source"].to_pylist()[1] == "ECO:0000316 PMID:26546002"
    assert left_out(found) == {
        "denied of an extended annotation only": 1,
        "restrictions to an extended annotation: what is stated so is stated without, too": 1,
    }


def test_hpoa() -> None:
    found = read_statements(EXCERPTS / "phenotype.hpoa")
    assert said(found) == [
        "+ OMIM:619340 has_phenotype HP:0011097",
        "- OMIM:619340 has_phenotype HP:0001522",  # NOT
        "+ OMIM:619340 has_mode_of_inheritance HP:0000006",
        "+ ORPHA:146 has_phenotype HP:0002890",
        "- ORPHA:146 has_phenotype HP:0000820",  # HP:0040285, excluded
        "+ OMIM:154700 has_phenotype HP:0003179",
    ]
    # HP:0000252 was found in 0/2 at one onset: that denies it at this onset only, and is no plain denial
    assert left_out(found) == {
        "denied of one onset only": 1,
        "restrictions to one sex and one modifier: what is stated so is stated without, too": 1,
    }
    assert found.table["source"].to_pylist()[-2:] == ["IEA", "PCS PMID:26339165"]
    assert "confidence" not in found.table.column_names
    weighed = read_hpoa(EXCERPTS / "phenotype.hpoa", frequency=True)
    assert weighed.table["confidence"].to_pylist() == [0.5, 1, 1, 0.895, 1, 0.22]


def hpoa(tmp_path: Path, *lines: str) -> Path:
    """Lines of disease, qualifier, term, reference, onset, frequency, sex and modifier."""
    rows = [dict(zip("dqtrofsm", line.split(","))) for line in lines]
    text = ["#description: x", "\t".join(HPOA_COLUMNS)]
    for x in rows:
        columns = [x["d"], "Name", x["q"], x["t"], x["r"], "PCS", x["o"], x["f"], x["s"], x["m"], "P", "HPO:x"]
        text.append("\t".join(columns))
    (tmp_path / "a.hpoa").write_text("\n".join(text))
    return tmp_path / "a.hpoa"


@pytest.mark.parametrize(
    ("lines", "expected", "confidence", "expected_left_out"),
    [
        # denied of women only
        (["O:3,,H:28,P:4,,0/6,FEMALE,", "O:3,,H:12,P:4,,3/6,,"], ["+ O:3 has_phenotype H:12"], [0.5], {"one sex": 1}),
        (["O:3,NOT,H:28,P:4,,,MALE,", "O:3,,H:12,P:4,,,,"], ["+ O:3 has_phenotype H:12"], None, {"one sex": 1}),
        # absent at birth, there in infancy
        (["O:1,,H:2,P:1,H:77,0/4,,", "O:1,,H:2,P:1,H:93,4/4,,"], ["+ O:1 has_phenotype H:2"], None, {"one onset": 1}),
        (["O:1,,H:2,P:1,,0%,,H:9", "O:1,,H:2,P:1,,,,"], ["+ O:1 has_phenotype H:2"], None, {"one modifier": 1}),
        (
            ["O:1,NOT,H:2,P:1,H:1,,MALE,H:9", "O:1,,H:3,P:1,,,,"],
            ["+ O:1 has_phenotype H:3"],
            None,
            {"one sex and one onset and one modifier": 1},
        ),
        # 20 of 83 have it, as two studies count together
        (["O:2,,H:5,P:2,,20/78,FEMALE,", "O:2,,H:5,P:3,,0/5,,"], ["+ O:2 has_phenotype H:5"], [20 / 83], {}),
        (["O:2,,H:5,P:2,,1/4,,", "O:2,,H:5,P:3,,3/4,,"], ["+ O:2 has_phenotype H:5"], [0.5], {}),
        # one does not count: the mean of the two
        (["O:2,,H:5,P:2,,0/4,,", "O:2,,H:5,P:3,,40%,,"], ["+ O:2 has_phenotype H:5"], [0.2], {}),
        (["O:2,,H:5,P:2,,0/4,,", "O:2,,H:5,P:3,,,,"], ["+ O:2 has_phenotype H:5"], [0.5], {}),
        # found by nobody
        (["O:2,,H:5,P:2,,0/4,,", "O:2,NOT,H:5,P:3,,,,"], ["- O:2 has_phenotype H:5"], None, {}),
        # said not to be there, and found: for the user to settle
        (
            ["O:2,NOT,H:5,P:2,,,,", "O:2,,H:5,P:3,,1/2,,"],
            ["+ O:2 has_phenotype H:5", "- O:2 has_phenotype H:5"],
            [0.5, 1],
            {},
        ),
    ],
)
def test_hpoa_of_several_studies(
    tmp_path: Path,
    lines: list[str],
    expected: list[str],
    confidence: list[float] | None,
    expected_left_out: dict[str, int],
) -> None:
    found = read_hpoa(hpoa(tmp_path, *lines), frequency=True)
    assert said(found) == expected
    assert {k: n for k, n in left_out(found).items() if k.startswith("denied")} == {
        f"denied of {k} only": n for k, n in expected_left_out.items()
    }
    if confidence is None:
        assert "confidence" not in found.table.column_names
    else:
        assert found.table["confidence"].to_pylist() == pytest.approx(confidence)
    assert said(read_hpoa(tmp_path / "a.hpoa")) == expected


def test_hpoa_keeps_every_source_and_the_names_of_diseases(tmp_path: Path) -> None:
    found = read_hpoa(hpoa(tmp_path, "O:2,,H:5,P:2,,1/4,,", "O:2,,H:5,P:3,,3/4,,", "O:2,,H:5,P:2,,1/1,,"))
    assert found.table["source"].to_pylist() == ["PCS P:2; PCS P:3"]
    assert found.labels is not None
    assert found.labels.to_pylist() == [{"name": "O:2", "label": "Name"}]


def test_hpoa_with_the_columns_of_older_releases(tmp_path: Path) -> None:
    old = "#DatabaseID\tDiseaseName\tQualifier\tHPO_ID\tReference\tEvidence\tOnset\tFrequency\tSex\tModifier\tAspect"
    path = hpoa(tmp_path, "O:2,,H:5,P:2,,1/4,,")
    new, text = "\t".join(HPOA_COLUMNS), path.read_text()
    path.write_text(text.replace(new, f"{old}\tBiocuration"))
    assert said(read_hpoa(path)) == ["+ O:2 has_phenotype H:5"]
    path.write_text(text.replace(new, "database_id\tqualifier\tdisease_name" + new[34:]))
    with pytest.raises(UserError, match=r"a\.hpoa:2: expected the columns database_id, disease_name, .*, found"):
        read_hpoa(path)


def gaf(version: str, *lines: str, columns: int = 17) -> str:
    """Lines of symbol, qualifier and aspect."""
    rows = [] if not version else [f"!gaf-version: {version}"]
    for number, line in enumerate(lines):
        symbol, qualifier, aspect = line.split(",")
        fields = ["X", f"A{number}", symbol, qualifier, "GO:0005634", "PMID:1", "IDA", "", aspect, "n", "s|", "protein"]
        rows.append("\t".join([*fields, "taxon:9606", "20200101", "X", *[""] * (columns - 15)]))
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("version", ["2.1", "2.0", "1.0", ""])
@pytest.mark.parametrize("columns", [15, 17])
def test_gaf_as_it_is_found(tmp_path: Path, version: str, columns: int) -> None:
    lines = ["a,,C", "b,colocalizes_with|NOT,C", "c,NOT,C", "d,NOT|contributes_to,F", "e,,F", "f,NOT,P", "g,part_of,C"]
    (tmp_path / "a.gaf").write_text("!made by hand\n\n" + gaf(version, *lines, columns=columns))
    assert said(read_gaf(tmp_path / "a.gaf")) == [
        "+ X:A0 located_in GO:0005634",
        "- X:A1 colocalizes_with GO:0005634",
        "- X:A2 located_in GO:0005634",
        "- X:A3 contributes_to GO:0005634",
        "+ X:A4 enables GO:0005634",
        "- X:A5 acts_upstream_of_or_within GO:0005634",
        "+ X:A6 part_of GO:0005634",
    ]


@pytest.mark.parametrize("columns", [15, 17])
def test_gaf_of_today_names_its_relations(tmp_path: Path, columns: int) -> None:
    text = gaf("2.2", "a,located_in,C", "b,NOT|located_in,C", "c,located_in|NOT,C", columns=columns)
    (tmp_path / "a.gaf").write_text(text)
    found = read_gaf(tmp_path / "a.gaf")
    assert [line[0] for line in said(found)] == ["+", "-", "-"]
    assert found.labels is not None
    labels = list(zip(found.labels["name"].to_pylist(), found.labels["label"].to_pylist()))
    assert labels[:4] == [("X:A0", "a"), ("X:A0", "n"), ("X:A0", "s"), ("X:A1", "b")]


def test_the_version_of_another_format(tmp_path: Path) -> None:
    (tmp_path / "a.gaf").write_text("!gpa-version: 1.1\n" + gaf("", "a,,F"))
    with pytest.raises(UserError, match=r"a\.gaf:1: .*'!gaf-version: 1\.0', found '!gpa-version: 1\.1'"):
        read_statements(tmp_path / "a.gaf", "gaf")


QUALIFIERS = [
    "not",
    "Not|enables",
    "NOT|NOT|enables",
    "NOT enables",
    "enables|contributes_to",
    "|",
    "NOT|",
    "not_enables",
]


@pytest.mark.parametrize("qualifier", QUALIFIERS)
@pytest.mark.parametrize("version", ["2.2", "2.1", ""])
def test_no_negation_is_guessed(tmp_path: Path, qualifier: str, version: str) -> None:
    (tmp_path / "a.gaf").write_text(gaf(version, f"a,{qualifier},F"))
    with pytest.raises(UserError, match=r"a\.gaf:[12]: expected a relation or 'NOT\|' and a relation"):
        read_gaf(tmp_path / "a.gaf")


def gpad(first: str) -> str:
    return "\t".join([first, "GO:0005634", "PMID:1", "ECO:0000314", "", "", "20240101", "X", "", ""]) + "\n"


def test_gpad_without_a_version(tmp_path: Path) -> None:
    (tmp_path / "a.gpad").write_text("".join(map(gpad, ("DB\tA\tenables", "DB\tB\tenables|NOT", "DB\tC\tNOT|enables"))))
    assert [line[:6] for line in said(read_gpad(tmp_path / "a.gpad"))] == ["+ DB:A", "- DB:B", "- DB:C"]
    (tmp_path / "a.gpad").write_text("".join(map(gpad, ("DB:A\t\tRO:0002327", "DB:B\tNOT\tRO:0002327"))))
    assert [line[:6] for line in said(read_gpad(tmp_path / "a.gpad"))] == ["+ DB:A", "- DB:B"]
    (tmp_path / "a.gpad").write_text("!\n!gpad-version: 1.2\n" + gpad("DB\tA\tNOT"))
    with pytest.raises(UserError, match=r"a\.gpad:3: expected a relation"):
        read_gpad(tmp_path / "a.gpad")


def test_truewalks() -> None:
    found = read_truewalks(EXCERPTS / "truewalks.tsv", relation="hasAnnot")
    iri = "http://purl.obolibrary.org/obo/GO_"
    assert said(found) == [
        f"+ A0AVT1 hasAnnot {iri}0006511",
        f"- A0AVT1 hasAnnot {iri}0042292",
        f"+ P04637 hasAnnot {iri}0005634",
    ]
    assert found.table["source"].to_pylist() == ["P", "F", "C"]


@needs_mirror
@pytest.mark.parametrize(
    ("file", "stated", "denied", "both"),
    [("HP/HP_annotations.tsv", 4_197, 225, 6), ("GO/GO_annotations.tsv.gz", 29_098, 32_959, 0)],
)
def test_real_truewalks(file: str, stated: int, denied: int, both: int) -> None:
    table = read_statements(MIRROR / "TrueWalks-annotations" / file, "truewalks").table
    pairs = [
        set(zip(part["head"].to_pylist(), part["tail"].to_pylist()))
        for part in (table.filter(table["label"]), table.filter(pc.invert(table["label"])))
    ]
    assert [len(p) for p in pairs] == [stated, denied]
    assert len(pairs[0] & pairs[1]) == both


@needs_mirror
def test_real_truewalks_are_the_go_statements() -> None:
    """The same statements lie in another data set in another form: triples of ids with a dictionary."""
    table = read_statements(MIRROR / "TrueWalks-annotations/GO/GO_annotations.tsv.gz", "truewalks").table
    go = MIRROR / "GO-NegStatements"
    names = read_names(go / "entity2id.txt.gz", Layout(("name", "id"), count_line=True))
    for file, stated in (("train2id_pos.txt.gz", True), ("train2id_neg.txt.gz", False)):
        ids = read_table(go / file, Layout(("head", "tail", "relation"), count_line=True)).to_pylist()
        expected = {(names[int(x["head"])], names[int(x["tail"])]) for x in ids if x["relation"] == "0"}
        part = table.filter(table["label"] if stated else pc.invert(table["label"]))
        tails = [iri.rsplit("/")[-1].replace("_", ":") for iri in part["tail"].to_pylist()]
        assert set(zip(part["head"].to_pylist(), tails)) == expected


def garbled(file: str, line: int, change: Callable[[list[str]], list[str]], tmp_path: Path) -> Path:
    """The excerpt with one line changed."""
    lines = (EXCERPTS / file).read_text().split("\n")
    lines[line - 1] = "\t".join(change(lines[line - 1].split("\t")))
    (tmp_path / file).write_text("\n".join(lines))
    return tmp_path / file


def put(column: int, value: str) -> Callable[[list[str]], list[str]]:
    return lambda fields: [*fields[: column - 1], value, *fields[column:]]


@pytest.mark.parametrize(
    ("file", "line", "change", "wrong"),
    [
        ("goa.gaf", 6, lambda f: f[:-1], "goa.gaf:6: expected 17 fields separated by tab, found 16"),
        ("goa.gaf", 7, put(2, ""), "goa.gaf:7: the DB Object ID is empty"),
        ("goa.gaf", 7, put(4, "NOT"), "goa.gaf:7: expected a relation or 'NOT|' and a relation"),
        ("goa.gaf", 7, put(4, "not|enables"), "goa.gaf:7: expected a relation"),
        ("goa.gaf", 7, put(4, "enables|NOT|NOT"), "goa.gaf:7: expected a relation"),  # once, it is read on either side
        ("goa.gaf", 7, put(4, ""), "goa.gaf:7: the Relation is empty"),
        ("goa.gaf", 8, put(5, "0005739"), "goa.gaf:8: expected an identifier such as GO:0003993, not '0005739'"),
        ("goa.gaf", 1, lambda f: ["!gaf-version: 3.0"], "goa.gaf:1: expected one of '!gaf-version: 2.2', '!gaf-ver"),
        ("goa.gpa", 4, lambda f: [*f, ""], "goa.gpa:4: expected 12 fields separated by tab, found 13"),
        ("goa.gpa", 4, put(3, "NOT enables"), "goa.gpa:4: expected a relation"),
        ("goa.gpad", 5, put(2, "not"), "goa.gpad:5: the negation is 'NOT' or empty, not 'not'"),
        ("goa.gpad", 5, put(3, "enables"), "goa.gpad:5: expected an identifier such as GO:0003993, not 'enables'"),
        ("goa.gpad", 5, put(1, ""), "goa.gpad:5: the DB:DB Object ID is empty"),
        ("goa.gpad", 1, lambda f: ["UniProtKB"], "goa.gpad:1: expected 12 fields separated by tab, found 1"),
        ("phenotype.hpoa", 7, lambda f: f[1:], "phenotype.hpoa:7: expected 12 fields separated by tab, found 11"),
        ("phenotype.hpoa", 7, put(3, "not"), "phenotype.hpoa:7: the qualifier is 'NOT' or empty, not 'not'"),
        ("phenotype.hpoa", 7, put(4, ""), "phenotype.hpoa:7: the hpo_id is empty"),
        ("phenotype.hpoa", 7, put(8, "often"), "phenotype.hpoa:7: a frequency is n/m, a percentage or one of"),
        ("phenotype.hpoa", 7, put(8, "3/2"), "phenotype.hpoa:7: a frequency is n/m"),
        ("phenotype.hpoa", 7, put(11, "O"), "phenotype.hpoa:7: the aspect is one of P, I, C, M, H, not 'O'"),
    ],
)
def test_a_garbled_line(
    tmp_path: Path, file: str, line: int, change: Callable[[list[str]], list[str]], wrong: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_statements(garbled(file, line, change, tmp_path))
    assert wrong in str(caught.value)


@pytest.mark.parametrize("item", ["(X)+http://a", "(P)http://a", "(P)+", "P+http://a"])
def test_a_garbled_item(tmp_path: Path, item: str) -> None:
    (tmp_path / "a.tsv").write_text(f"a\t(P)+http://b\nb\t(P)-http://b;{item}\n")
    with pytest.raises(UserError, match=r"a\.tsv:2: expected an item such as"):
        read_truewalks(tmp_path / "a.tsv")


@pytest.mark.parametrize(
    ("evidence", "wrong"),
    [
        ({"IAE": 0.5}, "no evidence code 'IAE'; it has IDA, IEA, IMP, ND"),
        ({"IEA": 1.5}, "Evidence IEA: a confidence is a number from 0 to 1, not 1.5"),
    ],
)
def test_evidence_that_is_none(evidence: dict[str, float], wrong: str) -> None:
    with pytest.raises(UserError, match=wrong):
        read_statements(EXCERPTS / "goa.gaf", evidence=evidence)


def test_an_option_of_another_format() -> None:
    with pytest.raises(UserError, match="the format gpad has no option 'frequency'; it has evidence"):
        read_statements(EXCERPTS / "goa.gpad", frequency=True)
    assert read_gpad(EXCERPTS / "goa.gpad").table.num_rows == 3


NAME = st.from_regex(r"[A-Z][A-Z0-9]{0,4}", fullmatch=True)
ANNOTATION = st.tuples(
    NAME,  # identifier of the gene product
    st.booleans(),
    st.sampled_from(["enables", "involved_in", "acts_upstream_of_or_within"]),
    st.integers(0, 9_999_999),
    st.sampled_from(["", "part_of(CL:0000540)"]),
)


@given(st.lists(ANNOTATION, min_size=1, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_three_forms_say_the_same(tmp_path: Path, rows: list[tuple[str, bool, str, int, str]]) -> None:
    """Annotations written as GAF and as both versions of GPAD, whose relations have identifiers instead of words."""
    number = {"enables": "RO:0002327", "involved_in": "RO:0002331", "acts_upstream_of_or_within": "RO:0002264"}
    gaf, old, new = ["!gaf-version: 2.2"], ["!gpa-version: 1.1"], ["!gpad-version: 2.0"]
    for name, stated, relation, term, extension in rows:
        go, qualifier = f"GO:{term:07}", relation if stated else f"NOT|{relation}"
        why = ["PMID:1", "ECO:0000314", "", "", "20240101", "X", extension, ""]
        gaf.append("\t".join(["DB", name, "", qualifier, go, *why[:2], *[""] * 8, extension, ""]))
        old.append("\t".join(["DB", name, qualifier, go, *why]))
        new.append("\t".join([f"DB:{name}", "" if stated else "NOT", number[relation], go, *why]))
    (tmp_path / "a.gaf").write_text("\n".join(gaf))
    (tmp_path / "a.gpa").write_text("\r\n".join(old))
    (tmp_path / "a.gpad").write_text("\n".join(new) + "\n")
    kept = [row for row in rows if row[1] or not row[4]]
    expected = [f"{'+' if s else '-'} DB:{name} {{}} GO:{term:07}" for name, s, _, term, _ in kept]
    if not kept:
        with pytest.raises(UserError, match="denied of an extended annotation only"):
            read_statements(tmp_path / "a.gaf")
        return
    relations = [row[2] for row in kept]
    assert said(read_statements(tmp_path / "a.gaf")) == [e.format(r) for e, r in zip(expected, relations)]
    assert said(read_statements(tmp_path / "a.gpa")) == [e.format(r) for e, r in zip(expected, relations)]
    assert said(read_statements(tmp_path / "a.gpad")) == [e.format(number[r]) for e, r in zip(expected, relations)]
