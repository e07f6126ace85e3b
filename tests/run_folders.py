"""Run folders for tests: their checksums made right again, and seeded damage of every kind."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from safetensors.numpy import load_file, save_file

DEEP = "[" * 100_000


def seal(folder: Path, about: dict[str, Any] | None = None) -> None:
    """Give run.json the checksums of what is in the folder, and its own."""
    record = folder / "run.json"
    about = json.loads(record.read_text()) if about is None else dict(about)
    if isinstance(about.get("files"), dict):
        for name in about["files"]:
            if (folder / name).is_file():
                content = (folder / name).read_bytes()
                about["files"][name] = hashlib.sha256(content).hexdigest()
    if about.pop("checksum", None) is not None:
        canonical = json.dumps(about, sort_keys=True, separators=(",", ":"))
        about["checksum"] = hashlib.sha256(canonical.encode()).hexdigest()
    record.write_text(json.dumps(about))


def damage(folder: Path, random: np.random.Generator) -> str:
    """Damage one file of a run, and two times in three seal the folder again; says what was done.

    So the checksums are met in one case, and what is behind them in two.
    """
    files = sorted(folder.iterdir())
    path = files[random.integers(len(files))]
    kinds = [_truncated, _flipped, _swapped, _removed]
    own = {".json": _spoilt_json, ".jsonl": _spoilt_json, ".parquet": _spoilt_table}
    own |= {".safetensors": _spoilt_arrays, ".npz": _spoilt_archive}
    kind = own[path.suffix] if random.random() < 0.7 else kinds[random.integers(len(kinds))]
    what = kind(path, random)
    sealed = bool(random.random() < 0.67)
    if sealed:
        try:
            seal(folder)
        except (ValueError, TypeError, AttributeError, RecursionError, FileNotFoundError):
            sealed = False  # run.json itself is damaged
    return f"{path.name}: {what}{', sealed' * sealed}"


def _truncated(path: Path, random: np.random.Generator) -> str:
    content = path.read_bytes()
    path.write_bytes(content[: random.integers(len(content))])
    return "truncated"


def _flipped(path: Path, random: np.random.Generator) -> str:
    content = bytearray(path.read_bytes())
    places = random.integers(len(content), size=random.integers(1, 9)).tolist()
    for place in places:
        content[place] ^= 1 << int(random.integers(8))
    path.write_bytes(content)
    return f"bits flipped at {places}"


def _swapped(path: Path, random: np.random.Generator) -> str:
    others = sorted(item for item in path.parent.iterdir() if item != path)
    other = others[random.integers(len(others))]
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)
    return f"swapped with {other.name}"


def _removed(path: Path, random: np.random.Generator) -> str:  # noqa: ARG001
    path.unlink()
    return "removed"


# ------------------------------------------------------------------------ JSON

NONSENSE: list[Any] = [
    None, True, -1, 0, 1, 3, 0.5, 2**70, 10**400, 1e300, float("nan"), float("inf"), "", "x", "3",
    "\ud800", "\x1b[31m", [], {}, [1], {"x": 1},
]  # fmt: skip


def _spoilt_json(path: Path, random: np.random.Generator) -> str:
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    place = int(random.integers(len(lines)))
    if random.random() < 0.05:
        lines[place] = DEEP if random.random() < 0.5 else f'{{"a": {DEEP}'
        what = "nested endlessly"
    else:
        value = json.loads(lines[place])
        what = _spoil_value(value, random)
        lines[place] = json.dumps(value)
        if random.random() < 0.03:
            lines[place], what = json.dumps(NONSENSE[random.integers(len(NONSENSE))]), "nonsense"
    path.write_text("\n".join(lines) + "\n")
    return what


def _spoil_value(value: Any, random: np.random.Generator) -> str:
    """Change one key somewhere inside; deeper with each step that goes on."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return "unchanged"
    key = keys[random.integers(len(keys))]
    inner = value[key]
    if isinstance(inner, (dict, list)) and inner and random.random() < 0.7:
        return f"{key}.{_spoil_value(inner, random)}"
    choice = random.integers(4)
    if choice == 0 and isinstance(value, dict):
        value[f"{key}x"] = value.pop(key)
        return f"{key} renamed"
    if choice == 1:
        del value[key]
        return f"{key} dropped"
    if choice == 2 and isinstance(inner, (int, float)) and not isinstance(inner, bool):
        value[key] = inner + 1
        return f"{key} is one more"
    value[key] = NONSENSE[random.integers(len(NONSENSE))]
    return f"{key} = {value[key]!r:.40}"


# --------------------------------------------------------------------- Parquet


def _spoilt_table(path: Path, random: np.random.Generator) -> str:
    table = pyarrow.parquet.read_table(path)
    if table.num_columns == 1:  # a method without an embedding
        table = table.append_column("z0", pa.array(np.ones(table.num_rows, np.float32)))
    column, row = int(random.integers(1, table.num_columns)), int(random.integers(table.num_rows))
    cells = table.column(column).to_pylist()
    ids = table.column(0).to_pylist()

    def with_cell(value: Any) -> pa.Table:
        return table.set_column(
            column,
            table.column_names[column],
            pa.array([*cells[:row], value, *cells[row + 1 :]], pa.float32()),
        )

    def with_ids(values: Any) -> pa.Table:
        return table.set_column(0, "node", pa.array(values))

    def cast(kind: pa.DataType) -> pa.Table:
        return table.set_column(column, table.column_names[column], table.column(column).cast(kind))

    changes: dict[str, Callable[[], pa.Table]] = {
        "no column node": lambda: table.drop_columns(["node"]),
        "only node": lambda: table.select([0]),
        "a column dropped": lambda: table.remove_column(column),
        "no rows": lambda: table.slice(0, 0),
        "a row fewer": lambda: table.slice(1),
        "twice": lambda: pa.concat_tables([table, table]),
        "NaN": lambda: with_cell(float("nan")),
        "infinity": lambda: with_cell(float("inf")),
        "huge": lambda: with_cell(3e38),
        "large": lambda: with_cell(2e19),
        "negative": lambda: with_cell(-1.0),
        "null": lambda: with_cell(None),
        "null id": lambda: with_ids([*ids[:row], None, *ids[row + 1 :]]),
        "repeated id": lambda: with_ids([ids[0], *ids[:1], *ids[2:]]),
        "ids as numbers": lambda: with_ids([float(place) for place in range(len(ids))]),
        "ids as lists": lambda: with_ids([[place] for place in range(len(ids))]),
        "ids as booleans": lambda: with_ids([place % 2 == 0 for place in range(len(ids))]),
        "columns shuffled": lambda: table.select(random.permutation(table.num_columns).tolist()),
        "columns renamed": lambda: table.rename_columns([*table.column_names[:-1], "c"]),
        "float64": lambda: cast(pa.float64()),
        "text": lambda: cast(pa.string()),
        "dictionary": lambda: table.set_column(
            column, table.column_names[column], table.column(column).dictionary_encode()
        ),
    }  # fmt: skip
    what = sorted(changes)[random.integers(len(changes))]
    pyarrow.parquet.write_table(changes[what](), path)
    return what


# ----------------------------------------------------------- arrays and archives


def _spoilt_array(array: np.ndarray, random: np.random.Generator) -> tuple[str, np.ndarray]:
    flat, rows = array.reshape(-1).copy(), np.atleast_1d(array)
    place = int(random.integers(max(1, flat.size)))
    if array.dtype.kind == "f":
        values = [np.nan, np.inf, -np.inf, 3e38, 1e30, -1.0, 0.0]
    else:
        values = [-1, 2**62, 10**6, 0]
    value = values[random.integers(len(values))]
    if flat.size:
        flat[place] = value
    changes: dict[str, Callable[[], np.ndarray]] = {
        f"{value} in it": lambda: flat.reshape(array.shape),
        "no shape": lambda: np.array(1, array.dtype),
        "flat": lambda: array.reshape(-1),
        "turned": lambda: np.ascontiguousarray(array.T),
        "a row fewer": lambda: rows[1:].copy(),
        "a row more": lambda: np.concatenate([rows, rows[:1]]),
        "empty": lambda: rows[:0].copy(),
        "three axes": lambda: array[None].copy(),
        "wider": lambda: np.concatenate([rows, rows], axis=-1),
        "float64": lambda: array.astype(np.float64),
        "int32": lambda: np.nan_to_num(array).astype(np.int32),
        "uint8": lambda: np.zeros(array.shape, np.uint8),
        "millions of rows of nothing": lambda: np.zeros((10**9, 0), array.dtype),
    }
    what = sorted(changes)[random.integers(len(changes))]
    return what, changes[what]()


def _spoilt_arrays(path: Path, random: np.random.Generator) -> str:
    arrays = dict(load_file(path))
    names = sorted(arrays)
    if not names:
        save_file({"more": np.zeros(3, np.float32)}, path)
        return "one array in place of none"
    name = names[random.integers(len(names))]
    choice = random.random()
    if choice < 0.1:
        arrays[f"{name}x"] = arrays.pop(name)
        what = "renamed"
    elif choice < 0.2:
        del arrays[name]
        what = "dropped"
    elif choice < 0.3:
        arrays["more"] = np.zeros(3, np.float32)
        what = "one more beside"
    elif choice < 0.4:
        # The same number of digits, so that only what the header claims is wrong.
        content = path.read_bytes()
        path.write_bytes(content.replace(b'"shape":[', b'"shape":[9999999,', 1))
        return "a claim in the header"
    else:
        what, arrays[name] = _spoilt_array(arrays[name], random)
    save_file(arrays, path)
    return f"{name} {what}"


def _spoilt_archive(path: Path, random: np.random.Generator) -> str:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    names = sorted(arrays)
    name = names[random.integers(len(names))]
    if name == "about":
        about = json.loads(str(arrays["about"]))
        what = _spoil_value(about, random)
        arrays["about"] = np.array(json.dumps(about))
    elif random.random() < 0.1:
        del arrays[name]
        what = "dropped"
    elif random.random() < 0.1:
        _write_claim(path, name, arrays)
        return f"{name} claims a huge size"
    else:
        what, arrays[name] = _spoilt_array(arrays[name], random)
    np.savez_compressed(path, **arrays)
    return f"{name} {what}"


def _write_claim(path: Path, name: str, arrays: dict[str, np.ndarray]) -> None:
    """An archive in which one array says that it has 10^11 rows."""
    with zipfile.ZipFile(path, "w") as archive:
        for other, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array)
            content = buffer.getvalue()
            if other == name:
                claim = {"descr": array.dtype.str, "fortran_order": False, "shape": (10**11, 2)}
                header = io.BytesIO()
                np.lib.format.write_array_header_1_0(header, claim)
                content = header.getvalue() + b"\0" * 64
            archive.writestr(f"{other}.npy", content)
