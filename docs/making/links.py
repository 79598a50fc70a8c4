"""Links that lead out of the pages, and names that docstrings write by their module."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from making.names import public
from making.pages import Pages

ROOT = Path(__file__).parents[2]
# pages of the repository that are pages of the site too
COPIED = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
NAME = re.compile(r"(?:gnnneg\.)?([A-Z]\w*)(?:\(.*\))?|gnnneg\.(\w+)(?:\(.*\))?")
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s]+?)(?=(?:#[^)]*)?\))")


def write(pages: Pages) -> None:
    """Copies of the repository's own pages, their links seen from where they lie now."""
    for name, copied in COPIED.items():
        if (ROOT / name).exists():
            pages.add(copied, LINK.sub(lambda found: _moved(found[1]), (ROOT / name).read_text()))


def _moved(link: str) -> str:
    if link in COPIED:
        return COPIED[link]
    return f"../{link.removeprefix('docs/')}" if link.startswith("docs/") else f"../../{link}"


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """Leads links to the repository's own pages to their copies."""
    if "/" in page:
        return
    for name, copied in COPIED.items():
        source[0] = source[0].replace(f"](../{name}", f"](generated/{copied}")


def found(app: Sphinx, env: object, node: nodes.Element, text: nodes.TextElement) -> nodes.reference | None:
    """A name that a docstring gives by the module where it stands, or alone: its page is that of the public name."""
    written = node.get("reftarget", "")
    if node.get("refdomain") != "py" or ("." in written and not written.startswith("gnnneg.")):
        return None  # torch.Generator is not ours
    name = node["reftarget"].rpartition(".")[2]
    full = {one.name: one.full for one in public()}
    owner = node["reftarget"].split(".")[-2] if "." in node["reftarget"] else None
    target = full.get(name) or (f"{full[owner]}.{name}" if owner in full else None)
    if target is None or target == node["reftarget"]:
        return None
    node["reftarget"] = target
    domain = app.env.get_domain("py")
    return domain.resolve_xref(app.env, node["refdoc"], app.builder, "obj", target, node, text)  # type: ignore[arg-type]


def named(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Leads public names that people's pages write as code, such as ``Uniform(n, 16)``, to the pages of these names."""
    if "/" in page:
        return
    pages = {one.name: f"generated/api/{one.room}/{one.page}" for one in public()}
    for code in list(tree.findall(nodes.literal)):
        written = NAME.fullmatch(code.astext())
        target = pages.get(written[1] or written[2]) if written else None
        if target in app.env.found_docs and not isinstance(code.parent, nodes.reference | nodes.title):
            link = nodes.reference("", "", internal=True, refuri=app.builder.get_relative_uri(page, target))
            code.replace_self(link)
            link += code
