"""Writing embeddings: tables, NumPy, word2vec's text format, TensorBoard's projector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.tables import TABLE_SUFFIXES, check_output, inner_suffix, write_table
from vgae.ground.errors import InputError, shown
from vgae.ground.files import (
    check_directory,
    check_file,
    file_errors,
    staged_directory,
    staged_file,
)

__all__ = [
    "VECTOR_SUFFIXES",
    "check_vectors",
    "check_vectors_output",
    "vector_columns",
    "write_vectors",
]

VECTOR_SUFFIXES = (*TABLE_SUFFIXES, ".npz", ".w2v", ".projector")
TENSOR, METADATA, CONFIG = "vectors.tsv", "metadata.tsv", "projector_config.pbtxt"
PROJECTOR_FILES = (TENSOR, METADATA, CONFIG)


def write_vectors(
    path: str | Path, ids: NDArray[Any], vectors: NDArray[np.floating], *, prefix: str = "z"
) -> None:
    """Write an embedding in the format that the suffix names, all or nothing.

    Parameters
    ----------
    path
        A table (.csv, .tsv, .jsonl, .parquet, .arrow, .feather) with the columns node, z0, z1, ...;
        .npz with the arrays ids and vectors; .w2v for word2vec's text format; or .projector for a
        folder that TensorBoard's projector reads.
    ids
        Node ids, shape (n_nodes,).
    vectors
        The embedding, one row per node, shape (n_nodes, dim).
    prefix
        The beginning of the names of a table's columns.

    Raises
    ------
    InputError
        The suffix is unknown, the format cannot hold an id, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "vectors.w2v"
    >>> write_vectors(path, np.array(["a", "b"], dtype=object), np.array([[1.0, 2.5], [0.0, 3.0]]))
    >>> print(path.read_text(), end="")
    2 2
    a 1 2.5
    b 0 3
    """
    path = Path(path)
    check_vectors_output(path)
    suffix = inner_suffix(path)
    if suffix in TABLE_SUFFIXES:
        write_table(path, vector_columns(ids, vectors, prefix=prefix))
    elif suffix == ".npz":
        names = ids if ids.dtype.kind == "i" else ids.astype(str)
        with staged_file(path) as staged, file_errors(path), staged.open("wb") as handle:
            np.savez(handle, ids=names, vectors=vectors)
    elif suffix == ".w2v":
        _check_words(path, ids, " ")
        with (
            staged_file(path) as staged,
            file_errors(path),
            staged.open("w", encoding="utf-8") as text,
        ):
            text.write(f"{len(ids)} {vectors.shape[1]}\n")
            text.writelines(f"{name} {row}\n" for name, row in _rows(ids, vectors, " "))
    else:
        _check_words(path, ids, "\t")
        rows = list(_rows(ids, vectors, "\t"))
        with (
            staged_directory(path, overwrite=True, ours=PROJECTOR_FILES) as folder,
            file_errors(path),
        ):
            (folder / TENSOR).write_text("".join(f"{row}\n" for _, row in rows))
            (folder / METADATA).write_text("".join(f"{name}\n" for name, _ in rows), "utf-8")
            (folder / CONFIG).write_text(
                f'embeddings {{\n  tensor_path: "{TENSOR}"\n  metadata_path: "{METADATA}"\n}}\n'
            )


def vector_columns(
    ids: NDArray[Any], vectors: NDArray[np.floating], *, prefix: str = "z"
) -> dict[str, NDArray[Any]]:
    """The columns of a table with an embedding: node ids, then one column per dimension.

    Examples
    --------
    >>> columns = vector_columns(np.array([7, 9]), np.array([[1.0, 2.5], [0.0, 3.0]]))
    >>> list(columns), columns["z1"].tolist()
    (['node', 'z0', 'z1'], [2.5, 3.0])
    """
    columns = {f"{prefix}{place}": vectors[:, place] for place in range(vectors.shape[1])}
    return {"node": ids, **columns}


def check_vectors(mean: NDArray[np.floating], std: NDArray[np.floating] | None) -> None:
    """Refuse an embedding that could give an answer that is not a number.

    Raises
    ------
    InputError
        A value is not finite, or an inner product could overflow float32.

    Examples
    --------
    >>> check_vectors(np.array([[1.0, 2.0]], np.float32), None)
    """
    if not np.isfinite(mean).all() or not (std is None or np.isfinite(std).all()):
        raise InputError("embedding: holds a value that is not finite")
    with np.errstate(over="ignore"):  # no inner product is larger than the largest square
        if not np.isfinite(np.square(mean, dtype=np.float32).sum(axis=1)).all():
            raise InputError("embedding: is so large that inner products overflow float32")


def check_vectors_output(path: Path, *, overwrite: bool = True) -> None:
    """Refuse an output path before the work is done.

    Parameters
    ----------
    path
        The name of the file or folder.
    overwrite
        Whether an existing one may be replaced.

    Raises
    ------
    InputError
        The suffix is unknown, a file cannot be created in that folder, or the file exists and may
        not be replaced.

    Examples
    --------
    >>> check_vectors_output(Path("vectors.docx"))
    Traceback (most recent call last):
    vgae.InputError: vectors.docx: cannot write '.docx'; use one of .csv, .tsv, ...
    """
    suffix = inner_suffix(path)
    if suffix not in VECTOR_SUFFIXES:
        known = ", ".join(VECTOR_SUFFIXES)
        raise InputError(f"{path}: cannot write '{path.suffix}'; use one of {known}")
    if suffix in TABLE_SUFFIXES:
        check_output(path, overwrite=overwrite)
    elif suffix == ".projector":
        check_directory(path, overwrite=overwrite, ours=PROJECTOR_FILES)
    else:
        check_file(path, overwrite=overwrite)


def _rows(ids: NDArray[Any], vectors: NDArray[np.floating], delimiter: str) -> Any:
    # Nine digits give back the same float32.
    for name, row in zip(ids.tolist(), vectors.tolist(), strict=True):
        yield name, delimiter.join(f"{number:.9g}" for number in row)


def _check_words(path: Path, ids: NDArray[Any], delimiter: str) -> None:
    """Refuse ids that would be split: these formats have no quotes."""
    for name in ids.tolist() if ids.dtype.kind == "O" else ():
        if (
            delimiter in name
            or len(name.splitlines()) != 1
            or (delimiter == " " and name.split() != [name])
        ):
            raise InputError(
                f"{path}: this format cannot hold the node id {shown(name)}; write .csv or .parquet"
            )
