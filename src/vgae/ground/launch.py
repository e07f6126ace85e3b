"""Which of several processes this one is, as `torchrun` tells it. Nothing here imports torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from vgae.ground.errors import InputError

__all__ = ["Launch"]

ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
"""Where the processes meet."""


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that were started together.

    Attributes
    ----------
    rank, size
        Number of this process, from 0, and the number of processes on all machines.
    local_rank, local_size
        The same on this machine alone.
    restarts
        How often the processes have been started again after one of them failed.
    address, port
        Where they meet.
    watched
        Whether the program that started the processes keeps what they tell each other; otherwise
        rank 0 does.

    Examples
    --------
    >>> variables = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    >>> Launch.of(variables | {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"})
    Launch(rank=3, size=4, local_rank=1, local_size=2, restarts=0, address='localhost', port=29500,
           watched=False)
    >>> Launch.of({}) is None
    True
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    restarts: int = 0
    address: str = "localhost"
    port: int = 29500
    watched: bool = False

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self | None:
        """What variables of the environment say; None where the process was started alone.

        Raises
        ------
        InputError
            A variable is missing, or is no number in its range.
        """
        if "RANK" not in variables or "WORLD_SIZE" not in variables:
            return None
        missing = [name for name in ADDRESS if not variables.get(name)]
        if missing:
            raise InputError(
                f"RANK and WORLD_SIZE are set, and {missing[0]} is not: start the processes with "
                "torchrun, or unset all three for a single process"
            )
        size = _number(variables, "WORLD_SIZE", 1)
        rank = _number(variables, "RANK", 0, size - 1)
        local_size = _number(variables, "LOCAL_WORLD_SIZE", 1, default=size)
        local_rank = _number(variables, "LOCAL_RANK", 0, default=rank)
        restarts = _number(variables, "TORCHELASTIC_RESTART_COUNT", 0, default=0)
        port = _number(variables, "MASTER_PORT", 1, 65535)
        watched = variables.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        address = variables["MASTER_ADDR"]
        return cls(rank, size, local_rank, local_size, restarts, address, port, watched)

    @classmethod
    def here(cls) -> Self | None:
        """The place of this process; None where it was started alone.

        Examples
        --------
        >>> Launch.here() is None
        True
        """
        return cls.of(os.environ)


def _number(
    variables: Mapping[str, str],
    name: str,
    least: int,
    most: int = 2**31,
    *,
    default: int | None = None,
) -> int:
    """A number in the environment, or the default where there is none."""
    text = variables.get(name, "" if default is None else str(default))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise InputError(
            f"{name}={text}: must be a whole number from {least}"
            + (f" to {most}" if most < 2**31 else "")
            + "; torchrun sets it"
        )
    return int(text)
