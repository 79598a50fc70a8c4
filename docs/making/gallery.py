"""Every sampler, generator, loss and decoder in a table, from the classes themselves."""

import inspect
import re
import typing
from collections.abc import Callable, Iterator

from gnnneg.config.signature import MISSING, options, parameters
from gnnneg.data.facts import FACTS
from gnnneg.interfaces import Decoder, Generator, Loss, Part, Sampler
from gnnneg.stateful import OwnOptimizer
from making.names import Name, public
from making.pages import Pages, heading, table
from making.words import about, cost
from making.worlds import refused

SIZES = {"num_nodes", "num_relations"}  # every data set has them
FACT = {
    "known": "training facts",
    "denied": "denied statements",
    "types": "types, of the data or of slots",
    "graph": "the message graph",
    "mirror": "denied statements",
}


def rows(base: type, works: Callable[[type], str]) -> Iterator[list[str]]:
    """The rows of one kind of part: name, what it does, cost, needs, what it works with."""
    for one in sorted(_parts(base), key=lambda one: one.name.casefold()):
        cls = one.thing
        assert isinstance(cls, type)
        yield [f":class:`~{one.full}`", about(cls), cost(cls), needs(cls), works(cls)]


def _parts(base: type) -> Iterator[Name]:
    for one in public():
        if inspect.isclass(one.thing) and issubclass(one.thing, base) and not inspect.isabstract(one.thing):
            yield one


def needs(cls: type) -> str:
    """The facts of the data and the parts that a constructor asks for."""
    found = []
    for key, (annotation, default) in parameters(cls).items():
        if key in FACTS and key not in SIZES:
            found.append(FACT[key])
        elif default is MISSING:
            found += [f"{_article(part)} ``{key}``" for part in _asked(annotation)]
    return ", ".join(dict.fromkeys(found)) or "nothing"


def _asked(annotation: object) -> Iterator[type]:
    for option in options(annotation):
        inner = typing.get_args(option)
        if inner:
            yield from _asked(inner[-1])
        elif inspect.isclass(option) and issubclass(option, Part):
            yield option


def _article(part: type) -> str:
    name = re.sub(r"(?<!^)(?=[A-Z])", " ", part.__name__).lower()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def own(cls: type, base: type, method: str) -> bool:
    """Whether a class has a method of its own in place of its base's."""
    return getattr(cls, method) is not getattr(base, method)


def sampler(cls: type) -> str:
    """What a sampler goes together with."""
    found = []
    if own(cls, Sampler, "log_prob"):
        condition = " if what it holds knows its probability" if _holds(cls) else ""
        found.append(f":class:`~gnnneg.Corrected`, :class:`~gnnneg.NoiseContrastive`{condition}")
    if "shared" in parameters(cls):
        found.append("shared or private negatives")
    if alone(cls):
        found.append("one process only")
    return "; ".join(found) or "any loss, generator and decoder"


def _holds(cls: type) -> bool:
    """Whether a part is made of other samplers."""
    return any(issubclass(part, Sampler) for annotation, _ in parameters(cls).values() for part in _asked(annotation))


def alone(cls: type) -> bool:
    """Whether a part can be trained in one process only."""
    return issubclass(cls, OwnOptimizer) or bool(getattr(cls, "one_process", None))


def generator(cls: type) -> str:
    """With which decoders a generator makes a step."""
    without = refused(cls)
    single = "; one process only" if alone(cls) else ""
    return "every decoder" + (f" but {', '.join(without)}" if without else "") + single


def loss(cls: type) -> str:
    """What a loss goes together with."""
    whole = cls().takes_noise
    found = ["every sampler and generator" if whole else "every generator, every sampler but NoiseContrastive"]
    if own(cls, Loss, "of_product"):
        found.append("shared negatives without a matrix of scores")
    return "; ".join(found)


def decoder(cls: type) -> str:
    """What a decoder goes together with."""
    made = cls(num_relations=3, hidden_channels=8)
    similarity = made.similarity
    found = ["one matrix product for shared negatives"] if similarity.is_product else []
    found.append("DANS" if similarity.shares_space else "DANS with ``relation=0``")
    if similarity.parts == 2:
        found.append("coordinates are complex")
    found.append("inverse relations tied or ``reciprocal``" if "reciprocal" in parameters(cls) else "reciprocal only")
    return "; ".join(found)


KINDS: dict[str, tuple[type, Callable[[type], str], str, str]] = {
    "Samplers": (Sampler, sampler, "draws", "A sampler offers entities as wrong answers to each query."),
    "Generators": (Generator, generator, "makes", "A generator makes negatives that are no entities."),
    "Losses": (Loss, loss, "is", "A loss compares the score of a true answer with those of its negatives."),
    "Decoders": (Decoder, decoder, "is", "A decoder scores a triplet from the vectors of its entities."),
}


def write(pages: Pages) -> None:
    """The page of all tables."""
    text = ":html_theme.sidebar_secondary.remove: true\n\n.. _gallery:\n\n" + heading("Gallery")
    text += (
        "All parts that decide about negatives, side by side. The tables are made from the classes: *costs* is beside\n"
        "scoring the target, *needs* is what the constructor asks for. Facts of the data are filled in by a config.\n"
        "``b`` queries, ``k`` candidates, ``n`` entities, ``d`` the width of vectors.\n\n"
    )
    for title, (base, works, verb, what) in KINDS.items():
        text += heading(title, "-") + what + "\n\n"
        header = [title[:-1].lower() if title != "Losses" else "loss", verb, "costs", "needs", "works with"]
        text += table(header, rows(base, works), "14 34 24 14 14", "gallery")
    pages.add("gallery.rst", text)
