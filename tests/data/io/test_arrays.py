"""Arrays and sparse matrices of files: whole, and no larger than their headers say."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from vgae.data.io import read_graph
from vgae.data.io.arrays import check_rows, load_array, load_arrays, load_sparse
from vgae.ground.errors import InputError
from vgae.ground.limits import TooMuchDataError, most_bytes

PATH = Path("graph.npz")


def saved(array: Any, **options: Any) -> bytes:
    handle = io.BytesIO()
    np.save(handle, array, **options)
    return handle.getvalue()


def zipped(*members: tuple[str, bytes]) -> io.BytesIO:
    handle = io.BytesIO()
    with zipfile.ZipFile(handle, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return handle


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.arange(6).reshape(2, 3).T,  # in Fortran's order
        np.array(["a", "bb"]),
        np.zeros((0, 2)),
        np.array(3.5),
    ],
)
def test_plain_arrays_are_read(array: Any) -> None:
    found = load_array(io.BytesIO(saved(array)))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    with load_arrays(zipped(("x.npy", saved(array))), PATH) as archive:
        np.testing.assert_array_equal(archive["x"], array)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            saved(np.arange(4))[:-1],
            "holds 31 bytes of an array of shape \\(4,\\), which takes 32; ",
        ),
        (saved(np.arange(4)) + b"x", "holds 33 bytes .* damaged or cut short"),
        (
            saved(np.array([print, None]), allow_pickle=True),
            "holds Python objects, which are not read; save numbers or text",
        ),
    ],
)
def test_arrays_that_could_do_harm_are_refused(content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_array(io.BytesIO(content))
    with pytest.raises(InputError, match=said):
        load_arrays(zipped(("x.npy", content)), PATH)


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
def test_structured_records_are_refused() -> None:
    content = saved(np.zeros(2, dtype=[("日", "<i8")]))
    with pytest.raises(InputError, match="holds structured records, which are not read; save"):
        load_array(io.BytesIO(content))


def test_a_negative_shape_is_refused() -> None:
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (-1, -4), }"
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(32)
    with pytest.raises(InputError, match="damaged or cut short"):
        load_array(io.BytesIO(content))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY\x01\x00"])
def test_other_files_are_value_errors(content: bytes) -> None:
    with pytest.raises((ValueError, zipfile.BadZipFile)):
        load_array(io.BytesIO(content))
    with pytest.raises((ValueError, zipfile.BadZipFile)):
        load_arrays(io.BytesIO(content), PATH)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused() -> None:
    one = saved(np.arange(2))
    with pytest.raises(InputError, match="holds two arrays of the same name; keep one"):
        load_arrays(zipped(("x.npy", one), ("x.npy", one)), PATH)


def test_arrays_above_the_limit_are_refused_with_the_file() -> None:
    handle = zipped(("x.npy", saved(np.zeros(1000))))
    with most_bytes("1kB"), pytest.raises(TooMuchDataError, match=r"^graph\.npz: holds more than"):
        load_arrays(handle, PATH)


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_sparse_matrices_are_read(form: str) -> None:
    matrix = sparse.random_array((5, 5), density=0.4, format=form, random_state=0)
    handle = io.BytesIO()
    sparse.save_npz(handle, matrix)
    np.testing.assert_array_equal(load_sparse(handle, PATH).toarray(), matrix.toarray())


def test_broken_indices_are_refused_before_they_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    for indptr, indices in (([0, 10**9, 2], [0, 1]), ([0, 1, 2], [0, -(10**9)])):
        parts: dict[str, Any] = {
            "data": np.ones(2),
            "indices": np.array(indices),
            "indptr": np.array(indptr),
            "shape": np.array([2, 2]),
        }
        adjacency: dict[str, Any] = {f"adj_{name}": part for name, part in parts.items()}
        np.savez(path, **adjacency)
        with pytest.raises(InputError, match=r"broken\.npz: "):
            read_graph(path)
        np.savez(path, format=np.array(b"csr"), **parts)
        with pytest.raises(InputError, match=r"broken\.npz: "):
            read_graph(path)


@pytest.mark.parametrize("broken", ["index", "order"])
def test_a_matrix_with_broken_indices_cannot_crash_us(tmp_path: Path, broken: str) -> None:
    indices, starts = np.array([0, 1, 0]), np.array([0, 1, 2, 3])
    if broken == "index":
        indices[1] = 2_000_000_000
    else:
        starts[1] = 9
    np.savez(
        tmp_path / "x.npz", indices=indices, indptr=starts, data=np.ones(3),
        format=b"csr", shape=np.array([3, 2]),
    )  # fmt: skip
    (tmp_path / "n.csv").write_text("0,1\n1,2\n")
    with pytest.raises(InputError, match="not a valid sparse matrix|cannot be read"):
        read_graph(tmp_path / "n.csv", features=tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("n_rows", "n_entries", "said"),
    [
        (-1, 0, "-1 rows: must be 0 or more"),
        (2**31, 2**31, "2,147,483,648 rows: at most 2,147,483,647 can be handled"),
        (2_000_000, 1, "2,000,000 rows for 1 entry: nearly all of them would be empty; correct"),
        (2_000_000, 19_999, "2,000,000 rows for 19,999 entries: nearly all"),
    ],
)
def test_sizes_that_must_be_mistakes_are_refused(n_rows: int, n_entries: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_rows(n_rows, n_entries, "row")


@pytest.mark.parametrize(("n_rows", "n_entries"), [(0, 0), (10**6, 0), (2_000_000, 20_000)])
def test_sizes_that_can_be_true_are_not(n_rows: int, n_entries: int) -> None:
    check_rows(n_rows, n_entries, "row")
