"""What samplers draw, as pictures: how plausible their negatives are to one trained model."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Adagrad

from gnnneg import (
    Both,
    Cached,
    ComplEx,
    Corrupt,
    Denied,
    Facts,
    Filtered,
    Fit,
    HardDraw,
    Hardest,
    InfoNCE,
    KGEModel,
    KHop,
    KnownAnswers,
    LinkPrediction,
    Lookup,
    Nearest,
    Popular,
    Sampler,
    SelfPaced,
    Triplets,
    Typed,
    Uniform,
    load,
    train,
    triplets,
)
from gnnneg.evaluation import diagnose
from making.pages import Pages, heading, table

WIDTH, HEIGHT, BASE = 260, 74, 60  # of a picture, and where its bars stand
MANY = 16
EPOCHS = 10  # of the model
PASSES = 5  # over the statements, in which what keeps something fills it
# how it is written, and how it is made from the facts and from the filtered pool
SHOWN: dict[str, Callable[[Facts, Sampler], Sampler]] = {
    "Uniform(n, 16)": lambda facts, pool: Uniform(facts.num_nodes, MANY),
    "Popular(known, 16)": lambda facts, pool: Popular(facts.known, MANY),
    "Corrupt(known, 16)": lambda facts, pool: Corrupt(facts.known, MANY),
    "Typed(types, n, 16)": lambda facts, pool: Typed(facts.types, facts.num_nodes, MANY),
    "KHop(known, 16, 2)": lambda facts, pool: KHop(facts.known, MANY, 2),
    "Nearest(n, 16, 20)": lambda facts, pool: Nearest(facts.num_nodes, MANY, 20),
    "Hardest(pool, 16)": lambda facts, pool: Hardest(pool, MANY),
    "HardDraw(pool, 16)": lambda facts, pool: HardDraw(pool, MANY),
    "SelfPaced(pool, 16)": lambda facts, pool: SelfPaced(pool, MANY),
    "Cached(pool, known, 16)": lambda facts, pool: Cached(pool, facts.known, MANY),
    "Denied(denied, 16)": lambda facts, pool: Denied(facts.denied, MANY),
}


def write(pages: Pages) -> None:
    """The page, and a picture for each sampler."""
    text = heading("What samplers draw")
    text += (
        "One ComplEx model is trained on the made-up town. Then each sampler draws 16 negatives for every training\n"
        "query. A bar is the share of negatives in one twentieth of all entities, ordered by the model's score: the\n"
        "least plausible entities on the left, the most plausible on the right. All candidates of a flat picture are\n"
        "equally probable. ``pool`` is ``Filtered(Uniform(n, 64), known)``.\n\n"
        "*Hardness* is the mean place, from 0 to 1. *True* is the share of negatives that are true in any split. No\n"
        "sampler here leaves out what only valid and test state.\n\n"
    )
    rows = []
    for written, found in _drawn().items():
        name = written.partition("(")[0]
        pages.add(f"drawn/{name}.svg", bars(found["percentiles"]))
        image = f".. image:: drawn/{name}.svg\n   :width: {WIDTH}px\n   :alt: how hard the negatives of {name} are"
        figures = [f"{found['hardness']:.2f}", f"{found['false_negative_rate']:.1%}"]
        rows.append([f":class:`~gnnneg.{name}`\n\n``{written}``", image, *figures])
    pages.add("drawn.rst", text + table(["sampler", "its negatives", "hardness", "true"], rows, "30 46 12 12", "drawn"))


def _drawn() -> dict[str, dict[str, Any]]:
    data = load("Town")
    facts = Facts(data)
    n, r = facts.num_nodes, facts.num_relations
    torch.manual_seed(0)
    model = KGEModel(Lookup(n, 64), ComplEx(r, 64), dropout=0.3)
    pool = Filtered(Uniform(n, 64), facts.known)
    task = LinkPrediction(model, Both(r), Hardest(pool, MANY), InfoNCE())
    train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=EPOCHS, batch_size=128), progress=False)
    statements = triplets(data, "stated", "train")
    every = (triplets(data, "stated", split) for split in ("train", "valid", "test"))
    truth = KnownAnswers(Triplets(*map(torch.cat, zip(*every))), n, r)
    found = {}
    for written, make in SHOWN.items():
        sampler, rng = make(facts, pool), torch.Generator().manual_seed(0)
        for _ in range(PASSES):
            query, target = task.corruption(statements, rng)
            sampler(query, target, model.scorer(model.encode(None), query), rng)
        sampler.eval()
        found[written] = diagnose(sampler, model, None, statements, truth, task.corruption, rng)
    return found


def bars(shares: list[float]) -> str:
    """A histogram of shares as SVG, with a line where all would be equal."""
    step, scale = WIDTH / len(shares), BASE / max(0.35, *shares)
    even = BASE - scale / len(shares)
    parts = [
        f'<rect x="{place * step + 1:.1f}" y="{BASE - scale * share:.1f}" width="{step - 2:.1f}" '
        f'height="{scale * share:.1f}" fill="#4477cc"/>'
        for place, share in enumerate(shares)
    ]
    parts.append(f'<line x1="0" x2="{WIDTH}" y1="{even:.1f}" y2="{even:.1f}" stroke="#c4483d" stroke-dasharray="4 3"/>')
    parts.append(f'<line x1="0" x2="{WIDTH}" y1="{BASE}" y2="{BASE}" stroke="#7a7a7a"/>')
    words = 'font-family="system-ui, sans-serif" font-size="10" fill="#5b616b"'
    parts.append(f'<text x="0" y="{HEIGHT - 3}" {words}>implausible</text>')
    parts.append(f'<text x="{WIDTH}" y="{HEIGHT - 3}" text-anchor="end" {words}>plausible</text>')
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{"".join(parts)}</svg>\n'
