"""Single cells and spots in .h5ad files: graphs of them in, and their embeddings back.

The files are read by h5py, array by array, so that a sparse matrix of expression is never dense and
nothing else of the file is loaded. AnnData's names are kept: X is the matrix of cells by genes,
obs a table of the cells, obsm holds arrays with a row per cell and obsp matrices of pairs of cells.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.adjacency import count
from vgae.data.graph import Features, FloatCSR, Graph
from vgae.data.ids import as_ids, unique_ids
from vgae.data.kinds import Kind
from vgae.ground.errors import InputError, not_among, shown
from vgae.ground.files import check_file, file_errors, staged_file
from vgae.ground.limits import check_unpacked
from vgae.ground.notebook import library

__all__ = ["CELLS_SUFFIX", "Cells", "check_cells", "read_cells", "write_cells"]

logger = logging.getLogger("vgae.data.io")

CELLS_SUFFIX = ".h5ad"
X, CONNECTIVITIES, SPATIAL = "X", "connectivities", "spatial"
EMBEDDING = "X_vgae"
"""Where an embedding is written in obsm."""
DAMAGE = OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, OverflowError
"""What h5py raises on a damaged file."""
FARTHEST = 1e150
"""No coordinate is larger, so that no squared distance overflows."""
ROWS_AT_ONCE = 2**22
"""Numbers of a dense matrix that are read at a time."""
DENSE = 0.2
"""Share of numbers that are not zero from which on a dense matrix stays dense."""


@dataclass(frozen=True)
class Cells:
    """What of a file of cells becomes a graph.

    Attributes
    ----------
    connectivities
        The entry of obsp that holds the edges; by default "connectivities".
    neighbors
        Instead, link each cell to so many of the nearest; None takes the edges of obsp.
    coordinates
        The entry of obsm that tells which are near, by Euclidean distance; by default "spatial".
    sections
        A column of obs: only cells with the same entry are neighbours, and a cell without one has
        none.
    cell_features
        "X", an entry of obsm, or by default X where there is one.

    Raises
    ------
    InputError
        `neighbors` is below 1, or options of both ways are given.

    Examples
    --------
    >>> Cells(neighbors=6).coordinates_used
    'spatial'
    >>> Cells(coordinates="X_pca")
    Traceback (most recent call last):
    vgae.InputError: --coordinates and --sections say who is near: they need --neighbors
    """

    connectivities: str | None = None
    neighbors: int | None = None
    coordinates: str | None = None
    sections: str | None = None
    cell_features: str | None = None

    def __post_init__(self) -> None:
        if self.neighbors is None and (self.coordinates or self.sections):
            raise InputError("--coordinates and --sections say who is near: they need --neighbors")
        if self.neighbors is not None and self.neighbors < 1:
            raise InputError(f"neighbors = {self.neighbors}: must be 1 or more")
        if self.neighbors is not None and self.connectivities is not None:
            raise InputError("--connectivities and --neighbors both say what the edges are")

    @property
    def coordinates_used(self) -> str:
        """The entry of obsm that holds coordinates."""
        return SPATIAL if self.coordinates is None else self.coordinates


def read_cells(path: Path, *, kind: Kind = "undirected", cells: Cells | None = None) -> Graph:
    """The graph of the cells of a .h5ad file.

    Parameters
    ----------
    path
        The file.
    kind
        "undirected" or "directed".
    cells
        What becomes of it; by default the edges of obsp["connectivities"] and X as features.

    Raises
    ------
    InputError
        h5py is not installed, the file is damaged, it lacks what is asked for, or two cells have
        the same name.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "cells.h5ad")
    >>> h5py = library("h5py")
    >>> with h5py.File(path, "w") as file:
    ...     file.create_group("obs").attrs["_index"] = "cell"
    ...     _ = file["obs"].create_dataset("cell", data=["c1", "c2", "c3"])
    ...     _ = file.create_group("obsm").create_dataset("spatial", data=[[0.0], [1.0], [3.0]])
    >>> graph = read_cells(path, cells=Cells(neighbors=1))
    >>> graph, graph.ids.tolist(), graph.edges.tolist()
    (Graph(3 nodes, 2 edges, no features), ['c1', 'c2', 'c3'], [[0, 1], [1, 2]])
    """
    asked = Cells() if cells is None else cells
    if kind not in ("undirected", "directed") or (kind == "directed" and asked.neighbors):
        raise InputError(f"{path}: neighbours of cells are an undirected graph, not a {kind} one")
    with _opened(path, "r") as file:
        ids = _cell_names(file, path)
        features = _features(file, path, asked, len(ids))
        if asked.neighbors is None:
            edges = _connectivities(file, path, asked.connectivities or CONNECTIVITIES, len(ids))
        else:
            edges = _nearest(file, path, asked, len(ids))
    try:
        return Graph.from_scipy(edges, ids=ids, features=features, kind=kind)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def check_cells(path: Path, ids: NDArray[Any], *, overwrite: bool) -> NDArray[np.int64]:
    """Refuse a file that an embedding cannot be written into; return the node of each cell.

    Parameters
    ----------
    path
        The file.
    ids
        Node ids of the embedding.
    overwrite
        Whether an embedding that is there may be replaced.

    Returns
    -------
    The row of each cell of the file among the ids, shape (n_cells,).

    Raises
    ------
    InputError
        h5py is not installed, the file cannot be written or is damaged, holds other cells or two
        of the same name, or has such an embedding already.

    Examples
    --------
    >>> check_cells(Path("no-such.h5ad"), np.array(["a"]), overwrite=False)
    Traceback (most recent call last):
    vgae.InputError: no-such.h5ad: ...
    """
    check_file(path)
    with _opened(path, "r") as file:
        names = _cell_names(file, path)
        there = EMBEDDING in file.get("obsm", {})
    rows = {str(name): row for row, name in enumerate(ids.tolist())}
    found = np.array([rows.get(str(name), -1) for name in names.tolist()], dtype=np.int64)
    strange = np.flatnonzero(found < 0)
    if strange.size or len(rows) != len(names):
        which = f"; {shown(names[strange[0]])} is not in the run" if strange.size else ""
        raise InputError(
            f"{path}: holds other cells than the run ({len(names):,} and {len(rows):,}){which}"
        )
    if there and not overwrite:
        raise InputError(
            f"{path}: has obsm['{EMBEDDING}'] already; add --overwrite (overwrite=True) to replace "
            "it"
        )
    return found


def write_cells(
    path: Path, ids: NDArray[Any], vectors: NDArray[np.floating], *, overwrite: bool = False
) -> None:
    """Write an embedding into obsm["X_vgae"] of a .h5ad file, all or nothing.

    The whole file is written to a copy, which takes its place: a crash leaves the old one.

    Parameters
    ----------
    path
        The file.
    ids, vectors
        Node ids and the embedding, one row per node.
    overwrite
        As in `check_cells`.

    Raises
    ------
    InputError
        As in `check_cells`.

    Examples
    --------
    >>> import tempfile
    >>> path, h5py = Path(tempfile.mkdtemp(), "cells.h5ad"), library("h5py")
    >>> with h5py.File(path, "w") as file:
    ...     file.create_group("obs").attrs["_index"] = "cell"
    ...     _ = file["obs"].create_dataset("cell", data=["c1", "c2"])
    >>> write_cells(path, np.array(["c2", "c1"], dtype=object), np.array([[2.0], [1.0]]))
    >>> with h5py.File(path, "r") as file:
    ...     file["obsm/X_vgae"][:].tolist()
    [[1.0], [2.0]]
    """
    rows = check_cells(path, ids, overwrite=overwrite)
    with staged_file(path) as staged, file_errors(path):
        shutil.copyfile(path, staged)
        with _opened(staged, "r+", called=path) as file:
            group = file.require_group("obsm")
            if EMBEDDING in group:
                del group[EMBEDDING]
            else:
                group.attrs.setdefault("encoding-type", "dict")
                group.attrs.setdefault("encoding-version", "0.1.0")
            made = group.create_dataset(EMBEDDING, data=vectors[rows])
            made.attrs["encoding-type"], made.attrs["encoding-version"] = "array", "0.2.0"


# ------------------------------------------------------------------- parts of a file


@contextmanager
def _opened(path: Path, mode: str, *, called: Path | None = None) -> Iterator[Any]:
    """An HDF5 file; every error of it is one line that names the file."""
    h5py, name = library("h5py"), called or path
    with file_errors(path), path.open("rb"):
        pass  # h5py's words on a missing or forbidden file are its own
    try:
        # Writing goes to a copy under a lock of our own, which HDF5's would not get along with.
        with h5py.File(path, mode, locking=None if mode == "r" else False) as file:
            yield file
    except InputError:
        raise
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None and mode != "r":
            raise  # the disk is full, and no file is damaged
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{name}: cannot be read as AnnData's .h5ad ({reason}); the file is damaged, or of "
            "another program"
        ) from None


def _entry(file: Any, path: Path, group: str, name: str) -> Any:
    """obsp[name] or such, or an error that lists what is there."""
    found = file.get(group)
    names = [] if found is None or not hasattr(found, "keys") else sorted(found.keys())
    if name not in names:
        there = not_among(name, names) if names else f"{group} is empty"
        raise InputError(f"{path}: has no {group}['{name}']: {there}")
    return found[name]


def _array(dataset: Any, path: Path) -> NDArray[Any]:
    """A whole array, once its size is known to be no trap; texts become objects."""
    if not hasattr(dataset, "dtype") or _is_null(dataset):
        raise InputError(f"{path}: {dataset.name} is no array")
    check_unpacked(path, dataset.size * dataset.dtype.itemsize, path.stat().st_size)
    is_text = library("h5py").check_string_dtype(dataset.dtype) is not None
    found: NDArray[Any] = (dataset.asstr() if is_text else dataset)[()]
    return found


def _column(item: Any, path: Path) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """What a column of obs holds, and the place there of each cell's entry; -1 where it is missing.

    AnnData writes an array; or codes of categories, in files of its early versions too; or, where
    entries may be missing, values and a mask.
    """
    parts = set(item.keys()) if hasattr(item, "keys") else set()
    if {"codes", "categories"} <= parts:
        return _categories(item["codes"], item["categories"], path)
    if {"values", "mask"} <= parts:
        values, places = _column(item["values"], path)
        is_missing = _array(item["mask"], path)
        if is_missing.shape != places.shape:
            raise InputError(f"{path}: {item.name} has values and a mask of different lengths")
        return values, np.where(is_missing, -1, places)
    if isinstance(item.attrs.get("categories"), library("h5py").Reference):
        return _categories(item, item.file[item.attrs["categories"]], path)
    entries = None if parts else _array(item, path)
    if entries is None or entries.dtype.kind not in "biufO":
        raise InputError(f"{path}: {item.name} is neither categories nor texts nor numbers")
    if entries.ndim != 1:
        raise InputError(f"{path}: {item.name} has shape {entries.shape}, not an entry per cell")
    places = np.arange(len(entries))
    if entries.dtype.kind == "f":
        places[np.isnan(entries)] = -1
    return entries, places


def _categories(item: Any, categories: Any, path: Path) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The same for a column of codes, where -1 is a missing entry."""
    values, places = _column(categories, path)
    codes = _array(item, path)
    if codes.ndim != 1 or codes.dtype.kind not in "iu" or (codes >= len(places)).any():
        raise InputError(f"{path}: {item.name} does not hold places among its categories")
    return values, np.append(places, -1)[np.maximum(codes.astype(np.int64), -1)]


def _cell_names(file: Any, path: Path) -> NDArray[Any]:
    obs = file.get("obs")
    if obs is None or not hasattr(obs, "keys") or "_index" not in obs.attrs:
        raise InputError(
            f"{path}: has no table obs with the names of the cells; write it with a current "
            "version of anndata"
        )
    values, places = _column(obs[obs.attrs["_index"]], path)
    if not len(places):
        raise InputError(f"{path}: holds no cells")
    if (nameless := np.flatnonzero(places < 0)).size:
        raise InputError(
            f"{path}: cell {nameless[0]} has no name ({count(nameless.size, 'such cell')}); give "
            "each one in AnnData.obs_names"
        )
    names = values[places]
    try:
        # AnnData spells names that are other numbers or truth values out, too.
        return unique_ids(as_ids(names.astype(str) if names.dtype.kind in "bf" else names))
    except InputError as error:
        raise InputError(
            f"{path}: {error}; AnnData.obs_names_make_unique() gives cells names of their own"
        ) from None


def _features(file: Any, path: Path, asked: Cells, n_cells: int) -> Features | None:
    has_x = X in file and not _is_null(file[X])
    name = asked.cell_features or X
    if asked.cell_features is None and (not has_x or _has_no_columns(file[X])):
        return None
    if name == X and not has_x:
        raise InputError(f"{path}: has no X")
    item = file[X] if name == X else _entry(file, path, "obsm", name)
    return _rows_of(item, path, name, n_cells)


def _is_null(item: Any) -> bool:
    """Whether it stands for an array that is not there."""
    return not hasattr(item, "keys") and item.shape is None


def _has_no_columns(item: Any) -> bool:
    shape = item.attrs["shape"] if hasattr(item, "keys") else item.shape
    return len(shape) == 2 and int(shape[1]) == 0


def _rows_of(item: Any, path: Path, name: str, n_cells: int) -> Features:
    """A matrix with a row per cell: sparse where most of it is zero."""
    found: Any = _sparse(item, path) if hasattr(item, "keys") else _dense(item, path)
    if found.ndim != 2 or found.shape[0] != n_cells:
        raise InputError(f"{path}: {name} has shape {found.shape} for {count(n_cells, 'cell')}")
    made: Features = found
    return made


def _dense(dataset: Any, path: Path) -> Any:
    """A dense matrix, block by block, so that one of zeros becomes sparse in little memory."""
    if dataset.ndim != 2 or dataset.dtype.kind not in "fiub":
        return _array(dataset, path)
    check_unpacked(path, dataset.size * dataset.dtype.itemsize, path.stat().st_size)
    size = max(1, ROWS_AT_ONCE // max(1, dataset.shape[1]))
    first = dataset[:size]
    if not first.size or np.count_nonzero(first) > DENSE * first.size:
        whole: NDArray[np.float32] = dataset[()].astype(np.float32)
        return whole
    rows = [
        sparse.csr_array(dataset[start : start + size].astype(np.float32))
        for start in range(0, dataset.shape[0], size)
    ]
    return sparse.vstack(rows, format="csr")


def _sparse(group: Any, path: Path) -> FloatCSR:
    """A sparse matrix as AnnData writes it, as CSR."""
    kind = str(group.attrs.get("encoding-type", ""))
    if kind not in ("csr_matrix", "csc_matrix"):
        raise InputError(f"{path}: {group.name} is {kind or 'a group'}, not a matrix")
    shape = tuple(int(length) for length in group.attrs["shape"])
    data, indices, indptr = (_array(group[part], path) for part in ("data", "indices", "indptr"))
    if data.dtype.kind not in "biuf" or not {indices.dtype.kind, indptr.dtype.kind} <= {"i", "u"}:
        raise InputError(f"{path}: {group.name} does not hold numbers at whole places")
    made = sparse.csr_array if kind == "csr_matrix" else sparse.csc_array
    matrix = made((data.astype(np.float32, copy=False), indices, indptr), shape=shape)
    matrix.check_format(full_check=True)  # broken indices could crash what follows
    found: FloatCSR = sparse.csr_array(matrix)
    return found


# ------------------------------------------------------------------------- edges


def _connectivities(file: Any, path: Path, name: str, n_cells: int) -> Any:
    if name not in file.get("obsp", {}) and name == CONNECTIVITIES:
        raise InputError(
            f"{path}: has no obsp['{name}'] with the edges; scanpy.pp.neighbors makes it, or link "
            "the nearest cells with --neighbors (neighbors=)"
        )
    item = _entry(file, path, "obsp", name)
    found = _sparse(item, path) if hasattr(item, "keys") else sparse.csr_array(_array(item, path))
    if found.shape != (n_cells, n_cells):
        raise InputError(f"{path}: obsp['{name}'] has shape {found.shape} for {n_cells:,} cells")
    return found


def _nearest(file: Any, path: Path, asked: Cells, n_cells: int) -> Any:
    """The union of each cell's links to its nearest, as a symmetric matrix of ones."""
    name = asked.coordinates_used
    points = _array(_entry(file, path, "obsm", name), path)
    is_table = points.ndim == 2 and len(points) == n_cells and points.shape[1] > 0
    if not is_table or points.dtype.kind not in "fiu":
        raise InputError(f"{path}: obsm['{name}'] is not a row of coordinates per cell")
    points = points.astype(np.float64)
    broken = np.flatnonzero(~(np.abs(points) <= FARTHEST).all(axis=1))
    if broken.size:
        raise InputError(
            f"{path}: obsm['{name}'], row {broken[0]}: is not finite, or beyond {FARTHEST:g}"
        )
    sections = np.zeros(n_cells, np.int64)
    if asked.sections is not None:
        sections = _sections(file, path, asked.sections, n_cells)
    rows, columns, n_small = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
    assert asked.neighbors is not None  # noqa: S101 - read_cells asked
    for code in np.unique(sections[sections >= 0]):
        members = np.flatnonzero(sections == code)
        most = min(asked.neighbors, len(members) - 1)
        n_small += most < asked.neighbors
        if most:
            rows.append(np.repeat(members, most))
            columns.append(members[_nearest_others(points[members], most).ravel()])
    if n_small:
        logger.warning(
            "%s: too few cells for %s neighbors in %s: there, all are linked",
            path,
            asked.neighbors,
            count(n_small, "section"),
        )
    ends = np.concatenate(rows), np.concatenate(columns)
    ones = np.ones(len(ends[0]), np.float32)
    found = sparse.csr_array((ones, ends), shape=(n_cells, n_cells))
    return found.maximum(found.T)


def _nearest_others(points: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """The nearest other points of each, shape (n_points, most), exactly."""
    from scipy.spatial import KDTree

    _, near = KDTree(points).query(points, k=most + 1)
    # Of points at the same place, a point itself need not come first, nor be there at all.
    is_self = near == np.arange(len(points))[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    others: NDArray[np.int64] = near[~is_self].reshape(-1, most).astype(np.int64)
    return others


def _sections(file: Any, path: Path, name: str, n_cells: int) -> NDArray[np.int64]:
    """A number for the section of each cell; -1 for a cell without one."""
    values, places = _column(_entry(file, path, "obs", name), path)
    if len(places) != n_cells:
        raise InputError(
            f"{path}: obs['{name}'] has {count(len(places), 'row')} for {count(n_cells, 'cell')}"
        )
    codes = np.unique(values, return_inverse=True)[1].reshape(-1)
    found: NDArray[np.int64] = np.append(codes, -1)[places]
    if n_without := int(np.count_nonzero(found < 0)):
        logger.warning(
            "%s: %s without an entry in obs['%s']: linked to no other",
            path,
            count(n_without, "cell"),
            name,
        )
    return found
