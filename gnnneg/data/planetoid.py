"""The Planetoid graphs (Cora, Citeseer): papers with words, classes and citations, from pickles of unknown origin."""

import io
import pickle
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, to_undirected

from gnnneg.errors import UserError

PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
VALID = 500  # papers after the training ones, as every benchmark has it


class _Rows:
    """What a pickled scipy.sparse.csr_matrix holds."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.data, self.indices, self.indptr = state["data"], state["indices"], state["indptr"]
        self.shape: tuple[int, int] = state.get("_shape") or state["shape"]

    def dense(self) -> Tensor:
        out = np.zeros(self.shape, np.float32)
        out[np.repeat(np.arange(self.shape[0]), np.diff(self.indptr)), self.indices] = self.data
        return torch.from_numpy(out)


_reconstruct = np.ndarray.__reduce__(np.empty(0))[0]

# all that these files may name; a pickle can name any function of any module and have it called
ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "defaultdict"): defaultdict,
    ("__builtin__", "list"): list,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("scipy.sparse.csr", "csr_matrix"): _Rows,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise UserError(f"asks for {module}.{name}, which no such file needs, so it is not opened")
        return ALLOWED[module, name]


def _read(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    if path.name.endswith("test.index"):
        try:
            return torch.tensor([int(line) for line in content.split()])
        except ValueError:
            raise UserError(f"{path} should hold one number a line: fetch it again.") from None
    try:
        return _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except UserError as error:
        raise UserError(f"{path} {error}: fetch it again from where it came.") from None
    except Exception as error:  # what a garbled pickle may raise has no end
        raise UserError(f"{path} is no whole pickle ({type(error).__name__}): fetch it again.") from None


def read_planetoid(folder: Path, prefix: str) -> Data:
    """Reads ``<prefix>.x``, ``.tx``, ``.allx``, ``.y``, ``.ty``, ``.ally``, ``.graph`` and ``.test.index``.

    Test papers without features and class (Citeseer has 15, isolated) get zeros. Only arrays, sparse matrices, lists
    and dictionaries are unpickled; see :obj:`ALLOWED`.

    Args:
        folder (Path): Where the files are.
        prefix (str): Such as ``ind.cora``.

    Returns:
        ``x (n, f)``, ``y (n,)``, ``edge_index (2, e)`` both ways, and ``train_mask``, ``val_mask``, ``test_mask``, as
        in PyG.

    Raises:
        UserError: If a file is missing or garbled, needs another class, or does not fit the others.
    """
    _, tx, allx, y, ty, ally, graph, test = (_read(folder / f"{prefix}.{part}") for part in PARTS)
    order = test.sort().values
    try:
        begin, end = len(ally), int(order[-1]) + 1
        feature, label = torch.zeros(end, allx.shape[1]), torch.zeros(end, ally.shape[1])
        feature[:begin], label[:begin] = allx.dense(), torch.from_numpy(ally).float()
        feature[test], label[test] = tx.dense(), torch.from_numpy(ty).float()
        row = torch.tensor([one for one, others in graph.items() for _ in others])
        column = torch.tensor([other for others in graph.values() for other in others])
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"The files {prefix}.* in {folder} do not fit each other ({error}): fetch them again."
        ) from None
    loop = row == column
    edge_index = coalesce(to_undirected(torch.stack([row, column])[:, ~loop], num_nodes=end), num_nodes=end)
    masks = [torch.zeros(end, dtype=torch.bool) for _ in range(3)]
    masks[0][: len(y)] = True
    masks[1][len(y) : len(y) + VALID] = True
    masks[2][test] = True
    train, valid, held_out = masks
    return Data(
        x=feature, y=label.argmax(1), edge_index=edge_index, train_mask=train, val_mask=valid, test_mask=held_out
    )
