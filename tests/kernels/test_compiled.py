import logging
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest
import torch

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
    assert first == "compiling for this processor, once after installation: some ten seconds\n"
    assert second == ""


def test_what_cannot_be_kept_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def njit(**options: object) -> object:
        given.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(parallel=True)(max) is max
    assert given == [{"cache": True, "parallel": True}, {"parallel": True}]


def test_compiled_loops_take_as_many_threads_as_torch(caplog: pytest.LogCaptureFixture) -> None:
    def count() -> int:
        return int(numba.get_num_threads())

    before = torch.get_num_threads(), numba.get_num_threads()
    module._checked.add(count)
    try:
        torch.set_num_threads(1)
        with caplog.at_level(logging.WARNING):
            assert run_parallel(count) == 1
        assert numba.get_num_threads() == before[1]
        torch.set_num_threads(1000)
        assert run_parallel(count) == before[1]
    finally:
        torch.set_num_threads(before[0])
        module._checked.discard(count)
    assert not caplog.messages
