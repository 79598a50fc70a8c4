"""What ``worth.py`` compares: for each suite its cases, each a name and the settings that make it of a config."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from pyarrow import csv

from gnnneg.data.ingest import ingest
from gnnneg.data.statements import SPLITS, triplets
from gnnneg.data.synthetic import world
from gnnneg.experiment import train_config
from gnnneg.generators import Adversary

K = 64
POOL = 256

Cases = dict[str, list[str]]


def part(name: str, **given: Any) -> dict[str, Any]:
    return {"class_path": name, "init_args": given}


def small(decoder: str) -> dict[str, Any]:
    """A model of a quarter of the width."""
    return part("KGEModel", encoder=part("Lookup", hidden_channels=24), decoder=part(decoder))


UNIFORM = part("Uniform", num_negatives=K)
MANY = part("Filtered", proposal=part("Uniform", num_negatives=POOL))
HARD = part("Hardest", proposal=MANY, num_negatives=K)

SAMPLERS: dict[str, dict[str, Any]] = {
    "uniform": part("Filtered", proposal=UNIFORM),
    "uniform, unfiltered": UNIFORM,
    "uniform, shared": part("Filtered", proposal=part("Uniform", num_negatives=K, shared=True)),
    "popular, alpha .5": part("Filtered", proposal=part("Popular", num_negatives=K, alpha=0.5)),
    "popular, corrected": part("Corrected", proposal=part("Filtered", proposal=part("Popular", num_negatives=K))),
    "in-batch": part("Filtered", proposal=part("InBatch")),
    "in-batch, corrected": part("Corrected", proposal=part("Filtered", proposal=part("InBatch"))),
    "pre-batch": part("Filtered", proposal=part("PreBatch", batches=1)),
    "corrupt": part("Filtered", proposal=part("Corrupt", num_negatives=K)),
    "typed": part("Filtered", proposal=part("Typed", num_negatives=K)),
    "relational": part("Padded", first=part("Filtered", proposal=part("Relational", num_negatives=K)), rest=UNIFORM),
    "two hops": part("Filtered", proposal=part("KHop", num_negatives=K, hops=2)),
    "random walks": part("Filtered", proposal=part("RandomWalk", num_negatives=K, hops=2)),
    "nearest 200": part("Filtered", proposal=part("Nearest", num_negatives=K, num_neighbors=200, refresh=300)),
    "truncated, .9": part("Filtered", proposal=part("Nearest", num_negatives=K, num_neighbors=0.1, refresh=1000)),
    "hardest of 256": HARD,
    "drawn of 256, weighted": part("HardDraw", proposal=MANY, num_negatives=K),
    "drawn of 256": part("HardDraw", proposal=MANY, num_negatives=K, weighted=False),
    "diverse of 256": part("Diverse", proposal=MANY, num_negatives=16),
    "self-paced": part("SelfPaced", proposal=MANY, num_negatives=K, violation=0.2),
    "curriculum": part("Curriculum", samplers=[part("Filtered", proposal=UNIFORM), HARD], starts=[0, 1000]),
    "half hard, half uniform": part(
        "Mixture",
        samplers=[
            part("Filtered", proposal=part("Uniform", num_negatives=K // 2)),
            part("Hardest", proposal=MANY, num_negatives=K // 2),
        ],
    ),
    "NSCaching": part("Cached", proposal=part("Uniform", num_negatives=30), num_negatives=K, size=30),
    "NSCaching, every 4th": part(
        "Cached", proposal=part("Uniform", num_negatives=30), num_negatives=K, size=30, every=4
    ),
    "KBGAN": part("KBGAN", proposal=MANY, policy=small("DistMult"), num_negatives=K),
    "child": part("Padded", first=part("Child", proposal=MANY, child=small("DistMult"), num_negatives=K), rest=UNIFORM),
    "influence": part("Influence", proposal=MANY, num_negatives=K),
    "MCNS": part("Filtered", proposal=part("MCNS", num_negatives=K)),
}


def sampled(sampler: dict[str, Any]) -> list[str]:
    """The settings that put a sampler into a config."""
    return ["--task.sampler", json.dumps(sampler)]


def asked_by(corruption: str, sampler: dict[str, Any] | None = None, *more: str) -> list[str]:
    return ["--task.corruption", corruption, *(sampled(sampler) if sampler else []), *more]


def budget(counts: tuple[int, ...] = (1, 4, 16, 64, 256)) -> Cases:
    """Four samplers of so many negatives, the hard ones from a pool of four times as many."""

    def four(count: int) -> dict[str, dict[str, Any]]:
        pool = part("Filtered", proposal=part("Uniform", num_negatives=4 * count))
        return {
            "uniform": part("Filtered", proposal=part("Uniform", num_negatives=count)),
            "corrupt": part("Filtered", proposal=part("Corrupt", num_negatives=count)),
            "hardest": part("Hardest", proposal=pool, num_negatives=count),
            "NSCaching": part("Cached", proposal=part("Uniform", num_negatives=30), num_negatives=count, size=30),
        }

    return {f"{name}, {count}": sampled(sampler) for count in counts for name, sampler in four(count).items()}


def later(step: int) -> dict[str, Any]:
    return part("Curriculum", samplers=[part("Filtered", proposal=UNIFORM), HARD], starts=[0, step])


ONE = part("Uniform", num_negatives=1)
GNDN = json.dumps([part("GNDN", hidden_channels=100)])


def margin_loss() -> Cases:
    """One negative, chosen in seven ways."""
    twenty = part("Uniform", num_negatives=20)
    return {
        "uniform": asked_by("Either", ONE),
        "Bernoulli": asked_by("Bernoulli", ONE),
        "NSCaching": asked_by("Bernoulli", part("Cached", proposal=part("Uniform", num_negatives=30), num_negatives=1)),
        "GN+DN": asked_by("Bernoulli", ONE, "--task.generators", GNDN),
        "influence": asked_by(
            "Bernoulli", part("Influence", proposal=part("Uniform", num_negatives=30), num_negatives=1)
        ),
        "KBGAN, DistMult": asked_by("Bernoulli", part("KBGAN", proposal=twenty, policy=small("DistMult"))),
        "KBGAN, ComplEx": asked_by("Bernoulli", part("KBGAN", proposal=twenty, policy=small("ComplEx"))),
    }


def trained(policy: dict[str, Any], config: Path, out: Path) -> str:
    """The weights of a policy after a minute of softmax over shared negatives, unless they are there already."""
    file = out / "model" / "model.safetensors"
    if not file.exists():
        many = part("Filtered", proposal=part("Uniform", num_negatives=2 * K, shared=True))
        means = {
            "--task.model": policy,
            "--task.loss": "InfoNCE",
            "--optimizer": part("Adagrad", lr=0.1),
            "--fit.max_seconds": 60,
        }
        train_config(
            config,
            [*asked_by("Both", many), *(x for key, value in means.items() for x in (key, json.dumps(value)))],
            out=out,
            progress=False,
        )
    return str(file.resolve())


def kbgan(config: Path, folder: Path) -> Cases:
    """One negative of twenty, by a policy that was trained before, or that begins with the model."""
    twenty, found = part("Uniform", num_negatives=20), {"Bernoulli": asked_by("Bernoulli", ONE)}
    for decoder in ("DistMult", "ComplEx"):
        policy = small(decoder)
        weights = trained(policy, config, folder / f"policy-{decoder}-{config.parent.name}")
        for name, given in ((f"KBGAN, {decoder}", {}), (f"KBGAN, {decoder}, trained before", {"weights": weights})):
            found[name] = asked_by("Bernoulli", part("KBGAN", proposal=twenty, policy=policy, **given))
    return found


def curriculum() -> Cases:
    """Hard negatives always, later, or as hard as the model bears."""
    return {
        "uniform": sampled(SAMPLERS["uniform"]),
        "always hard": sampled(HARD),
        **{f"hard from step {step:,}": sampled(later(step)) for step in (300, 1000, 3000)},
        **{
            f"self-paced, {share}": sampled(part("SelfPaced", proposal=MANY, num_negatives=K, violation=share))
            for share in (0.1, 0.2, 0.4)
        },
    }


def written(size: int, folder: Path) -> Path:
    """A world of so many entities as a data set of its own, unless it is there."""
    out = folder / f"world-{size}"
    if not out.exists():
        data = world(size).data
        raw = folder / f"world-{size}-tsv"
        raw.mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            head, relation, tail = triplets(data, split=split)
            names = data["entity"].names, data.relation_names, data["entity"].names
            table = [pa.array(of).take(pa.array(index.numpy())) for of, index in zip(names, (head, relation, tail))]
            options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
            csv.write_csv(pa.table(table, names=["head", "relation", "tail"]), raw / f"{split}.tsv", options)
        ingest(raw, out)
    return out


def sizes(config: Path, folder: Path) -> Cases:
    """Four samplers on worlds that grow."""
    return {
        f"{name.split(',')[0]}, {size}": [*settings, "--data.name", str(written(size, folder)), "--fit.epochs", "1000"]
        for size in (500, 2_000, 8_000, 32_000)
        for name, settings in budget((K,)).items()
    }


def term(**given: Any) -> list[str]:
    """Denied statements as a term of the loss."""
    return ["--task.generators", json.dumps([part("DeniedStatements", **given)])]


def dual(config: Path, **given: Any) -> list[str]:
    """The config's own task as both sides of two."""
    task = yaml.safe_load(config.read_text())["task"]
    return ["--task", json.dumps(part("Dual", positive=task, negative=task, **given))]


def denied(config: Path) -> Cases:
    """A config's own task without denied statements, with them as a term of its loss, and as one side of two."""
    return {
        "nothing denied": [],
        "pairs of a relation": term(num_negatives=4),
        "pairs of a relation, x4": term(num_negatives=4, scale=4.0),
        "labelled examples": term(num_negatives=4, grouped=False),
        "dual": dual(config),
        "dual, one table": dual(config, shared=True),
    }


def kept(config: Path) -> Cases:
    """As two of these, with more and more of the denied statements, in percent."""
    ways = {"labelled examples": term(num_negatives=4, grouped=False), "dual": dual(config)}
    some = {
        f"{name}, {percent}": [*settings, "--data.denied_kept", str(percent / 100)]
        for percent in (1, 5, 10, 25, 50, 100)
        for name, settings in ways.items()
    }
    return {**{f"{name}, 0": ["--data.denied_kept", "0"] for name in ways}, **some}


def made(count: int, **given: Any) -> list[str]:
    """DANS: half of so many negatives drawn, a quarter made by each pathway, unless told otherwise."""
    quarter, ours = count // 4, {"conditional": True, "hinge": True, "learns": 1, "every": 4}
    split = {"entity": quarter, "relation": count // 2 - quarter, "scale": 0.1, **ours, **given}
    learning = {option.name: split.pop(option.name) for option in fields(Adversary) if option.name in split}
    drawn = part("Uniform", num_negatives=count - split["entity"] - split["relation"])
    return [*sampled(drawn), "--task.generators", json.dumps([part("DANS", adversary=learning, **split)])]


def dans(config: Path) -> Cases:
    """DANS beside other negatives over the same base, and what its parts do; 20 negatives, unless it is said."""
    encoder = yaml.safe_load(config.read_text())["task"]["init_args"]["model"]["init_args"]["encoder"]
    width = {"hidden_channels": encoder["init_args"]["hidden_channels"]}
    twenty = part("Uniform", num_negatives=20)
    pool = part("Uniform", num_negatives=80)
    plain = {"conditional": False, "hinge": False, "every": 1, "scale": 1.0}
    release = {"one_pathway": True, "frozen_film": True, "batch_norm": True, "reciprocal": True, "attached": True}
    rates = {"lr": 1e-3, "discriminator_lr": 1e-4}
    mutated = [part("EMU", mutation_ratio=0.61, soft_label=0.53)]
    over_all = ["--task.sampler", "All", "--task.loss", "InfoNCE"]
    return {
        "random": sampled(twenty),
        "self-adversarial": [*sampled(twenty), "--task.loss", json.dumps(part("LogSigmoid", adversarial=1.0))],
        "MCNS": sampled(part("MCNS", num_negatives=20)),
        "k-hop": sampled(part("Padded", first=part("KHop", num_negatives=20, hops=2), rest=twenty)),
        "NSCaching": sampled(part("Cached", proposal=part("Uniform", num_negatives=30), num_negatives=20)),
        "KBGAN": sampled(part("KBGAN", proposal=pool, policy=small("DistMult"), num_negatives=20)),
        "hardest": sampled(part("Hardest", proposal=pool, num_negatives=20)),
        "EMU": [
            *sampled(twenty),
            "--task.loss",
            "InfoNCE",
            "--task.generators",
            json.dumps(mutated),
            "--task.scale",
            "0.11",
        ],
        "cross-entropy over all": over_all,
        "DANS": made(20, **width),
        "DANS, one term": [*made(20, **width), "--task.one_term", "true"],
        "DANS, as in the paper": made(20, **width, **plain),
        "DANS, as in the paper, one term": [*made(20, **width, **plain), "--task.one_term", "true"],
        "DANS, ten steps to one": made(20, **width, **plain, steps=10),
        "DANS, one step to ten": made(20, **width, **plain, generator_steps=10),
        "DANS, step sizes of the release": made(20, **width, **plain, **rates),
        "DANS, ten steps to one, step sizes of the release": made(20, **width, **plain, **rates, steps=10),
        "DANS, as released": made(20, **width, **plain, **rates, auxiliary=0.0, as_released=release, steps=10),
        "DANS, entity's pathway": made(20, **width, entity=10, relation=0),
        "DANS, relation's pathway": made(20, **width, entity=0, relation=10),
        "DANS, no FiLM": made(20, **width, film=False),
        "DANS, no auxiliary head": made(20, **width, auxiliary=0.0),
        "DANS, averaged": made(20, **width, average=0.99),
        "DANS, not conditional": made(20, **width, conditional=False),
        "DANS, no hinge": made(20, **width, hinge=False),
        "DANS, taught in every step": made(20, **width, every=1),
        "DANS, weight 1": made(20, **width, scale=1.0),
        "DANS, 5 negatives": made(5, **width),
        "DANS, 10 negatives": made(10, **width),
        "DANS, 30 negatives": made(30, **width),
        **{f"DANS, lambda {pull:g}": made(20, **width, pull=pull) for pull in (1e-6, 1e-5, 1e-3)},
        "DANS, projected": sampled(
            part(
                "Mixture",
                samplers=[
                    part("Uniform", num_negatives=10),
                    part("Filtered", proposal=part("Projected", generator=part("DANS", **width))),
                ],
            )
        ),
        "DANS, and over all": [*over_all, *made(20, **width)[2:]],
        "DANS, one of each, and over all": [*over_all, *made(20, **width, entity=1, relation=1)[2:]],
        "DANS, plain, and over all": [*over_all, *made(20, **{**width, **plain, "every": 4, "scale": 0.1})[2:]],
        "DANS, never taught, and over all": [*over_all, *made(20, **width, lr=0.0, discriminator_lr=0.0)[2:]],
        "EMU, and over all": [
            *over_all,
            "--task.generators",
            json.dumps([part("EMU", mutation_ratio=0.1, soft_label=0.0, scale=0.1)]),
        ],
    }


SUITES: dict[str, Callable[[Path, Path], Cases]] = {
    "samplers": lambda config, folder: {name: sampled(sampler) for name, sampler in SAMPLERS.items()},
    "budget": lambda config, folder: budget(),
    "curriculum": lambda config, folder: curriculum(),
    "margin-loss": lambda config, folder: margin_loss(),
    "sizes": sizes,
    "denied": lambda config, folder: denied(config),
    "kept": lambda config, folder: kept(config),
    "dans": lambda config, folder: dans(config),
    "kbgan": kbgan,
}
