import hashlib
from pathlib import Path

import numba
import pytest

import vgae
from vgae.model.kernels import compiled as module
from vgae.model.kernels.compiled import compiled
from vgae.model.kernels.first_use import EMITTING


def test_what_cannot_be_kept_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, object]] = []

    def njit(**options: object) -> object:
        given.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    monkeypatch.setattr(module, "loops", [])
    assert compiled(fastmath=True)(max) is max
    assert [(options.get("cache"), options["fastmath"]) for options in given] == [
        (True, True),
        (None, True),
    ]


def test_files_name_the_state_of_the_instructions_that_they_use() -> None:
    """numba keeps machine code until the file of a function changes, even if what it calls does."""
    rooms = Path(module.__file__).parent
    emitting = [rooms / f"{name}.py" for name in EMITTING]
    content = b"".join(path.read_bytes() for path in emitting)
    state = hashlib.sha256(content).hexdigest()[:12]
    users = [
        path
        for path in Path(vgae.__file__).parent.rglob("*.py")
        if any(f"vgae.model.kernels.{room.stem} import" in path.read_text() for room in emitting)
    ]
    assert len(users) >= 8
    for path in set(users) - set(emitting):
        assert f'EMITTED = "{state}"' in path.read_text(), path.name
