"""The code that we show is run as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def blocks(file: str) -> list[str]:
    """The Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / file).read_text(), flags=re.DOTALL | re.MULTILINE)


def test_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/guide.md"):
        exec(compile(block, "docs/guide.md", "exec"), space)
    assert space["graph"]["entity", "denied", "entity"].edge_type.tolist() == [0] * 12
    assert space["grouped"].metrics["test"]["mrr"] > space["run"].metrics["test"]["mrr"] > 0.2
    assert space["same"].config["fit"]["epochs"] == 3
    assert "mrr" in capsys.readouterr().out


def test_emu_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    for block in blocks("docs/emu.md"):
        exec(compile(block, "docs/emu.md", "exec"), space)
    assert space["mutated"].metrics["test"]["mrr"] > space["plain"].metrics["test"]["mrr"] + 0.02
    assert space["figures"]["EMU"]["cosine"] > space["figures"]["sampled"]["cosine"] + 0.2
    assert space["reached"] > 0.9
    assert len(capsys.readouterr().out.splitlines()) >= 2


def test_readme_runs(tmp_path, monkeypatch):
    """Its blocks, on small graphs in place of FB15k-237 and of the reader's own."""
    import gnnneg.datasets

    monkeypatch.chdir(tmp_path)
    world = gnnneg.datasets.load("synthetic")
    first, second = blocks("README.md")
    space: dict = {"FB15k237": lambda: world, "my_hetero_data": gnnneg.by_type(world)}
    for stated, small in {
        "from gnnneg.datasets import FB15k237\n": "",
        "data[0]": "data",
        "Uniform(n, 256": "Uniform(n, 64",
        "/m/027rn": world["entity"].names[0],
        "/location/country/form_of_government": world.relation_names[0],
    }.items():
        assert stated in first
        first = first.replace(stated, small)
    exec(compile(first, "README.md", "exec"), space)
    assert len(space["run"].predict(head=world["entity"].names[0], relation=world.relation_names[0], k=5)) == 5
    exec(compile(second.replace("epochs=50", "epochs=5"), "README.md", "exec"), space)
    assert 0 < space["run"].metrics["test"]["mrr"] <= 1


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/emu.md", "CONTRIBUTING.md", "RESULTS.md"])
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        if "://" not in link:
            assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"
