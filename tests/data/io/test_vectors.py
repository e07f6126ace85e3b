"""Node vectors as other programs read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest

from vgae.data.io.vectors import VECTOR_SUFFIXES, write_vectors
from vgae.data.tables import open_table
from vgae.ground.errors import InputError

IDS = np.array(["ann", "bob", "zoé"], dtype=object)
VECTORS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def read_back(path: Path) -> tuple[list[Any], np.ndarray]:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return archive["ids"].tolist(), archive["vectors"]
    if path.suffix == ".w2v":
        gensim = pytest.importorskip("gensim.models", reason="gensim, which reads this, is missing")
        words = gensim.KeyedVectors.load_word2vec_format(path, binary=False)
        return list(words.index_to_key), words.vectors
    if path.suffix == ".projector":
        rows = (path / "vectors.tsv").read_text().splitlines()
        names = (path / "metadata.tsv").read_text("utf-8").splitlines()
        assert "vectors.tsv" in (path / "projector_config.pbtxt").read_text()
        return names, np.array([row.split("\t") for row in rows], dtype=np.float32)
    if path.suffix == ".jsonl":
        pandas = pytest.importorskip("pandas", reason="pandas, which reads this, is missing")
        frame = pandas.read_json(path, lines=True, dtype=False)
        return frame["node"].tolist(), frame.drop(columns="node").to_numpy()
    table = open_table(path, header=True)
    columns = range(1, table.n_columns)
    names = table.read([0])[0].to_pylist()
    cells = table.read(columns)
    return names, np.stack([table.numbers(c, x) for c, x in zip(columns, cells, strict=True)], 1)


@pytest.mark.parametrize("suffix", [*VECTOR_SUFFIXES, ".csv.gz", ".tsv.zst"])
def test_vectors_come_back_the_same(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"vectors{suffix}"
    for _ in range(2):  # the second takes the place of the first
        write_vectors(path, IDS, VECTORS)
    names, vectors = read_back(path)
    assert names == IDS.tolist()
    np.testing.assert_array_equal(vectors.astype(np.float32), VECTORS)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_integer_ids(tmp_path: Path) -> None:
    ids = np.array([5, 7, 2**40])
    for suffix in (".npz", ".w2v", ".parquet", ".projector"):
        write_vectors(tmp_path / f"v{suffix}", ids, VECTORS)
        assert [int(name) for name in read_back(tmp_path / f"v{suffix}")[0]] == ids.tolist()


def test_columns_are_named(tmp_path: Path) -> None:
    write_vectors(tmp_path / "v.csv", IDS, VECTORS, prefix="s")
    assert pyarrow.csv.read_csv(tmp_path / "v.csv").column_names == ["node", "s0", "s1", "s2", "s3"]


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a b", ".w2v"),
        ("", ".w2v"),
        ("a\u00a0b", ".w2v"),
        ("a\tb", ".projector"),
        ("a\nb", ".projector"),
    ],
)
def test_ids_that_would_fall_apart_are_refused(tmp_path: Path, name: str, suffix: str) -> None:
    ids = np.array([name, "b", "c"], dtype=object)
    with pytest.raises(InputError, match="cannot hold the node id"):
        write_vectors(tmp_path / f"v{suffix}", ids, VECTORS)
    assert not list(tmp_path.iterdir())


def test_other_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write '\.xlsx'; use one of \.csv"):
        write_vectors(tmp_path / "v.xlsx", IDS, VECTORS)
    with pytest.raises(InputError, match="there is no folder"):
        write_vectors(tmp_path / "none" / "v.w2v", IDS, VECTORS)
    (tmp_path / "v.projector").mkdir()
    (tmp_path / "v.projector" / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"holds another file, thesis\.tex"):
        write_vectors(tmp_path / "v.projector", IDS, VECTORS)
