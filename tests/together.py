"""Several ranks at once: as threads of this process, or as processes that gloo connects."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

from vgae.ground.launch import Launch
from vgae.model.ranks import Ranks

Result = TypeVar("Result")


class ThreadRanks(Ranks):
    """A rank that is a thread; `meeting` is shared by all of them."""

    def __init__(self, rank: int, meeting: Meeting) -> None:
        super().__init__(Launch(rank, meeting.size, rank, meeting.size))
        self.meeting = meeting

    def _all(self, own: Tensor) -> list[Tensor]:
        return self.meeting.shown(self.rank, own.detach().clone())

    def summed(self, values: Tensor) -> Tensor:
        return torch.stack(self._all(values)).sum(dim=0)

    def gathered(self, own: Tensor, bounds: Sequence[int]) -> Tensor:
        found = torch.cat(self._all(own))
        assert len(found) == bounds[-1]
        return found


class Meeting:
    """Where threads show each other tensors."""

    def __init__(self, size: int) -> None:
        self.size, self.shelf = size, [torch.empty(0)] * size
        self.barrier = threading.Barrier(size, timeout=60)

    def shown(self, rank: int, own: Tensor) -> list[Tensor]:
        self.shelf[rank] = own
        self.barrier.wait()
        found = list(self.shelf)
        self.barrier.wait()
        return found


def in_threads(size: int, work: Callable[[Ranks], Result]) -> list[Result]:
    """What the work of each of several ranks returned."""
    meeting, results = Meeting(size), dict[int, Any]()

    def one(rank: int) -> None:
        try:
            results[rank] = work(ThreadRanks(rank, meeting))
        except BaseException as error:  # noqa: BLE001 - raised again below
            results[rank] = error
            meeting.barrier.abort()

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    broken = [one for one in results.values() if isinstance(one, BaseException)]
    for error in sorted(broken, key=lambda one: isinstance(one, threading.BrokenBarrierError)):
        raise error
    return [results[rank] for rank in range(size)]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def variables(rank: int, size: int, port: int, **more: str) -> dict[str, str]:
    """The environment that torchrun gives a process of one machine."""
    place = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return {**os.environ, **{k: str(v) for k, v in place.items()}, **meeting, **more}


def begun(size: int, arguments: Sequence[object], **more: str) -> list[subprocess.Popen[str]]:
    """Processes of Python that gloo can connect."""
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            env=variables(rank, size, port, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]


def ended(
    processes: Sequence[subprocess.Popen[str]], timeout: float = 400
) -> list[tuple[int, str, str]]:
    """Status, output and errors of each."""
    try:
        # Together: one whose output nobody reads would have the others wait.
        with ThreadPoolExecutor(len(processes)) as pool:
            found = list(pool.map(lambda one: one.communicate(timeout=timeout), processes))
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(processes, found, strict=True)]


def vgae_in_ranks(size: int, *arguments: object) -> list[tuple[int, str, str]]:
    """What `vgae` answered in each of several processes."""
    return ended(begun(size, ("-m", "vgae", *arguments)))


def last_error(answers: Sequence[tuple[int, str, str]]) -> list[str]:
    """The lines that tell an error, of all processes."""
    lines = "\n".join(err for _, _, err in answers).splitlines()
    assert not [line for line in lines if "Traceback" in line], lines
    return [line for line in lines if line.startswith("Error: ")]
