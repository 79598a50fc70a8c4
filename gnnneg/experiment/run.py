"""A run: what was trained, on what, how well it did, and what it answers."""

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
from gnnneg.experiment import folder
from gnnneg.experiment.kept import Kept
from gnnneg.experiment.negatives import negatives, truth
from gnnneg.experiment.setup import Setup
from gnnneg.experiment.whereabouts import Missing
from gnnneg.former import warn
from gnnneg.interfaces import Model, Task
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets
from gnnneg.training.atomic import Unwritable


class Run:
    """A trained model with all that it was trained on: from a run folder, or what a call of :func:`~gnnneg.train` left.

    Args:
        parts (Kept or Setup): Where its data set, model and task are from.
        result (dict): What ``result.json`` holds; empty while it was not finished.
    """

    def __init__(self, parts: Kept | Setup, result: dict[str, Any]):
        self.parts, self.result, self.path = parts, result, parts.path

    @classmethod
    def load(
        cls, path: str | Path, device: str | None = None, data: str | None = None, allow: str | Sequence[str] = ()
    ) -> "Run":
        """Reads a run folder; one that was interrupted too, once it has a model.

        Args:
            path (str or Path): The folder, or what :func:`gnnneg.pack` made of one.
            device (str, optional): Where its model shall be, whatever its config says; :obj:`None` takes a GPU if there
                is one.
            data (str, optional): The folder in which its data set is now. (default: where it was, or beside the run)
            allow (str or list[str]): Modules that are not gnnneg's and whose classes the run may name. Nothing else is
                imported, and nothing from within the folder. Only what is asked for needs them: predictions and figures
                the model's, negatives and :func:`~gnnneg.experiment.resume` those of the whole config.

        Raises:
            UserError: If it is no run folder, damaged, or of another version.
        """
        kept = Kept(path, device, data, allow)
        return cls(kept, folder.read_result(kept.path))

    def __repr__(self) -> str:
        test = self.metrics.get("test", {})
        return f"Run({str(self.path)!r}, test mrr {test['mrr']:.3f})" if "mrr" in test else f"Run({str(self.path)!r})"

    @property
    def config(self) -> Tree:
        """The resolved config, as its file has it."""
        return copy.deepcopy(self.parts.tree)

    @property
    def metrics(self) -> dict[str, Any]:
        """By split, from ``result.json``."""
        return self.result.get("metrics", {})

    @property
    def data(self) -> HeteroData:
        """The data set; refused if it is no longer the one that the model was trained on, or not to be found."""
        return self.testbed.data

    @property
    def test_graph(self) -> HeteroData | None:
        """The graph of other entities that the model is tested on, if it is not that which it was trained on."""
        return self.testbed.test_graph

    @property
    def model(self) -> Model:
        """The trained model, in evaluation mode."""
        return self.parts.model

    @property
    def task(self) -> Task:
        """The task as it was trained, its model with the best weights, all else as the last checkpoint has it."""
        return self.parts.task

    @property
    def testbed(self) -> Testbed:
        """On what it is judged, under its own policy."""
        return self.parts.testbed

    @property
    def judge(self) -> Testbed:
        """The :attr:`testbed`, as it was called once."""
        warn("judge", "testbed", "Run")
        return self.testbed

    def without_data(self) -> Testbed:
        """A testbed in which nothing is said: names alone, for a model that looks at no graph."""
        silent: HeteroData = self.parts.silent  # type: ignore[union-attr]  # a folder's data alone can be missing
        return Testbed(silent, device=self.parts.device)

    def at_hand(self) -> Testbed:
        """The :attr:`testbed`, or, where the data set is missing and the model does not look at it, names alone."""
        try:
            return self.testbed
        except Missing:
            if self.model.uses_graph:
                raise
            return self.without_data()

    def _about(self, *names: str | None) -> Testbed:
        """Who knows some entities: where the model is tested on another graph, that one if it has them all."""
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
    ) -> pd.DataFrame:
        """The ``k`` best answers to what is left out, or a triple's score: see :func:`gnnneg.evaluation.predict`.

        Where the model is tested on a graph of other entities, answers come from there if it has those given. Where the
        data set is missing, a model that does not look at it answers all the same, and ``known`` is empty.

        Where the run has a :attr:`calibration`, which is fitted when it is first asked for, ``probability`` is that of
        the score by Platt scaling.
        """
        try:
            testbed = self._about(head, tail)
        except Missing as missing:
            if unknown_only or self.model.uses_graph:
                raise
            warnings.warn(f"{missing} Until then nobody can say which answers are known.", stacklevel=2)
            silent = self.without_data().data
            answers = predict(self.model, silent, head, relation, tail, k, among=among)
            return self._likely(answers.assign(known=None))
        means: dict[str, Any] = {"graph": testbed.graph_for(self.model), "unknown_only": unknown_only, "among": among}
        return self._likely(predict(self.model, testbed.data, head, relation, tail, k, **means))

    def _likely(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Answers with the probability of their score, if somebody has asked for the run's calibration before."""
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
        """The answers of :meth:`predict` to many questions, in the order asked; the graph is encoded once.

        ::

            run.predict_many(pd.DataFrame({"head": ["aspirin", "codeine"], "relation": "treats"}), k=3, among="disease")

        Args:
            questions (DataFrame, str or Path): With columns ``head``, ``relation`` and ``tail`` of names, one of which
                is empty (or missing) in each row, or none, to score a whole triple; or a file of such rows.
            k (int): How many answers to each at most. (default: :obj:`10`)
            unknown_only (bool): Leaves out what the data set states or denies. (default: :obj:`False`)
            among (str or list[str], optional): Chooses, and ranks whole triples, only among the entities of a type, or
                among these, tails and heads alike.
            skip_unknown (bool): Leaves out, with a warning, questions whose names nobody knows. (default: they are
                refused)

        Returns:
            Columns ``question`` (the row asked, from 0), ``asked`` (what was asked for: ``"tail"``, ``"head"``,
            ``"relation"``, or ``"triple"``) and ``rank`` (of the answer), then those of :meth:`predict`. ``score`` is
            always what the model says of the tail, so that tail and head answers of one triple agree;
            ``head_score``, missing for tails, what it says of the head. Whole triples have the ranks of
            :meth:`explain`.

        Raises:
            UserError: If a name is unknown, with all lines told of, or as :meth:`predict`.
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
        """The same as tables of some thousands of questions each, for more answers than memory holds:
        :func:`gnnneg.write_answers` writes them as they come. ``progress`` is called with the questions answered and
        all.
        """
        from gnnneg.experiment.many import answered

        return answered(self, questions, k, unknown_only, among, skip_unknown, progress)

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
        try:
            testbed = self._about(head, tail)
        except Missing:  # which predict tells of
            return self.predict(head, relation, tail), None
        data = testbed.data
        place = naming.entity(data, head), naming.relation(data, relation), naming.entity(data, tail)
        chosen = None if among is None else naming.among(data, among)
        inside = [] if chosen is None else [s for s, one in (("tail", 2), ("head", 0)) if place[one] in chosen.tolist()]
        if chosen is not None and not inside:
            raise UserError("Neither the head nor the tail is one of those to rank among: choose others.")
        answer = self.predict(head, relation, tail).drop(columns="probability", errors="ignore")  # it stands behind
        answer["probability"] = float("nan")
        if self.testbed.has("valid"):
            answer["probability"] = self.calibration.platt(torch.tensor(answer["score"].to_numpy())).numpy()
        triplet = Triplets(*(torch.tensor([index]) for index in place))
        every = ranked(self.model, testbed, triplet)
        found = {side: every.of(side) for side in ("tail", "head")}
        if chosen is not None:
            few = ranked(self.model, testbed, triplet, chosen)
            found |= {side: few.of(side) for side in inside}
        for side, one in found.items():
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
        """The entities whose vectors point most nearly where one's does: see :func:`gnnneg.evaluation.neighbors`.

        Args:
            name (str): Name, label or synonym of the entity.
            k (int): How many at most. (default: :obj:`10`)
            among (str or list[str], optional): Only entities of a type, or these.
        """
        there = self.at_hand()
        return neighbors(self.model, there.data, there.graph_for(self.model), name, k, among)

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

    @cached_property
    def calibration(self) -> Calibration:
        """From scores to probabilities; fitted on validation when first asked for, and kept in the run folder.

        Raises:
            UserError: If there are no validation statements, or the file that kept it is damaged.
        """
        kept = self._calibrated()
        if kept is not None:
            return kept
        found = ProbabilityCalibration().fit(self.model, self.testbed)
        if self.path is not None:
            with suppress(Unwritable, OSError):  # somebody else's folder may be read all the same
                about = {"model": folder.weights(self.path / run_files.MODEL), **found.to_dict()}
                folder.write_json(self.path / run_files.CALIBRATION, about)
        return found

    def fitted(self) -> Calibration | None:
        """The :attr:`calibration` if somebody has asked for it before; nothing is fitted."""
        return self.__dict__.get("calibration") or self._calibrated()

    def _calibrated(self) -> Calibration | None:
        """What the run folder keeps; None if it was never fitted, or to other weights: a run that was gone on with."""
        if self.path is None or not (self.path / run_files.CALIBRATION).exists():
            return None
        file = self.path / run_files.CALIBRATION
        kept = folder.read_json(file)
        try:
            if kept["model"] != folder.weights(self.path / run_files.MODEL):
                return None
            return Calibration.from_dict(kept)
        except (KeyError, TypeError) as error:
            raise UserError(f"{file} is damaged ({error}): delete it, and it is worked out anew.") from error

    def calibrate(self) -> dict[str, Any]:
        """How good probabilities are on test: see :class:`~gnnneg.evaluation.ProbabilityCalibration`."""
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
        """Judges the model, anew.

        ::

            run.evaluate()["mrr"]                             # every ranking metric of the test split
            run.evaluate(TripleClassification()).table        # any other evaluation

        Args:
            what (Evaluator or str): What finds :class:`~gnnneg.evaluation.Findings`, or a split, for the figures of its
                :class:`~gnnneg.evaluation.Ranking` alone. (default: :obj:`"test"`)
            sampled (int, optional): Of a split, Hits@10 among so many random candidates too. (default: what the run
                asked for)
            data (str, Path or list, optional): Files of statements, in any format that ``gnnneg data import`` reads,
                which take the place of the test split. They are about entities that the model knows.
                (default: the run's own)

        Raises:
            UserError: If the data lack what is asked about.
        """
        if isinstance(what, str):
            return self.evaluate(Ranking(what, sampled), data=data).figures
        if data is None:
            testbed = self.testbed
        else:
            from gnnneg.experiment.given import given  # with all readers of files, which no other question needs

            testbed = given(self, data)
        if isinstance(what, ProbabilityCalibration):  # what was fitted once is kept
            what.refuse(testbed)
            return what.findings(self.calibration, self.model, testbed)
        return what(self.model, testbed)

    def tables(self, split: Split = "test") -> dict[str, pd.DataFrame]:
        """The metrics by ``side``, ``relation``, ``cardinality`` and ``degree``."""
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
        """What the run's sampler draws for a split's statements (at most so many, by chance), seen by its model.

        With ``true`` also so many of those drawn that are in fact true, under ``false_negatives``.

        Kept in the run folder, where a report finds its pictures.
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
