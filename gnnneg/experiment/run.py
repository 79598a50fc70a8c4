"""A run: what was trained, on what, how well it did, and what it answers."""

import copy
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch_geometric.data import HeteroData

from gnnneg import config
from gnnneg.config import FACTS, Facts, Plan, Tree
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import num_relations, triplets
from gnnneg.data.synthetic import world
from gnnneg.errors import UserError
from gnnneg.evaluation import (
    Calibration,
    Ranks,
    diagnose,
    geometry,
    nearest,
    plane,
    predict,
    relation_ranks,
    representations,
    shown,
    summary,
    tables,
)
from gnnneg.evaluation.mode import device_of, judging
from gnnneg.experiment import folder
from gnnneg.experiment.judge import Judge
from gnnneg.experiment.settings import assemble, choose, plan, source
from gnnneg.interfaces import Model, Task
from gnnneg.records import Query, Triplets
from gnnneg.samplers import Taught
from gnnneg.tasks import Dual, LinkPrediction
from gnnneg.training import load_model, load_task
from gnnneg.trust import allowing

EXAMPLES = 5  # statements whose negatives are shown by name


class Run:
    """A run folder, read as it is asked for; or, without a folder, what a call of :func:`~gnnneg.train` left.

    Args:
        path (Path, optional): The folder.
        plan (Plan, optional): What its config means.
        result (dict): What ``result.json`` holds; empty while it was not finished.
        device (torch.device): Where its model shall be.
    """

    def __init__(self, path: Path | None, plan: Plan | None, result: dict[str, Any], device: torch.device):
        self.path, self.plan, self.result, self.device = path, plan, result, device
        self.allow: str | Sequence[str] = ()

    @classmethod
    def load(cls, path: str | Path, device: str | None = None, allow: str | Sequence[str] = ()) -> "Run":
        """Reads a run folder; one that was interrupted too, once it has a model.

        Args:
            path (str or Path): The folder.
            device (str, optional): Where its model shall be; :obj:`None` takes a GPU if there is one.
            allow (str or list[str]): Modules that are not gnnneg's and whose classes the run may name. Nothing else is
                imported, and nothing from within the folder.

        Raises:
            UserError: If it is no run folder, damaged, or of another version.
        """
        path = Path(path)
        if not (path / folder.CONFIG).is_file():
            raise UserError(f"{path} is not a run folder: it has no {folder.CONFIG}.")
        folder.read_json(path / folder.ENVIRONMENT, versioned=True)
        result = folder.read_json(path / folder.RESULT) if (path / folder.RESULT).exists() else {}
        with allowing(allow):
            run = cls(path, plan(config.read(path / folder.CONFIG)), result, choose(device))
        run.allow = allow
        return run

    def __repr__(self) -> str:
        test = self.metrics.get("test", {})
        return f"Run({str(self.path)!r}, test mrr {test['mrr']:.3f})" if "mrr" in test else f"Run({str(self.path)!r})"

    @property
    def config(self) -> Tree:
        """The resolved config."""
        return {} if self.plan is None else self.plan.plain()

    @property
    def metrics(self) -> dict[str, Any]:
        """By split, from ``result.json``."""
        return self.result.get("metrics", {})

    @cached_property
    def data(self) -> HeteroData:
        """The data set.

        Raises:
            UserError: If it is no longer the one that the model was trained on.
        """
        assert self.path is not None
        assert self.plan is not None
        model = self.path / folder.MODEL
        entities, relations = folder.read_names(model, "entities"), folder.read_names(model, "relations")
        if (self.path / folder.STATEMENTS).exists():
            return folder.read_statements(self.path / folder.STATEMENTS, entities, relations)
        asked, data = source(self.plan), self._loaded[0]
        if data["entity"].names != entities or data.relation_names != relations:
            raise UserError(f"{asked.name} has changed since {self.path} was trained on it: train again.")
        return data

    @cached_property
    def test_graph(self) -> HeteroData | None:
        """The graph of other entities that the model is tested on, if it is not that which it was trained on."""
        assert self.path is not None
        home = self.path / folder.TEST_GRAPH
        if home.is_dir():
            names = (folder.read_names(home, what) for what in ("entities", "relations"))
            return folder.read_statements(home / folder.STATEMENTS, *names)
        if (self.path / folder.STATEMENTS).exists():
            return None
        return self._loaded[1] if len(self._loaded) > 1 else None

    @cached_property
    def _loaded(self) -> list[HeteroData]:
        assert self.plan is not None
        return source(self.plan).graphs()

    @cached_property
    def model(self) -> Model:
        """The trained model, in evaluation mode."""
        assert self.path is not None
        home = self.path / folder.MODEL
        said = folder.read_json(home / folder.MODEL_CONFIG, versioned=True)
        try:
            tree, sizes = said["model"], (said["num_nodes"], said["num_relations"])
        except KeyError as error:
            raise UserError(f"{home / folder.MODEL_CONFIG} lacks {error}: copy the run again or train again.") from None
        facts = Facts(self.data)
        if sizes != (facts.num_nodes, facts.num_relations):
            raise UserError(f"{home} is for {sizes[0]} entities and {sizes[1]} relations, which the data set has not.")
        with allowing(self.allow):
            model: Model = config.resolve(Model, tree, "model", FACTS).build(facts)
        load_model(home, model)
        return model.to(self.device).eval()

    @cached_property
    def task(self) -> Task:
        """The task as it was trained, its model with the best weights, all else as the last checkpoint has it."""
        assert self.plan is not None
        task = assemble(self.plan, self.data).task.to(self.device)
        if self.path is not None:
            load_task(self.path / "checkpoints", task)
            load_model(self.path / folder.MODEL, task.model)
        return task

    @cached_property
    def judge(self) -> Judge:
        """Asks the model about its data set under the run's own policy."""
        assert self.plan is not None
        return Judge(self.data, self.plan.arguments["evaluation"].build({}), self.device, self.test_graph)

    def _about(self, *names: str | None) -> Judge:
        """Who knows some entities: where the model is tested on another graph, that one if it has them all."""
        test = self.judge.on("test")
        return test if set(names) - {None} <= set(test.data["entity"].names) else self.judge

    def predict(
        self,
        head: str | None = None,
        relation: str | None = None,
        tail: str | None = None,
        k: int = 10,
        unknown_only: bool = False,
    ) -> pd.DataFrame:
        """The ``k`` best answers to what is left out, or a triple's score: see :func:`gnnneg.evaluation.predict`.

        Where the model is tested on a graph of other entities, answers come from there if it has those given.
        """
        judge = self._about(head, tail)
        return predict(self.model, judge.data, head, relation, tail, k, graph=judge.graph, unknown_only=unknown_only)

    def explain(self, head: str, relation: str, tail: str, k: int = 3) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """What the run says of one triple.

        Args:
            head (str): Name of the head.
            relation (str): Name of the relation.
            tail (str): Name of the tail.
            k (int): How many statements of each polarity to compare it with. (default: :obj:`3`)

        Returns:
            One row, with the columns of :func:`gnnneg.evaluation.predict`, ``probability`` by Platt scaling (missing
            without validation statements), and the filtered, realistic ``tail_rank`` and ``head_rank`` among so many
            ``tail_candidates`` and ``head_candidates``; and the :func:`~gnnneg.evaluation.nearest` statements, or
            :obj:`None` if the model has no vectors that are near to each other.
        """
        answer = self.predict(head, relation, tail)
        judge = self._about(head, tail)
        names, relations = judge.data["entity"].names, judge.data.relation_names
        place = names.index(head), relations.index(relation), names.index(tail)
        triplet = Triplets(*(torch.tensor([index]) for index in place))
        answer["probability"] = float("nan")
        if self.judge.asks("valid"):
            answer["probability"] = self.calibration.platt(torch.tensor(answer["score"].to_numpy())).numpy()
        found = judge.ranked(self.model, triplet)
        for side in ("tail", "head"):
            one = found.of(side)
            answer[f"{side}_rank"], answer[f"{side}_candidates"] = float(one.realistic), int(one.candidates)
        if not self.model.has_vectors:
            return answer, None
        return answer, nearest(representations(self.model, judge.graph), judge.data, triplet, k)

    def paths(self, head: str, relation: str, tail: str, k: int = 5) -> pd.DataFrame:
        """The ways through the graph by which a model comes to a prediction.

        Args:
            head (str): Name of the head.
            relation (str): Name of the relation.
            tail (str): Name of the tail.
            k (int): How many, at most. (default: :obj:`5`)

        Returns:
            Columns ``weight``, and ``path`` in words: ``a -r-> b <-s- c`` says that ``(a, r, b)`` and ``(c, s, b)`` are
            stated. The heaviest first; :meth:`~gnnneg.interfaces.Model.paths` says what a weight is.

        Raises:
            UserError: If the model does not go by paths, or a name is unknown.
        """
        self.predict(head, relation, tail)  # names are checked
        judge = self._about(head, tail)
        names, relations = judge.data["entity"].names, judge.data.relation_names
        device = device_of(self.model)
        query = Query(*(torch.tensor([i], device=device) for i in (names.index(head), relations.index(relation))))
        target = torch.tensor([names.index(tail)], device=device)
        with judging(self.model):
            found = self.model.paths(judge.graph, query, target, k)

        def step(edge_type: int, node: int) -> str:
            name = relations[edge_type % len(relations)]
            return f"-{name}-> {names[node]}" if edge_type < len(relations) else f"<-{name}- {names[node]}"

        words = [" ".join([head, *(step(kind, node) for _, kind, node in path.steps)]) for path in found]
        return pd.DataFrame({"weight": [path.weight for path in found], "path": words})

    @cached_property
    def calibration(self) -> Calibration:
        """From scores to probabilities; fitted on validation when first asked for, and kept in the run folder.

        Raises:
            UserError: If there are no validation statements, or the file that kept it is damaged.
        """
        if self.path is None:
            return self.judge.calibration(self.model, self._seed())
        file, model = self.path / folder.CALIBRATION, folder.fingerprint(self.path / folder.MODEL)
        if file.exists():
            kept = folder.read_json(file)
            try:
                if kept["model"] == model:  # a run that was gone on with has another
                    return Calibration.from_dict(kept)
            except (KeyError, TypeError) as error:
                raise UserError(f"{file} is damaged ({error}): delete it, and it is worked out anew.") from error
        found = self.judge.calibration(self.model, self._seed())
        with suppress(OSError):  # somebody else's folder may be read all the same
            folder.write_json(file, {"model": model, **found.to_dict()})
        return found

    def calibrate(self) -> dict[str, Any]:
        """How good probabilities are on test: of the score's own sigmoid, of Platt scaling, of isotonic regression.

        Returns:
            ``brier`` and ``ece`` of each as ``score``, ``platt`` and ``isotonic``; the numbers of ``stated`` and
            ``denied`` statements, and whether the latter were ``drawn`` at random, as ``valid`` and as ``test``.
        """
        fitted = self.calibration
        score, label, drawn = self.judge.labelled(self.model, "test", self._seed())
        stated = int(label.sum())
        return {
            **fitted.judge(score, label),
            "valid": {"stated": fitted.stated, "denied": fitted.denied, "drawn": fitted.drawn},
            "test": {"stated": stated, "denied": label.numel() - stated, "drawn": drawn},
        }

    def ranks(self, split: str = "test") -> Ranks:
        """The filtered ranks of a split's statements, from both sides."""
        return self.judge.ranks(self.model, split)

    def evaluate(self, split: str = "test", sampled: int | None = None) -> dict[str, Any]:
        """Every ranking metric of a split, worked out anew.

        Args:
            split (str): Which one. (default: :obj:`"test"`)
            sampled (int, optional): Adds Hits@10 against so many random candidates. (default: what the run asked for)
        """
        return self.judge.summary(self.ranks(split)) if sampled is None else summary(self.ranks(split), sampled)

    def tables(self, split: str = "test") -> dict[str, pd.DataFrame]:
        """The metrics by ``side``, ``relation``, ``cardinality`` and ``degree``."""
        data = self.judge.on(split).data
        train = triplets(data, "stated", "train")
        return tables(self.ranks(split), train, data["entity"].num_nodes, num_relations(data), data.relation_names)

    def classify(self) -> tuple[dict[str, float], pd.DataFrame]:
        """Triple classification: the figures, and a table by relation."""
        return self.judge.classification(self.model)

    def known_negatives(self, split: str = "test") -> tuple[dict[str, Any], pd.DataFrame]:
        """Ranking against verified negatives: see :func:`gnnneg.evaluation.known_negatives`."""
        return self.judge.known_negatives(self.model, split, self._seed())

    def pairs(self) -> pd.DataFrame:
        """Pair classification on the model's vectors, with controls: see :meth:`Judge.pairs`."""
        return self.judge.pairs(self.model, self._seed())

    def clusters(self) -> tuple[dict[str, Any], pd.DataFrame]:
        """Clustering by type: see :func:`gnnneg.evaluation.clustering`."""
        return self.judge.clusters(self.model)

    def relations(self, split: str = "test") -> dict[str, Any]:
        """The metrics of relation prediction."""
        judge = self.judge.on(split)
        questions = triplets(judge.data, "stated", split)
        return summary(relation_ranks(self.model, judge.graph, questions, judge.known))

    def negatives(self, split: str = "train", statements: int | None = 10_000) -> dict[str, Any]:
        """What the run's sampler draws for a split's statements (at most so many, by chance), seen by its model.

        Kept in the run folder, where a report finds its pictures.
        """
        found = self._negatives(split, statements)
        if self.path is not None:
            folder.write_json(self.path / folder.NEGATIVES, found)
        return found

    def _negatives(self, split: str, statements: int | None) -> dict[str, Any]:
        return negatives(self.task, self.judge, self._truth(), split, statements, self._seed())

    def _seed(self) -> int:
        return 0 if self.plan is None else int(self.plan.arguments["seed"])

    def _truth(self) -> KnownAnswers:
        return truth(self.judge, None if self.plan is None else source(self.plan).name)


def truth(judge: Judge, name: str | None) -> KnownAnswers:
    """What is true, as far as anybody knows: the whole truth of the synthetic world, else every stated fact."""
    if name == "synthetic":
        return world().known.to(judge.device)
    data = judge.data
    return KnownAnswers(triplets(data), data["entity"].num_nodes, num_relations(data)).to(judge.device)


def negatives(
    task: Task, judge: Judge, truth: KnownAnswers, split: str, statements: int | None, seed: int
) -> dict[str, Any]:
    """What the sampler of a task draws: how often it is wrong, how hard, how varied, how fast.

    Under ``geometry``, where they and what generators make lie around their positives; under ``plane``, one relation's.

    Raises:
        UserError: If the task draws no negatives, or the split is of a graph whose entities it does not know.
    """
    if judge.on(split) is not judge:
        raise UserError("Negatives are drawn from the entities that were trained on: look at split train or valid.")
    side = task.positive if isinstance(task, Dual) else task
    if not isinstance(side, LinkPrediction):
        raise UserError(f"{type(task).__name__} draws no negatives: there is nothing to look at.")
    sampler = side.sampler
    if isinstance(task, Dual) and task.opponent:  # who chooses is the other side's model
        sampler = Taught(sampler, copy.deepcopy(task.negative.model))
    generator = torch.Generator(judge.device).manual_seed(seed)
    questions = triplets(judge.data, "stated", split)
    chosen = torch.randperm(questions.rel_type.numel(), generator=generator, device=judge.device).cpu()[:statements]
    questions = Triplets(*(column[chosen] for column in questions))
    facts, node = Facts(judge.data), judge.data["entity"]
    figures = diagnose(
        sampler,
        side.model,
        judge.graph,
        questions,
        truth,
        side.corruption,
        generator,
        known=facts.known.to(judge.device),
        denied=_denied(judge),
        types=facts.types.to(judge.device) if "type" in node else None,
    )
    means = sampler, side.model, judge.graph
    few = Triplets(*(column[:EXAMPLES] for column in questions))
    words = shown(*means, few, truth, side.corruption, node.names, judge.data.relation_names, generator)
    questions = Triplets(*(column.to(judge.device) for column in questions))
    asked = sampler, side.generators, *means[1:], questions, side.corruption, generator
    clouds = geometry(*asked)
    flat = plane(*asked)
    of, relations = flat.pop("rel_type"), judge.data.relation_names
    named = {"relation": relations[of % len(relations)], "side": "tail" if of < len(relations) else "head"}
    return {**figures, "examples": words, "geometry": clouds, "plane": {**named, **flat}}


def _denied(judge: Judge) -> KnownAnswers:
    """What is denied in any split."""
    data = judge.data
    found = KnownAnswers(triplets(data, "denied"), data["entity"].num_nodes, num_relations(data))
    return found.to(judge.device)
