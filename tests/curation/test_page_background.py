"""Work beside the server ends with it."""

import time
from threading import Event

from gnnneg.curation.page.background import Background


def test_endless_work_is_ended():
    begun, left = Event(), []

    def work():
        try:
            while True:
                begun.set()
                time.sleep(0.001)
        finally:
            left.append("in order")

    thread = Background(work)
    thread.end()  # nothing to end yet
    thread.start()
    assert begun.wait(10)
    thread.end()
    assert not thread.is_alive()
    assert left == ["in order"]
    thread.end()
