"""The run folder: a fitted model in files, written all or nothing, without pickle."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from vgae.data.attributes import AttributeEncoding
from vgae.data.graph import Graph
from vgae.data.ids import as_ids
from vgae.data.io import check_vectors, write_vectors
from vgae.data.split import Protocol, Split, load_split_edges, save_split
from vgae.ground.config import Settings, strict_json
from vgae.ground.errors import InputError, newer_format
from vgae.ground.files import (
    check_directory,
    file_errors,
    near_file,
    restore_folder,
    staged_directory,
)

__all__ = ["FORMAT_VERSION", "Run", "check_run_place", "load_run", "save_run", "staged_run"]

FORMAT_VERSION = 3
"""Format 2 added the states, 3 the checksum of run.json itself. All three can be read."""
RUN_FILE, METRICS, HISTORY = "run.json", "metrics.json", "history.jsonl"
EMBEDDINGS, DEVIATIONS = "embeddings.parquet", "embedding_std.parquet"
SPLIT, WEIGHTS, STATES = "split.npz", "weights.safetensors", "states.safetensors"
ATTRIBUTES = "attributes.json"
REQUIRED = frozenset({METRICS, HISTORY, EMBEDDINGS, SPLIT, WEIGHTS})
RUN_FILES = REQUIRED | {RUN_FILE, DEVIATIONS, STATES, ATTRIBUTES}
PACKAGES = ("vgae", "numba", "numpy", "scipy", "torch", "pyarrow", "safetensors", "pydantic")
DAMAGE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    MemoryError,  # a size that the file claims falsely
    pa.ArrowException,
    SafetensorError,
)
"""The errors that the readers of JSON, Parquet and safetensors raise on a damaged file."""

Vectors = NDArray[np.float32]

# ------------------------------------------------------------------------ contents

Checksum = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Fraction = Annotated[float, Field(ge=0.0, le=1.0 + 1e-9)]  # sums of fractions are rounded
Scores = Annotated[dict[str, Fraction | None], Field(min_length=1)]


class _GraphRecord(Settings):
    """The whole graph: fingerprint, sizes and, if known, its name."""

    name: str | None = None
    fingerprint: Checksum
    n_nodes: int = Field(ge=1)
    n_edges: int = Field(ge=0)
    n_features: int = Field(ge=0)
    weighted: bool = False
    n_added_nodes: int = Field(default=0, ge=0)
    n_added_edges: int = Field(default=0, ge=0)


class _MetricsRecord(Settings):
    """Held-out metrics with protocol and proportions; None if nothing was held out."""

    protocol: Protocol
    proportions: dict[Literal["train", "validation", "test"], Fraction]
    seed: int = Field(ge=0)
    validation: Scores | None
    test: Scores | None


class _StepLine(Settings):
    """One line of the history; see `vgae.learning.train.StepRecord`."""

    step: int = Field(ge=1)
    loss: float
    reconstruction: float
    kl: float
    seconds: float = Field(ge=0.0)
    validation: Scores | None = None


class _Record(Settings):
    """The contents of run.json; `checksum` is its own, from format 3 on."""

    format_version: int = Field(ge=1)
    settings: dict[str, Any]
    fingerprint: Checksum
    graph: _GraphRecord
    engine: str
    protocol: Protocol
    proportions: dict[str, Fraction]
    interrupted: bool
    versions: dict[str, str]
    files: dict[str, Checksum]
    checksum: Checksum | None = None


@dataclass(frozen=True)
class Run:
    """The contents of a run folder, checked when a `Run` is made from a model or from files.

    Attributes
    ----------
    settings
        All settings of the model and its training, and the seed, as plain values.
    graph
        Fingerprint, sizes and, if known, name of the whole graph, as plain values.
    engine
        Name of the engine that computed the sum over all pairs.
    interrupted
        Whether the user stopped training.
    split
        Training and held-out pairs; its graph has the node ids.
    history
        One record per step.
    metrics
        Held-out metrics with protocol and proportions.
    weights
        Parameters by name.
    embedding, embedding_std
        Posterior means and standard deviations, shape (n_nodes, latent_dim); the deviations are
        None for a point-mass model.
    states
        The arrays that linking new nodes needs, by name; see `vgae.learning.inductive.States`. None
        if the run was stored in format 1.
    feature_encoding
        How features were made from the columns of a table, as plain values; None if the features
        were given as numbers.

    Raises
    ------
    InputError
        A part is invalid, or the parts do not belong together.

    Examples
    --------
    >>> import vgae
    >>> run = vgae.GAE(steps=1, latent_dim=2).fit([("a", "b"), ("b", "c")]).as_run()
    >>> run.graph["n_nodes"], run.embedding.shape, len(run.history)
    (3, (3, 2), 1)
    """

    settings: dict[str, Any]
    graph: dict[str, Any]
    engine: str
    interrupted: bool
    split: Split
    history: list[dict[str, Any]]
    metrics: dict[str, Any]
    weights: Mapping[str, NDArray[Any]]
    embedding: Vectors
    embedding_std: Vectors | None
    states: Mapping[str, NDArray[Any]] | None
    feature_encoding: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        graph = _GraphRecord.parse(self.graph, where="graph")
        metrics = _MetricsRecord.parse(self.metrics, where="metrics")
        for place, line in enumerate(self.history, start=1):
            if _StepLine.parse(line, where=f"history, step {place}").step != place:
                raise InputError(f"history: step {place} is missing")
        if self.feature_encoding is not None:
            AttributeEncoding.parse(dict(self.feature_encoding), where="attributes")
        sizes = {
            "nodes": (graph.n_nodes + graph.n_added_nodes, self.split.graph.n_nodes),
            "edges": (graph.n_edges + graph.n_added_edges, self.split.graph.n_edges),
        }
        for name, (told, found) in sizes.items():
            if told != found:
                raise InputError(f"graph: has {told} {name}, but its split has {found}")
        made = self.split.settings
        # Metrics are those of the training, before any edges were added.
        proportions = metrics.proportions if graph.n_added_edges else made.proportions
        if (metrics.protocol, metrics.proportions) != (made.protocol, proportions):
            raise InputError("metrics: protocol or proportions differ from those of the split")
        for name in ("validation", "test"):
            if bool(getattr(self.split, name)) != (getattr(metrics, name) is not None):
                raise InputError(f"metrics: {name} does not match the split")
        self._check_arrays()

    def _check_arrays(self) -> None:
        """Refuse values that would give answers that are not finite."""
        for name, array in {**self.weights, **(self.states or {})}.items():
            if array.dtype.kind != "f" or not np.isfinite(array).all():
                raise InputError(f"{name}: holds a value that is not a finite number")
        mean, std = self.embedding, self.embedding_std
        if mean.ndim != 2 or len(mean) != self.split.graph.n_nodes:
            raise InputError("embeddings: are not one per node")
        if std is not None and (std.shape != mean.shape or (std < 0).any()):
            raise InputError("standard deviations: do not match the embeddings")
        check_vectors(mean, std)


# -------------------------------------------------------------------------- writing


def check_run_place(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that `staged_run` would refuse, before any work is done.

    Raises
    ------
    InputError
        The place cannot be written, or holds something that may not be replaced.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "notes.txt").touch()
    ...     check_run_place(Path(folder), overwrite=True)
    Traceback (most recent call last):
    vgae.InputError: runs: holds another file, notes.txt; choose another folder
    """
    check_directory(path, overwrite=overwrite, ours=RUN_FILES)


@contextmanager
def staged_run(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Make a temporary folder next to `path`, which gets that name when the block ends.

    Raises
    ------
    InputError
        The place cannot be written, or holds something that may not be replaced.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run"
    ...     with staged_run(path, overwrite=False) as staged:
    ...         (staged / "run.json").write_text("{}"), path.exists()
    ...     path.exists()
    (2, False)
    True
    """
    with staged_directory(path, overwrite=overwrite, ours=RUN_FILES) as staged:
        yield staged


def save_run(run: Run, staged: Path) -> None:
    """Write a run's files into a folder made by `staged_run`.

    Raises
    ------
    InputError
        A file cannot be written, for instance because the disk is full.

    Examples
    --------
    >>> import tempfile, vgae
    >>> run = vgae.GAE(steps=1, latent_dim=2).fit([("a", "b"), ("b", "c")]).as_run()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with staged_run(Path(folder) / "run", overwrite=False) as staged:
    ...         save_run(run, staged)
    ...     load_run(Path(folder) / "run").split.graph.ids.tolist()
    ['a', 'b', 'c']
    """
    save_split(run.split, staged / SPLIT)
    ids = run.split.graph.ids
    write_vectors(staged / EMBEDDINGS, ids, run.embedding)
    if run.embedding_std is not None:
        write_vectors(staged / DEVIATIONS, ids, run.embedding_std, prefix="s")
    contents = {
        WEIGHTS: save(dict(run.weights)),
        METRICS: _json(run.metrics),
        HISTORY: b"".join(json.dumps(record).encode() + b"\n" for record in run.history),
    }
    if run.states is not None:
        contents[STATES] = save(dict(run.states))
    if run.feature_encoding is not None:
        contents[ATTRIBUTES] = _json(run.feature_encoding)
    for name, content in contents.items():
        _write(staged / name, content)
    with file_errors(staged):
        checksums = {item.name: _sha256(item) for item in sorted(staged.iterdir())}
    about = {
        "format_version": FORMAT_VERSION,
        "settings": run.settings,
        "fingerprint": run.graph["fingerprint"],
        "graph": run.graph,
        "engine": run.engine,
        "protocol": run.metrics["protocol"],
        "proportions": run.metrics["proportions"],
        "interrupted": run.interrupted,
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        "files": checksums,
    }
    _write(staged / RUN_FILE, _json(about | {"checksum": _checksum(about)}))


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    with file_errors(path):
        path.write_bytes(content)


# -------------------------------------------------------------------------- reading


def load_run(path: Path) -> Run:
    """Read a run folder back, after checking its format, the files and their contents.

    Raises
    ------
    InputError
        The folder is missing, is not a run folder, is damaged or has a newer format.

    Examples
    --------
    >>> load_run(Path("runs/none"))
    Traceback (most recent call last):
    vgae.InputError: runs/none: no such run folder
    """
    restore_folder(path)
    about = _read_record(path)
    for name, checksum in about.files.items():
        item = path / name
        if not item.is_file():
            raise InputError(f"{item}: is missing; the run folder is damaged, fit again")
        with file_errors(item):
            if _sha256(item) != checksum:
                raise InputError(f"{item}: is damaged (checksum differs); fit again")
    n_nodes = about.graph.n_nodes + about.graph.n_added_nodes
    with _reading(path / METRICS) as item:
        metrics = dict(strict_json(item.read_bytes()))
        for name in ("protocol", "proportions"):
            if metrics[name] != getattr(about, name):
                raise ValueError(f"{name} differs from {RUN_FILE}")
    with _reading(path / HISTORY) as item:
        history = [strict_json(line) for line in item.read_bytes().splitlines()]
    with _reading(path / WEIGHTS) as item:
        weights = load_file(item)
    states, encoding, std = None, None, None
    if STATES in about.files:
        with _reading(path / STATES) as item:
            states = load_file(item)
    if ATTRIBUTES in about.files:
        with _reading(path / ATTRIBUTES) as item:
            encoding = dict(strict_json(item.read_bytes()))
    ids, embedding = _read_vectors(path / EMBEDDINGS, "z", n_nodes)
    if DEVIATIONS in about.files:
        std_ids, std = _read_vectors(path / DEVIATIONS, "s", n_nodes)
        if not np.array_equal(ids, std_ids):
            raise InputError(f"{path}: is damaged: {DEVIATIONS} belongs to another run; fit again")
    try:
        nodes = Graph.from_edges(np.empty((0, 2), np.int64), ids=ids)
        return Run(
            settings=about.settings,
            graph=about.graph.model_dump(exclude_unset=True),
            engine=about.engine,
            interrupted=about.interrupted,
            split=load_split_edges(path / SPLIT, nodes),
            history=history,
            metrics=metrics,
            weights=weights,
            embedding=embedding,
            embedding_std=std,
            states=states,
            feature_encoding=encoding,
        )
    except InputError as error:
        where = "" if str(error).startswith(str(path)) else f"{path}: is damaged: "
        raise InputError(f"{where}{error}; fit again") from None


@contextmanager
def _reading(path: Path) -> Iterator[Path]:
    """Turn the errors of an unreadable file, despite its right checksum, into one line."""
    with file_errors(path):
        try:
            yield path
        except DAMAGE as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{path}: is damaged: {reason}; fit again") from None


def _read_record(path: Path) -> _Record:
    source = path / RUN_FILE
    with file_errors(path):
        if not path.exists():
            near = near_file(path)
            hint = "" if near is None else f"; did you mean '{near}'?"
            raise InputError(f"{path}: no such run folder{hint}")
        if not source.is_file():
            raise InputError(f"{path}: is not a run folder (no {RUN_FILE})")
    with _reading(source):
        values = dict(strict_json(source.read_bytes()))
        newer = values["format_version"] > FORMAT_VERSION
        told = {name: value for name, value in values.items() if name != "checksum"}
        expected = _checksum(told) if values["format_version"] >= 3 else None
    if newer:
        raise newer_format(source, values["format_version"], FORMAT_VERSION)
    if values.get("checksum") != expected:
        raise InputError(f"{source}: is damaged (checksum differs); fit again")
    about = _Record.parse(values, where=f"{source}: is damaged")
    required = REQUIRED | ({STATES} if about.format_version == 2 else set())
    wrong = (required - about.files.keys()) | (about.files.keys() - RUN_FILES)
    if wrong:
        raise InputError(f"{source}: is damaged: its files are not those of a run; fit again")
    if about.fingerprint != about.graph.fingerprint:
        raise InputError(f"{source}: is damaged: it names two different graphs; fit again")
    return about


def _read_vectors(path: Path, prefix: str, n_nodes: int) -> tuple[NDArray[Any], Vectors]:
    """Read ids and vectors from a table, after checking its size and columns."""
    with _reading(path), pyarrow.parquet.ParquetFile(path) as file:
        schema, n_rows = file.schema_arrow, file.metadata.num_rows
        if n_rows != n_nodes:
            raise ValueError(f"{n_rows} rows for {n_nodes} nodes")
        names = ["node", *(f"{prefix}{place}" for place in range(len(schema.names) - 1))]
        if schema.names != names or set(schema.types[1:]) != {pa.float32()}:
            raise ValueError("its columns are not those of embeddings")
        table = file.read()
        if any(column.null_count for column in table.columns):
            raise ValueError("it has empty cells")
        columns = [column.to_numpy() for column in table.columns[1:]]
        return as_ids(table.column(0)), np.stack(columns, axis=1)


def _checksum(values: Mapping[str, Any]) -> str:
    """SHA-256 of values as JSON with sorted keys and no blanks, so that layout does not matter."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
