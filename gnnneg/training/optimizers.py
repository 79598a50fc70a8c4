"""Adam that updates only the rows of a step."""

import inspect
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from gnnneg.allocation import on_large_pages
from gnnneg.checks import finite
from gnnneg.errors import UserError
from gnnneg.interfaces import Task
from gnnneg.kernels.row_update import lazy_adam, suits


def stepped(optimizer: Optimizer) -> None:
    """Checks that an optimiser needs only one gradient a step, and that its numbers are ones to compute with.

    Raises:
        UserError: If it needs the loss several times a step, as LBFGS does, or a number is not finite in single
            precision.
    """
    for group in optimizer.param_groups:
        finite(type(optimizer).__name__, **{key: value for key, value in group.items() if isinstance(value, float)})
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise UserError(
            f"optimizer ({type(optimizer).__name__}) asks for the loss several times a step, which training does not: "
            "use Adam."
        )


def owns(optimizer: Optimizer, task: Task) -> None:
    """Checks that an optimiser trains parameters of a task; warns if it does not train all of them.

    Raises:
        UserError: If it has no parameter of the task.
    """
    name = type(optimizer).__name__
    owned = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    wanted = [id(weight) for weight in task.trained() if weight.requires_grad]
    left = sum(weight not in owned for weight in wanted)
    if wanted and left == len(wanted):
        raise UserError(f"{name} owns no parameter of {type(task).__name__}: give it task.trained().")
    if left:
        warnings.warn(
            f"{name} owns {len(wanted) - left} of the {len(wanted)} parameters of {type(task).__name__}: the others "
            "stay as they are.",
            stacklevel=3,
        )


class ByParameter(Optimizer, ABC):
    """An optimiser that steps each parameter by its own gradient alone."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; ``closure`` as in every optimiser of torch."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step(weight, weight.grad, group)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in every optimiser of torch; large tables are laid on large pages again."""
        super().load_state_dict(state_dict)
        for state in self.state.values():
            for value in state.values():
                if isinstance(value, Tensor):
                    on_large_pages(value, filled=True)

    @abstractmethod
    def _step(self, weight: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """Steps one parameter."""


class LazyAdam(ByParameter):
    r"""Adam, from `"Adam: A Method for Stochastic Optimization" <https://arxiv.org/abs/1412.6980>`_, for models
    that have row-sparse tables (``Lookup(sparse=True)``) beside dense weights.

    With :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g` and :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`,

    .. math::
        w \leftarrow w - \eta \,
            \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon} .

    Dense gradients are treated as by :class:`torch.optim.Adam`. With a sparse gradient only its rows are updated, and
    the moments of all other rows stay unchanged, as in :class:`torch.optim.SparseAdam` (which refuses dense gradients,
    as Adam refuses sparse ones). So with sparse gradients this differs from Adam, where rows continue to move by their
    old moments. The two are equal if each step has a gradient for every row. Cost per step: the touched rows; two more
    tables of memory.

    Args:
        params (iterable): The parameters, or groups of them.
        lr (float): :math:`\eta`. (default: :obj:`1e-3`)
        betas (tuple[float, float]): :math:`\beta_1, \beta_2`. (default: :obj:`(0.9, 0.999)`)
        eps (float): :math:`\epsilon`. (default: :obj:`1e-8`)

    Raises:
        UserError: If a number is out of range.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        if not (lr >= 0 and eps >= 0 and all(0 <= beta < 1 for beta in betas)):
            raise UserError(
                f"LazyAdam(lr={lr}, betas={betas}, eps={eps}): lr and eps must be 0 or more, betas in [0, 1)."
            )
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def _step(self, weight: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = on_large_pages(torch.zeros_like(weight))
            state["exp_avg_sq"] = on_large_pages(torch.zeros_like(weight))
        state["step"] += 1
        time, (one, two) = float(state["step"]), group["betas"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        if suits(weight, grad):
            scales = group["lr"] / (1 - one**time), math.sqrt(1 - two**time), group["eps"]
            lazy_adam(weight, mean, square, grad, group["betas"], scales)
            return
        rows = None
        if grad.is_sparse:
            grad = grad.coalesce()  # a row that was looked up twice has one gradient
            rows, grad = grad.indices()[0], grad.values()
            mean, square = mean[rows], square[rows]
        mean.lerp_(grad, 1 - one)
        square.mul_(two).addcmul_(grad, grad, value=1 - two)
        below = square.sqrt().div_(math.sqrt(1 - two**time)).add_(group["eps"])
        rate = -group["lr"] / (1 - one**time)
        if rows is None:
            weight.addcdiv_(mean, below, value=rate)
        else:
            state["exp_avg"].index_copy_(0, rows, mean)
            state["exp_avg_sq"].index_copy_(0, rows, square)
            weight.index_add_(0, rows, mean.div_(below), alpha=rate)


def fused_where_it_can(optimizer: Optimizer, device: torch.device) -> None:
    """Takes back ``fused: true`` where torch has no such form of an optimiser on a device, with a warning.

    Whether it has is tried on one number. The fused form differs in speed alone.
    """
    asked = [group for group in optimizer.param_groups if group.get("fused")]
    if asked and not _has_fused(type(optimizer), device):
        for group in asked:
            group["fused"] = None
        warnings.warn(
            f"{type(optimizer).__name__} has no fused form on {device.type} in torch {torch.__version__}: the "
            "plain one is used, which gives the same numbers.",
            stacklevel=3,
        )


def _has_fused(kind: type[Optimizer], device: torch.device) -> bool:
    weight = torch.nn.Parameter(torch.zeros(1, device=device))
    weight.grad = torch.zeros_like(weight)
    try:
        kind([weight], fused=True).step()  # type: ignore[call-arg]
    except RuntimeError:
        return False
    return True
