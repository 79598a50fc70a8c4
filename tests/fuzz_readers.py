"""Looks for files that a reader answers with more than statements or one sentence: ``python tests/fuzz_readers.py``.

`Atheris <https://github.com/google/atheris>`_ changes the files that ``tests/data/formats/test_fuzz.py`` has for each
reader, and keeps those changes that reach lines of ``gnnneg.data`` which no file before has reached. The first byte of
an input says which reader is asked. It runs for ``--minutes``. A file that breaks a reader is kept in ``--out`` as
``found-1-NAME`` and told of, one for each place that fails; ``--out`` also holds what a longer search goes on from.
"""

import argparse
import os
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
with atheris.instrument_imports(include=["gnnneg.data", "gnnneg.documents", "gnnneg.encodings"]):
    from tests.data.formats.test_fuzz import WHOLE, WORDS, read

NAMES = sorted(WHOLE)


def begin(corpus: Path, words: Path, only: str | None) -> None:
    """Writes what the search starts from: a whole file for each reader, and what means something to one of them."""
    corpus.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(NAMES):
        if only in (None, name):
            (corpus / f"whole-{name}").write_bytes(bytes([number]) + WHOLE[name])
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in WORDS if len(word) < 60)
    words.write_text("".join(f'"{word}"\n' for word in escaped))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", choices=NAMES, help="one reader, by its file")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz-readers"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    corpus, words = arguments.out / "corpus", arguments.out / "words"
    begin(corpus, words, arguments.only)
    warnings.simplefilter("ignore")  # a reader may tell of what it finds odd
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))

    met: set[tuple[str, int]] = set()

    def one(data: bytes) -> None:
        if not data:
            return
        name = arguments.only or NAMES[data[0] % len(NAMES)]
        try:
            read(folder / name, name, data[1:], None)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            if (last.filename, last.lineno) not in met:  # one file for each place
                met.add((last.filename, last.lineno))
                kept = arguments.out / f"found-{len(met)}-{name}"
                kept.write_bytes(data[1:])
                print(f"{kept}: {type(error).__name__} at {last.filename}:{last.lineno}", file=sys.stderr, flush=True)

    options = f"-max_total_time={int(60 * arguments.minutes)} -seed={arguments.seed} -max_len=20000 -timeout=20"
    files = f"-dict={words} -artifact_prefix={arguments.out}/found- -rss_limit_mb=3000 -print_final_stats=1"
    atheris.Setup([sys.argv[0], str(corpus), *options.split(), *files.split()], one, enable_python_coverage=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
