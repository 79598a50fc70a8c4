"""A device to run on: a real one where there is one, else CPU memory that passes for one.

What passes for one is checked as one: tensors there and on CPU do not mix, and each time the host would have to wait
for the device is counted. No kernel of CUDA is run, and no draw differs from the CPU's.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._library.custom_ops import OPDEFS
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CUDA, META, CPU = torch.device("cuda:0"), torch.device("meta"), torch.device("cpu")
aten = torch.ops.aten

# the shape of what comes out is known to nobody but the device, or a number is what comes out
WAITS = {
    aten._local_scalar_dense.default: "item",
    aten.equal.default: "equal",
    aten.nonzero.default: "nonzero",
    aten.masked_select.default: "masked_select",
    aten._unique2.default: "unique",
    aten._unique.default: "unique",
    aten.unique_dim.default: "unique",
    aten.unique_consecutive.default: "unique",
    aten.bincount.default: "bincount",
    aten._coalesce.default: "coalesce",
    aten.multinomial.default: "multinomial",
    aten._linalg_eigh.default: "eigh",
}
TAKEN = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
COPIES = {aten._to_copy.default, aten.copy_.default}
BITS = torch.bool, torch.uint8
PLAIN = {aten._conj.default: aten.conj_physical.default}  # what is marked as conjugate would be read without the mark


class Elsewhere(Tensor):
    """A tensor in CPU memory that says it is on a CUDA device; torch's own code takes it for one of ``meta``."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "Elsewhere":
        size, options = held.size(), {"dtype": held.dtype, "layout": held.layout, "device": META}
        if held.layout == torch.strided:
            options |= {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = Tensor._make_wrapper_subclass(cls, size, **options)
        made.held = held
        return made

    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)
    is_cpu = property(lambda self: False)

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def numpy(self, *args: object, **kwargs: object) -> None:
        raise TypeError("can't convert a CUDA tensor to numpy: copy it to the CPU first")

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self, **kwargs: object) -> str:
        return f"Elsewhere({self.held})"

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict, context: None, size: object, stride: object) -> "Elsewhere":
        return Elsewhere(inner["held"])

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        raise AssertionError(f"{func} outside of the device")


class _Names(TorchFunctionMode):
    """Takes ``cuda`` for ``meta`` in what goes down into torch, and makes tensors of Python numbers."""

    def __init__(self, waits: Counter):
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = dict(kwargs or {})
        made = func in (torch.tensor, torch.as_tensor) and _is_cuda(kwargs.get("device"))
        if made or (func is Tensor.new_tensor and isinstance(args[0], Elsewhere)):
            kwargs.pop("device", None)
            given = args if made else args[1:]
            if isinstance(given[0], Elsewhere):
                return func(*given, **kwargs)
            self.waits["copy"] += 1
            kwargs = kwargs if made or "dtype" in kwargs else {"dtype": args[0].dtype, **kwargs}
            return Elsewhere(torch.tensor(*given, **kwargs))
        args, kwargs = tree_map(_named, (args, kwargs))
        return func(*args, **kwargs)


def _is_cuda(value: object) -> bool:
    return (isinstance(value, torch.device) and value.type == "cuda") or (
        isinstance(value, str) and value.split(":")[0] == "cuda"
    )


def _named(value: Any) -> Any:
    return META if _is_cuda(value) else value


class _Work(TorchDispatchMode):
    """Does on CPU what is asked of the device, and tells the two apart."""

    def __init__(self, waits: Counter):
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        there = [one for one in tensors if isinstance(one, Elsewhere)]
        device = kwargs.get("device")
        if not there and device != META:
            return func(*args, **kwargs)
        if func.namespace == "gnnneg":
            # as the kernel of a real device is called: below autograd, with all else as it was
            below = torch._C._RestorePythonTLSSnapshot(), torch._C._AutoDispatchBelowAutograd()
            with below[0], below[1], _Names(self.waits), self:
                return OPDEFS[func._schema.name]._init_fn(*args, **kwargs)
        self._refuse(func, args, tensors)
        self._count(func, args, kwargs, there)
        if device == META:
            kwargs["device"] = CPU
        if func is aten._to_copy.default and not there:
            return Elsewhere(func(*args, **kwargs))
        func = PLAIN.get(func, func)
        out = func(*tree_map(_held, args), **tree_map(_held, kwargs))
        if device == CPU:
            return out
        written = _written(func, args, kwargs)
        if written is not None:
            return written
        return tree_map(lambda leaf: Elsewhere(leaf) if isinstance(leaf, Tensor) else leaf, out)

    def _refuse(self, func: Any, args: tuple, tensors: list[Tensor]) -> None:
        """CPU tensors with dimensions mix with none of the device, but as a source to copy and as indices."""
        here = [one for one in tensors if not isinstance(one, Elsewhere) and one.dim()]
        if func in TAKEN:
            here = [one for one in (args[0], *args[2:3]) if isinstance(one, Tensor) and one.dim()]
            here = [one for one in here if not isinstance(one, Elsewhere)]
        if here and func not in COPIES and any(isinstance(one, Elsewhere) for one in tensors):
            shapes = [tuple(one.shape) for one in here]
            raise RuntimeError(f"{func}: expected all tensors on one device, found on CPU {shapes}")

    def _count(self, func: Any, args: tuple, kwargs: dict, there: list[Tensor]) -> None:
        kind = WAITS.get(func)
        if func is aten.repeat_interleave.Tensor and kwargs.get("output_size") is None:
            kind = "repeat_interleave"
        if func is aten._to_copy.default and (not there or kwargs.get("device") == CPU):
            kind = "copy"
        if func is aten.copy_.default and len(there) < 2:
            kind = "copy"
        if func in TAKEN:
            indices = [index for index in args[1] if index is not None]
            filled = func is not aten.index.Tensor and args[2].numel() == 1 and not isinstance(args[2], Elsewhere)
            if any(index.dtype in BITS for index in indices) and not filled:
                kind = "mask"
            elif not all(isinstance(index, Elsewhere) for index in indices):
                kind = "copy"
        if kind is not None:
            self.waits[kind] += 1


def _held(value: Any) -> Any:
    return value.held if isinstance(value, Elsewhere) else value


def _written(func: Any, args: tuple, kwargs: dict) -> Any:
    """What an operation in place returns: the tensor that was written to."""
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write and len(func._schema.returns) == 1:
            return kwargs[argument.name] if argument.kwarg_only else args[place]
    return None


GENERATOR = torch.Generator


class _Numbers(GENERATOR):
    """A generator of the device is one of the CPU."""

    def __new__(cls, device: object = "cpu") -> torch.Generator:  # type: ignore[misc]
        return GENERATOR()


class Place:
    """Where a test runs.

    Args:
        device (torch.device): The device, real or not.
        real (bool): Whether it is real: draws differ from the CPU's.
        waits (Counter): What the host waited for, by name.
    """

    def __init__(self, device: torch.device, real: bool, waits: Counter):
        self.device, self.real, self.waits = device, real, waits

    def rng(self, seed: int) -> torch.Generator:
        """A generator for what is drawn there."""
        return GENERATOR(self.device if self.real else CPU).manual_seed(seed)

    @contextmanager
    def counted(self) -> Iterator[Counter]:
        """Counts the waits of what is done within."""
        if not self.real:
            self.waits.clear()
            yield self.waits
            return
        torch.cuda.synchronize()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                yield self.waits
            finally:
                torch.cuda.set_sync_debug_mode("default")
        found = [one for one in caught if "called a synchronizing" in str(one.message)]  # not that the mode is new
        self.waits.clear()
        self.waits.update(f"{one.filename.rsplit('/', 1)[-1]}:{one.lineno}" for one in found)


@contextmanager
def somewhere() -> Iterator[Place]:
    """The machine's CUDA device, or what passes for one."""
    waits: Counter = Counter()
    if torch.cuda.is_available():
        yield Place(CUDA, True, waits)
        return
    with ExitStack() as stack:
        stack.enter_context(patch("gnnneg.kernels.devices._is_installed", lambda: False))
        stack.enter_context(patch("torch.Generator", _Numbers))
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message=".*CUDA is not available.*")
        stack.enter_context(_Names(waits))
        stack.enter_context(_Work(waits))
        yield Place(CUDA, False, waits)
