"""Opens every built page in a browser: ``python docs/making/look.py [BUILT] [--shots FOLDER] [--pages PAGE ...]``.

A page fails if it logs an error, if something that it asks for is missing, or if it asks another host for anything.
"""

import argparse
import http.server
import shutil
import sys
import threading
from functools import partial
from pathlib import Path

BUILT = Path(__file__).parents[1] / "_build" / "html"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
WIDTHS = {"wide": 1400, "narrow": 360}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def troubles(built: Path, pages: list[str], shots: Path | None = None) -> dict[str, list[str]]:
    """What went wrong on each page; with ``shots`` also pictures of them, wide and narrow, light and dark."""
    from playwright.sync_api import sync_playwright

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}/"
    found: dict[str, list[str]] = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        view = browser.new_page(viewport={"width": WIDTHS["wide"], "height": 900})
        here: list[str] = []
        view.on("console", lambda said: here.append(said.text) if said.type == "error" else None)
        view.on("pageerror", lambda error: here.append(str(error)))
        view.on("request", lambda asked: None if asked.url.startswith((home, "data:")) else here.append(asked.url))
        view.on("response", lambda got: here.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        for page in pages:
            here.clear()
            view.goto(home + page, wait_until="load")
            for name in WIDTHS:
                _resize(view, name)
                wide = view.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                if wide > 0:
                    here.append(f"is {wide} pixels wider than a {name} screen")
            _resize(view, "wide")
            if here:
                found[page] = list(here)
            if shots is not None:
                _shoot(view, shots, page)
        browser.close()
    server.shutdown()
    return found


def _shoot(view, shots: Path, page: str) -> None:  # type: ignore[no-untyped-def]
    shots.mkdir(parents=True, exist_ok=True)
    for name in WIDTHS:
        for mode in ("light", "dark"):
            _resize(view, name)
            view.evaluate(f"document.documentElement.dataset.theme = '{mode}'")
            view.screenshot(path=shots / f"{page.replace('/', '-').removesuffix('.html')}-{name}-{mode}.png")
    _resize(view, "wide")


def _resize(view, name: str) -> None:  # type: ignore[no-untyped-def]
    view.set_viewport_size({"width": WIDTHS[name], "height": 900})


def main() -> int:
    """All pages, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("built", nargs="?", type=Path, default=BUILT)
    parser.add_argument("--shots", metavar="FOLDER", type=Path)
    parser.add_argument("--pages", nargs="*")
    args = parser.parse_args()
    every = (page.relative_to(args.built) for page in args.built.rglob("*.html"))
    pages = args.pages or sorted(str(page) for page in every if page.parts[0] != "_static")  # templates of the theme
    found = troubles(args.built, pages, args.shots)
    for page, said in found.items():
        print(page, *said, sep="\n  ")
    print(f"{len(pages)} pages opened, {len(found)} with troubles")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
