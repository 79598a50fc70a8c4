"""A run: the trained model, its data, its results, and its predictions."""

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import torch
from torch_geometric.data import HeteroData

from gnnneg import run_files
from gnnneg.config import Tree
from gnnneg.data import naming
from gnnneg.data.statements import LINKED
from gnnneg.errors import UserError
from gnnneg.evaluation import (
    Calibration,
    Clustering,
    Evaluator,
    KnownNegatives,
    PairClassification,
    ProbabilityCalibration,
    Ranking,
    Ranks,
    RelationRanking,
    Testbed,
    TripleClassification,
    Vectors,
    nearest,
    neighbors,
    predict,
    representations,
    vectors,
)
from gnnneg.evaluation.entity_ranking import Split, ranked
from gnnneg.experiment import folder, prolonged
from gnnneg.experiment.kept import Kept
from gnnneg.experiment.negatives import negatives, truth
from gnnneg.experiment.setup import Setup
from gnnneg.experiment.whereabouts import Missing
from gnnneg.former import warn
from gnnneg.interfaces import Encoding, Model, Task
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets
from gnnneg.training.atomic import Unwritable


class Run:
    """A trained model with its data, task and results: from a run folder, or from a call of :func:`~gnnneg.train`.

    Args:
        parts (Kept or Setup): The source of its data set, model and task.
        result (dict): The contents of ``result.json``; empty if the run is not finished.
    """

    def __init__(self, parts: Kept | Setup, result: dict[str, Any]):
        self.parts, self.result, self.path = parts, result, parts.path

    @classmethod
    def load(
        cls, path: str | Path, device: str | None = None, data: str | None = None, allow: str | Sequence[str] = ()
    ) -> "Run":
        """Reads a run folder. An interrupted run can be read if it has a model.

        Args:
            path (str or Path): The folder, or a file from :func:`gnnneg.pack`.
            device (str, optional): The model's device, instead of the config's; :obj:`None` takes a GPU if there is
                one.
            data (str, optional): The folder in which its data set is now. (default: where it was, or beside the run)
            allow (str or list[str]): Other modules than gnnneg's whose classes the run may use. Nothing else is
                imported, and nothing from within the folder. Predictions and figures need only the model's classes;
                negatives and :func:`~gnnneg.experiment.resume` need those of the whole config.

        A warning names what was edited in its config after training.

        Raises:
            UserError: If it is no run folder, is damaged, or has another version.
        """
        kept = Kept(path, device, data, allow)
        edited = [key for key in prolonged.since_training(kept.path, kept.tree) if not key.startswith("evaluation")]
        if edited:
            warnings.warn(
                f"{kept.path / run_files.CONFIG} says another {prolonged.listed(edited)} than when training began: the "
                "weights were trained with other settings.",
                stacklevel=2,
            )
        return cls(kept, folder.read_result(kept.path))

    def __repr__(self) -> str:
        test = self.metrics.get("test", {})
        return f"Run({str(self.path)!r}, test mrr {test['mrr']:.3f})" if "mrr" in test else f"Run({str(self.path)!r})"

    @property
    def config(self) -> Tree:
        """The resolved config, as in its file."""
        return copy.deepcopy(self.parts.tree)

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics by split, from ``result.json``."""
        return self.result.get("metrics", {})

    @property
    def data(self) -> HeteroData:
        """The data set. It is refused if it is no longer the one of the training, or cannot be found."""
        return self.testbed.data

    @property
    def test_graph(self) -> HeteroData | None:
        """The graph to test on, with other entities, if it is not the training graph."""
        return self.testbed.test_graph

    @property
    def model(self) -> Model:
        """The trained model, in evaluation mode."""
        return self.parts.model

    @property
    def task(self) -> Task:
        """The task after training: its model has the best weights, everything else is from the last checkpoint."""
        return self.parts.task

    @property
    def testbed(self) -> Testbed:
        """The testbed of its evaluations, with its own policy."""
        return self.parts.testbed

    @property
    def judge(self) -> Testbed:
        """The former name of :attr:`testbed`."""
        warn("judge", "testbed", "Run")
        return self.testbed

    def without_data(self) -> Testbed:
        """A testbed without statements: names alone, for a model that uses no graph."""
        silent: HeteroData = self.parts.silent  # type: ignore[union-attr]  # a folder's data alone can be missing
        return Testbed(silent, device=self.parts.device)

    def at_hand(self) -> Testbed:
        """The :attr:`testbed`, or names alone, if the data set is missing and the model does not need it."""
        try:
            return self.testbed
        except Missing:
            if self.model.uses_graph:
                raise
            return self.without_data()

    def _about(self, *names: str | None) -> Testbed:
        """The testbed of given entities: that of the graph to test on, if there is one and it has them all."""
        test = self.testbed.on("test")
        if test is not self.testbed:
            try:
                for name in set(names) - {None}:
                    naming.entity(test.data, name)
            except UserError:
                return self.testbed
        return test

    def predict(
        self,
        head: str | None = None,
        relation: str | None = None,
        tail: str | None = None,
        k: int = 10,
        unknown_only: bool = False,
        among: str | Sequence[str] | None = None,
        *,
        encode: Callable[[Testbed], Encoding] | None = None,
    ) -> pd.DataFrame:
        """The ``k`` best answers for the missing part, or a triple's score: see :func:`gnnneg.evaluation.predict`.

        If there is another graph to test on and it has the given entities, answers come from it. If the data set is
        missing, a model that uses no graph answers nevertheless, and ``known`` is empty.

        If the run has a :attr:`calibration`, which is fitted at its first use, ``probability`` is that of the score by
        Platt scaling.

        The graph is encoded at each call. For many calls, give ``encode``, which returns a kept encoding of a testbed's
        graph.
        """
        try:
            testbed = self._about(head, tail)
        except Missing as missing:
            if unknown_only or self.model.uses_graph:
                raise
            warnings.warn(f"{missing} Until then it is unknown which answers are in the data.", stacklevel=2)
            silent = self.without_data().data
            answers = predict(self.model, silent, head, relation, tail, k, among=among)
            return self._likely(answers.assign(known=None))
        means: dict[str, Any] = {"graph": testbed.graph_for(self.model), "unknown_only": unknown_only, "among": among}
        means["encoding"] = None if encode is None else encode(testbed)
        return self._likely(predict(self.model, testbed.data, head, relation, tail, k, **means))

    def _likely(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Answers with the probability of their score, if the run's calibration is already fitted."""
        kept = self.fitted()
        if kept is not None:
            place = list(answers).index("score") + 1
            answers.insert(place, "probability", kept.platt(torch.tensor(answers["score"].to_numpy())).numpy())
        return answers

    def predict_many(
        self,
        questions: str | Path | pd.DataFrame,
        k: int = 10,
        unknown_only: bool = False,
        among: str | Sequence[str] | None = None,
        skip_unknown: bool = False,
    ) -> pd.DataFrame:
        """The answers of :meth:`predict` to many questions, in their order; the graph is encoded once.

        ::

            run.predict_many(pd.DataFrame({"head": ["aspirin", "codeine"], "relation": "treats"}), k=3, among="disease")

        Args:
            questions (DataFrame, str or Path): Names in the columns ``head``, ``relation`` and ``tail``. In each row
                one of them is empty (or missing), or none, to score a whole triple. Or a file of such rows.
            k (int): The largest number of answers to each. (default: :obj:`10`)
            unknown_only (bool): Leaves out what the data set states or denies. (default: :obj:`False`)
            among (str or list[str], optional): Limits answers, and the ranking of whole triples, to the entities of a
                type, or to these entities, for tails and heads.
            skip_unknown (bool): Leaves out, with a warning, questions with unknown names. (default: they are refused)

        Returns:
            Columns ``question`` (the row of the question, from 0), ``asked`` (what is predicted: ``"tail"``,
            ``"head"``, ``"relation"``, or ``"triple"``) and ``rank`` (of the answer), then those of :meth:`predict`.
            ``score`` always belongs to the tail question, so tail and head answers of one triple agree. ``head_score``,
            missing for tails, belongs to the head question. Whole triples have the ranks of :meth:`explain`.

        Raises:
            UserError: If a name is unknown (the message gives its lines), or as :meth:`predict`.
        """
        parts = self.predict_parts(questions, k, unknown_only, among, skip_unknown)
        return pa.concat_tables(list(parts)).to_pandas()

    def predict_parts(
        self,
        questions: str | Path | pd.DataFrame,
        k: int = 10,
        unknown_only: bool = False,
        among: str | Sequence[str] | None = None,
        skip_unknown: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[pa.Table]:
        """The same as tables of some thousands of questions each, for more answers than fit into memory:
        :func:`gnnneg.write_answers` writes them one by one. ``progress`` is called with the numbers of answered and of
        all questions.
        """
        from gnnneg.experiment.many import answered

        return answered(self, questions, k, unknown_only, among, skip_unknown, progress)

    def explain(
        self, head: str, relation: str, tail: str, k: int = 3, among: str | Sequence[str] | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """An explanation of one triple: its score, probability, ranks, and similar statements.

        Args:
            head (str): Name of the head.
            relation (str): Name of the relation.
            tail (str): Name of the tail.
            k (int): Number of similar statements of each polarity. (default: :obj:`3`)
            among (str or list[str], optional): Ranks the head and the tail among the entities of a type, or among these
                entities. An entity that is not one of them is ranked among all.

        Returns:
            One row, with the columns of :func:`gnnneg.evaluation.predict`, the ``probability`` of ``score`` by Platt
            scaling (missing without validation statements), and the filtered, realistic ``tail_rank`` and ``head_rank``
            with the numbers of ``tail_candidates`` and ``head_candidates``; and the :func:`~gnnneg.evaluation.nearest`
            statements, or :obj:`None` if the model has no entity vectors. Without the data set there are neither ranks
            nor statements.
        """
        try:
            testbed = self._about(head, tail)
        except Missing:  # predict warns about it
            return self.predict(head, relation, tail), None
        data = testbed.data
        place = naming.entity(data, head), naming.relation(data, relation), naming.entity(data, tail)
        chosen = None if among is None else naming.among(data, among)
        inside = [] if chosen is None else [s for s, one in (("tail", 2), ("head", 0)) if place[one] in chosen.tolist()]
        if chosen is not None and not inside:
            raise UserError("Neither the head nor the tail is one of the entities to rank among: choose others.")
        answer = self.predict(head, relation, tail).drop(columns="probability", errors="ignore")  # it is added last
        answer["probability"] = float("nan")
        if self.calibrates:
            answer["probability"] = self.calibration.platt(torch.tensor(answer["score"].to_numpy())).numpy()
        triplet = Triplets(*(torch.tensor([index]) for index in place))
        every = ranked(self.model, testbed, triplet)
        found = {side: every.of(side) for side in ("tail", "head")}
        if chosen is not None:
            few = ranked(self.model, testbed, triplet, chosen)
            found |= {side: few.of(side) for side in inside}
        for side, one in found.items():
            if not len(one):  # of heads, in a graph of labelled nodes
                continue
            answer[f"{side}_rank"], answer[f"{side}_candidates"] = float(one.realistic), int(one.candidates)
        if not self.model.has_vectors:
            return answer, None
        return answer, nearest(representations(self.model, testbed.graph_for(self.model)), data, triplet, k)

    def vectors(self) -> Vectors:
        """The vectors of entities and relations, as two frames with names as their index: see
        :func:`gnnneg.evaluation.vectors`.
        """
        there = self.at_hand()
        return vectors(self.model, there.data, there.graph_for(self.model))

    def neighbors(self, name: str, k: int = 10, among: str | Sequence[str] | None = None) -> pd.DataFrame:
        """The entities with the largest cosine to one entity: see :func:`gnnneg.evaluation.neighbors`.

        Args:
            name (str): Name, label or synonym of the entity.
            k (int): The largest number of entities. (default: :obj:`10`)
            among (str or list[str], optional): Limits the result to the entities of a type, or to these entities.
        """
        there = self.at_hand()
        return neighbors(self.model, there.data, there.graph_for(self.model), name, k, among)

    def paths(self, head: str, relation: str, tail: str, k: int = 5) -> pd.DataFrame:
        """The paths through the graph that contribute most to a prediction.

        Args:
            head (str): Name of the head.
            relation (str): Name of the relation.
            tail (str): Name of the tail.
            k (int): The largest number of paths. (default: :obj:`5`)

        Returns:
            Columns ``weight``, and ``path`` in words: ``a -r-> b <-s- c`` says that ``(a, r, b)`` and ``(c, s, b)`` are
            stated; labels are used in place of names. The path with the largest weight is first; see the model's class
            for the meaning of a weight.

        Raises:
            UserError: If the model does not use paths, or a name is unknown.
        """
        testbed, device = self._about(head, tail), self.parts.device
        data = testbed.data
        names, relations = data["entity"].names, data.relation_names
        labels, kinds = data["entity"].get("labels"), data.get("relation_labels")
        given = naming.entity(data, head), naming.relation(data, relation)
        target = torch.tensor([naming.entity(data, tail)], device=device)
        query = Query(*(torch.tensor([i], device=device) for i in given))
        with judging(self.model):
            found = self.model.paths(testbed.graph, query, target, k)

        def entity(node: int) -> str:
            return naming.said(names[node], None if labels is None else labels[node])

        def step(edge_type: int, node: int) -> str:
            kind = edge_type % len(relations)
            name = naming.said(relations[kind], None if kinds is None else kinds[kind])
            return f"-{name}-> {entity(node)}" if edge_type < len(relations) else f"<-{name}- {entity(node)}"

        words = [" ".join([entity(given[0]), *(step(kind, node) for _, kind, node in path.steps)]) for path in found]
        return pd.DataFrame({"weight": [path.weight for path in found], "path": words})

    @property
    def calibrates(self) -> bool:
        """Whether scores can be made probabilities: there are validation statements, and corruptions of them."""
        return self.testbed.has("valid") and LINKED not in self.testbed.data.edge_types

    @cached_property
    def calibration(self) -> Calibration:
        """Converts scores to probabilities; fitted on validation at the first use, and kept in the run folder.

        Raises:
            UserError: If there are no validation statements, its file is damaged, or the graph has labelled nodes.
        """
        kept = self._calibrated()
        if kept is not None:
            return kept
        found = ProbabilityCalibration().fit(self.model, self.testbed)
        if self.path is not None:
            with suppress(Unwritable, OSError):  # a read-only folder can still be used
                about = {"model": folder.weights(self.path / run_files.MODEL), **found.to_dict()}
                folder.write_json(self.path / run_files.CALIBRATION, about)
        return found

    def fitted(self) -> Calibration | None:
        """The :attr:`calibration` if it is already fitted; nothing is fitted here."""
        return self.__dict__.get("calibration") or self._calibrated()

    def _calibrated(self) -> Calibration | None:
        """The calibration in the run folder; None if there is none, or it was fitted to other weights, as after
        resuming.
        """
        if self.path is None or not (self.path / run_files.CALIBRATION).exists():
            return None
        file = self.path / run_files.CALIBRATION
        kept = folder.read_json(file)
        try:
            if kept["model"] != folder.weights(self.path / run_files.MODEL):
                return None
            return Calibration.from_dict(kept)
        except (KeyError, TypeError) as error:
            raise UserError(f"{file} is damaged ({error}): delete it, and it is computed again.") from error

    def calibrate(self) -> dict[str, Any]:
        """The quality of probabilities on test: see :class:`~gnnneg.evaluation.ProbabilityCalibration`."""
        return self.evaluate(ProbabilityCalibration()).figures

    def ranks(self, split: Split = "test") -> Ranks:
        """The filtered ranks of a split's statements, from both sides."""
        return Ranking(split).ranks(self.model, self.testbed)

    def evaluate(
        self,
        what: Evaluator | Split = "test",
        sampled: int | None = None,
        data: str | Path | Sequence[str | Path] | None = None,
    ) -> Any:
        """Evaluates the model.

        ::

            run.evaluate()["mrr"]                             # every ranking metric of the test split
            run.evaluate(TripleClassification()).table        # any other evaluation

        Args:
            what (Evaluator or str): An evaluator, which returns :class:`~gnnneg.evaluation.Findings`, or a split, for
                the figures of its :class:`~gnnneg.evaluation.Ranking` alone. (default: :obj:`"test"`)
            sampled (int, optional): For a split, adds Hits@10 among this number of random candidates.
                (default: as in the run's config)
            data (str, Path or list, optional): Files of statements, in any format that ``gnnneg data import`` reads, in
                place of the test split. Their entities must be known to the model. (default: the run's own)

        Raises:
            UserError: If the data lack something that the evaluation needs.
        """
        if isinstance(what, str):
            return self.evaluate(Ranking(what, sampled), data=data).figures
        if data is None:
            testbed = self.testbed
        else:
            from gnnneg.experiment.given import given  # imports all file readers, which nothing else needs

            testbed = given(self, data)
        if isinstance(what, ProbabilityCalibration):  # uses the kept calibration
            what.refuse(testbed)
            return what.findings(self.calibration, self.model, testbed)
        return what(self.model, testbed)

    def tables(self, split: Split = "test") -> dict[str, pd.DataFrame]:
        """The metrics by ``side``, ``relation``, ``cardinality``, ``degree`` and ``half_links``."""
        return Ranking(split).tables(self.ranks(split), self.testbed)

    def classify(self) -> tuple[dict[str, Any], Any]:
        """The figures of :class:`~gnnneg.evaluation.TripleClassification`, and the table by relation."""
        return self._pair(TripleClassification())

    def known_negatives(self, split: Split = "test") -> tuple[dict[str, Any], Any]:
        """The figures of :class:`~gnnneg.evaluation.KnownNegatives`, and the table by relation."""
        return self._pair(KnownNegatives(split))

    def clusters(self) -> tuple[dict[str, Any], Any]:
        """The figures of :class:`~gnnneg.evaluation.Clustering`, and the table by seed."""
        return self._pair(Clustering())

    def pairs(self) -> pd.DataFrame:
        """The table of :class:`~gnnneg.evaluation.PairClassification`."""
        return self._pair(PairClassification())[1]

    def relations(self, split: Split = "test") -> dict[str, Any]:
        """The figures of :class:`~gnnneg.evaluation.RelationRanking`."""
        return self.evaluate(RelationRanking(split)).figures

    def _pair(self, evaluator: Evaluator) -> tuple[dict[str, Any], Any]:
        found = self.evaluate(evaluator)
        return found.figures, found.table

    def negatives(self, split: Split = "train", statements: int | None = 10_000, true: int = 0) -> dict[str, Any]:
        """Draws the sampler's negatives for a random sample of a split's statements and measures them with the model.

        ``true`` is the number of drawn negatives that are in fact true to list under ``false_negatives``.

        The result is kept in the run folder, for reports.
        """
        own = self.path is not None and (self.path / run_files.STATEMENTS).exists()
        known = truth(self.testbed, None if own else self.parts.dataset)
        found = negatives(self.task, self.testbed, known, split, statements, true)
        if self.path is not None:
            try:
                folder.write_json(self.path / run_files.NEGATIVES, found)
            except (Unwritable, OSError) as error:
                warnings.warn(f"A report will not show these negatives: {error}", stacklevel=2)
        return found
