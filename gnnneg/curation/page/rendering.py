"""Pages from the templates in this folder; every value is escaped."""

from importlib.resources import files
from typing import Any

import jinja2
from starlette.responses import HTMLResponse, Response

from gnnneg.curation.page import links
from gnnneg.plain import visible

KEYS = {
    "d": "deny: it is false",
    "a": "accept: it is true",
    "u": "unsure",
    "s": "skip: give no verdict",
    "z": "undo your last verdict",
    "n": "write why (Escape leaves the field, Ctrl+Enter saves it as a note)",
    "← →": "the previous statement, the next one",
    "?": "this list",
}
PAST = {
    "accept": "accepted",
    "deny": "denied",
    "unsure": "unsure",
    "skip": "skipped",
    "undo": "taken back",
    "note": "noted",
}
STATIC = {"curate.css": "text/css", "curate.js": "text/javascript", "icon.svg": "image/svg+xml"}


def templates() -> jinja2.Environment:
    """The templates, with the values that all of them use."""
    loader = jinja2.PackageLoader("gnnneg.curation.page", "templates")
    made = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    made.filters |= {"figure": figure, "percent": percent, "count": "{:,}".format, "shown": shown, "when": when}
    made.globals |= {
        "keys": KEYS,
        "past": PAST,
        "statement_url": links.statement_url,
        "entity_url": links.entity_url,
        "queue_url": links.queue_url,
    }
    return made


def statics() -> dict[str, tuple[bytes, str]]:
    """All files that are served, by name, with their types. They are read once, so a request never opens a file."""
    ours = files("gnnneg.curation.page") / "static"
    found = {name: ((ours / name).read_bytes(), kind) for name, kind in STATIC.items()}
    return found | {"report.css": ((files("gnnneg.report") / "style.css").read_bytes(), "text/css")}


def shown(text: str) -> str:
    """The text without control characters. Most names have none, which is tested first."""
    return text if text.isprintable() else visible(text)


def figure(value: float | None) -> str:
    """A score, with four significant digits."""
    return "–" if value is None else f"{value:.4g}"


def percent(value: float | None) -> str:
    """A share or probability."""
    if value is None:
        return "–"
    if 0 < value < 0.001 or 0.999 < value < 1:
        return "< 0.1 %" if value < 0.5 else "> 99.9 %"
    return f"{100 * value:.1f} %"


def when(text: str) -> str:
    """A time of the record, to the minute."""
    return f"{text[:10]} {text[11:16]} UTC"


def html(
    templates: jinja2.Environment, name: str, status: int, headers: dict[str, str] | None, values: dict[str, Any]
) -> Response:
    """A page as an HTTP answer."""
    return HTMLResponse(templates.get_template(name).render(values), status, headers)
