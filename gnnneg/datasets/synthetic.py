"""Made-up worlds."""

from torch_geometric.data import InMemoryDataset

from gnnneg.data.synthetic import world
from gnnneg.datasets.benchmark import Transform


class SyntheticWorld(InMemoryDataset):
    """A made-up world with its whole truth; see :mod:`gnnneg.data.synthetic`.

    Args:
        num_entities, observed, denied, valid, test, seed: See :func:`gnnneg.data.synthetic.world`.
        transform (callable, optional): Applied at every access.
        plausible, named: See :func:`gnnneg.data.synthetic.world`.
    """

    def __init__(
        self,
        num_entities: int = 200,
        observed: float = 0.8,
        denied: float = 1.0,
        valid: float = 0.1,
        test: float = 0.1,
        seed: int = 0,
        transform: Transform | None = None,
        plausible: float = 0.0,
        named: bool = False,
    ):
        super().__init__(None, transform)
        self.world = world(num_entities, observed, denied, valid, test, seed, plausible, named)
        self.data, self.slices = self.collate([self.world.data])
