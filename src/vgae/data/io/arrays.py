"""NumPy's and SciPy's files, whose sizes are checked before any array is created.

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

from vgae.data.adjacency import MOST_NODES, count
from vgae.ground.errors import InputError
from vgae.ground.limits import check_unpacked

__all__ = ["MEMORY_PER_BYTE", "check_rows", "load_array", "load_arrays", "load_sparse"]

MOST_EMPTY_ROWS = 10**6
MEMORY_PER_BYTE = 4
"""Bytes of memory per byte of an array that becomes a matrix of features; graphs take more."""


def load_array(handle: IO[bytes]) -> NDArray[Any]:
    """The array of an .npy file.

    Raises
    ------
    InputError
        The array holds objects, which could run code, or its size differs from its header.
    ValueError
        The file is not .npy.

    Examples
    --------
    >>> import io
    >>> handle = io.BytesIO()
    >>> np.save(handle, np.array([[0, 1], [1, 2]]))
    >>> load_array(handle).tolist()
    [[0, 1], [1, 2]]
    """
    n_bytes = handle.seek(0, 2)
    handle.seek(0)
    _check_header(handle, n_bytes)
    handle.seek(0)
    array: NDArray[Any] = np.load(handle, allow_pickle=False)
    return array


def load_arrays(handle: IO[bytes], path: Path) -> Any:
    """The arrays of an .npz file by name, each read on demand.

    Raises
    ------
    InputError
        The arrays are above the limit (see `vgae.ground.limits`), two have the same name, or as in
        `load_array`.
    ValueError, zipfile.BadZipFile
        The file is not .npz.

    Examples
    --------
    >>> import io
    >>> handle = io.BytesIO()
    >>> np.savez(handle, edges=np.array([[0, 1]]))
    >>> with load_arrays(handle, Path("graph.npz")) as archive:
    ...     archive.files, archive["edges"].tolist()
    (['edges'], [[0, 1]])
    """
    n_packed = handle.seek(0, 2)
    handle.seek(0)
    with zipfile.ZipFile(handle) as archive:
        members = archive.infolist()
        n_bytes = sum(member.file_size for member in members)
        check_unpacked(path, n_bytes, n_packed, memory_per_byte=MEMORY_PER_BYTE)
        if len({member.filename for member in members}) < len(members):
            raise InputError("holds two arrays of the same name; keep one")
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
        As in `load_arrays`, or nearly all rows are empty.
    ValueError, zipfile.BadZipFile
        The file is not such an .npz file.

    Examples
    --------
    >>> import io
    >>> handle = io.BytesIO()
    >>> sparse.save_npz(handle, sparse.csr_array([[0, 2], [2, 0]]))
    >>> load_sparse(handle, Path("graph.npz")).toarray().tolist()
    [[0, 2], [2, 0]]
    """
    load_arrays(handle, path).close()
    handle.seek(0)
    matrix = sparse.load_npz(handle)
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)  # broken indices could crash the process
    check_rows(max(matrix.shape), matrix.nnz, "row")
    return matrix


def check_rows(n_rows: int, n_entries: int, noun: str) -> None:
    """Refuse a declared size that would exhaust the machine; it is usually a mistake.

    Parameters
    ----------
    n_rows
        The declared size.
    n_entries
        Number of entries in these rows.
    noun
        The word for a row in the message.

    Raises
    ------
    InputError
        The size is negative, too large, or out of proportion to the number of entries.

    Examples
    --------
    >>> check_rows(1000, 20, "node")
    >>> check_rows(2_000_000, 1, "node")
    Traceback (most recent call last):
    vgae.InputError: 2,000,000 nodes for 1 entry: nearly all of them would be empty; ...
    """
    if n_rows < 0:
        raise InputError(f"{n_rows} {noun}s: must be 0 or more")
    if n_rows > MOST_NODES:
        raise InputError(f"{count(n_rows, noun)}: at most {MOST_NODES:,} can be handled")
    if n_rows > MOST_EMPTY_ROWS and n_rows > 100 * n_entries:
        entries = "1 entry" if n_entries == 1 else f"{n_entries:,} entries"
        raise InputError(
            f"{count(n_rows, noun)} for {entries}: nearly all of them would be empty; correct the "
            "size"
        )


def _check_header(stream: IO[bytes], n_bytes: int) -> None:
    """Refuse an array whose number of bytes is not the one that its header declares."""
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise InputError("holds structured records, which are not read; save plain numbers or text")
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
