"""The run folder: everything about a fitted model, written all or nothing, without pickle."""

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

from vgae.attributes import AttributeEncoding
from vgae.config import Settings, strict_json
from vgae.errors import InputError, newer_format
from vgae.files import check_directory, file_errors, near_file, restore_folder, staged_directory
from vgae.graph import Graph
from vgae.ids import as_ids
from vgae.io import check_vectors, write_vectors
from vgae.split import Protocol, Split, load_split_edges, save_split

__all__ = ["FORMAT_VERSION", "Run", "check_run_place", "load_run", "save_run", "staged_run"]

FORMAT_VERSION = 3
"""2 added the states, 3 the checksum of run.json itself. Runs of both and of 1 are still read."""
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
    MemoryError,  # a size that the file claims and does not have
    pa.ArrowException,
    SafetensorError,
)
"""What the readers of JSON, Parquet and safetensors raise on a damaged file."""

Vectors = NDArray[np.float32]

# ------------------------------------------------------------ what may stand in it

Checksum = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Fraction = Annotated[float, Field(ge=0.0, le=1.0 + 1e-9)]  # sums of fractions round
Scores = Annotated[dict[str, Fraction | None], Field(min_length=1)]


class GraphRecord(Settings):
    """The whole graph: fingerprint, sizes and, where it has one, its name."""

    name: str | None = None
    fingerprint: Checksum
    n_nodes: int = Field(ge=1)
    n_edges: int = Field(ge=0)
    n_features: int = Field(ge=0)
    weighted: bool = False
    n_added_nodes: int = Field(default=0, ge=0)
    n_added_edges: int = Field(default=0, ge=0)


class MetricsRecord(Settings):
    """Held-out metrics with protocol and proportions; None where nothing was held out."""

    protocol: Protocol
    proportions: dict[Literal["train", "validation", "test"], Fraction]
    seed: int = Field(ge=0)
    validation: Scores | None
    test: Scores | None


class StepLine(Settings):
    """One line of the history; see `vgae.train.StepRecord`."""

    step: int = Field(ge=1)
    loss: float
    reconstruction: float
    kl: float
    seconds: float = Field(ge=0.0)
    validation: Scores | None = None


class Record(Settings):
    """What run.json says of the folder; `checksum` is its own, from format 3 on."""

    format_version: int = Field(ge=1)
    settings: dict[str, Any]
    fingerprint: Checksum
    graph: GraphRecord
    engine: str
    protocol: Protocol
    proportions: dict[str, Fraction]
    interrupted: bool
    versions: dict[str, str]
    files: dict[str, Checksum]
    checksum: Checksum | None = None


@dataclass(frozen=True)
class Run:
    """What a run folder holds; checked when it is made, whether from a model or from files.

    Attributes
    ----------
    settings
        Every setting of the model, its training and its seed, as plain values.
    graph
        Fingerprint, sizes and, where it has one, name of the whole graph, as plain values.
    engine
        Name of the engine that computed the sum over all pairs.
    interrupted
        Whether training was stopped by hand.
    split
        Training and held-out pairs, and through its graph the node ids.
    history
        One object a step.
    metrics
        Held-out metrics with protocol and proportions.
    weights
        Parameters by name.
    embedding, embedding_std
        Posterior means and standard deviations, shape (n_nodes, latent_dim); no deviations where
        the model has none.
    states
        What linking new nodes takes, by name; see `vgae.inductive.States`. None where a run of
        format 1 is all there is.
    feature_encoding
        How features were made of a table's columns, as plain values; None where they came as
        numbers.

    Raises
    ------
    InputError
        A part is not what it should be, or the parts do not belong together.
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
        graph = GraphRecord.parse(self.graph, where="graph")
        metrics = MetricsRecord.parse(self.metrics, where="metrics")
        for place, line in enumerate(self.history, start=1):
            if StepLine.parse(line, where=f"history, step {place}").step != place:
                raise InputError(f"history: step {place} is missing")
        if self.feature_encoding is not None:
            AttributeEncoding.parse(dict(self.feature_encoding), where="attributes")
        sizes = {
            "nodes": (graph.n_nodes + graph.n_added_nodes, self.split.graph.n_nodes),
            "edges": (graph.n_edges + graph.n_added_edges, self.split.graph.n_edges),
        }
        for name, (told, found) in sizes.items():
            if told != found:
                raise InputError(f"graph: has {told} {name}, its split {found}")
        made = self.split.settings
        # Metrics are those of the training, which knew nothing of edges that were added since.
        proportions = metrics.proportions if graph.n_added_edges else made.proportions
        if (metrics.protocol, metrics.proportions) != (made.protocol, proportions):
            raise InputError("metrics: are not those of the split")
        for name in ("validation", "test"):
            if bool(getattr(self.split, name)) != (getattr(metrics, name) is not None):
                raise InputError(f"metrics: {name} is not that of the split")
        self._check_arrays()

    def _check_arrays(self) -> None:
        """Refuse what would make an answer that is no number."""
        for name, array in {**self.weights, **(self.states or {})}.items():
            if array.dtype.kind != "f" or not np.isfinite(array).all():
                raise InputError(f"{name}: holds what is no finite number")
        mean, std = self.embedding, self.embedding_std
        if mean.ndim != 2 or len(mean) != self.split.graph.n_nodes:
            raise InputError("node vectors: are not one for each node")
        if std is not None and (std.shape != mean.shape or (std < 0).any()):
            raise InputError("deviations: are not those of the node vectors")
        check_vectors(mean, std)


# -------------------------------------------------------------------------- writing


def check_run_place(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that `staged_run` would refuse, before the work is done."""
    check_directory(path, overwrite=overwrite, ours=RUN_FILES)


@contextmanager
def staged_run(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder beside `path` to give to `save_run`; it takes its final name when the block ends.

    Raises
    ------
    InputError
        The place cannot be written, or holds something that may not be replaced.
    """
    with staged_directory(path, overwrite=overwrite, ours=RUN_FILES) as staged:
        yield staged


def save_run(run: Run, staged: Path) -> None:
    """Write a run's files into a folder made by `staged_run`.

    Raises
    ------
    InputError
        A file cannot be written, on a full disk for instance.
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
    """Read a run folder back, after checking its format, every file and what they say.

    Raises
    ------
    InputError
        The folder is missing, is no run, is damaged or of a newer format.
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
                raise ValueError(f"{name} is not that of {RUN_FILE}")
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
            raise InputError(f"{path}: is damaged: {DEVIATIONS} is of another run; fit again")
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
    """Say in one line that a file which has the right checksum cannot be read."""
    with file_errors(path):
        try:
            yield path
        except DAMAGE as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{path}: is damaged: {reason}; fit again") from None


def _read_record(path: Path) -> Record:
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
    about = Record.parse(values, where=f"{source}: is damaged")
    required = REQUIRED | ({STATES} if about.format_version == 2 else set())
    wrong = (required - about.files.keys()) | (about.files.keys() - RUN_FILES)
    if wrong:
        raise InputError(f"{source}: is damaged: its files are not those of a run; fit again")
    if about.fingerprint != about.graph.fingerprint:
        raise InputError(f"{source}: is damaged: it is of two graphs; fit again")
    return about


def _read_vectors(path: Path, prefix: str, n_nodes: int) -> tuple[NDArray[Any], Vectors]:
    """Ids and vectors of a table whose sizes and columns are looked at before it is decoded."""
    with _reading(path), pyarrow.parquet.ParquetFile(path) as file:
        schema, n_rows = file.schema_arrow, file.metadata.num_rows
        if n_rows != n_nodes:
            raise ValueError(f"{n_rows} rows for {n_nodes} nodes")
        names = ["node", *(f"{prefix}{place}" for place in range(len(schema.names) - 1))]
        if schema.names != names or set(schema.types[1:]) != {pa.float32()}:
            raise ValueError("its columns are not those of vectors")
        table = file.read()
        if any(column.null_count for column in table.columns):
            raise ValueError("it has empty cells")
        columns = [column.to_numpy() for column in table.columns[1:]]
        return as_ids(table.column(0)), np.stack(columns, axis=1)


def _checksum(values: Mapping[str, Any]) -> str:
    """SHA-256 of values however they are laid out: as JSON with sorted keys and no blanks."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
