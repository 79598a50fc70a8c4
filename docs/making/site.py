"""The extension that makes all generated pages before Sphinx reads any."""

import inspect
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

from gnnneg.interfaces import Part
from making import api, commands, gallery, grown, keys, links, pictures, speed, studies
from making.pages import Pages

WRITERS = {
    "api": api,
    "commands": commands,
    "gallery": gallery,
    "grown": grown,
    "keys": keys,
    "links": links,
    "pictures": pictures,
    "speed": speed,
    "studies": studies,
}


def generate(app: Sphinx) -> None:
    """Writes the pages."""
    pages = Pages(Path(app.srcdir))
    for name in app.config.written_by:
        WRITERS[name].write(pages)
    if pages.written:
        pages.clear()


def signature(app: Sphinx, what: str, name: str, thing: Any, *_: object) -> tuple[str, str] | None:
    """That of a class is its constructor's: a part keeps what it was made with in a ``__new__`` that says nothing."""
    if what != "class" or not issubclass(thing, Part):
        return None
    said = inspect.signature(thing.__init__)
    own = [one for place, one in enumerate(said.parameters.values()) if place]
    if not inspect.getmodule(thing.__init__).__name__.startswith("gnnneg."):  # type: ignore[union-attr]
        return "", ""
    text = stringify_signature(said.replace(parameters=own), show_return_annotation=False, unqualified_typehints=True)
    return text, ""


def setup(app: Sphinx) -> dict[str, bool]:
    """The extension."""
    app.add_config_value("written_by", list(WRITERS), "env")
    app.connect("builder-inited", generate)
    app.connect("autodoc-process-signature", signature)
    app.connect("source-read", links.read)
    app.connect("missing-reference", links.found)
    app.connect("doctree-resolved", links.named)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
