"""The site has a page for all that is public, and its pages say what the code says."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from examples import concrete

import gnnneg
from gnnneg.cli import main
from gnnneg.cli import parser as command_line
from gnnneg.interfaces import Decoder, Generator, Loss, Sampler

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

from making import api, commands, gallery, grown, keys, links, speed, words, worlds  # noqa: E402
from making.pages import Pages  # noqa: E402

UNSHOWN = {"gnnneg.cli", "gnnneg.config"}  # not for Python, and read by what is public elsewhere


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """All generated pages but the gallery's, whose last column trains."""
    pages = Pages(tmp_path_factory.mktemp("site"))
    for part in (api, commands, grown, keys, links, speed):
        part.write(pages)
    return pages.source / "generated"


def offered() -> dict[str, object]:
    """What ``gnnneg`` and its rooms offer, by full name."""
    rooms = [
        importlib.import_module(f"gnnneg.{one.name}") for one in pkgutil.iter_modules(gnnneg.__path__) if one.ispkg
    ]
    rooms = [gnnneg, *(room for room in rooms if room.__name__ not in UNSHOWN)]
    names = [(room, name) for room in rooms for name in getattr(room, "__all__", ()) if not name.startswith("_")]
    return {f"{room.__name__}.{name}": getattr(room, name) for room, name in names}


def test_every_public_name_has_a_page(made):
    shown = {}
    for page in made.glob("api/*/*.rst"):
        for full in re.findall(r"^\.\. (?:auto(?:class|function)|py:data):: (\S+)$", page.read_text(), re.MULTILINE):
            assert full not in shown, f"{full} has two pages"
            shown[full] = page
    known = offered()
    there = {id(known[full]) for full in shown}
    missing = {full for full, thing in known.items() if id(thing) not in there}
    assert not missing, f"no page of the site shows {missing}: see docs/making/api.py"
    assert len({str(page).casefold() for page in shown.values()}) == len(shown)  # also where a and A are one file


def test_a_page_of_a_room_names_all_that_is_in_it(made):
    for index in made.glob("api/*/index.rst"):
        text = index.read_text()
        for page in set(index.parent.glob("*.rst")) - {index}:
            assert f"<{page.stem}>`" in text, f"{index} does not name {page.stem}"


def listed(page: Path) -> list[str]:
    """The documents in a page's tables of contents, seen from docs/."""
    text = page.read_text()
    found = re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    found += re.findall(r"^\.\. toctree::\n((?:   .*\n|\n)*)", text, re.MULTILINE)
    lines = [line.strip() for block in found for line in block.splitlines()]
    return [re.sub(r".*<(.*)>$", r"\1", line) for line in lines if line and not line.startswith(":")]


def test_every_page_is_in_one_table_of_contents(made):
    pages = {page.stem: page for page in DOCS.glob("*.md")}
    pages |= {f"generated/{page.relative_to(made).with_suffix('')}": page for page in made.rglob("*.*")}
    late = {
        "generated/gallery",
        "generated/drawn",
        "generated/studies/index",
    }  # made in a whole build alone
    reached: list[str] = []
    for name, page in pages.items():
        folder = Path(name).parent
        reached += [link[1:] if link.startswith("/") else str(folder / link) for link in listed(page)]
    assert [link for link in set(reached) if reached.count(link) > 1] == []
    assert set(pages) - {"index"} - late == set(reached) - late
    assert {"generated/gallery", "generated/studies/index"} <= set(reached)


def test_links_of_all_pages_lead_somewhere(made):
    late = {
        "generated/gallery.rst",
        "generated/drawn.rst",
        "generated/studies/index.rst",
    }  # made in a whole build alone
    for page in DOCS.glob("*.md"):
        for link, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]+)(#[^)]*)?\)", page.read_text()):
            target = made.parent / link if link.startswith("generated/") else DOCS / link
            assert link in late or target.exists(), f"{page.name} links to {link}"
            if anchor and target.suffix == ".md":
                titles = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE)
                slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
                assert anchor[1:] in slugs, f"{page.name} links to {link}{anchor}"


@pytest.mark.parametrize("command", [["train"], ["data", "import"], ["study", "run"]])
def test_options_of_a_command_are_those_of_its_help(made, command, capsys):
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    said = set(re.findall(r"(?<![\w.`])--[a-z][\w-]*", capsys.readouterr().out.partition("options:")[2]))
    page = (made / "cli" / f"{command[0]}.rst").read_text()
    assert said - {"--help"} <= set(re.findall(r"--[a-z][\w-]*", page))


def test_every_command_has_a_page(made):
    _, known = command_line()
    assert {page.stem for page in (made / "cli").glob("*.rst")} == set(known)


def test_keys_of_a_part_are_its_arguments():
    table = keys.of_class(gnnneg.SelfPaced)
    cells = [[line.strip().removeprefix("- ") for line in row.splitlines()] for row in table.split("   * -")[1:]]
    assert [cell[:3] for cell in cells[1:]] == [
        ["``proposal``", ":class:`~gnnneg.Sampler`", "must be given"],
        ["``num_negatives``", "int", "must be given"],
        ["``violation``", "float", "``0.2``"],
        ["``rate``", "float", "``0.5``"],
    ]
    assert cells[3][3].startswith("The wanted share of negatives")
    assert "default" not in cells[3][3]
    assert "filled in from the data" in keys.of_class(gnnneg.Filtered)
    assert "the encoder's" in keys.of_class(gnnneg.DistMult)


@pytest.mark.parametrize("base", [Sampler, Generator, Loss, Decoder])
def test_the_gallery_has_every_part_with_its_cost(base, monkeypatch):
    rows = {row[0]: row for row in gallery.rows(base, lambda cls: "")}
    shown = {f":class:`~gnnneg.{part.__name__}`" for part in concrete(base) if part.__module__.startswith("gnnneg.")}
    assert set(rows) == shown
    for name, _, does, costs, needs, *_ in ([one[0], *one] for one in rows.values()):
        assert does.endswith("."), f"{name} does not say in a sentence what it does"
        assert costs, f"the docstring of {name} has no 'Cost: ...'"
        assert needs


def test_the_gallery_says_what_goes_together():
    assert worlds.refused(gnnneg.MatchedEMU) == ("TransD",)  # the moments of its two vectors are not known
    assert "relation=0" in gallery.decoder(gnnneg.HAKE)
    assert "NoiseContrastive" in gallery.sampler(gnnneg.Uniform)
    assert "NoiseContrastive" not in gallery.sampler(gnnneg.Hardest)
    assert "one process only" in gallery.sampler(gnnneg.KBGAN)
    assert gallery.needs(gnnneg.Typed) == "types, of the data or of slots"
    assert gallery.needs(gnnneg.KBGAN) == "a sampler ``proposal``, a model ``policy``"


def test_a_first_sentence_ends_where_a_sentence_ends():
    def of(text):
        return words.about(type("Some", (), {"__doc__": text}))

    assert of("Draws 0.5 of all. And more.") == "Draws 0.5 of all."
    assert of('From `"Why? Because." <https://a.b/c.html>`_: a name. More.') == (
        'From `"Why? Because." <https://a.b/c.html>`__: a name.'
    )
    assert of("In proportion to,\n\n.. math:: x") == "In proportion to."


SAMPLERS = "generated/api/samplers"
SMALL = ["emu.md", "why.md", "losses.md", "explained.md", "hard-negatives.md"]  # formulas, links, tables


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Some pages of the site, built with warnings as errors."""
    sphinx = pytest.importorskip("sphinx.application", reason="the extra docs is not installed")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for page in SMALL:
        text = re.sub(r"^```\{toctree\}.*?^```", "", (DOCS / page).read_text(), flags=re.DOTALL | re.MULTILINE)
        text = re.sub(r"\[([^\]]*)\]\((?!https?:)([^)#]*)(#[^)]*)?\)", r"\1", text)  # its neighbors are not here
        (source / page).write_text(text)
    pages = Pages(source)
    for one in api.public():
        if one.name in ("HardDraw", "HAKE", "Filtered"):
            pages.add(f"api/{one.room}/{one.page}.rst", f":orphan:\n\n{api.page(one, configured=True)}")
    command = commands.page("gnnneg study", command_line()[1]["study"], "studies")
    (source / "study.rst").write_text(f":orphan:\n\n{command}")
    (source / "index.md").write_text("# Some\n\n```{toctree}\n" + "\n".join(page[:-3] for page in SMALL) + "\n```\n")
    changed = {"written_by": [], "html_static_path": [str(DOCS / "_static")], "html_favicon": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Sphinx's own; those about the pages are raised
        site = sphinx.Sphinx(
            source, DOCS, out, out / "doctrees", "html", changed, status=None, warningiserror=True, freshenv=True
        )
        site.build()
    assert site.statuscode == 0
    return out


def test_formulas_are_mathml(built):
    text = (built / SAMPLERS / "HardDraw.html").read_text()
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in text
    assert "mathjax" not in text.lower()
    assert re.search(r"HardDraw.*proposal.*num_negatives", text, re.DOTALL)


def test_no_page_asks_another_host(built):
    for page in built.rglob("*.html"):
        for tag in re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page.read_text()):
            asked = re.search(r"\b(?:src|href)=\"((?:https?:)?//[^\"]*)", tag)
            assert asked is None, f"{page.name} loads {asked and asked[1]}"
    for sheet in built.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet


def test_a_class_is_shown_with_its_constructor(built):
    text = (built / SAMPLERS / "Filtered.html").read_text()
    begin = text.index('<dt class="sig')
    shown = re.sub(r"<[^>]*>", "", text[begin : text.index("</dt>", begin)])
    for name in inspect.signature(gnnneg.Filtered.__init__).parameters:
        assert name == "self" or f"{name}:" in shown


def test_a_name_in_code_leads_to_its_page(built):
    text = (built / "hard-negatives.html").read_text()
    assert re.search(rf'<a class="reference internal" href="{SAMPLERS}/HardDraw\.html"><code[^>]*>', text)
    assert "Hardest.html" not in text  # has no page here


def test_the_page_of_growth_has_each_size_and_its_plot():
    row = {"hits": 0.5, "steps": 1200, "true": 0.01234, "above": 0.5, "curve": [(1.0, 0.1), (2.0, 0.2)]}
    row |= {"asked": {"max_seconds": 60.0}}
    by = {(size, name): {**row, "ours": size / 1e4} for size in (1000, 4000) for name in ("uniform", "denied")}
    text = grown.page(by)
    assert "60 with 1,000 entities, 60 with 4,000 entities" in text
    assert (
        text.count("- 4,000\n     - denied\n     - 0.4000\n     - 0.5000\n     - 1,200\n     - 0.012\n     - 0.500")
        == 1
    )
    picture = grown.plot(by)
    assert picture == grown.plot(by)  # the same figures, the same file
    for told in ("uniform", "denied", "1,000 entities", "4,000 entities"):
        assert told in picture
    assert "Nothing has a record yet" in grown.page({})


def test_the_whole_site_is_built_without_a_warning(tmp_path):
    """As ``make docs`` does; its own pages are written there."""
    words = ["-q", "-W", "--keep-going", "-j", "2", "-b", "html", "-d", tmp_path / "doctrees", DOCS, tmp_path / "html"]
    done = subprocess.run([sys.executable, "-m", "sphinx", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "html" / "generated" / "studies" / "index.html").is_file()
