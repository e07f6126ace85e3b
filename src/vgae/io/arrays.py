"""NumPy's and SciPy's files, whose sizes are checked before anything is made of them.

A header of a few bytes can ask for any amount of memory.
"""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from scipy import sparse

from vgae.adjacency import MOST_NODES, count
from vgae.errors import InputError
from vgae.limits import check_unpacked

__all__ = ["MEMORY_PER_BYTE", "check_rows", "load_array", "load_arrays", "load_sparse"]

MOST_EMPTY_ROWS = 10**6
MEMORY_PER_BYTE = 4
"""What arrays take until they are a matrix of features; graphs take more."""


def load_array(handle: IO[bytes]) -> NDArray[Any]:
    """The array of an .npy file.

    Raises
    ------
    InputError
        It holds objects, which could run code, or more or fewer bytes than its header says.
    ValueError
        It is no such file.
    """
    n_bytes = handle.seek(0, 2)
    handle.seek(0)
    _check_header(handle, n_bytes)
    handle.seek(0)
    array: NDArray[Any] = np.load(handle, allow_pickle=False)
    return array


def load_arrays(handle: IO[bytes], path: Path) -> Any:
    """The arrays of an .npz file by name, each read when asked for.

    Raises
    ------
    InputError
        They take more memory than they may (see `vgae.limits`), or as in `load_array`.
    ValueError, zipfile.BadZipFile
        It is no such file.
    """
    n_packed = handle.seek(0, 2)
    handle.seek(0)
    with zipfile.ZipFile(handle) as archive:
        members = archive.infolist()
        n_bytes = sum(member.file_size for member in members)
        check_unpacked(path, n_bytes, n_packed, memory_per_byte=MEMORY_PER_BYTE)
        if len({member.filename for member in members}) < len(members):
            raise InputError("holds two arrays of the same name")
        for member in members:
            with archive.open(member) as stream:
                _check_header(stream, member.file_size)
    handle.seek(0)
    return np.load(handle, allow_pickle=False)


def load_sparse(handle: IO[bytes], path: Path) -> Any:
    """The matrix of an .npz file that `scipy.sparse.save_npz` wrote.

    Raises
    ------
    InputError
        As in `load_arrays`, or nearly all of its rows are empty.
    ValueError, zipfile.BadZipFile
        It is no such file.
    """
    load_arrays(handle, path).close()
    handle.seek(0)
    matrix = sparse.load_npz(handle)
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)  # broken indices could crash the process
    check_rows(max(matrix.shape), matrix.nnz, "row")
    return matrix


def check_rows(n_rows: int, n_entries: int, noun: str) -> None:
    """Refuse a size that would take the machine down, as it is mostly a slip.

    Raises
    ------
    InputError
        The size is negative, too large, or out of proportion to what it holds.
    """
    if n_rows < 0:
        raise InputError(f"{n_rows} {noun}s: must be 0 or more")
    if n_rows > MOST_NODES:
        raise InputError(f"{count(n_rows, noun)}: at most {MOST_NODES:,} can be handled")
    if n_rows > MOST_EMPTY_ROWS and n_rows > 100 * n_entries:
        raise InputError(
            f"{count(n_rows, noun)} for {n_entries:,} entries: nearly all of them would be empty; "
            "is the size right?"
        )


def _check_header(stream: IO[bytes], n_bytes: int) -> None:
    """Whether the bytes of an array are those that its header speaks of."""
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise InputError("holds an array of a kind that is not read; save plain numbers or text")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise InputError("holds Python objects, which are not read; save numbers or text")
    n_promised, n_held = prod(shape) * dtype.itemsize, n_bytes - stream.tell()
    if n_promised != n_held or any(size < 0 for size in shape):
        raise InputError(
            f"holds {n_held:,} bytes of an array of shape {shape}, which takes {n_promised:,}; "
            "the file is damaged or cut short"
        )
