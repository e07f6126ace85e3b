import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import vgae
from vgae.kernels import compiled as module
from vgae.kernels.compiled import compiled, run_parallel

PROGRAM = """
import logging, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
import torch, vgae.kernels as kernels
engine = kernels.choose_engine("auto")
for _ in range(2):
    engine.sweep(torch.ones(3, 2), None)
    kernels.SparseMatrix.from_scipy(__import__("scipy.sparse").sparse.eye_array(3).tocsr())
"""


def test_compiling_is_said_by_the_first_process_only(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        ).stdout
        for _ in range(2)
    )
    assert first == (
        "compiling what this needs for this processor, once after installation: up to ten seconds\n"
    )
    assert second == ""


def test_what_cannot_be_kept_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, object]] = []

    def njit(**options: object) -> object:
        given.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(parallel=True)(max) is max
    assert [(options.get("cache"), options["parallel"]) for options in given] == [
        (True, True),
        (None, True),
    ]


@pytest.mark.skipif(numba.get_num_threads() < 2, reason="there is one core here")
def test_compiled_loops_take_as_many_threads_as_torch() -> None:
    def count() -> int:
        return int(numba.get_num_threads())

    before = torch.get_num_threads(), numba.get_num_threads()
    module._process.looked_up.add(count)
    try:
        torch.set_num_threads(1)
        assert run_parallel(count) == 1
        assert numba.get_num_threads() == before[1]
        torch.set_num_threads(1000)
        assert run_parallel(count) == before[1]
    finally:
        torch.set_num_threads(before[0])
        module._process.looked_up.discard(count)


def test_files_that_use_lanes_name_their_state() -> None:
    """numba keeps machine code until the file of a function changes, whatever it calls."""
    lanes = Path(module.__file__).with_name("lanes.py")
    state = hashlib.sha256(lanes.read_bytes()).hexdigest()[:12]
    users = [
        path
        for path in lanes.parent.glob("*.py")
        if "vgae.kernels.lanes import" in path.read_text()
    ]
    assert len(users) == 2
    for path in users:
        assert f'LANES = "{state}"' in path.read_text(), path.name


FORKING = """
import multiprocessing, sys, torch
from vgae.errors import VgaeError
from vgae.kernels import choose_engine

def work(_):
    try:
        choose_engine("numba").sweep(torch.ones(3, 2), None)
        return "swept"
    except VgaeError as error:
        return str(error)

if __name__ == "__main__":
    method, first = sys.argv[1:]
    if first == "used":
        work(0)
    with multiprocessing.get_context(method).Pool(1) as pool:
        print(pool.map_async(work, [0]).get(60)[0])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
@pytest.mark.parametrize(
    ("method", "first", "answer"),
    [
        ("fork", "unused", "swept"),
        ("spawn", "used", "swept"),
        ("fork", "used", "start processes by multiprocessing's method spawn"),
    ],
)
def test_a_forked_process_says_what_to_do(
    method: str, first: str, answer: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(FORKING)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program), method, first],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer in done.stdout, done.stderr


def test_several_threads_train_at_once() -> None:
    graph = [(i, (i * 7 + 1) % 50) for i in range(50)]

    def fitted(seed: int) -> NDArray[np.float32]:
        return vgae.VGAE(steps=20, seed=seed).fit(graph).embedding_

    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(fitted, range(4)))
    for seed, embedding in enumerate(at_once):
        assert np.array_equal(embedding, fitted(seed))
