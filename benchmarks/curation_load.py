"""Many people who judge at once: errors, lost verdicts, waiting times and memory of the curation page.

``python benchmarks/curation_load.py RUN`` starts ``gnnneg serve RUN`` with a record of its own and lets 20 clients
judge for a minute, spread over the queues. Each does what a browser does: it opens a statement, keeps the next one
ready, sends a verdict as soon as a quick person would, and looks every 1.5 seconds at what others say. One line of
JSON tells the waiting times in milliseconds, what the server held after each tenth of the time, and how many KiB it
held more for each verdict of the second half: the middle of the last three looks less that of the three in the middle.
``--seconds 300`` shows whether memory is flat.
"""

import argparse
import http.client
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import parse_qsl, urlsplit

from gnnneg.verdicts import Verdicts

TIMES = 10  # that memory is looked at
EVERY = 1.5  # seconds between two looks at what others say
VERDICTS = ("deny", "accept", "unsure", "skip")


@dataclass
class Client:
    """One person with a browser."""

    host: str
    name: str
    queue: str
    think: float
    took: dict[str, list[float]] = field(default_factory=lambda: {"verdict": [], "page": [], "live": []})
    errors: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(self.host, timeout=60)
        self.last = 0

    def ask(self, kind: str, address: str, sent: dict[str, str] | None = None) -> tuple[str, str]:
        """Where one is led, and what stands there."""
        headers = {"Cookie": f"gnnneg_who={self.name}", "Content-Type": "application/json"}
        begin = time.perf_counter()
        self.connection.request("POST" if sent else "GET", address, json.dumps(sent) if sent else None, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        self.took[kind].append(1000 * (time.perf_counter() - begin))
        if answer.status >= 400:
            self.errors.append(f"{address}: {answer.status} {text[:200]}")
        return answer.headers.get("Location", ""), text

    def judge(self, end: float) -> None:
        """Judges until the time is over, or the queue is done."""
        address, looked = self.ask("page", f"/queue?key={self.queue}")[0], 0.0
        page = self.ask("page", address)[1]
        ahead = _next(page)
        while ahead.startswith("/statement") and time.monotonic() < end:
            following = self.ask("page", ahead)[1]  # kept ready while the person reads
            time.sleep(self.think)
            if time.monotonic() - looked > EVERY:
                looked = time.monotonic()
                self.last = json.loads(self.ask("live", f"/live?after={self.last}")[1])["last"]
            asked = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
            said = {**asked, "verdict": VERDICTS[len(self.ids) % len(VERDICTS)]}
            told = json.loads(self.ask("verdict", "/api/verdicts", said)[1])
            self.ids.append(told.get("id", 0))
            address, ahead = ahead, _next(following)


def _next(page: str) -> str:
    found = re.search(r'data-next="([^"]*)"', page)
    return unescape(found[1]) if found else ""


def held(process: int) -> float:
    """MiB that a process holds."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1]) / 1024


def load(run: str, clients: int, seconds: float, think: float) -> dict[str, object]:
    """Starts a server, lets clients judge, and counts."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "verdicts.sqlite"
        words = [sys.executable, "-m", "gnnneg", "serve", run, "--port", "0", "--verdicts", str(record)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
            try:
                host = urlsplit(server.stdout.readline().strip()).netloc
                queues = _queues(Client(host, "nobody", "", 0))
                people = [Client(host, f"p{i}", queues[i % len(queues)], think) for i in range(clients)]
                end = time.monotonic() + seconds
                threads = [threading.Thread(target=one.judge, args=(end,)) for one in people]
                for thread in threads:
                    thread.start()
                mib, judged = [], []
                for _ in range(TIMES):
                    time.sleep(seconds / TIMES)
                    mib.append(round(held(server.pid), 1))
                    judged.append(sum(len(one.ids) for one in people))
                for thread in threads:
                    thread.join()
            finally:
                server.kill()
        ids = [number for one in people for number in one.ids]
        rows = Verdicts(record, writing=False).rows()
    lost = len(set(ids) ^ {row.id for row in rows})
    errors = [error for one in people for error in one.errors]
    found: dict[str, object] = {"clients": clients, "seconds": seconds, "think": think, "verdicts": len(rows)}
    for kind in ("verdict", "page", "live"):
        took = [number for one in people for number in one.took[kind]]
        cuts = quantiles(took, n=100)
        found[kind] = {"n": len(took), "p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "most": max(took)}
    grown = {"grown_kib": round(_grown(mib, judged), 2)}
    return {**found, "errors": len(errors), "first_errors": errors[:3], "lost": lost, "mib": mib, **grown}


def _grown(mib: list[float], judged: list[int]) -> float:
    """KiB for each verdict of the second half of the time."""
    more = median(mib[-3:]) - median(mib[TIMES // 2 - 2 : TIMES // 2 + 1])
    return 1024 * more / max(1, judged[-2] - judged[TIMES // 2 - 1])


def _queues(client: Client) -> list[str]:
    """The keys of the queues, once all are worked out."""
    while True:
        found = json.loads(client.ask("page", "/api/queues")[1])
        if all(one["total"] is not None or one["trouble"] for one in found):
            return [one["key"] for one in found if one["total"]]
        time.sleep(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="a run folder")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--think", type=float, default=0.5, help="seconds from a page to the verdict (default: 0.5)")
    args = parser.parse_args()
    print(json.dumps(load(args.run, args.clients, args.seconds, args.think)))
