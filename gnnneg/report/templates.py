"""Pages from the templates in this folder."""

from typing import Any

from gnnneg.errors import MissingExtra


def rendered(name: str, **values: Any) -> str:
    """A page from one of the templates. Names are escaped, and nothing is loaded from other places.

    Raises:
        MissingExtra: If jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtra("plot", "A report") from error
    loader = jinja2.PackageLoader("gnnneg.report", "")
    made = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return made.get_template(name).render(values)
