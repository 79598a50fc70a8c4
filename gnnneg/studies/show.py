"""The current results of a study, from its records."""

from pathlib import Path

from gnnneg.errors import UserError
from gnnneg.studies.definition import read
from gnnneg.studies.page import page, strangers
from gnnneg.studies.plot import picture
from gnnneg.studies.records import Records
from gnnneg.studies.standing import Fingerprints, standing
from gnnneg.studies.tables import Tables, tables
from gnnneg.training.atomic import replacing


def shown(path: str | Path, results: Path, fingerprints: Fingerprints, first: int | None = None) -> Tables:
    """The tables of a study.

    Args:
        path (str or Path): The study file.
        results (pathlib.Path): The folder of the records.
        fingerprints (callable): See :func:`~gnnneg.studies.standing.standing`.
        first (int, optional): Use only this many of the first records. (default: all)

    Raises:
        UserError: If the study or a record is invalid.
    """
    study = read(path)
    records = Records(results / f"{study.name}.jsonl").read()[:first]
    return tables(study, standing(study, records, fingerprints), len(records))


def written(found: Tables, out: Path) -> list[Path]:
    """Writes the page and the plot of a study.

    Args:
        found (Tables): The tables of the study.
        out (pathlib.Path): The folder to write to.

    Returns:
        list[Path]: The two files.

    Raises:
        UserError: If the answer in the study file contains a number that is in no table.
    """
    name = found.definition.name
    text = page(found, f"{name}.svg")
    refuse_strangers(found, text)
    drawn = picture(found)
    made = {out / f"{name}.md": text, out / f"{name}.svg": drawn}
    for path, content in made.items():
        with replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return list(made)


def refuse_strangers(found: Tables, text: str) -> None:
    """Refuses an answer with a number that is in no table.

    Raises:
        UserError: If there is such a number.
    """
    answer = found.definition.answer
    unknown = strangers(answer, text.replace(answer, "") if answer else text)
    if unknown:
        raise UserError(
            f"{found.definition.path}: the answer has the number {unknown[0]}, and no table of its records has: "
            "correct it, or leave it out."
        )
