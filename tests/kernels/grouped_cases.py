"""Rows times the matrices of their types in Triton, against the CPU's loop; ``cpu`` needs ``TRITON_INTERPRET=1``."""

import sys

import torch
from torch.testing import assert_close

from gnnneg.kernels import aggregate

SINGLE, BRAIN, HALF = torch.float32, torch.bfloat16, torch.float16
LOOSE = {
    SINGLE: {"rtol": 1e-4, "atol": 1e-4},
    BRAIN: {"rtol": 8e-3, "atol": 5e-2},
    HALF: {"rtol": 1e-3, "atol": 1e-2},
}


def grouped(
    device: str, count: tuple[int, ...], blocks: int, p: int, o: int, of_x: torch.dtype, of_weight: torch.dtype
) -> None:
    """Products and both gradients: those of float64, each in its own precision, and the same bits once more."""
    begin = [0, *torch.tensor(count).cumsum(0).tolist()]
    source = torch.randint(12, (begin[-1],))
    source[::3] = 5  # a node with many rows; the last one has none
    x, weight = torch.randn(13, blocks * p).to(of_x), torch.randn(len(count), blocks, p, o).to(of_weight)
    outward = torch.randn(begin[-1], blocks * o).to(of_x) / 8

    def run(device: str, *dtypes: torch.dtype) -> list[torch.Tensor]:
        leaves = [one.clone().to(device, dtype).requires_grad_() for one, dtype in zip((x, weight), dtypes)]
        made = aggregate.transform(*leaves, source.to(device), begin)
        pulled = torch.autograd.grad(made, leaves, outward.to(device, dtypes[0]))
        return [one.detach().cpu() for one in (made, *pulled)]

    aggregate.on_triton = lambda *tensors: False
    wanted = run("cpu", torch.double, torch.double)
    aggregate.on_triton = lambda *tensors: True
    found, again = run(device, of_x, of_weight), run(device, of_x, of_weight)
    loose = LOOSE[max(of_x, of_weight, key=lambda dtype: torch.finfo(dtype).eps)]
    for one, other, expected, dtype in zip(found, again, wanted, (of_x, of_x, of_weight), strict=True):
        assert one.dtype == dtype
        assert torch.equal(one, other)
        assert_close(one.double(), expected, **loose)


CASES = (
    ((1,), 1, 1, 1, SINGLE, SINGLE),
    ((3, 0, 70, 0), 1, 5, 7, SINGLE, SINGLE),
    ((0, 64, 65, 1), 3, 2, 3, SINGLE, SINGLE),
    ((20, 9), 2, 33, 70, SINGLE, SINGLE),  # beyond one block of columns, and of summands
    ((4, 1300, 0, 513, 512), 1, 4, 4, SINGLE, SINGLE),  # sums that are parted
    ((600, 1100), 1, 80, 110, SINGLE, SINGLE),  # the latter only, since the matrix is not small
    ((0, 0), 2, 3, 4, SINGLE, SINGLE),
    ((30, 700), 2, 8, 20, BRAIN, BRAIN),
    ((30, 7), 1, 20, 8, HALF, HALF),
    ((30, 7), 1, 20, 8, BRAIN, SINGLE),
)


if __name__ == "__main__":
    torch.manual_seed(0)
    for case in CASES:
        grouped(sys.argv[1], *case)
    print(len(CASES), "cases")
