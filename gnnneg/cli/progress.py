"""Progress on standard error: a bar on a terminal, otherwise one line at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting(what: str, wanted: bool = True) -> Iterator[Callable[[int, int], None] | None]:
    """Yields a function of the number done and the number in all; None if nothing is shown.

    Args:
        what (str): The name of the items, such as ``"questions"``.
        wanted (bool): Whether to show anything. (default: :obj:`True`)
    """
    if not wanted:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    began, last = time.monotonic(), (0, 0)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    bar = Progress(TextColumn(what), *columns, console=console, refresh_per_second=4, transient=True)
    line = bar.add_task("", total=None, rate="")

    def tell(done: int, total: int) -> None:
        nonlocal last
        last = done, total
        rate = done / max(time.monotonic() - began, 1e-9)
        bar.update(line, completed=done, total=total, rate=f"{rate:,.0f}/s")

    if console.is_terminal:
        bar.start()
    try:
        yield tell
    finally:
        if console.is_terminal:
            bar.stop()
    seconds = time.monotonic() - began
    rate = last[0] / max(seconds, 1e-9)
    words = f"{last[0]:,} {what} in {seconds:,.1f} s, {rate:,.0f}/s"
    console.print(words, markup=False, highlight=False, soft_wrap=True)
