"""Checks who may use the curation page, from where, and how much a request may send."""

import asyncio
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 65_536  # bytes of a body: a verdict with its reason has a few hundred
PATIENCE = 20  # seconds within which a body must arrive
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
OPEN = ("/login", "/static/")  # pages for visitors without the token
READING = frozenset({"GET", "HEAD"})
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # with "no-referrer" browsers send the origin "null" with a form
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Refuse = Callable[[Request, int, str], Response]


class Safety:
    """Protects an application. A request passes if

    - its ``Host`` is a name of this server; otherwise any site could reach it under its own name (DNS rebinding),
    - it only reads, or comes from the server's own pages. A browser sends at least one of ``Origin``, ``Referer`` and
      ``Sec-Fetch-Site`` to show this; other programs send none,
    - it has the token, if there is one: as a cookie, as ``?token=`` (which sets the cookie), or as
      ``Authorization: Bearer``,
    - its body has at most :obj:`LARGEST` bytes.

    Every answer has :obj:`HEADERS`.

    Args:
        app (ASGIApp): The application.
        refuse (callable): Makes the answer to a refused request, from the request, a status and a sentence.
        host (str): The address on which the server listens.
        token (str, optional): The token that a request must have.
    """

    def __init__(self, app: ASGIApp, refuse: Refuse, host: str = "127.0.0.1", token: str | None = None):
        self.app, self.refuse, self.token = app, refuse, token
        self.local = local(host)
        self.names = LOOPBACK | {host.lower()}
        if not self.local:
            self.names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope, given = _without_token(scope)
        request = Request(scope, receive)
        cookie = self.token is not None and given is not None and same(given, self.token)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if cookie and self.token is not None:
                    headers.append("Set-Cookie", cookie_of(self.token))
            await send(message)

        refused = self._refused(request, cookie)
        if refused is None and scope["method"] not in READING:
            body = await _body(receive)
            if isinstance(body, bytes):
                receive = _again(body, receive)
            else:
                refused = body
        answer = self.app if refused is None else self.refuse(request, *refused)
        await answer(scope, receive, guarded)

    def _refused(self, request: Request, known: bool) -> tuple[int, str] | None:
        """Status and sentence of a refusal; None if nothing but the body can still be refused."""
        headers = request.headers
        if not self._ours(headers.get("host", "")):
            return 421, "This server does not answer for that name: use the address that it has printed."
        if request.method not in READING and not same_site(headers):
            return 403, "This request is from another site, which may not change anything here: open the page itself."
        if self.token is None or known or request.url.path.startswith(OPEN):
            return None
        if knows(request, self.token):
            return None
        return 401, "This server needs its token, which it printed when it started."

    def _ours(self, host: str) -> bool:
        """Whether a ``Host`` is this server's. A numeric address is safe, because nobody can redirect it."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name in self.names:
            return True
        if self.local:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def local(host: str) -> bool:
    """Whether an address can be reached only from this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def same(given: str, wanted: str) -> bool:
    """Whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def knows(request: Request, token: str) -> bool:
    """Whether a request has the token."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and same(bearer.strip(), token):
        return True
    name, value = _kept(token)
    return same(request.cookies.get(name, ""), value)


def cookie_of(token: str) -> str:
    """The header that stores the token in a browser."""
    name, value = _kept(token)
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"


def _kept(token: str) -> tuple[str, str]:
    """Name and value of the cookie. The value is a digest, because a token may have letters that a cookie cannot have.

    Browsers send a cookie to all ports of a machine, so each server's cookie has its own name.
    """
    digest = hashlib.sha256(f"gnnneg {token}".encode("utf-8", "replace")).hexdigest()
    return f"gnnneg_{digest[:8]}", digest[8:]


def same_site(headers: Headers) -> bool:
    """Whether a request comes from the page itself, or from a program that is not a browser."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    source = headers.get("origin", headers.get("referer"))
    if source is None:
        return True
    try:
        return urlsplit(source).netloc.lower() == headers.get("host", "").lower() != ""
    except ValueError:
        return False


def _without_token(scope: Scope) -> tuple[Scope, str | None]:
    """The request without ``?token=``, and the token. So links on the page do not repeat the token."""
    if b"token=" not in scope["query_string"]:
        return scope, None
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    given = next((value for name, value in pairs if name == "token"), None)
    left = urlencode([(name, value) for name, value in pairs if name != "token"])
    return {**scope, "query_string": left.encode("ascii")}, given


async def _body(receive: Receive) -> bytes | tuple[int, str]:
    """The whole body, or why it is refused."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return 400, "The connection ended before the whole request was there."
                body += message.get("body", b"")
                if len(body) > LARGEST:
                    return 413, f"A request may have at most {LARGEST:,} bytes: write a shorter reason."
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        return 408, "The request took too long to arrive: send it again."


def _again(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """A function that receives the same body again."""
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
