"""The pages of the studies that have records: their prose from the study files, all figures from the records."""

from pathlib import Path

from gnnneg.studies.page import page, title
from gnnneg.studies.plot import picture
from gnnneg.studies.show import refuse_strangers, shown
from gnnneg.studies.tables import Tables
from making.pages import Pages, contents, heading, table

ROOT = Path(__file__).parents[2]


def write(pages: Pages) -> None:
    """A page and a picture for each study, and the page that lists them."""
    found = [shown(path, ROOT / "results", lambda _: None) for path in sorted((ROOT / "studies").glob("*.yaml"))]
    begun = sorted((one for one in found if one.there), key=lambda one: -one.there / one.wanted)
    for one in begun:
        name = one.definition.name
        text = page(one, f"{name}.svg").replace(str(ROOT) + "/", "")
        refuse_strangers(one, text)
        pages.add(f"studies/{name}.md", text)
        pages.add(f"studies/{name}.svg", picture(one))
    text = heading("Answers so far")
    text += "Each page is made from the records of its runs when the site is built. Nothing in a table is typed.\n\n"
    if begun:
        text += table(["study", "question", "trainings"], map(_row, begun), "20 60 20", "names")
    waiting = [one.definition.name for one in found if not one.there]
    if waiting:
        text += f"Not begun: {', '.join(f'``{name}``' for name in waiting)}.\n\n"
    names = [one.definition.name for one in begun]
    pages.add("studies/index.rst", text + contents(names))


def _row(one: Tables) -> list[str]:
    name = one.definition.name
    return [f":doc:`{name} <{name}>`", title(one.definition.question), f"{one.there} of {one.wanted}"]
