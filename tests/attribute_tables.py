"""Tables of attributes for tests, and what they become."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.attributes import AttributeEncoding, encode, fit_encoding
from vgae.data.tables import Table, open_table

BIOS = [
    "walks dogs at night",
    "paints dogs and cats and dogs",
    "reads, at night, of cats",
    "plays the violin badly",
]


def people(tmp_path: Path, content: str, name: str = "people.csv", *, header: bool = True) -> Table:
    path = tmp_path / name
    path.write_text(content)
    return open_table(path, header=header)


def column(tmp_path: Path, cells: list[str], name: str = "x") -> Table:
    """A table of an id and one column."""
    rows = "".join(f'{row},"{cell}"\n' for row, cell in enumerate(cells))
    return people(tmp_path, f"id,{name}\n{rows}")


def parquet(tmp_path: Path, **columns: Any) -> Table:
    path = tmp_path / "people.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    return open_table(path)


def others(table: Table) -> list[int]:
    return list(range(1, table.n_columns))


def fitted(table: Table, **settings: Any) -> AttributeEncoding:
    return fit_encoding(table, others(table), **settings)


def matrix(encoding: AttributeEncoding, table: Table) -> NDArray[np.float32]:
    return dense(encode(encoding, table, others(table)))


def dense(features: Any) -> NDArray[np.float32]:
    assert features.dtype == np.float32
    found: NDArray[np.float32] = features.toarray() if sparse.issparse(features) else features
    return found


def kinds(encoding: AttributeEncoding) -> list[str]:
    return [entry.kind for entry in encoding.columns]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    return [message.rpartition("/")[2] for message in found]
