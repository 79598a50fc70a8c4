"""The copy that is kept of a data set, and what happens if it is damaged."""

from pathlib import Path

import pytest
import torch

from gnnneg.data.catalogue import Card, FileSource
from gnnneg.data.statements import assemble
from gnnneg.datasets import Benchmark
from gnnneg.records import Triplets


class Mine(Benchmark):
    """A data set whose file lies in the mirror."""


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no zip", None])
def test_a_damaged_copy_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None) -> None:
    (tmp_path / "mirror" / "mine").mkdir(parents=True)
    (tmp_path / "mirror" / "mine" / "train.tsv").write_text("a\tr\tb\nb\tr\tc\n")
    monkeypatch.setenv("GNNNEG_MIRROR", str(tmp_path / "mirror"))
    card = Card(name="mine", stated={"train": "train.tsv"}, files={"train.tsv": FileSource()})
    first = Mine(card, tmp_path / "root")[0]
    (copy,) = (tmp_path / "root" / "mine" / "processed").glob(f"{card.digest}.pt")
    whole = copy.read_bytes()
    copy.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    again = Mine(card, tmp_path / "root")[0]
    assert again["entity"].names == first["entity"].names == ["a", "b", "c"]
    assert copy.stat().st_size > len(whole) // 2


@pytest.mark.parametrize(("wrong", "said"), [(-2, "names entity -2, but there are only 3"), (3, "names entity 3, but")])
def test_an_index_that_is_none_is_named(wrong: int, said: str) -> None:
    given = Triplets(torch.tensor([0, wrong]), torch.tensor([0, 0]), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match=said):
        assemble(given, torch.zeros(2, dtype=torch.long), list("abc"), ["r"])
