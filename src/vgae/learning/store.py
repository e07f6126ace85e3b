"""The run folder: a fitted method in files, written all or nothing, without pickle."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from vgae.data.datasets import DATASETS
from vgae.data.graph import Graph
from vgae.data.ids import as_ids
from vgae.data.io import write_vectors
from vgae.data.mapped import is_array_folder
from vgae.data.split import Protocol, Split, load_split, load_split_edges, save_split
from vgae.ground.checksums import file_checksum, is_intact, with_checksum
from vgae.ground.config import Settings, strict_json
from vgae.ground.errors import InputError, newer_format
from vgae.ground.files import (
    check_directory,
    file_errors,
    near_file,
    restore_folder,
    staged_directory,
)
from vgae.learning.baselines import BASELINES, baseline
from vgae.learning.calibration import Calibrator
from vgae.learning.combiner import Combiner
from vgae.learning.fit_record import FitFacts, FitRecord
from vgae.learning.fitted import Fitted
from vgae.learning.fitted_baseline import FittedBaseline, input_arrays, with_inputs
from vgae.learning.fitted_scores import GraphRecord
from vgae.learning.inductive import States
from vgae.learning.settings import FitSettings
from vgae.learning.weights import expected_of_arrays
from vgae.model.inputs import InputScaling
from vgae.model.network import GraphAutoEncoder, Parts

__all__ = [
    "FORMAT_VERSION",
    "REPORT",
    "check_run_place",
    "load_fitted",
    "save_fitted",
    "staged_run",
    "was_interrupted",
]

FORMAT_VERSION = 8
"""Format 2 added the states, 3 the checksum of run.json, 4 models of other parts, 5 baselines,
ensembles and combiners, 6 expected weights; 7 renamed two settings (class_weight, objective); 8
added the record of the fit.

All are read."""
RUN_FILE, METRICS, HISTORY = "run.json", "metrics.json", "history.jsonl"
EMBEDDINGS, DEVIATIONS = "embeddings.parquet", "embedding_std.parquet"
SPLIT, WEIGHTS, STATES = "split.npz", "weights.safetensors", "states.safetensors"
ATTRIBUTES, CALIBRATOR = "attributes.json", "calibrator.json"
SCALING, BASELINE = "scaling.safetensors", "baseline.safetensors"
COMBINER, INPUTS = "combiner.json", "inputs.safetensors"
EXPECTED = "expected_weights.safetensors"
RECORD, RECORD_ARRAYS = "record.json", "record.safetensors"
REPORT = "report.html"
"""Made from the other files; no checksum covers it, and whoever replaces a run replaces it too."""
REQUIRED = frozenset({METRICS, EMBEDDINGS, SPLIT})
OF_MODEL = REQUIRED | {HISTORY, WEIGHTS}
RUN_FILES = OF_MODEL | {RUN_FILE, DEVIATIONS, STATES, ATTRIBUTES, SCALING, CALIBRATOR, BASELINE}
RUN_FILES |= {COMBINER, INPUTS, EXPECTED, RECORD, RECORD_ARRAYS}
REPLACEABLE = RUN_FILES | {REPORT}
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

FIRST_WEIGHTS = tuple(
    f"encoder.weight.{name}"
    for name in ("hidden", "mean", "projection", "hidden_source", "mean_source", "source")
)
MEMBER = "member"
"""What the names of weights of the other members of an ensemble start with."""

Vectors = NDArray[np.float32]


class _Record(Settings):
    """The contents of run.json; `checksum` is its own, from format 3 on."""

    format_version: int = Field(ge=1)
    settings: dict[str, Any]
    fingerprint: str
    graph: GraphRecord
    engine: str | None
    protocol: Protocol
    proportions: dict[str, float]
    interrupted: bool
    versions: dict[str, str]
    files: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]
    parts: dict[str, str] = Field(default_factory=dict)
    objective_reason: str = "as given"
    checksum: str | None = None

    @property
    def is_baseline(self) -> bool:
        """Whether the run is of a baseline; otherwise it is of a model."""
        return self.settings.get("model") in tuple(BASELINES)  # what it is may have no hash

    @property
    def n_nodes(self) -> int:
        """Number of nodes, with those that joined later."""
        return self.graph.n_nodes + self.graph.n_added_nodes


class _BaselineRecord(Settings):
    """The settings of a baseline's run."""

    model: str
    settings: dict[str, Any]
    seed: int = Field(ge=0)


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
    check_directory(path, overwrite=overwrite, ours=REPLACEABLE)


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
    with staged_directory(path, overwrite=overwrite, ours=REPLACEABLE) as staged:
        yield staged


def save_fitted(fitted: Fitted | FittedBaseline, staged: Path) -> None:
    """Write the files of a fitted model or baseline into a folder made by `staged_run`.

    Raises
    ------
    InputError
        A file cannot be written, for instance because the disk is full.

    Examples
    --------
    >>> import tempfile, vgae
    >>> fitted = vgae.GAE(steps=1, latent_dim=2).fit([("a", "b"), ("b", "c")]).fitted_
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with staged_run(Path(folder) / "run", overwrite=False) as staged:
    ...         save_fitted(fitted, staged)
    ...     load_fitted(Path(folder) / "run").ids.tolist()
    ['a', 'b', 'c']
    """
    save_split(fitted.split, staged / SPLIT)
    if isinstance(fitted, Fitted):
        contents, own = _of_model(fitted, staged)
    else:
        contents, own = _of_baseline(fitted, staged)
    contents[METRICS] = _json(fitted.metrics)
    if fitted.calibrator is not None:
        contents[CALIBRATOR] = _json(fitted.calibrator.as_dict())
    if fitted.record is not None:
        contents[RECORD] = _json(fitted.record.facts.model_dump())
        contents[RECORD_ARRAYS] = save(fitted.record.arrays())
    for name, content in contents.items():
        _write(staged / name, content)
    with file_errors(staged):
        checksums = {item.name: file_checksum(item) for item in sorted(staged.iterdir())}
    about = {
        "format_version": FORMAT_VERSION,
        "fingerprint": fitted.graph["fingerprint"],
        "graph": dict(fitted.graph),
        "protocol": fitted.metrics["protocol"],
        "proportions": fitted.metrics["proportions"],
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        "files": checksums,
        **own,
    }
    _write(staged / RUN_FILE, _json(with_checksum(about)))


def _of_model(fitted: Fitted, staged: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Write a model's tables; return its other files, and what its record says of the fit."""
    write_vectors(staged / EMBEDDINGS, fitted.ids, fitted.embedding)
    if fitted.embedding_std is not None:
        write_vectors(staged / DEVIATIONS, fitted.ids, fitted.embedding_std, prefix="s")
    contents = {
        WEIGHTS: save(
            fitted.network.arrays()
            | {
                f"{MEMBER}{number}.{name}": array
                for number, member in enumerate(fitted.members, start=1)
                for name, array in member.arrays().items()
            }
        ),
        HISTORY: b"".join(json.dumps(record).encode() + b"\n" for record in fitted.history),
    }
    if fitted.states is not None:
        contents[STATES] = save(fitted.states.arrays(has_inputs=fitted.has_inputs))
    if fitted.combiner is not None:
        contents[COMBINER] = _json(fitted.combiner.model_dump())
    if fitted.needs_graph and (inputs := input_arrays(fitted.split.graph, features=True)):
        contents[INPUTS] = save(inputs)
    if fitted.expected is not None:
        contents[EXPECTED] = save(fitted.expected.arrays())
    if scaling := fitted.scaling.arrays():
        contents[SCALING] = save(scaling)
    if fitted.feature_encoding is not None:
        contents[ATTRIBUTES] = _json(fitted.feature_encoding)
    return contents, {
        "settings": fitted.settings.model_dump(),
        "engine": fitted.engine,
        "interrupted": fitted.interrupted,
        "parts": dict(fitted.parts),
        "objective_reason": fitted.objective_reason,
    }


def _of_baseline(fitted: FittedBaseline, staged: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The same for a baseline."""
    write_vectors(staged / EMBEDDINGS, fitted.ids, fitted.stored_vectors)
    arrays, method = fitted.arrays(), fitted.method
    return {BASELINE: save(arrays)} if arrays else {}, {
        "settings": {"model": method.name, "settings": method.model_dump(), "seed": fitted.seed},
        "engine": None,
        "interrupted": False,
        "parts": {},
    }


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    with file_errors(path):
        path.write_bytes(content)


# -------------------------------------------------------------------------- reading


def load_fitted(path: Path, parts: Parts | None = None) -> Fitted | FittedBaseline:
    """Read a run folder back, after checking its format, the files and their contents.

    Parameters
    ----------
    path
        The folder.
    parts
        Parts of your own that the model was fitted with. No code is imported by name.

    Raises
    ------
    InputError
        The folder is missing, is not a run folder, is damaged or has a newer format; or a part of
        your own is missing or not the one of the fit.

    Examples
    --------
    >>> load_fitted(Path("runs/none"))
    Traceback (most recent call last):
    vgae.InputError: runs/none: no such run folder
    """
    restore_folder(path)
    about = _read_record(path)
    for name, expected in about.files.items():
        item = path / name
        if not item.is_file():
            raise InputError(f"{item}: is missing; the run folder is damaged, fit again")
        with file_errors(item):
            if file_checksum(item) != expected:
                raise InputError(f"{item}: is damaged (checksum differs); fit again")
    _check_parts(path, about.parts, parts)
    with _reading(path / METRICS) as item:
        metrics = dict(strict_json(item.read_bytes()))
        for name in ("protocol", "proportions"):
            if metrics[name] != getattr(about, name):
                raise ValueError(f"{name} differs from {RUN_FILE}")
    calibrator = _read_values(path / CALIBRATOR) if CALIBRATOR in about.files else None
    ids, vectors = _read_vectors(path / EMBEDDINGS, "z", about.n_nodes)
    try:
        record = {
            "graph": about.graph.model_dump(exclude_unset=True),
            "metrics": metrics,
            "calibrator": None
            if calibrator is None
            else Calibrator.parse(calibrator, where="calibrator"),
            "record": _fit_record(path) if RECORD in about.files else None,
        }
        nodes = Graph.from_edges(np.empty((0, 2), np.int64), ids=ids)
        split = load_split_edges(path / SPLIT, nodes)
        if about.is_baseline:
            return _baseline_of(path, about, split, vectors, record)
        return _model_of(path, about, split, vectors, record, parts)
    except InputError as error:
        where = "" if str(error).startswith(str(path)) else f"{path}: is damaged: "
        words = str(error).removesuffix("; fit again")
        raise InputError(f"{where}{words}; fit again") from None


def _fit_record(path: Path) -> FitRecord:
    facts = FitFacts.parse(_read_values(path / RECORD), where="record")
    return FitRecord.from_arrays(facts, _read_arrays(path / RECORD_ARRAYS))


def was_interrupted(path: Path) -> bool:
    """Whether the fit of a run folder ended early.

    Raises
    ------
    InputError
        The folder is missing, is not a run folder, or its record is damaged or newer.

    Examples
    --------
    >>> import tempfile, vgae
    >>> folder = Path(tempfile.mkdtemp()) / "run"
    >>> vgae.GAE(steps=1).fit([("a", "b"), ("b", "c")]).save(folder)
    >>> was_interrupted(folder)
    False
    """
    restore_folder(path)
    return _read_record(path).interrupted


def _model_of(
    path: Path,
    about: _Record,
    split: Split,
    embedding: Vectors,
    record: Mapping[str, Any],
    parts: Parts | None,
) -> Fitted:
    given = about.settings if about.format_version >= 7 else _renamed(about.settings)
    settings = FitSettings.parse(given, where=f"{path}/run.json: settings")
    if about.engine is None:
        raise InputError(f"{RUN_FILE} does not name the engine")
    with _reading(path / HISTORY) as item:
        history = [dict(strict_json(line)) for line in item.read_bytes().splitlines()]
    encoding = _read_values(path / ATTRIBUTES) if ATTRIBUTES in about.files else None
    weights, states, scaling = (
        _read_arrays(path / name) if name in about.files else None
        for name in (WEIGHTS, STATES, SCALING)
    )
    std = None
    if DEVIATIONS in about.files:
        std_ids, std = _read_vectors(path / DEVIATIONS, "s", about.n_nodes)
        if not np.array_equal(split.graph.ids, std_ids):
            raise InputError(f"{DEVIATIONS} belongs to another run")
    by_member: dict[int, dict[str, NDArray[Any]]] = {}
    for name, array in (weights or {}).items():
        number, _, rest = name.removeprefix(MEMBER).partition(".")
        of_member = name.startswith(MEMBER) and number.isdecimal()
        by_member.setdefault(int(number) if of_member else 0, {})[rest if of_member else name] = (
            array
        )
    if sorted(by_member) != list(range(len(by_member))):
        raise InputError("weights do not fit the settings; fit again")
    network, *members = (
        _network(settings, about.graph, by_member[number], embedding, std, parts)
        for number in sorted(by_member)
    )
    combiner = None
    if COMBINER in about.files:
        combiner = Combiner.parse(_read_values(path / COMBINER), where="combiner")
    if members or combiner is not None:
        split = _with_inputs(path, about, split, INPUTS)
        if settings.network.features_used(about.graph.n_features) and not split.graph.n_features:
            raise InputError(f"{INPUTS}: the features of the nodes are missing; fit again")
    has_inputs = settings.network.has_inputs(about.graph.n_features)
    expected = None
    if EXPECTED in about.files:
        expected = expected_of_arrays(_read_arrays(path / EXPECTED), n_nodes=about.n_nodes)
    return Fitted(
        settings=settings,
        network=network,
        split=split,
        scaling=InputScaling.from_arrays(
            settings.network.features, scaling or {}, about.graph.n_features
        ),
        embedding=embedding,
        embedding_std=std,
        states=None
        if states is None
        else States.from_arrays(states, network, n_nodes=about.n_nodes, has_inputs=has_inputs),
        history=history,
        engine=about.engine,
        interrupted=about.interrupted,
        feature_encoding=encoding,
        parts=about.parts,
        members=tuple(members),
        combiner=combiner,
        expected=expected,
        objective_reason=about.objective_reason,
        **record,
    )


def _with_inputs(path: Path, about: _Record, split: Split, name: str) -> Split:
    """A split whose graphs have the weights and features that this file of the run holds."""
    arrays = _read_arrays(path / name) if name in about.files else {}
    with _reading(path / name):
        graph = with_inputs(split.graph, arrays)
    if graph.n_features not in (0, about.graph.n_features):
        raise InputError("its features are not those of the graph")
    return split if graph is split.graph else load_split(path / SPLIT, graph)


def _baseline_of(
    path: Path, about: _Record, split: Split, vectors: Vectors, record: Mapping[str, Any]
) -> FittedBaseline:
    settings = _BaselineRecord.parse(about.settings, where="settings")
    method = baseline(settings.model, **settings.settings)
    arrays = _read_arrays(path / BASELINE) if BASELINE in about.files else {}
    split = _with_inputs(path, about, split, BASELINE)
    return FittedBaseline.restored(method, settings.seed, split, vectors, arrays, **record)


def _check_parts(path: Path, needed: Mapping[str, str], parts: Parts | None) -> None:
    """Refuse a run without the parts that it was fitted with."""
    given = {} if parts is None else parts.names()
    for name, kind in needed.items():
        if name not in given:
            raise InputError(
                f"{path}: was fitted with {name} {kind}, whose code a run does not hold; give one: "
                f"load(path, {name}={kind}(...))"
            )
        if given[name] != kind:
            raise InputError(
                f"{path}: was fitted with {name} {kind}, and {given[name]} was given; give the one "
                "of the fit"
            )
    for name in given:
        if name not in needed:
            raise InputError(f"{path}: was not fitted with {name} of your own; leave it out")


def _network(
    settings: FitSettings,
    graph: GraphRecord,
    weights: Mapping[str, NDArray[Any]],
    embedding: Vectors,
    std: Vectors | None,
    parts: Parts | None,
) -> GraphAutoEncoder:
    """The network of a run; its sizes are checked before it is allocated."""
    wrong, shape = InputError("weights do not fit the settings; fit again"), settings.network
    if embedding.shape[1] != shape.latent_dim or (std is not None) != (shape.latent == "gaussian"):
        raise wrong
    n_stored, own = sum(map(np.size, weights.values())), parts is not None
    n_inputs = shape.features_used(graph.n_features) or graph.n_nodes
    if shape.structure != "none":
        # How many inputs a graph allows is not stored; a row of the first weight belongs to each.
        first = next((array for name, array in weights.items() if name in FIRST_WEIGHTS), None)
        n_inputs = n_inputs if first is None or first.ndim < 2 else len(first)
    if shape.encoder in ("multi-hop", "directed-multi-hop"):
        if not own and n_stored < n_inputs * shape.hop_width:
            raise wrong
        own = True
    narrow = shape.encoder == "linear" or (shape.encoder != "appnp" and shape.layers_used == 1)
    width = shape.latent_dim if narrow else shape.hidden_dim
    if not own and n_stored < n_inputs * width:
        raise wrong
    network = GraphAutoEncoder(shape, n_inputs=n_inputs, n_nodes=graph.n_nodes, seed=0, parts=parts)
    network.load_arrays(weights)
    return network


def _renamed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a format before 7 under the names that they have now."""
    network = dict(settings.get("network", {}))
    weight, pairs = network.pop("objective", None), network.pop("pairs", "all")
    network["class_weight"] = {"paper": "balanced", "elbo": "none"}.get(weight, weight)
    network["objective"] = "exact" if pairs == "all" else pairs
    if pairs == "sampled":
        network["sampling"] = "pairs"
    return dict(settings) | {"network": network}


def _read_values(path: Path) -> dict[str, Any]:
    with _reading(path) as item:
        return dict(strict_json(item.read_bytes()))


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with _reading(path) as item:
        arrays: dict[str, NDArray[Any]] = load_file(item)
        return arrays


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
            if str(path) in DATASETS:
                hint = f", but a data set: fit it first (vgae fit {path} --out runs/{path})"
            raise InputError(f"{path}: no such run folder{hint}")
        if is_array_folder(path):
            raise InputError(
                f"{path}: is a graph, not a run; fit it first (vgae fit, vgae.VGAE().fit) and name "
                "the run"
            )
        if not source.is_file():
            raise InputError(f"{path}: is not a run folder (no {RUN_FILE})")
    with _reading(source):
        values = dict(strict_json(source.read_bytes()))
        newer = values["format_version"] > FORMAT_VERSION
        has_checksum = values["format_version"] >= 3
        intact = is_intact(values) if has_checksum else values.get("checksum") is None
    if newer:
        raise newer_format(source, values["format_version"], FORMAT_VERSION)
    if not intact:
        raise InputError(f"{source}: is damaged (checksum differs); fit again")
    about = _Record.parse(values, where=f"{source}: is damaged")
    required = REQUIRED if about.is_baseline else OF_MODEL
    required = required | ({STATES} if about.format_version == 2 else set())
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
        if schema.names != names or set(schema.types[1:]) - {pa.float32()}:
            raise ValueError("its columns are not those of embeddings")
        table = file.read()
        if any(column.null_count for column in table.columns):
            raise ValueError("it has empty cells")
        vectors = np.empty((n_nodes, len(names) - 1), np.float32)
        for place, column in enumerate(table.columns[1:]):
            vectors[:, place] = column.to_numpy()
        return as_ids(table.column(0)), vectors
