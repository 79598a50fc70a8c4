"""Files that are meant to hurt end in one sentence, soon, and with little memory."""

import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnneg import config, documents
from gnnneg.errors import UserError
from gnnneg.report.reading import read as read_report

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 10
TOLD = {
    "anchors.yaml": "more than 20,000 values",
    "merges.yaml": "more than 20,000 values",
    "keys.yaml": "a key is not a name",
    "itself.yaml": "it holds itself",
    "deep.yaml": "more than 100 levels",
    "deep_block.yaml": "more than 100 levels",
    "digits.yaml": "a number has 5,000 digits",
    "object.yaml": "could not determine a constructor",
    "name.yaml": "could not determine a constructor",
    "module.yaml": "could not determine a constructor",
    "date.yaml": "month must be in",
    "binary.yaml": "not YAML",
    "nul.yaml": "not YAML",
    "latin.yaml": "is not a text file in UTF-8",
    "twice.yaml": "'seed' is written twice",
    "deep.json": "too many levels",
    "deep_object.json": "too many levels",
    "digits.json": "digits",
    "list.json": "no JSON object",
    "cut.json": "Expecting",
    "latin.json": "is not a text file in UTF-8",
}


def files(kind: str) -> list[Path]:
    return sorted(CORPUS.glob(f"*.{kind}"))


def test_the_corpus_is_known():
    assert {path.name for path in CORPUS.iterdir()} == set(TOLD)


@pytest.mark.parametrize("file", files("yaml"), ids=lambda file: file.name)
def test_a_config_that_is_meant_to_hurt(place, said, file):
    began = time.perf_counter()
    code, err = said("train", file, "--out", "new", "--print-config")
    assert code == 2
    assert TOLD[file.name] in err
    assert len(err.splitlines()) == 1
    assert len(err) < 400
    assert time.perf_counter() - began < SECONDS
    assert not list(place.iterdir())


@pytest.mark.parametrize("file", files("yaml"), ids=lambda file: file.name)
def test_a_setting_that_is_meant_to_hurt(said, file):
    if file.name.startswith("latin"):
        return
    code, err = said("train", CORPUS.parents[2] / "configs/synthetic/shared.yaml", "--task", file.read_text())
    assert code == 2
    assert len(err.splitlines()) == 1
    assert len(err) < 400


@pytest.mark.parametrize("verb", ["predict", "report", "compare"])
@pytest.mark.parametrize("file", files("yaml"), ids=lambda file: file.name)
def test_a_run_with_such_a_config(received, said, file, verb):
    shutil.copy(file, received / "config.yaml")
    words = ("--head", "person_0", "--relation", "lives_in") if verb == "predict" else ()
    code, err = said(verb, received, *words)
    assert code == 2
    assert TOLD[file.name] in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("where", ["result.json", "environment.json", "model/config.json"])
@pytest.mark.parametrize("file", files("json"), ids=lambda file: file.name)
def test_a_run_with_such_a_file(received, said, file, where):
    shutil.copy(file, received / where)
    code, err = said("predict", received, "--head", "person_0", "--relation", "lives_in")
    assert code == 2
    assert f"{where} is damaged" in err
    assert TOLD[file.name] in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("verb", ["report", "compare"])
@pytest.mark.parametrize("file", files("json"), ids=lambda file: file.name)
def test_a_report_of_such_a_run(received, said, file, verb):
    shutil.copy(file, received / "result.json")
    code, err = said(verb, received)
    assert code == 2
    assert "result.json is damaged" in err
    assert len(err.splitlines()) == 1


def test_a_log_with_too_many_levels(received):
    (received / "metrics.jsonl").write_text("[" * 100_000 + "\n{}\n")
    with pytest.raises(UserError, match=r"metrics.jsonl is damaged .line 1"):
        read_report(received)


@pytest.mark.parametrize("kind", ["zero", "folder", "pipe", "large", "missing", "null"])
def test_what_is_no_small_file(place, said, kind):
    path = place / "config.yaml"
    if kind == "zero":
        path = Path("/dev/zero")
    elif kind == "null":
        path = Path("/dev/null")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(1 << 30)
    began = time.perf_counter()
    code, err = said("train", path)
    assert code == 2
    told = {"large": "is larger than 256 KiB", "missing": "Cannot read config", "folder": "is not an ordinary file"}
    assert told.get(kind, "is not an ordinary file") in err
    assert time.perf_counter() - began < SECONDS


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_within_two_gib(place):
    """All of it in one process that may have no more."""
    (place / "large.yaml").write_bytes(b"")
    with (place / "large.yaml").open("wb") as file:
        file.truncate(1 << 32)
    paths = [*files("yaml"), Path("/dev/zero"), place / "large.yaml"]
    code = (
        "import sys\nfrom gnnneg.documents import read_yaml\nfrom gnnneg.errors import UserError\n"
        "for path in sys.argv[1:]:\n    try:\n        read_yaml(path)\n    except UserError:\n        continue\n"
        "    raise SystemExit(path)\n"
    )

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)], preexec_fn=bound, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


# what is written is read as the same


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
tricky = st.sampled_from(
    ["on", "no", "1e5", "010", "0o7", "1:30", "2024-01-01", "~", "", "<<", "=", "a: b", "x, y", "- a"]
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | words | tricky,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | tricky, inner, max_size=4),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(plain)
def test_what_is_dumped_is_read_the_same(content):
    text = config.dump({"a": content})
    assert documents.parse_yaml(text, "x") == {"a": content}


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60) | st.lists(st.sampled_from(list("[]{}:,-?&*!|>'\"%@ \n\t#a1.~<")), max_size=40).map("".join)
)
def test_any_text_is_read_or_refused_in_one_sentence(text):
    for parse in (documents.parse_yaml, documents.parse_json):
        with suppress(UserError):
            parse(text, "x")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("-007", -7),
        ("0x10", 16),
        ("0o10", 8),
        ("1_000", 1000),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1:30", "1:30"),
        ("on", "on"),
        ("No", "No"),
        ("y", "y"),
        ("true", True),
        ("2024", 2024),
        ("'2024'", "2024"),
        ("2024-01-01", "2024-01-01"),
        ("null", None),
        ("", None),
        ("~", None),
        (".inf", float("inf")),
        ("-", [None]),
    ],
)
def test_words_and_numbers(text, value):
    found = documents.parse_yaml(text, "x")
    assert found == value
    assert type(found) is type(value)


def test_what_gnnneg_writes_other_readers_of_yaml_understand():
    tree = {"name": "1e5", "on": "off", "at": "1:30", "seed": 3, "lr": 1e-5, "none": None}
    assert yaml.safe_load(documents.dump(tree)) == tree
