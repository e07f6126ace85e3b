"""Standard input in the place of a file: kept in one for as long as it is read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vgae.ground.errors import InputError
from vgae.ground.files import file_errors, local_path
from vgae.ground.limits import check_unpacked, most_bytes

__all__ = ["STANDARD_INPUT", "input_file"]

STANDARD_INPUT = "-"
"""What stands for standard input in the place of a file name."""
BLOCK_BYTES = 2**20
OTHER_FORMATS = {
    b"PAR1": "Parquet",
    b"ARROW1": "Arrow",
    b"\x93NUMPY": "NumPy's .npy",
    b"PK\x03\x04": "a zip archive, as .npz and .xlsx files are",
    b"%%MatrixMarket": "Matrix Market",
}

_AnyPath: Any = type(Path())


class _KeptInput(_AnyPath):  # type: ignore[misc]
    """The path of a temporary file, which calls itself standard input."""

    def __str__(self) -> str:
        return "standard input"

    def __fspath__(self) -> str:
        return str(super().__str__())


@contextmanager
def input_file(name: str | Path, *, max_bytes: int | str | None = None) -> Iterator[Path]:
    """The file of a name; for "-", a temporary file of what standard input gives.

    A table is looked at before it is read, so that a stream is not enough.

    Parameters
    ----------
    name
        The file, or "-".
    max_bytes
        How many bytes standard input may give; by default any number that fits on the disk.

    Yields
    ------
    The path to read, which calls itself "standard input" in messages. The temporary file is
    removed at the end of the block.

    Raises
    ------
    InputError
        Standard input gives too much, or something else than delimited text.

    Examples
    --------
    >>> with input_file("edges.csv") as path:
    ...     print(path)
    edges.csv
    """
    if str(name) != STANDARD_INPUT:
        yield local_path(name)
        return
    with TemporaryDirectory(prefix="vgae-") as folder:
        path: Path = _KeptInput(folder, "input")
        with most_bytes(max_bytes), file_errors(path), path.open("wb") as kept:
            n_bytes, stream = 0, sys.stdin.buffer
            while block := stream.read(BLOCK_BYTES):
                if not n_bytes:
                    _refuse_other_formats(path, block)
                n_bytes += len(block)
                check_unpacked(path, n_bytes, n_bytes)
                kept.write(block)
        yield path


def _refuse_other_formats(path: Path, start: bytes) -> None:
    for magic, name in OTHER_FORMATS.items():
        if start.startswith(magic):
            raise InputError(
                f"{path}: is {name}, and only delimited text is read from there; save it to a file"
            )
