"""The quality of probabilities from scores."""

from jaxtyping import Bool, Float
from torch import Tensor

from gnnneg.data.statements import LINKED, POLARITIES, triplets
from gnnneg.errors import UserError
from gnnneg.evaluation.calibration import Calibration
from gnnneg.evaluation.classification import labelled
from gnnneg.evaluation.drawn import corruptions
from gnnneg.evaluation.evaluator import Evaluator, Findings
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Model


class ProbabilityCalibration(Evaluator):
    """Measures probabilities of test statements by three ways: the sigmoid of the score, Platt scaling and isotonic
    regression, the last two fitted on validation.

    It finds ``brier`` and ``ece`` of each as ``score``, ``platt`` and ``isotonic``. ``valid`` and ``test`` have the
    numbers of ``stated`` and ``denied`` statements, and whether the latter were ``drawn`` at random.
    """

    key = "calibration"
    no_split = "Calibration is fitted on valid and judged on test"

    def refuse(self, testbed: Testbed) -> None:
        for split in ("valid", "test"):
            _refuse(testbed, split)

    def forward(self, model: Model, testbed: Testbed) -> Findings:
        return self.findings(self.fit(model, testbed), model, testbed)

    def fit(self, model: Model, testbed: Testbed) -> Calibration:
        """From the model's scores to probabilities, fitted on validation."""
        return Calibration.fit(*self.labelled(model, testbed, "valid"))

    def findings(self, fitted: Calibration, model: Model, testbed: Testbed) -> Findings:
        """The quality of the fitted probabilities on test."""
        score, label, drawn = self.labelled(model, testbed, "test")
        stated = int(label.sum())
        parts = {
            "valid": {"stated": fitted.stated, "denied": fitted.denied, "drawn": fitted.drawn},
            "test": {"stated": stated, "denied": label.numel() - stated, "drawn": drawn},
        }
        remarks = ["By the sigmoid of the score, by Platt scaling and by isotonic regression."]
        remarks += [
            f"{did} on {split}: {part['stated']:,} stated and {part['denied']:,} "
            + ("random, since none is denied." if part["drawn"] else "denied.")
            for did, (split, part) in zip(("Fitted", "Judged"), parts.items())
        ]
        counts = {name: int(parts["test"][name]) for name in ("stated", "denied")}
        return Findings({**fitted.judge(score, label), **parts}, counts=counts, remarks=tuple(remarks))

    def labelled(
        self, model: Model, testbed: Testbed, split: str
    ) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"], bool]:
        """Scores of a split's statements, whether each is stated, and whether the others were drawn.

        A split without denied statements gets one random corruption for each stated triplet, true in no split.
        """
        _refuse(testbed, split)
        there, drawn = testbed.on(split), not testbed.has(split, "denied")
        stated, denied = (testbed.statements(split, polarity) for polarity in POLARITIES)
        if drawn:
            denied = corruptions(stated, there.answers(triplets(there.data)).cpu(), testbed.draws())
        score, label, _ = labelled(model, there.graph_for(model), stated, denied)
        return score, label, drawn


def _refuse(testbed: Testbed, split: str) -> None:
    if not testbed.has(split):
        raise UserError(f"A probability is fitted on validation and judged on test, and there are no {split} ones.")
    if LINKED in testbed.data.edge_types:
        raise UserError(
            "Classes of nodes have no probabilities: a statement with another entity as tail means nothing."
        )
