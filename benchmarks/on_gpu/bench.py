"""Sizes, a clock for a device, and records of what was measured: one JSON object a line."""

import json
import math
import os
import statistics
import time
import warnings
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import torch
from on_gpu.record import key

Work = Callable[[], object]


class Size(NamedTuple):
    """How large a measurement is."""

    nodes: int
    relations: int
    edges: int
    width: int
    batch: int
    negatives: int


TOY = Size(60, 4, 300, 8, 16, 4)
PAPER = Size(14_541, 237, 310_116, 100, 1000, 256)  # FB15k-237, a batch and a width as papers have them
LARGE = Size(1_000_000, 500, 4_000_000, 256, 8192, 256)  # where memory, not the host, is the bound


class Bench:
    """Times work on a device.

    Args:
        device (str): Where.
        toy (bool): Whether sizes are small.
        told (collection): The keys of cases that are not measured again. (default: none)
        until (float): When the measurement will be stopped, in seconds since 1970. (default: never)
    """

    def __init__(self, device: str, toy: bool, told: Collection[tuple[str | None, ...]] = (), until: float = math.inf):
        self.device, self.toy, self.told, self.until = torch.device(device), toy, told, until
        self.cuda = self.device.type == "cuda"
        self.seconds = 0.05 if toy else float(os.environ.get("GNNNEG_GPU_SECONDS", "0.6"))
        self.paper, self.large = (TOY, TOY) if toy else (PAPER, LARGE)

    def tell(self, part: str, case: str, **found: Any) -> None:
        """Prints one record."""
        print(json.dumps({"part": part, "case": case, **found}), flush=True)

    def case(self, part: str, case: str, measure: Callable[[], dict[str, Any]], **more: Any) -> None:
        """Measures a case and tells it, if no earlier call has. If it fails, its sentence is told, and others go on."""
        if key({"part": part, "case": case, **more}) in self.told:
            return
        try:
            found = measure()
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            found = {"error": f"{type(error).__name__}: {lines[0][:300]}"}
        self.tell(part, case, **more, **found)
        if self.cuda:
            torch.cuda.empty_cache()

    def left(self) -> float:
        """Seconds until the measurement will be stopped."""
        return self.until - time.time()

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()

    def milliseconds(self, work: Work, warm: int = 5) -> dict[str, float]:
        """The median time of a call over repeats of many calls each, so that the wait for the device is shared out."""
        for _ in range(1 if self.toy else warm):
            work()
        self.wait()
        begin = time.perf_counter()
        work()
        self.wait()
        calls = max(1, min(200, int(self.seconds / 8 / max(1e-6, time.perf_counter() - begin))))
        laps: list[float] = []
        start = time.perf_counter()
        while len(laps) < 3 or (time.perf_counter() - start < self.seconds and len(laps) < 50):
            begin = time.perf_counter()
            for _ in range(calls):
                work()
            self.wait()
            laps.append((time.perf_counter() - begin) / calls * 1e3)
        return {"ms": statistics.median(laps), "ms_least": min(laps), "ms_most": max(laps)}

    def launches(self, work: Work) -> dict[str, int]:
        """How many kernels and copies a call starts, and how often it waits for the device."""
        if not self.cuda:
            return {}
        from torch.profiler import ProfilerActivity, profile

        work()
        self.wait()
        with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
            work()
            self.wait()
        names = [event.name for event in seen.events()]
        started = sum("LaunchKernel" in name or "GraphLaunch" in name for name in names)
        copies = sum("cudaMemcpyAsync" in name for name in names)
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                work()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        waits = sum("called a synchronizing" in str(one.message) for one in told)
        self.wait()
        return {"launches": started, "copies": copies, "waits": waits}

    def measured(self, work: Work, rows: int) -> dict[str, Any]:
        """Time, rate, launches, waits and peak memory of a call that handles so many rows."""
        work()
        before = 0
        if self.cuda:
            self.wait()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        found: dict[str, Any] = dict(self.milliseconds(work))
        found["per_second"] = rows / found["ms"] * 1e3
        if self.cuda:
            found["peak_mib"] = (torch.cuda.max_memory_allocated() - before) / 2**20
            found["held_mib"] = before / 2**20
        return found | self.launches(work)
