"""The group of processes: blocks of nodes, shares of pairs, exchanges, and the loss of one."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest
import torch
from together import begun, ended, in_threads, last_error

from vgae.ground.errors import InputError
from vgae.ground.launch import Launch
from vgae.model.ranks import Ranks, Rows, add_up_gradients


def silent(rank: int, size: int) -> Ranks:
    """One that nobody meets."""
    return Ranks(Launch(rank, size, rank, size))


# ------------------------------------------------------------------ blocks of nodes


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_blocks_are_balanced_by_nodes_and_entries(size: int) -> None:
    random = np.random.default_rng(size)
    degrees = random.zipf(1.8, 1000).clip(max=200)
    starts = np.concatenate([[0], degrees.cumsum()])
    rows = Rows.balanced(silent(0, size), starts)
    assert rows.bounds[0] == 0
    assert rows.bounds[-1] == rows.n_nodes == 1000
    work = np.array(
        [
            stop - start + starts[stop] - starts[start]
            for start, stop in zip(rows.bounds, rows.bounds[1:], strict=False)
        ]
    )
    assert (np.abs(work - work.mean()) <= degrees.max() + 1).all()


def test_every_process_has_a_node_whatever_the_degrees() -> None:
    for where in (0, 2, 4):
        degrees = np.zeros(5, np.int64)
        degrees[where] = 1000
        starts = np.concatenate([[0], degrees.cumsum()])
        for size in range(1, 6):
            assert (np.diff(Rows.balanced(silent(0, size), starts).bounds) >= 1).all()


def test_more_processes_than_nodes_are_refused() -> None:
    with pytest.raises(InputError, match="3 processes for 2 nodes"):
        Rows.balanced(silent(0, 3), np.array([0, 1, 2]))


@pytest.mark.parametrize("number", [0, 1, 2, 3, 7, 12, 31])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
def test_every_unordered_pair_is_in_one_share_once(size: int, number: int) -> None:
    counts = np.zeros((number, number), np.int64)
    areas = []
    for rank in range(size):
        rows = Rows(silent(rank, size), tuple(range(size + 1)))
        before = counts.sum()
        for own, others in rows.parts(number):
            if others is None:
                counts[own, own] += 1
            else:
                counts[own, others] += 1
                counts[others, own] += 1
        areas.append(int(counts.sum() - before))
    assert (counts == 1).all()
    if number == 31 and size <= 4:  # nobody works twice as much
        assert max(areas) <= 1.3 * min(areas)


# --------------------------------------------------------------------- gradients


@pytest.mark.parametrize("size", [1, 2, 3])
def test_gathered_rows_get_their_gradient_from_all(size: int) -> None:
    whole = torch.randn(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    factors = torch.randn(
        size, 7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )

    def work(ranks: Ranks) -> tuple[torch.Tensor, torch.Tensor]:
        rows = Rows.balanced(ranks, np.arange(8))
        own = whole[rows.own].clone().requires_grad_()
        (rows.gathered(own) ** 2 * factors[ranks.rank]).sum().backward()  # type: ignore[no-untyped-call]
        assert own.grad is not None
        return rows.gathered(own.detach()), own.grad

    found = in_threads(size, work)
    assert all(torch.equal(gathered, whole) for gathered, _ in found)
    expected = 2.0 * whole * factors.sum(dim=0)
    torch.testing.assert_close(torch.cat([grad for _, grad in found]), expected)


def test_gradients_of_weights_are_added_up_where_a_rank_has_none() -> None:
    def work(ranks: Ranks) -> list[float]:
        used, unused = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
        fixed = torch.ones(1)
        (used * (ranks.rank + 1)).sum().backward()  # type: ignore[no-untyped-call]
        if ranks.rank:
            (5.0 * unused).sum().backward()  # type: ignore[no-untyped-call]
        add_up_gradients(ranks, [used, fixed, unused])
        return [float(one.grad) for one in (used, unused) if one.grad is not None]

    assert in_threads(3, work) == [[6.0, 10.0]] * 3


# ---------------------------------------------------------------- real processes

GLOO = """
import os, signal, sys, time, torch
import vgae.model.ranks as module
from vgae.ground.errors import InputError
from vgae.ground.launch import Launch
module.SECONDS_TO_ANSWER, module.SECONDS_TO_JOIN = 4.0, 20.0
launch = Launch.here()
mode = sys.argv[1]
try:
    if mode == "late" and launch.rank == 1:
        raise SystemExit(0)
    if mode == "late":
        module.SECONDS_TO_JOIN = 2.0
    ranks = module.Ranks.joined(launch)
    ranks.connect("cpu")
    rank, size = ranks.rank, ranks.size
    sums = ranks.summed(torch.tensor([rank + 0.5, 1.0], dtype=torch.float64))
    assert sums.tolist() == [size * (size - 1) / 2 + 0.5 * size, size], sums
    bounds = [0, 3, 4, 6][: size] + [7]
    own = torch.arange(7.0)[bounds[rank] : bounds[rank + 1], None].expand(-1, 2)
    assert ranks.gathered(own, bounds)[:, 1].tolist() == list(range(7))
    assert ranks.texts("x" * rank) == ["x" * one for one in range(size)]
    assert ranks.first(torch.tensor([rank + 1.0])).tolist() == [1.0]
    if rank == 1 and mode == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if rank == 1 and mode == "hang":
        time.sleep(60)
    if mode == "same" or (rank == 1 and mode == "mistake"):
        raise ranks.failed(InputError("no such file"))
    ranks.summed(torch.ones(3))
    ranks.leave()
    print("done")
except InputError as error:
    print("Error:", error, file=sys.stderr)
    sys.exit(2)
"""


def answers(size: int, mode: str) -> list[tuple[int, str, str]]:
    return ended(begun(size, ("-c", GLOO, mode)))


@pytest.mark.parametrize("size", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_processes_exchange_numbers_and_texts(size: int) -> None:
    assert [found[:2] for found in answers(size, "well")] == [(0, "done\n")] * size


@pytest.mark.parametrize("size", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_killed_process_is_named_in_one_line(size: int) -> None:
    started = time.monotonic()
    found = answers(size, "kill")
    assert time.monotonic() - started < 60
    assert [status for status, _, _ in found] == [2, -signal.SIGKILL, 2][:size]
    (line,) = last_error(found)
    assert line.startswith("Error: rank 1 ended, or its machine did; the others stop")


@pytest.mark.slow  # as one that is killed, but waits until the time is up
@pytest.mark.parametrize("size", [2, 3])
def test_a_process_that_hangs_is_named_in_one_line(size: int) -> None:
    processes = begun(size, ("-c", GLOO, "hang"))
    try:
        found = ended([processes[0], *processes[2:]])
    finally:
        os.kill(processes[1].pid, signal.SIGKILL)
        processes[1].communicate()
    assert [status for status, _, _ in found] == [2] * (size - 1)
    (line,) = last_error(found)
    assert line.startswith("Error: rank 1 gave no answer for 4 seconds")


def test_a_process_that_does_not_come_is_named() -> None:
    found = answers(2, "late")
    assert found[0][0] == 2
    assert last_error(found)[0].startswith("Error: rank 1: did not start within 2 seconds")


def test_a_mistake_of_one_is_told_by_that_one_and_of_all_by_the_first() -> None:
    for mode, line in (("mistake", "rank 1: no such file"), ("same", "no such file")):
        found = answers(2, mode)
        assert [status for status, _, _ in found] == [2, 2]
        assert last_error(found) == [f"Error: {line}"]


# ------------------------------------------------------------------ a single one


def test_devices_that_processes_cannot_share_are_refused() -> None:
    with pytest.raises(InputError, match="without number"):
        silent(0, 1).connect("cuda:1")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no GPU"):
            silent(0, 1).connect("cuda")
