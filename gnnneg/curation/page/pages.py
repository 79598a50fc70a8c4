"""Renders pages with their common parts: the name of the person, and the queues with what is left of them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gnnneg.curation.page import links, people
from gnnneg.curation.page.desk import Desk, Line
from gnnneg.curation.page.rendering import html, templates
from gnnneg.verdicts import Statement

WORKING = "…"  # instead of a number that is still being computed


class Pages:
    """Renders pages.

    Args:
        desk (Desk): The runs, queues and verdicts that they show.
        who (str, optional): The name to use if a browser has not given one.
    """

    def __init__(self, desk: Desk, who: str | None = None):
        self.desk, self.default, self.templates = desk, who, templates()

    def who(self, request: Request) -> str | None:
        """The name of the person, if it is known."""
        return people.known(request, self.default)

    def judged(self, request: Request) -> set[Statement]:
        """The statements that the person has judged or skipped."""
        who = self.who(request)
        return set() if who is None else self.desk.verdicts.judged(who)

    def left(self, line: Line, judged: set[Statement]) -> str:
        """The number of statements that are left in a queue."""
        if not line.ready:
            return WORKING
        return "–" if line.trouble else f"{len(line.items) - line.done(judged):,}"

    def bare(self, name: str, request: Request, status: int = 200, headers: Any = None, **values: Any) -> Response:
        """A page that shows nothing of the data: for visitors without the token, and for errors."""
        here = links.inside(f"{request.url.path}?{request.url.query}" if request.method == "GET" else "/")
        common = {"bare": True, "last": 0, "here": "", "key": "", "queues": [], "next": here}
        return html(self.templates, name, status, headers, common | values)

    def __call__(
        self, name: str, request: Request, status: int = 200, headers: dict[str, str] | None = None, **values: Any
    ) -> Response:
        """A page from a template."""
        judged = self.judged(request)
        queues = [
            {"key": line.key, "title": line.title, "url": links.queue_url(line.key), "left": self.left(line, judged)}
            for line in self.desk.lines.values()
        ]
        common = {"bare": False, "who": self.who(request), "queues": queues, "last": self.desk.verdicts.last()}
        common |= {"here": "", "key": "", "text": ""}
        return html(self.templates, name, status, headers, common | values)
