"""The guide of docs/curate.md leads from a file of one's own to the first verdict, as its commands stand."""

import json
import re
import shlex
import urllib.request
from pathlib import Path

import pytest
from office import ended

from gnnneg.cli import main
from gnnneg.verdicts import Verdicts

PAGE = Path(__file__).parents[2] / "docs" / "curate.md"
GUIDE = "Ten minutes from a file of your own to the first verdict"


def obo() -> str:
    """A small ontology, of which some parts are denied."""
    lines = ["format-version: 1.2", ""]
    for term in range(90):
        lines += ["[Term]", f"id: X:{term:04}", f"name: thing {term}"]
        lines += [f"is_a: X:{term // 2:04}"] if term else []
        lines += [f"relationship: part_of X:{term // 3:04}"] if term > 5 else []
        lines += [f'relationship: part_of X:{(term + 7) % 90:04} {{cardinality="0"}}'] if term % 4 == 3 else []
        lines += [""]
    return "\n".join([*lines, "[Typedef]", "id: part_of", "name: part of", ""])


@pytest.mark.parametrize("file", ["mine.gaf", "mine.obo"])
def test_the_guide_runs(file, tmp_path, monkeypatch, capsys):
    if file.endswith("obo"):
        pytest.importorskip("fastobo", reason="the extra obo is not installed")
    monkeypatch.chdir(tmp_path)
    section = re.search(rf"^## {GUIDE}\n(.*?)^## ", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)[1]
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE):
        if language == "python":
            exec(compile(block, "docs/curate.md", "exec"), {})
        elif language == "yaml":
            Path("mine.yaml").write_text(block)
        else:
            Path("mine.obo").write_text(obo())
            for line in block.splitlines():
                words = shlex.split(line.replace("mine.gaf", file))[1:]
                if words[0] == "serve":
                    ended(monkeypatch, [*words, "--port", "0", "--device", "cpu"], judge)
                else:
                    assert main(words) == 0, line
    (row,) = Verdicts("runs/mine/verdicts.sqlite", writing=False).rows()
    assert (row.verdict, row.who, row.queue, row.run) == ("deny", "Ann", "uncertain", "mine")
    assert 0 < row.probability < 1


def judge(url: str) -> None:
    """The first statement of the first queue is not so."""
    with urllib.request.urlopen(f"{url}/api/queues/uncertain?limit=1", timeout=60) as answer:
        (item,) = json.load(answer)
    said = {name: item[name] for name in ("head", "relation", "tail")} | {"verdict": "deny", "who": "Ann"}
    body = json.dumps(said | {"queue": "uncertain"}).encode()
    sent = urllib.request.Request(f"{url}/api/verdicts", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(sent, timeout=60) as answer:
        assert answer.status == 201
