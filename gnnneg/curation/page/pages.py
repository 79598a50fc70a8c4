"""A page with what all pages have: who is here, the queues and how much is left of them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gnnneg.curation.page import links, people
from gnnneg.curation.page.desk import Desk, Line
from gnnneg.curation.page.rendering import html, templates
from gnnneg.verdicts import Statement

WORKING = "…"  # in place of a number that is still worked out


class Pages:
    """Renders pages.

    Args:
        desk (Desk): What they show.
        who (str, optional): Who judges, where a browser has not said so.
    """

    def __init__(self, desk: Desk, who: str | None = None):
        self.desk, self.default, self.templates = desk, who, templates()

    def who(self, request: Request) -> str | None:
        """Who asks, if that is known."""
        return people.known(request, self.default)

    def judged(self, request: Request) -> set[Statement]:
        """What the person who asks has judged or skipped."""
        who = self.who(request)
        return set() if who is None else self.desk.verdicts.judged(who)

    def left(self, line: Line, judged: set[Statement]) -> str:
        """How much of a queue is left."""
        if not line.ready:
            return WORKING
        return "–" if line.trouble else f"{len(line.items) - line.done(judged):,}"

    def bare(self, name: str, request: Request, status: int = 200, headers: Any = None, **values: Any) -> Response:
        """A page that shows nothing of the data: for those who have yet to give the token, and for failures."""
        here = links.inside(f"{request.url.path}?{request.url.query}" if request.method == "GET" else "/")
        common = {"bare": True, "last": 0, "here": "", "key": "", "queues": [], "next": here}
        return html(self.templates, name, status, headers, common | values)

    def __call__(
        self, name: str, request: Request, status: int = 200, headers: dict[str, str] | None = None, **values: Any
    ) -> Response:
        """A page by its template."""
        judged = self.judged(request)
        queues = [
            {"key": line.key, "title": line.title, "url": links.queue_url(line.key), "left": self.left(line, judged)}
            for line in self.desk.lines.values()
        ]
        common = {"bare": False, "who": self.who(request), "queues": queues, "last": self.desk.verdicts.last()}
        common |= {"here": "", "key": "", "text": ""}
        return html(self.templates, name, status, headers, common | values)
