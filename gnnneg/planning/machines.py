"""The machines that a forecast is for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machines:
    """Machines of one kind. Each runs one process that holds its part of the table.

    Args:
        count (int): Number of machines. (default: :obj:`1`)
        memory (int): Bytes of each machine. (default: 24 GiB)
        network (float): Bytes a second that each machine can send, and receive at the same time. (default: 10 Gbit)
        cores (int): Cores of each machine. (default: :obj:`2`)
    """

    count: int = 1
    memory: int = 24 << 30
    network: float = 10e9 / 8
    cores: int = 2
