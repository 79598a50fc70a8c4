"""Every sampler x generator x decoder x loss on odd sizes gives finite numbers or says what does not go together.

Here a seeded sample in which every part has its turns; ``make fuzz`` goes through all of them.
"""

from collections import Counter

import fuzz
import pytest
import torch
from rich.console import Console

from gnnneg.errors import UserError
from gnnneg.losses import InfoNCE

SAMPLE = 144  # three times every sampler


def test_a_sample_on_odd_sizes():
    found = {case: fuzz.outcome(case) for case in fuzz.sample(SAMPLE)}
    failed = [f"{error}\n  {fuzz.again(case)}" for case, error in found.items() if error.startswith("failed")]
    assert not failed, "\n".join(failed)
    ran = sum(one == "ran" for one in found.values())
    assert ran > 0.6 * SAMPLE, f"only {ran} of {SAMPLE} ran: {Counter(found.values()).most_common(5)}"


def test_a_sample_gives_every_part_its_turns():
    cases = [case.split("/") for case in fuzz.sample(SAMPLE)]
    for names, column in zip(fuzz.kinds(), zip(*cases)):
        count = Counter(column)
        assert set(count) == set(names)
        assert max(count.values()) - min(count.values()) <= 1


def test_settings_have_all_the_odd_sizes():
    drawn = [fuzz.Setting.drawn(case) for case in fuzz.sample(SAMPLE)]
    for value in vars(drawn[0]):
        assert len({getattr(one, value) for one in drawn}) > 1, value
    assert {one.world for one in drawn} == set(fuzz.worlds())
    facts = fuzz.worlds()["three entities"].facts
    assert (facts["num_nodes"], facts["num_relations"]) == (3, 1)


def test_a_part_is_made_anew_for_other_facts_with_all_its_parts():
    facts = {**fuzz.worlds()["three entities"].facts, "hidden_channels": 2, "num_negatives": 1}
    made = [fuzz.fitted(part, facts) for part in fuzz.parts(fuzz.Sampler).values()]
    for part in (inner for one in made for inner in one.modules()):
        assert getattr(part, "num_nodes", 3) == 3
        assert getattr(part, "num_relations", 1) == 1
        assert getattr(part, "num_negatives", 1) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda positive, *_: positive[:, 0] * torch.nan, "failed: NotFinite: the loss is not finite"),
        (lambda positive, *_: positive[:, 0].sqrt() * 0, "failed: NotFinite: the"),
        (lambda positive, *_: positive[:, 7], "failed: IndexError: index 7 is out of bounds"),
        (lambda *_: (_ for _ in ()).throw(UserError("Give another.")), "refused: Give another."),
        (lambda positive, *_: positive[:, 0], "ran"),
    ],
)
def test_what_a_part_does_wrong_is_told(monkeypatch, answer, told):
    case = "Uniform.0/None.0/DistMult.0/InfoNCE.0"
    assert fuzz.outcome(case) == "ran"
    monkeypatch.setattr(InfoNCE, "forward", lambda self, *given: answer(*given))
    assert fuzz.outcome(case).startswith(told)


def test_an_interrupted_run_goes_on(monkeypatch, tmp_path):
    """All cases once, those that failed again first; what is mended is no failure any more."""
    tried: list[str] = []

    def outcome(case: str) -> str:
        tried.append(case)
        if len(tried) == 5:
            raise KeyboardInterrupt
        return "failed: of old" if case == broken else "ran"

    monkeypatch.setattr(fuzz, "kinds", lambda: [["A", "B"], ["C"], ["D", "E"], ["F", "G"]])
    monkeypatch.setattr(fuzz, "outcome", outcome)
    whole, path, console = fuzz.Whole(0), tmp_path / "fuzz.json", Console(quiet=True)
    broken = whole[2]
    assert sorted(whole) == sorted(f"{a}/C/{d}/{f}" for a in "AB" for d in "DE" for f in "FG")
    record = fuzz.Record.opened(path, 0)
    with pytest.raises(KeyboardInterrupt):
        fuzz.work(whole, record, 1, console)
    assert (record.done, list(record.failed)) == (4, [broken])
    assert tried == list(whole)[:5]

    broken = "mended"
    record = fuzz.Record.opened(path, 0)
    fuzz.work(whole, record, 1, console)
    assert tried[5:] == [whole[2], *list(whole)[4:]]
    assert not record.failed
    assert fuzz.Record.opened(path, 0).done == 8
    assert fuzz.Record.opened(path, 1).done == 0  # another order


def test_a_failure_is_written_down_with_the_line_that_repeats_it(tmp_path):
    record = fuzz.Record.opened(tmp_path / "fuzz.json", 0)
    record.tried("Uniform.0/None.0/DistMult.0/InfoNCE.0", "failed: RuntimeError: wrong")
    record.write()
    assert "tests/fuzz.py Uniform.0/None.0/DistMult.0/InfoNCE.0" in record.path.read_text()
    assert "tests/fuzz.py Uniform.0/None.0/DistMult.0/InfoNCE.0" in "\n".join(record.told())
