"""The machines that a plan is for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machines:
    """Machines of one kind, each with one process that holds its share of the table.

    Args:
        count (int): How many there are. (default: :obj:`1`)
        memory (int): Bytes of each. (default: 24 GiB)
        network (float): Bytes a second that each can send, and receive at the same time. (default: 10 Gbit)
        cores (int): Of each. (default: :obj:`2`)
    """

    count: int = 1
    memory: int = 24 << 30
    network: float = 10e9 / 8
    cores: int = 2
