"""Adagrad with one number a row, for large tables."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from gnnneg.errors import UserError
from gnnneg.kernels.row_update import row_adagrad, suits
from gnnneg.training.optimizers import ByParameter


class RowAdagrad(ByParameter):
    r"""Adagrad with one step size a row, known from `"PyTorch-BigGraph: A Large-scale Graph Embedding System"
    <https://arxiv.org/abs/1903.12287>`_ and the embedding tables of recommender systems.

    With the gradient :math:`g_i` of row :math:`i`, of :math:`d` numbers,

    .. math::
        s_i \leftarrow s_i + \tfrac{1}{d} \lVert g_i \rVert_2^2 , \qquad
        w_i \leftarrow w_i - \eta \, \frac{g_i}{\sqrt{s_i} + \epsilon} .

    With a row-sparse gradient only its rows are updated. In Adagrad a row without a gradient does not move, so sparse
    and dense gradients give the same result. A vector counts as rows of one number: for it this is
    :class:`torch.optim.Adagrad`.

    Memory: :math:`n` numbers for a table of :math:`n \times d`, where Adagrad has :math:`n d` and
    :class:`~gnnneg.training.LazyAdam` :math:`2 n d`. Cost per step: the touched rows, each read and written once.

    Args:
        params (iterable): The parameters, or groups of them.
        lr (float): :math:`\eta`. (default: :obj:`0.1`)
        eps (float): :math:`\epsilon`. (default: :obj:`1e-10`)
        initial_accumulator_value (float): :math:`s_i` before the first step. (default: :obj:`0.0`)

    Raises:
        UserError: If a number is negative or NaN.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.1,
        eps: float = 1e-10,
        initial_accumulator_value: float = 0.0,
    ):
        if not (lr >= 0 and eps >= 0 and initial_accumulator_value >= 0):
            raise UserError(
                f"RowAdagrad(lr={lr}, eps={eps}, initial_accumulator_value={initial_accumulator_value}): "
                "none may be below 0."
            )
        super().__init__(params, {"lr": lr, "eps": eps, "initial_accumulator_value": initial_accumulator_value})

    def _step(self, weight: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            size = weight.size(0) if weight.dim() else 1
            state["sum"] = weight.new_full((size,), group["initial_accumulator_value"], dtype=torch.float32)
        table, total = weight.view(len(state["sum"]), -1), state["sum"]
        if suits(weight, grad):
            row_adagrad(weight, total, grad, group["lr"], group["eps"])
        elif grad.is_sparse:
            grad = grad.coalesce()  # a row that was looked up twice has one gradient
            row, grad = grad.indices()[0], grad.values()
            total.index_add_(0, row, grad.square().mean(1).to(total.dtype))
            below = total[row].sqrt_().add_(group["eps"])
            table.index_add_(0, row, grad.div(below[:, None]).to(table.dtype), alpha=-group["lr"])
        else:
            grad = grad.reshape(table.shape)
            total += grad.square().mean(1)
            table.addcdiv_(grad, (total.sqrt() + group["eps"])[:, None], value=-group["lr"])
