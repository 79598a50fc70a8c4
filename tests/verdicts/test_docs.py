"""What docs/curate.md shows of the record is run as it stands."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "curate.md"
HEADINGS = ("The record", "Training again")


def test_the_sections_on_the_record_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", PAGE.read_text(), flags=re.MULTILINE))
    for heading in HEADINGS:
        for block in re.findall(r"^```python\n(.*?)^```", sections[heading], flags=re.DOTALL | re.MULTILINE):
            exec(compile(block, "docs/curate.md", "exec"), space)
    assert (space["data"].verdicts["accepted"], space["data"].verdicts["denied"]) == (0, 1)
    assert "1 denied statement has joined training" in capsys.readouterr().out
