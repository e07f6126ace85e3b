"""Arrays in a folder: written whole or not at all, and mapped instead of read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from vgae.data.adjacency import MOST_NODES
from vgae.data.kinds import Kind, WeightMeans
from vgae.ground.checksums import file_checksum, is_intact, with_checksum
from vgae.ground.config import Settings, strict_json
from vgae.ground.errors import InputError
from vgae.ground.files import BAD_ARCHIVE, check_directory, file_errors, staged_directory

__all__ = [
    "MANIFEST",
    "About",
    "ArrayWriter",
    "check_array_folder",
    "is_array_folder",
    "mapped_arrays",
    "matrix_of",
    "staged_arrays",
    "values_of",
]

MANIFEST, FORMAT = "manifest.json", "vgae-graph"
VERSION = 2
"""Format 2 added the checksum of the manifest."""
NAMES = (
    *("indptr", "indices", "weights", "times", "ids", "id_bytes", "id_ends"),
    *("labels", "label_bytes", "label_ends", "label_missing", "node_types", "type_pairs"),
    *("features", "feature_indptr", "feature_indices", "feature_data"),
)
"""The arrays that a folder may hold; one with any other file is never replaced."""
OURS = (MANIFEST, *(f"{name}.npy" for name in NAMES))


@final
class _Stored(Settings):
    dtype: str
    shape: list[int]
    sha256: str


@final
class About(Settings):
    """What a manifest says of a graph, apart from its arrays.

    Attributes
    ----------
    kind, n_nodes, n_features, type_names, weight_means, feature_encoding
        As in `vgae.Graph`.
    cleaning
        The counts of `vgae.data.adjacency.Cleaning`.

    Examples
    --------
    >>> About(kind="directed", n_nodes=3).n_features
    0
    """

    kind: Kind
    n_nodes: int = Field(ge=0, le=MOST_NODES)
    n_features: int = Field(default=0, ge=0)
    type_names: list[str] = Field(default_factory=list)
    weight_means: WeightMeans = "propagation"
    cleaning: dict[str, int] = Field(default_factory=dict)
    feature_encoding: dict[str, Any] | None = None


@final
class _Manifest(Settings):
    format: Literal["vgae-graph"]
    version: int
    about: About
    arrays: dict[str, _Stored]
    checksum: str


@final
class ArrayWriter:
    """Arrays that are written to a folder, whole or in blocks; see `staged_arrays`.

    Parameters
    ----------
    folder
        Where the arrays go.

    Examples
    --------
    >>> import tempfile
    >>> writer = ArrayWriter(Path(tempfile.mkdtemp()))
    >>> writer.put("ids", np.array([3, 5]))
    >>> writer.empty("weights", (2,), np.float32).shape, sorted(writer.names)
    ((2,), ['ids', 'weights'])
    >>> writer.put_values("labels", np.array(["x", "y"]))
    >>> writer.put_matrix("feature", np.eye(2))
    >>> import pyarrow
    >>> writer.put_texts("ids", pyarrow.array(["x", "y"], pyarrow.large_string()))
    >>> writer.finish(About(kind="undirected", n_nodes=2))
    >>> sorted(path.name for path in writer.folder.glob("label*"))
    ['label_bytes.npy', 'label_ends.npy']
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []

    def empty(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """An array to fill, which lies in a file: its pages leave the memory when they must."""
        self.names.append(name)
        path = self.folder / f"{name}.npy"
        if 0 in shape:  # nothing can be mapped
            np.save(path, np.empty(shape, dtype))
            return np.empty(shape, dtype)
        return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)

    def put(self, name: str, values: NDArray[Any]) -> None:
        """Write an array."""
        self.names.append(name)
        np.save(self.folder / f"{name}.npy", values, allow_pickle=False)

    def put_values(self, name: str, values: NDArray[Any]) -> None:
        """Write ids or labels: numbers as they are, texts as their bytes, one after the other.

        Where one is None, an array of its own says which.
        """
        if values.dtype.kind not in "OUT":
            self.put(name, values)
            return
        single = name.removesuffix("s")
        texts = [b"" if value is None else str(value).encode() for value in values]
        self.put(f"{single}_bytes", np.frombuffer(b"".join(texts), dtype=np.uint8))
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, count=len(texts)))
        self.put(f"{single}_ends", ends)
        is_missing = np.fromiter((value is None for value in values), bool, count=len(values))
        if is_missing.any():
            self.put(f"{single}_missing", is_missing)

    def put_texts(self, name: str, texts: Any) -> None:
        """Write ids or labels from a PyArrow array of large strings, as `put_values` does."""
        single = name.removesuffix("s")
        _, offsets, content = texts.buffers()
        bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        whole = np.frombuffer(content, np.uint8) if content is not None else np.empty(0, np.uint8)
        self.put(f"{single}_bytes", whole[bounds[0] : bounds[-1]])
        self.put(f"{single}_ends", bounds[1:] - bounds[0])

    def put_matrix(self, name: str, matrix: Any) -> None:
        """Write a matrix, dense or CSR."""
        if not sparse.issparse(matrix):
            self.put(f"{name}s", matrix)
            return
        for part in ("indptr", "indices", "data"):
            self.put(f"{name}_{part}", getattr(matrix, part))

    def finish(self, about: About) -> None:
        """Write what the arrays are, and their checksums, once all of them are filled."""
        arrays = {}
        for name in sorted(self.names):
            path = self.folder / f"{name}.npy"
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            arrays[name] = _Stored(
                dtype=array.dtype.str, shape=list(array.shape), sha256=file_checksum(path)
            )
        told = {
            "format": FORMAT,
            "version": VERSION,
            "about": about.model_dump(),
            "arrays": {name: stored.model_dump() for name, stored in arrays.items()},
        }
        text = json.dumps(with_checksum(told), indent=1)
        (self.folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


@contextmanager
def staged_arrays(path: Path, *, overwrite: bool = False) -> Iterator[ArrayWriter]:
    """A writer of the arrays of a new folder, which appears when the block ends, whole.

    Raises
    ------
    InputError
        The folder exists and may not be replaced, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp(), "graph")
    >>> with staged_arrays(folder) as writer:
    ...     writer.put("ids", np.array([3, 5]))
    ...     writer.finish(About(kind="undirected", n_nodes=2))
    >>> about, arrays = mapped_arrays(folder)
    >>> about.kind, arrays["ids"].tolist()
    ('undirected', [3, 5])
    """
    with (
        staged_directory(path, overwrite=overwrite, ours=OURS) as folder,
        file_errors(path),
    ):
        yield ArrayWriter(folder)


def check_array_folder(path: Path, *, overwrite: bool) -> None:
    """Refuse a folder that `staged_arrays` would refuse, before the work is done.

    Raises
    ------
    InputError
        The folder exists and may not be replaced, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> check_array_folder(Path(tempfile.mkdtemp(), "graph"), overwrite=False)
    """
    check_directory(path, overwrite=overwrite, ours=OURS)


def is_array_folder(path: Path) -> bool:
    """Whether a path is a folder with a manifest.

    Examples
    --------
    >>> is_array_folder(Path("edges.csv"))
    False
    """
    return path.is_dir() and (path / MANIFEST).is_file()


def mapped_arrays(path: Path) -> tuple[About, dict[str, NDArray[Any]]]:
    """What a folder of arrays is about, and its arrays, mapped read-only.

    Each file is read once to compare its checksum, in blocks.

    Raises
    ------
    InputError
        The folder holds no graph, is of a later version, or is damaged; the error names the file.

    Examples
    --------
    >>> mapped_arrays(Path("nowhere"))
    Traceback (most recent call last):
    vgae.InputError: nowhere: no such file
    """
    place = path / MANIFEST
    with file_errors(path):
        if not path.exists():
            raise FileNotFoundError
        if path.is_file():
            raise InputError(f"{path}: is a file, not a folder; vgae.read_graph reads files")
        if not is_array_folder(path):
            raise InputError(
                f"{path}: a folder without {MANIFEST}; `vgae import GRAPH --out FOLDER` makes "
                "folders that can be read"
            )
        try:
            values = strict_json(place.read_bytes())
        except ValueError as error:
            raise InputError(f"{place}: is damaged ({error}); import the graph again") from None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise InputError(f"{place}: does not describe a graph; name another folder")
        if values.get("version") != VERSION:
            raise InputError(
                f"{place}: version {values.get('version')} of the format, and this vgae reads "
                f"version {VERSION}; import the graph again"
            )
        if not is_intact(values):
            raise InputError(f"{place}: is damaged (its checksum differs); import the graph again")
        manifest = _Manifest.parse(values, where=str(place))
        return manifest.about, {
            name: _mapped(path / f"{name}.npy", stored) for name, stored in manifest.arrays.items()
        }


def values_of(arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any] | None:
    """Ids or labels that `ArrayWriter.put_values` wrote; None where there are none.

    Examples
    --------
    >>> parts = {"id_bytes": np.frombuffer(b"abc", np.uint8), "id_ends": np.array([2, 3])}
    >>> values_of(parts, "ids").tolist(), values_of(parts, "labels")
    (['ab', 'c'], None)
    """
    single = name.removesuffix("s")
    if f"{single}_ends" not in arrays:
        return arrays.get(name)
    ends, whole = arrays[f"{single}_ends"].tolist(), arrays[f"{single}_bytes"].tobytes()
    texts = np.empty(len(ends), dtype=object)
    texts[:] = [whole[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]
    if f"{single}_missing" in arrays:
        texts[arrays[f"{single}_missing"]] = None
    return texts


def matrix_of(arrays: Mapping[str, NDArray[Any]], name: str, n_columns: int) -> Any:
    """A matrix that `ArrayWriter.put_matrix` wrote; None where there is none.

    Examples
    --------
    >>> matrix_of({"features": np.ones((2, 1))}, "feature", 1).shape
    (2, 1)
    """
    if f"{name}_indptr" not in arrays:
        return arrays.get(f"{name}s")
    data, indices, indptr = (arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
    made = sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1, n_columns), copy=False)
    made.check_format(full_check=True)
    return made


def _mapped(path: Path, stored: _Stored) -> NDArray[Any]:
    """One array, once its checksum agrees."""
    if path.stem not in NAMES:
        raise InputError(f"{path}: no array of a graph has this name; import the graph again")
    again = "import the graph again"
    if not path.exists():
        raise InputError(f"{path}: is missing; {again}")
    if file_checksum(path) != stored.sha256:
        raise InputError(f"{path}: is damaged (its checksum differs); {again}")
    try:
        mode: Any = None if 0 in stored.shape else "r"
        array = np.asarray(np.load(path, mmap_mode=mode, allow_pickle=False))
    except BAD_ARCHIVE:
        raise InputError(f"{path}: is no NumPy array; {again}") from None
    if array.dtype.str != stored.dtype or list(array.shape) != stored.shape:
        raise InputError(f"{path}: is not the array that {MANIFEST} describes; {again}")
    array.flags.writeable = False
    return array
