import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import vgae
from vgae.kernels import compiled as module
from vgae.kernels.compiled import compiled

PROGRAM = """
import logging, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
import vgae
model = vgae.GAE(steps=1).fit([("a", "b"), ("b", "c")])
if "recommend" in sys.argv:
    model.recommend(1), model.recommend(1, nodes="a")
"""


def said(cache: Path, *arguments: str) -> str:
    """What a fresh process says, with compiled code in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        check=True,
    ).stdout


def test_compiling_is_said_once_whatever_comes_later(tmp_path: Path) -> None:
    assert said(tmp_path) == (
        "compiling loops for this processor, once after installation: up to fifteen seconds\n"
    )
    assert said(tmp_path, "recommend") == ""


def test_what_cannot_be_kept_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, object]] = []

    def njit(**options: object) -> object:
        given.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(fastmath=True)(max) is max
    assert [(options.get("cache"), options["fastmath"]) for options in given] == [
        (True, True),
        (None, True),
    ]


def test_files_name_the_state_of_the_instructions_that_they_use() -> None:
    """numba keeps machine code until the file of a function changes, whatever it calls."""
    rooms = Path(module.__file__).parent
    emitting = [rooms / f"{name}.py" for name in ("intrinsics", "lanes", "atomics")]
    content = b"".join(path.read_bytes() for path in emitting)
    state = hashlib.sha256(content).hexdigest()[:12]
    users = [
        path
        for path in Path(vgae.__file__).parent.rglob("*.py")
        if any(f"vgae.kernels.{room.stem} import" in path.read_text() for room in emitting)
    ]
    assert len(users) >= 8
    for path in set(users) - set(emitting):
        assert f'EMITTED = "{state}"' in path.read_text(), path.name


def test_every_room_with_loops_is_compiled_at_first_use() -> None:
    from vgae.kernels.first_use import LOOPS

    rooms = Path(module.__file__).parent
    with_loops = [path.stem for path in rooms.glob("*.py") if "\n@compiled(" in path.read_text()]
    assert sorted(LOOPS) == sorted(f"vgae.kernels.{room}" for room in with_loops)
