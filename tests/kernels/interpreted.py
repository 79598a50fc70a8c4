"""Scripts of cases in Triton's interpreter, each in a process of its own, which one process that imported all becomes.

``TRITON_INTERPRET=1 python interpreted.py "grouped_cases.py cpu" ...``: importing takes longer than most cases do.
"""

import os
import runpy
import sys
import warnings
from pathlib import Path

import grouped_cases  # noqa: F401  what these import is what takes the time
import long_cases  # noqa: F401
import triton_cases  # noqa: F401

for words in sys.argv[1:]:
    with warnings.catch_warnings(action="ignore"):  # that threads are lost on the way: none runs a kernel yet
        process = os.fork()
    if process == 0:
        sys.argv = words.split()
        runpy.run_path(str(Path(__file__).with_name(sys.argv[0])), run_name="__main__")
        sys.exit()
    if os.waitpid(process, 0)[1]:
        sys.exit(f"{words} failed")
