"""A run: what was trained, on what, how well it did, and what it answers."""

import copy
import warnings
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
from gnnneg.data import naming
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import assemble as assemble_graph
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
from gnnneg.evaluation.mode import device_of
from gnnneg.experiment import folder, whereabouts
from gnnneg.experiment.fingerprint import fingerprint, names_of
from gnnneg.experiment.graph import read_graph, read_named
from gnnneg.experiment.judge import Judge
from gnnneg.experiment.settings import assemble, choose, needed, outline, plan, source
from gnnneg.experiment.whereabouts import Missing
from gnnneg.interfaces import Model, Task
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets
from gnnneg.samplers import Taught
from gnnneg.tasks import Dual, LinkPrediction
from gnnneg.training import load_model, load_task
from gnnneg.training.atomic import Unwritable
from gnnneg.trust import allowing

SIZES = {"num_nodes", "num_relations", "hidden_channels"}  # what the names of a run tell, and the model itself
EXAMPLES = 5  # statements whose negatives are shown by name


class Run:
    """A run folder, read as it is asked for; or, without a folder, what a call of :func:`~gnnneg.train` left.

    Args:
        path (Path, optional): The folder.
        outline (Plan, optional): What its config says of the data and of judging.
        result (dict): What ``result.json`` holds; empty while it was not finished.
        device (torch.device): Where its model shall be.
    """

    def __init__(self, path: Path | None, outline: Plan | None, result: dict[str, Any], device: torch.device):
        self.path, self.outline, self.result, self.device = path, outline, result, device
        self.allow: str | Sequence[str] = ()
        self.place: str | None = None
        self._tree: Tree = {}

    @classmethod
    def load(
        cls, path: str | Path, device: str | None = None, data: str | None = None, allow: str | Sequence[str] = ()
    ) -> "Run":
        """Reads a run folder; one that was interrupted too, once it has a model.

        Args:
            path (str or Path): The folder.
            device (str, optional): Where its model shall be, whatever its config says; :obj:`None` takes a GPU if there
                is one.
            data (str, optional): The folder in which its data set is now. (default: where it was, or beside the run)
            allow (str or list[str]): Modules that are not gnnneg's and whose classes the run may name. Nothing else is
                imported, and nothing from within the folder. Only what is asked for needs them: predictions and figures
                the model's, negatives and :func:`~gnnneg.experiment.resume` those of the whole config.

        Raises:
            UserError: If it is no run folder, damaged, or of another version.
        """
        run = cls.opened(path, device, data, allow)
        run.result = folder.read_result(Path(path))
        return run

    @classmethod
    def opened(cls, path: str | Path, device: str | None, data: str | None, allow: str | Sequence[str]) -> "Run":
        """The same without its result."""
        path = Path(path)
        if not (path / folder.CONFIG).is_file():
            raise UserError(f"{path} is not a run folder: it has no {folder.CONFIG}.")
        folder.read_json(path / folder.ENVIRONMENT, versioned=True)
        tree = config.read(path / folder.CONFIG)
        folder.refuse_cut(path / folder.CONFIG, tree)
        with folder.named(path / folder.CONFIG):
            outlined = outline(tree)
        run = cls(path, outlined, {}, choose(device))
        run.allow, run.place, run._tree = allow, data, tree
        return run

    def __repr__(self) -> str:
        test = self.metrics.get("test", {})
        return f"Run({str(self.path)!r}, test mrr {test['mrr']:.3f})" if "mrr" in test else f"Run({str(self.path)!r})"

    @property
    def config(self) -> Tree:
        """The resolved config, as its file has it."""
        return copy.deepcopy(self._tree)

    @cached_property
    def plan(self) -> Plan | None:
        """What its whole config means; classes that are not gnnneg's have to be allowed."""
        if self.path is None:
            return None
        with allowing(self.allow), folder.named(self.path / folder.CONFIG):
            return plan(self._tree)

    @property
    def metrics(self) -> dict[str, Any]:
        """By split, from ``result.json``."""
        return self.result.get("metrics", {})

    @cached_property
    def data(self) -> HeteroData:
        """The data set.

        Raises:
            UserError: If it is no longer the one that the model was trained on.
            Missing: If it is neither where it was nor beside the run.
        """
        return self._loaded[0]

    @cached_property
    def test_graph(self) -> HeteroData | None:
        """The graph of other entities that the model is tested on, if it is not that which it was trained on."""
        return self._loaded[1] if len(self._loaded) > 1 else None

    @property
    def graphs(self) -> list[HeteroData]:
        """The graph that it was trained on, and behind it the one that it is tested on, if that is another."""
        return list(self._loaded)

    @property
    def reordered(self) -> bool:
        """Whether the statements are in another order than when it was trained: what is drawn by place is another."""
        then = self._kept(self._names)["graphs"][0].get("order")
        return then is not None and then != fingerprint(self.data)["order"]

    @cached_property
    def _loaded(self) -> list[HeteroData]:
        assert self.path is not None
        assert self.outline is not None
        known = self._names
        if not (self.path / folder.STATEMENTS).exists():
            return whereabouts.graphs(self.path, source(self.outline), self._kept(known), self.place)
        if self.place is not None:
            raise UserError(f"{self.path} holds its own statements: leave --data.name out.")
        found = [read_graph(self.path, *known)]
        home = self.path / folder.TEST_GRAPH
        if home.is_dir():
            found.append(read_named(home))
        wrong = whereabouts.changed(self._kept(known), found, folder.STATEMENTS, self.path)
        if wrong is not None:
            raise UserError(wrong)
        return found

    @cached_property
    def _names(self) -> tuple[list[str], list[str]]:
        """Of entities and relations, in the order of the model's tables."""
        assert self.path is not None
        model = self.path / folder.MODEL
        return folder.read_names(model, "entities"), folder.read_names(model, "relations")

    def _kept(self, names: tuple[list[str], list[str]]) -> dict[str, Any]:
        """What the run knows of its data set; one of before fingerprints were kept knows the names alone."""
        assert self.path is not None
        file, known = self.path / folder.DATA, names_of(*names)
        if not file.exists():
            return {"graphs": [known]}
        kept = folder.read_json(file, versioned=True)
        try:
            first, *others = kept["graphs"]
            return {**kept, "graphs": [{**first, **known}, *others]}
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{file} is damaged ({error}): copy the run again.") from error

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
        if sizes != tuple(map(len, self._names)):
            raise UserError(f"{home} is for {sizes[0]} entities and {sizes[1]} relations, which the data set has not.")
        with allowing(self.allow):
            means = config.resolve(Model, tree, "model", FACTS)
            model: Model = means.build(Facts(self._silent if needed(means) <= SIZES else self.data))
        load_model(home, model)
        return model.to(self.device).eval()

    @cached_property
    def _silent(self) -> HeteroData:
        """A graph of the run's entities and relations in which nothing is said: all that most models need to know."""
        none = torch.empty(0, dtype=torch.long)
        return assemble_graph(Triplets(none, none, none), none, *self._names)

    @cached_property
    def task(self) -> Task:
        """The task as it was trained, its model with the best weights, all else as the last checkpoint has it."""
        assert self.plan is not None
        task = assemble(self.plan, self.data, device=self.device).task
        if self.path is not None:
            load_task(self.path / "checkpoints", task)
            load_model(self.path / folder.MODEL, task.model)
        return task

    @cached_property
    def judge(self) -> Judge:
        """Asks the model about its data set under the run's own policy."""
        assert self.outline is not None
        return Judge(self.data, self.outline.arguments["evaluation"].build({}), self.device, self.test_graph)

    def _about(self, *names: str | None) -> Judge:
        """Who knows some entities: where the model is tested on another graph, that one if it has them all."""
        test = self.judge.on("test")
        if test is not self.judge:
            try:
                for name in set(names) - {None}:
                    naming.entity(test.data, name)
            except UserError:
                return self.judge
        return test

    def predict(
        self,
        head: str | None = None,
        relation: str | None = None,
        tail: str | None = None,
        k: int = 10,
        unknown_only: bool = False,
        among: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """The ``k`` best answers to what is left out, or a triple's score: see :func:`gnnneg.evaluation.predict`.

        Where the model is tested on a graph of other entities, answers come from there if it has those given. Where the
        data set is missing, a model that does not look at it answers all the same, and ``known`` is empty.

        Where the run has a :attr:`calibration`, which is fitted when it is first asked for, ``probability`` is that of
        the score by Platt scaling.
        """
        try:
            judge = self._about(head, tail)
        except Missing as missing:
            if unknown_only or self.model.uses_graph:
                raise
            warnings.warn(f"{missing} Until then nobody can say which answers are known.", stacklevel=2)
            answers = predict(self.model, self._silent, head, relation, tail, k, among=among)
            return self._likely(answers.assign(known=None))
        means: dict[str, Any] = {"graph": judge.graph, "unknown_only": unknown_only, "among": among}
        return self._likely(predict(self.model, judge.data, head, relation, tail, k, **means))

    def _likely(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Answers with the probability of their score, if somebody has asked for the run's calibration before."""
        kept = self.__dict__.get("calibration") or self._calibrated()
        if kept is not None:
            place = list(answers).index("score") + 1
            answers.insert(place, "probability", kept.platt(torch.tensor(answers["score"].to_numpy())).numpy())
        return answers

    def explain(
        self, head: str, relation: str, tail: str, k: int = 3, among: str | Sequence[str] | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """What the run says of one triple.

        Args:
            head (str): Name of the head.
            relation (str): Name of the relation.
            tail (str): Name of the tail.
            k (int): How many statements of each polarity to compare it with. (default: :obj:`3`)
            among (str or list[str], optional): Ranks the head and the tail among the entities of a type, or among
                these; one that is not of them is ranked among all.

        Returns:
            One row, with the columns of :func:`gnnneg.evaluation.predict`, the ``probability`` of ``score`` by Platt
            scaling (missing without validation statements), and the filtered, realistic ``tail_rank`` and ``head_rank``
            among so many ``tail_candidates`` and ``head_candidates``; and the :func:`~gnnneg.evaluation.nearest`
            statements, or :obj:`None` if the model has no vectors that are near to each other. Without the data set
            there are neither ranks nor statements.
        """
        answer = self.predict(head, relation, tail)
        try:
            judge = self._about(head, tail)
        except Missing:  # which has been told
            return answer, None
        answer = answer.drop(columns="probability", errors="ignore")  # it stands behind, whether it was kept or not
        place = naming.entity(judge.data, head), naming.relation(judge.data, relation), naming.entity(judge.data, tail)
        triplet = Triplets(*(torch.tensor([index]) for index in place))
        answer["probability"] = float("nan")
        if self.judge.asks("valid"):
            answer["probability"] = self.calibration.platt(torch.tensor(answer["score"].to_numpy())).numpy()
        every = judge.ranked(self.model, triplet)
        found = {side: every.of(side) for side in ("tail", "head")}
        if among is not None:
            chosen = naming.among(judge.data, among)
            inside = {"tail": place[2] in chosen.tolist(), "head": place[0] in chosen.tolist()}
            if not any(inside.values()):
                raise UserError("Neither the head nor the tail is one of those to rank among: choose others.")
            few = judge.ranked(self.model, triplet, chosen)
            found |= {side: few.of(side) for side, there in inside.items() if there}
        for side, one in found.items():
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
            stated; labels come before names. The heaviest first; :meth:`~gnnneg.interfaces.Model.paths` says what a
            weight is.

        Raises:
            UserError: If the model does not go by paths, or a name is unknown.
        """
        self.predict(head, relation, tail)  # names are checked
        judge = self._about(head, tail)
        names, relations = judge.data["entity"].names, judge.data.relation_names
        labels, kinds = judge.data["entity"].get("labels"), judge.data.get("relation_labels")
        device = device_of(self.model)
        given = naming.entity(judge.data, head), naming.relation(judge.data, relation)
        query = Query(*(torch.tensor([i], device=device) for i in given))
        target = torch.tensor([naming.entity(judge.data, tail)], device=device)
        with judging(self.model):
            found = self.model.paths(judge.graph, query, target, k)

        def entity(node: int) -> str:
            return naming.said(names[node], None if labels is None else labels[node])

        def step(edge_type: int, node: int) -> str:
            kind = edge_type % len(relations)
            name = naming.said(relations[kind], None if kinds is None else kinds[kind])
            return f"-{name}-> {entity(node)}" if edge_type < len(relations) else f"<-{name}- {entity(node)}"

        words = [" ".join([entity(given[0]), *(step(kind, node) for _, kind, node in path.steps)]) for path in found]
        return pd.DataFrame({"weight": [path.weight for path in found], "path": words})

    @cached_property
    def calibration(self) -> Calibration:
        """From scores to probabilities; fitted on validation when first asked for, and kept in the run folder.

        Raises:
            UserError: If there are no validation statements, or the file that kept it is damaged.
        """
        kept = self._calibrated()
        if kept is not None:
            return kept
        found = self.judge.calibration(self.model, self._seed())
        if self.path is not None:
            with suppress(Unwritable, OSError):  # somebody else's folder may be read all the same
                about = {"model": folder.weights(self.path / folder.MODEL), **found.to_dict()}
                folder.write_json(self.path / folder.CALIBRATION, about)
        return found

    def _calibrated(self) -> Calibration | None:
        """What the run folder keeps; None if it was never fitted, or to other weights: a run that was gone on with."""
        if self.path is None or not (self.path / folder.CALIBRATION).exists():
            return None
        file = self.path / folder.CALIBRATION
        kept = folder.read_json(file)
        try:
            if kept["model"] != folder.weights(self.path / folder.MODEL):
                return None
            return Calibration.from_dict(kept)
        except (KeyError, TypeError) as error:
            raise UserError(f"{file} is damaged ({error}): delete it, and it is worked out anew.") from error

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
            try:
                folder.write_json(self.path / folder.NEGATIVES, found)
            except (Unwritable, OSError) as error:
                warnings.warn(f"A report will not show these negatives: {error}", stacklevel=2)
        return found

    def _negatives(self, split: str, statements: int | None) -> dict[str, Any]:
        return negatives(self.task, self.judge, self._truth(), split, statements, self._seed())

    def _seed(self) -> int:
        return 0 if self.outline is None else int(self.outline.arguments["seed"])

    def _truth(self) -> KnownAnswers:
        own = self.outline is None or (self.path is not None and (self.path / folder.STATEMENTS).exists())
        return truth(self.judge, None if own or self.outline is None else source(self.outline).name)


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
        sampler = Taught(sampler, copy.deepcopy(task.negative.model), graph=task.negative.graph)
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
    called = {"labels": node.get("labels"), "relation_labels": judge.data.get("relation_labels")}
    words = shown(*means, few, truth, side.corruption, node.names, judge.data.relation_names, generator, **called)
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
