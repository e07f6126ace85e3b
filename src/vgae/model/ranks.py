"""The processes that fit one model together: what they exchange, and how the loss of one is told.

Each process, by its rank, has a block of consecutive nodes. Numbers of all nodes are gathered, and
numbers that each process has for all are added up, with `torch.distributed`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any, NoReturn, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgae.ground.errors import InputError
from vgae.ground.launch import Launch

__all__ = ["Ranks", "Rows", "add_up_gradients"]

SECONDS_TO_JOIN = 300.0
"""How long the processes wait for each other at the start."""
SECONDS_TO_ANSWER = 1800.0
"""How long a process waits for another one afterwards: longer than any work of a single one."""
SECONDS_TO_TELL = 10.0
"""How long a process waits for what the others say of a failure."""
PAUSE = 0.05
TOLD, NOTICED = "told ", "noticed"
"""What a process leaves behind when it ends: its own error, or that another one is lost."""


class Ranks:
    """A group of processes, or a single one, which exchanges nothing.

    Parameters
    ----------
    launch
        The place of this process among them.
    store
        What processes tell each other apart from tensors; None for a single process.

    Attributes
    ----------
    launch, rank, size
        The place of this process, its number, and the number of processes.
    device
        Where this process computes.

    Examples
    --------
    >>> ranks = Ranks(Launch(rank=0, size=1, local_rank=0, local_size=1))
    >>> ranks.rank, ranks.size, ranks.summed(torch.ones(2)).tolist()
    (0, 1, [1.0, 1.0])
    >>> ranks.gathered(torch.ones(2, 1), [0, 2]).tolist(), ranks.texts("here")
    ([[1.0], [1.0]], ['here'])
    >>> ranks.first(torch.zeros(1)).tolist(), ranks.failed(InputError("no edges"))
    ([0.0], InputError('no edges'))
    >>> ranks.connect("cpu")
    >>> ranks.device, Ranks.joined(ranks.launch).size
    (device(type='cpu'), 1)
    >>> ranks.leave()
    """

    def __init__(self, launch: Launch, *, store: Any = None) -> None:
        self.launch, self.rank, self.size = launch, launch.rank, launch.size
        # Tensors are sent from the wire: their own device with NCCL, the CPU with gloo.
        self.device = self._wire = torch.device("cpu")
        self._store = store

    @classmethod
    def joined(cls, launch: Launch) -> Self:
        """Wait for the other processes; `connect` is still needed before anything is exchanged.

        Raises
        ------
        InputError
            A process did not come; the line names its rank.
        """
        if launch.size == 1:
            return cls(launch)
        import torch.distributed as dist
        from torch.distributed.distributed_c10d import PrefixStore

        try:
            store = dist.TCPStore(  # type: ignore[attr-defined]
                launch.address,
                launch.port,
                is_master=launch.rank == 0 and not launch.watched,
                timeout=timedelta(seconds=SECONDS_TO_JOIN),
                wait_for_workers=False,
            )
        except RuntimeError as error:
            raise InputError(
                f"rank {launch.rank}: cannot meet the others at MASTER_ADDR {launch.address}, "
                f"MASTER_PORT {launch.port} ({_first_line(error)})"
            ) from None
        # Whoever watches keeps the same store when it starts the processes again.
        ranks = cls(launch, store=PrefixStore(f"vgae {launch.restarts}", store))
        ranks._wait_for_all()
        return ranks

    def connect(self, device: str) -> None:
        """Get ready to exchange tensors of a device.

        NCCL connects GPUs, where every process of a machine has its own; otherwise gloo connects
        the processes. Those of one machine take its GPUs in turn, and share its cores.

        Parameters
        ----------
        device
            "cpu" or "cuda".

        Raises
        ------
        InputError
            There is no GPU, or the device has a number.
        """
        launch = self.launch
        if device not in ("cpu", "cuda"):
            raise InputError(f"device {device}: several processes take cpu, or cuda without number")
        n_gpus = torch.cuda.device_count() if device == "cuda" else 0
        if device == "cuda":
            if not n_gpus:
                raise InputError("device cuda: torch finds no GPU here")
            self.device = torch.device("cuda", launch.local_rank % n_gpus)
            torch.cuda.set_device(self.device)
        elif launch.local_size > 1:
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
            torch.set_num_threads(max(1, cores // launch.local_size))
        if launch.size == 1:
            return
        import torch.distributed as dist
        from torch.distributed.distributed_c10d import PrefixStore

        own_gpus = launch.local_size <= n_gpus
        self._wire = self.device if own_gpus else torch.device("cpu")
        with self._naming_who_is_lost():
            dist.init_process_group(
                "nccl" if own_gpus else "gloo",
                store=PrefixStore("group", self._store),
                rank=launch.rank,
                world_size=launch.size,
                timeout=timedelta(seconds=SECONDS_TO_ANSWER),
            )

    def _wait_for_all(self) -> None:
        self._store.set(f"here/{self.rank}", "")
        late = self._missing("here", SECONDS_TO_JOIN)
        if late:
            raise InputError(
                f"rank {late[0]}: did not start within {SECONDS_TO_JOIN:g} seconds; start all "
                f"{self.size} processes with the same MASTER_ADDR and MASTER_PORT"
            )

    def leave(self) -> None:
        """Leave the group; the others notice if they still wait for this process."""
        import torch.distributed as dist

        if dist.is_initialized():
            dist.destroy_process_group()

    # ----------------------------------------------------------------- exchanges

    def summed(self, values: Tensor) -> Tensor:
        """The sums of the values of all processes, the same to the bit in each; no gradient."""
        if self.size == 1:
            return values.detach().clone()
        import torch.distributed as dist

        wire = values.detach().to(self._wire, copy=True).contiguous()
        with self._naming_who_is_lost():
            dist.all_reduce(wire)
        return wire.to(values.device)

    def gathered(self, own: Tensor, bounds: Sequence[int]) -> Tensor:
        """The rows of all processes, one block after the other; no gradient.

        Parameters
        ----------
        own
            The rows of this process, shape (n_own, width).
        bounds
            The first row of each process, and the number of all rows.
        """
        if self.size == 1:
            return own.detach()
        import torch.distributed as dist

        sizes = np.diff(bounds).tolist()
        blocks = own.new_empty((self.size, max(sizes), *own.shape[1:]), device=self._wire)
        # Blocks that are exchanged have one size: shorter ones have rows that nobody reads.
        padded = own.new_zeros(blocks.shape[1:], device=self._wire)
        padded[: len(own)] = own.detach()
        with self._naming_who_is_lost():
            dist.all_gather(list(blocks.unbind()), padded)
        found = torch.cat([block[:size] for block, size in zip(blocks, sizes, strict=True)])
        return found.to(own.device)

    def first(self, values: Tensor) -> Tensor:
        """The values of rank 0."""
        return self.summed(values if self.rank == 0 else torch.zeros_like(values))

    def texts(self, own: str) -> list[str]:
        """A short text of each process."""
        content = torch.frombuffer(bytearray(own.encode() or b"\0"), dtype=torch.uint8)
        length = torch.zeros(self.size, dtype=torch.int64)
        length[self.rank] = len(content)
        bounds = [0, *self.summed(length).cumsum(0).tolist()]
        found = self.gathered(content[:, None].to(self.device), bounds).cpu().numpy().tobytes()
        return [found[start:stop].decode().rstrip("\0") for start, stop in pairwise(bounds)]

    # ------------------------------------------------------------------ failures

    def failed(self, error: InputError) -> BaseException:
        """What to raise in place of an error of this process, once the others know of it.

        A mistake that all processes meet is told by rank 0 alone; the others end without a word.
        """
        if self._store is None:
            return error
        line = f"{TOLD}{error}"
        try:
            self._store.set(f"left/{self.rank}", line)
            # Only now: who still waits for this process finds the reason.
            self.leave()
            told_by_first = self._missing("left", SECONDS_TO_TELL, (0,)) == []
            same = told_by_first and self._store.get("left/0").decode() == line
            self._part(range(self.size))
            if self.rank and same:
                return SystemExit(2)
        except RuntimeError:  # nobody keeps the store any more
            pass
        return InputError(f"rank {self.rank}: {error}") if self.rank else error

    @contextmanager
    def _naming_who_is_lost(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            self._raise_lost(_first_line(error))

    def _raise_lost(self, reason: str) -> NoReturn:
        """End this process; one of those that are left names the one that is not."""
        if threading.current_thread() is threading.main_thread():
            # torchrun ends the others, too, as soon as it notices.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.leave()  # so that the others, who may wait for this process, notice at once
        try:
            self._store.set(f"left/{self.rank}", NOTICED)
            lost = self._missing("left", SECONDS_TO_TELL)
            left = {
                rank: self._store.get(f"left/{rank}").decode()
                for rank in range(self.size)
                if rank not in lost
            }
            self._part(list(left))
        except RuntimeError:
            lost, left = [0], {self.rank: NOTICED}  # it keeps the store
        if any(line.startswith(TOLD) for line in left.values()) or min(left) != self.rank:
            raise SystemExit(2)
        if not lost:
            raise InputError(f"rank {self.rank}: the connections broke ({reason})")
        named = "rank" + " and".join(f" {rank}" for rank in lost)
        how = (
            f"gave no answer for {SECONDS_TO_ANSWER:g} seconds"
            if "imed out" in reason
            else "ended, or its machine did"
        )
        raise InputError(
            f"{named} {how}; the others stop too, and --resume goes on from the last checkpoint, "
            "if any was kept"
        )

    def _part(self, others: Sequence[int]) -> None:
        """Say that nothing more is read from the store; who keeps it waits for the others."""
        self._store.set(f"parted/{self.rank}", "")
        if not self.rank and not self.launch.watched:
            self._missing("parted", SECONDS_TO_TELL, others)

    def _missing(self, what: str, seconds: float, ranks: Sequence[int] | None = None) -> list[int]:
        """The ranks, of these or of all, that have not set a key once these seconds have passed."""
        end = time.monotonic() + seconds
        ranks = range(self.size) if ranks is None else ranks
        while True:
            late = [rank for rank in ranks if not self._store.check([f"{what}/{rank}"])]
            if not late or time.monotonic() > end:
                return late
            time.sleep(PAUSE)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@dataclass(frozen=True)
class Rows:
    """The block of consecutive nodes that belongs to each process.

    Attributes
    ----------
    ranks
        The processes.
    bounds
        The first node of each, and the number of nodes.

    Examples
    --------
    >>> alone = Ranks(Launch(rank=0, size=1, local_rank=0, local_size=1))
    >>> rows = Rows.balanced(alone, np.array([0, 1, 3]))
    >>> rows.bounds, rows.own, rows.n_nodes, rows.share(5)
    ((0, 2), slice(0, 2, None), 2, slice(0, 5, None))
    >>> rows.gathered(torch.ones(2, 1)).shape
    torch.Size([2, 1])
    >>> rows.parts(6)
    [(slice(0, 6, None), None)]
    """

    ranks: Ranks
    bounds: tuple[int, ...]

    @classmethod
    def balanced(cls, ranks: Ranks, row_starts: NDArray[Any]) -> Self:
        """Blocks with about as many nodes plus entries of the adjacency each.

        Parameters
        ----------
        ranks
            The processes.
        row_starts
            Where the entries of each node start, shape (n_nodes + 1,).

        Raises
        ------
        InputError
            There are more processes than nodes.
        """
        n_nodes, size = len(row_starts) - 1, ranks.size
        if size > n_nodes:
            raise InputError(
                f"{size} processes for {n_nodes} nodes: each needs a node; start fewer "
                "(--nproc-per-node)"
            )
        work = np.asarray(row_starts, np.int64) + np.arange(n_nodes + 1)
        bounds = [0]
        for rank in range(1, size):
            found = int(np.searchsorted(work, work[-1] * rank / size))
            bounds.append(min(max(found, bounds[-1] + 1), n_nodes - size + rank))
        return cls(ranks, (*bounds, n_nodes))

    @property
    def n_nodes(self) -> int:
        """Number of nodes of all processes."""
        return self.bounds[-1]

    @property
    def own(self) -> slice:
        """The nodes of this process."""
        return slice(self.bounds[self.ranks.rank], self.bounds[self.ranks.rank + 1])

    def gathered(self, own: Tensor) -> Tensor:
        """The rows of all nodes from those of each process, differentiably."""
        found: Tensor = _Gathered.apply(self, own)  # type: ignore[no-untyped-call]
        return found

    def share(self, number: int, rank: int | None = None) -> slice:
        """An equal share of so many items, whoever they belong to; by default that of this rank."""
        rank, size = self.ranks.rank if rank is None else rank, self.ranks.size
        return slice(number * rank // size, number * (rank + 1) // size)

    def parts(self, number: int) -> list[tuple[slice, slice | None]]:
        """The share of this process in all unordered pairs of so many items, as rectangles.

        None stands for the pairs of the first slice with itself. The items are in as many equal
        blocks as there are processes. Each has the pairs within its block, and those with the
        blocks after it, up to half way round; where two are opposite each other, either has half
        of their pairs.
        """
        rank, size = self.ranks.rank, self.ranks.size
        mine = self.share(number)
        found: list[tuple[slice, slice | None]] = [(mine, None)]
        found += [
            (mine, self.share(number, (rank + step) % size)) for step in range(1, (size + 1) // 2)
        ]
        if size % 2 == 0:
            opposite = self.share(number, (rank + size // 2) % size)
            earlier, later = (mine, opposite) if rank < size // 2 else (opposite, mine)
            middle = (earlier.start + earlier.stop) // 2
            half = slice(earlier.start, middle) if rank < size // 2 else slice(middle, earlier.stop)
            found.append((half, later))
        return found


class _Gathered(torch.autograd.Function):
    """Rows of all nodes; each process gets the gradient of its own from all of them."""

    @staticmethod
    def forward(ctx: Any, rows: Rows, own: Tensor) -> Tensor:
        ctx.rows = rows
        return rows.ranks.gathered(own, rows.bounds).clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, ctx.rows.ranks.summed(grad)[ctx.rows.own]


def add_up_gradients(ranks: Ranks, parameters: Iterable[Tensor]) -> None:
    """Replace the gradients of parameters by their sums over all processes, in one exchange.

    Examples
    --------
    >>> weight = torch.ones(2, requires_grad=True)
    >>> (weight**2).sum().backward()
    >>> alone = Ranks(Launch(rank=0, size=1, local_rank=0, local_size=1))
    >>> add_up_gradients(alone, [weight])
    >>> weight.grad.tolist()
    [2.0, 2.0]
    """
    # A rank may have none for a parameter that others have one for.
    learned = [parameter for parameter in parameters if parameter.requires_grad]
    parts = [(torch.zeros_like(one) if one.grad is None else one.grad).flatten() for one in learned]
    sums = torch.split(ranks.summed(torch.cat(parts)), [part.numel() for part in parts])
    for one, total in zip(learned, sums, strict=True):
        one.grad = total.view_as(one).clone()
