"""Files of single cells: graphs of them, and embeddings back into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Caller, refused
from scipy import sparse
from sklearn.neighbors import kneighbors_graph

import vgae
from vgae.data.graph import Graph
from vgae.data.io.cells import Cells, check_cells, read_cells, write_cells
from vgae.ground.errors import InputError
from vgae.people.api import make_estimator

h5py: Any = pytest.importorskip("h5py", reason="h5py, which .h5ad files need, is missing")

N_CELLS, N_GENES = 60, 12
NAMES = [f"cell{place}" for place in range(N_CELLS)]


def points() -> Any:
    return np.random.default_rng(3).uniform(size=(N_CELLS, 2))


def expression() -> Any:
    random = np.random.default_rng(4)
    dense = random.poisson(0.3, size=(N_CELLS, N_GENES)).astype(np.float32)
    return sparse.csr_matrix(dense)


def put_sparse(parent: Any, name: str, matrix: Any) -> None:
    group = parent.create_group(name)
    group.attrs.update({"encoding-type": f"{matrix.format}_matrix", "encoding-version": "0.1.0"})
    group.attrs["shape"] = matrix.shape
    for part in ("data", "indices", "indptr"):
        group.create_dataset(part, data=getattr(matrix, part))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Cells with expression, two embeddings, a graph, and two sections."""
    place = tmp_path / "cells.h5ad"
    with h5py.File(place, "w") as file:
        obs = file.create_group("obs")
        obs.attrs["_index"] = "_index"
        obs.create_dataset("_index", data=NAMES)
        slides = obs.create_group("slide")
        slides.create_dataset("categories", data=["one", "two"])
        slides.create_dataset("codes", data=(np.arange(N_CELLS) % 2).astype(np.int8))
        obs.create_dataset("donor", data=[f"d{place // 20}" for place in range(N_CELLS)])
        put_sparse(file, "X", expression())
        obsm = file.create_group("obsm")
        obsm.create_dataset("spatial", data=points())
        obsm.create_dataset("X_pca", data=np.random.default_rng(5).normal(size=(N_CELLS, 4)))
        graph = kneighbors_graph(points(), 3)
        put_sparse(file.create_group("obsp"), "connectivities", graph.maximum(graph.T) * 0.5)
    return place


def same_matrix(one: Any, other: Any) -> bool:
    return bool((np.asarray(one.toarray()) == np.asarray(other.toarray())).all())


# -------------------------------------------------------------------------- in


def test_a_file_is_its_neighbour_graph_and_its_expression(path: Path) -> None:
    graph = vgae.read_graph(path)
    assert graph.ids.tolist() == NAMES
    assert sparse.issparse(graph.features)
    assert same_matrix(graph.features, expression())
    expected = kneighbors_graph(points(), 3)
    assert same_matrix(graph.adjacency, expected.maximum(expected.T) * 0.5)


@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
def test_expression_stays_sparse_however_it_is_stored(path: Path, form: str) -> None:
    with h5py.File(path, "r+") as file:
        del file["X"]
        if form == "dense":
            file.create_dataset("X", data=expression().toarray() * (np.arange(N_GENES) < 3))
        else:
            put_sparse(file, "X", expression().asformat(form))
    features: Any = read_cells(path).features
    assert sparse.issparse(features)
    assert features.format == "csr"
    if form != "dense":
        assert same_matrix(features, expression())


def test_dense_expression_stays_dense(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["X"]
        file.create_dataset("X", data=expression().toarray() + 1.0)
    features = read_cells(path).features
    assert isinstance(features, np.ndarray)
    np.testing.assert_array_equal(features, expression().toarray() + 1.0)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_neighbors_are_the_nearest(path: Path, k: int) -> None:
    graph = vgae.read_graph(path, neighbors=k)
    expected = kneighbors_graph(points(), k)
    assert same_matrix(graph.adjacency, expected.maximum(expected.T))
    assert graph.weights is None
    assert not graph.cleaning


def test_neighbors_by_other_coordinates_and_other_features(path: Path) -> None:
    graph = vgae.read_graph(path, neighbors=4, coordinates="X_pca", cell_features="X_pca")
    with h5py.File(path) as file:
        vectors = file["obsm/X_pca"][:]
    expected = kneighbors_graph(vectors, 4)
    assert same_matrix(graph.adjacency, expected.maximum(expected.T))
    np.testing.assert_allclose(np.asarray(graph.features), vectors, rtol=1e-6)


@pytest.mark.parametrize(("column", "size"), [("slide", 2), ("donor", 20)])
def test_neighbors_are_of_the_same_section(path: Path, column: str, size: int) -> None:
    graph = vgae.read_graph(path, neighbors=3, sections=column)
    section = np.arange(N_CELLS) % 2 if column == "slide" else np.arange(N_CELLS) // size
    assert (section[graph.edges[:, 0]] == section[graph.edges[:, 1]]).all()
    for code in np.unique(section):
        members = np.flatnonzero(section == code)
        expected = kneighbors_graph(points()[members], 3)
        found = graph.adjacency[members][:, members]
        assert same_matrix(found, expected.maximum(expected.T))


def put_column(group: Any, name: str, parts: Any) -> None:
    """A column of a table: an array, or a group with these arrays."""
    if name in group:
        del group[name]
    if not isinstance(parts, dict):
        group[name] = parts
        return
    made = group.create_group(name)
    for part, values in parts.items():
        put_column(made, part, values)


def six_cells(tmp_path: Path, column: Any, *, names: Any = ("a", "b", "c", "d", "e", "f")) -> Path:
    """Six cells in a row, and a column of sections."""
    with h5py.File(tmp_path / "six.h5ad", "w") as file:
        obs = file.create_group("obs")
        obs.attrs["_index"] = "_index"
        put_column(obs, "_index", names)
        put_column(obs, "section", column)
        file["obsm/spatial"] = np.arange(6.0)[:, None]
    return tmp_path / "six.h5ad"


NAN, MASK = float("nan"), np.array([False, True, False, False, True, False])
WITH_GAPS = [
    {"codes": np.array([0, -1, 0, 1, -1, 1], np.int8), "categories": ["x", "y"]},
    {"codes": np.array([0, 2, 0, 1, 2, 1], np.uint8), "categories": np.array([1.5, 2.5, NAN])},
    {
        "codes": np.array([0, 2, 0, 1, 2, 1]),
        "categories": {"values": ["x", "y", ""], "mask": [False, False, True]},
    },
    np.array([1.0, NAN, 1.0, 2.5, NAN, 2.5]),
    np.array([1.0, NAN, 1.0, 2.0, NAN, 2.0], ">f2"),
    {"values": ["x", "y", "x", "y", "x", "y"], "mask": MASK},
    {"values": np.array([7, 0, 7, 9, 0, 9]), "mask": MASK},
    {"values": np.array([True, False, True, False, True, False]), "mask": MASK},
    {"values": np.array([1.0, 1.0, 1.0, 2.0, 2.0, NAN]), "mask": MASK},
]


@pytest.mark.parametrize("column", WITH_GAPS[:-1])
def test_cells_without_a_section_are_linked_to_none(
    tmp_path: Path, column: Any, caplog: pytest.LogCaptureFixture
) -> None:
    graph = vgae.read_graph(six_cells(tmp_path, column), neighbors=1, sections="section")
    assert graph.edges.tolist() == [[0, 2], [3, 5]]
    assert "2 cells without an entry in obs['section']: linked to no other" in caplog.text


def test_a_missing_value_and_a_mask_add_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    graph = vgae.read_graph(six_cells(tmp_path, WITH_GAPS[-1]), neighbors=1, sections="section")
    assert graph.edges.tolist() == [[0, 2]]
    assert "3 cells without an entry" in caplog.text


@pytest.mark.parametrize(
    "column",
    [
        [1.0, 1.0, 2.0, 2.0, 2.0, 2.0],
        [True, True, False, False, False, False],
        [3, 3, -1, -1, -1, -1],
        ["x", "x", "", "", "", ""],
        np.array([b"x", b"x", b"y", b"y", b"y", b"y"]),
        {"values": ["x", "x", "y", "y", "y", "y"], "mask": np.zeros(6, bool)},
        {"codes": np.array([0, 0, 1, 1, 1, 1]), "categories": [True, False]},
        {"codes": np.array([0, 2, 1, 1, 1, 1]), "categories": ["x", "y", "x"]},
    ],
)
def test_sections_are_entries_of_any_kind(
    tmp_path: Path, column: Any, caplog: pytest.LogCaptureFixture
) -> None:
    graph = vgae.read_graph(six_cells(tmp_path, column), neighbors=1, sections="section")
    assert graph.edges.tolist() == [[0, 1], [2, 3], [3, 4], [4, 5]]
    assert not caplog.text


def test_categories_of_early_files_are_codes(tmp_path: Path) -> None:
    path = six_cells(tmp_path, np.array([0, -1, 0, 1, -1, 1], np.int8))
    with h5py.File(path, "r+") as file:
        file["obs/__categories/section"] = ["x", "y"]
        file["obs/section"].attrs["categories"] = file["obs/__categories/section"].ref
    graph = vgae.read_graph(path, neighbors=1, sections="section")
    assert graph.edges.tolist() == [[0, 2], [3, 5]]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([1, 1, 2, 2], r"obs\['section'\] has 4 rows for 6 cells"),
        ({"codes": [0, 0], "categories": ["x"]}, r"obs\['section'\] has 2 rows for 6 cells"),
        (np.ones((6, 2)), r"obs/section has shape \(6, 2\), not an entry per cell"),
        ({"values": np.ones(6), "mask": MASK[:3]}, "values and a mask of different lengths"),
        ({"codes": [0, 1, 2, 0, 0, 0], "categories": ["x", "y"]}, "does not hold places among"),
        ({"codes": np.zeros(6), "categories": ["x", "y"]}, "does not hold places among"),
        ({"values": np.ones(6)}, "neither categories nor texts nor numbers"),
        (np.ones(6) * 1j, "neither categories nor texts nor numbers"),
        (h5py.Empty("f"), "obs/section is no array"),
    ],
)
def test_columns_that_are_no_sections_are_refused(tmp_path: Path, column: Any, said: str) -> None:
    path = six_cells(tmp_path, column)
    with pytest.raises(InputError, match=said) as caught:
        vgae.read_graph(path, neighbors=1, sections="section")
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"values": ["a", "b", "c", "d", "e", "f"], "mask": np.zeros(6, bool)}, list("abcdef")),
        ({"codes": np.arange(6)[::-1], "categories": ["f", "e", "d", "c", "b", "a"]}, None),
        (np.array([1.0, 2.0, 3.5, 4.0, 5.0, 6.0]), ["1.0", "2.0", "3.5", "4.0", "5.0", "6.0"]),
        (np.arange(10, 16), list(range(10, 16))),
        (np.array([b"a", b"b", b"c", b"d", b"e", b"f"]), list("abcdef")),
    ],
)
def test_names_of_cells_are_entries_of_any_kind(
    tmp_path: Path, names: Any, expected: list[Any] | None
) -> None:
    path = six_cells(tmp_path, np.zeros(6), names=names)
    graph = vgae.read_graph(path, neighbors=1)
    assert graph.ids.tolist() == (expected or list("abcdef"))
    write_cells(path, graph.ids, np.arange(12.0).reshape(6, 2))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (np.array([1.0, 2.0, NAN, 4.0, NAN, 6.0]), r"cell 2 has no name \(2 such cells\)"),
        ({"values": ["a"] * 6, "mask": MASK}, r"cell 1 has no name \(2 such cells\)"),
        (np.ones((6, 2)), r"obs/_index has shape \(6, 2\), not an entry per cell"),
        (7, r"obs/_index has shape \(\), not an entry per cell"),
        (["a", "b"], r"obsm\['spatial'\] is not a row of coordinates per cell"),
        ([True, False] * 3, "'True' occurs more than once"),
    ],
)
def test_names_that_are_none_are_refused(tmp_path: Path, names: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        vgae.read_graph(six_cells(tmp_path, np.zeros(6), names=names), neighbors=1)


def test_coordinates_whose_distances_overflow_are_refused(tmp_path: Path) -> None:
    path = six_cells(tmp_path, np.zeros(6))
    for coordinates, said in (
        (np.array([[0.0], [1e200], [1], [2], [3], [4]]), "row 1: is not finite, or beyond 1e"),
        (np.zeros((6, 0)), "is not a row of coordinates per cell"),
    ):
        with h5py.File(path, "r+") as file:
            del file["obsm/spatial"]
            file["obsm/spatial"] = coordinates
        with pytest.raises(InputError, match=said):
            vgae.read_graph(path, neighbors=1)


def test_an_expression_that_stands_for_none_is_no_features(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["X"]
        file["X"] = h5py.Empty("f")
    assert read_cells(path).features is None
    with pytest.raises(InputError, match="has no X"):
        read_cells(path, cells=Cells(cell_features="X"))


def test_an_expression_without_columns_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["X"]
        file["X"] = np.ones(N_CELLS)
    with pytest.raises(InputError, match="X has shape \\(60,\\) for 60 cells"):
        read_cells(path)


@pytest.mark.parametrize(("part", "factor"), [("data", 1j), ("indices", 0.5), ("indptr", 0.5)])
def test_sparse_matrices_hold_numbers_at_whole_places(
    path: Path, part: str, factor: complex
) -> None:
    with h5py.File(path, "r+") as file:
        group = file["obsp/connectivities"]
        put_column(group, part, group[part][:] * factor)
    with pytest.raises(InputError, match="connectivities does not hold numbers at whole places"):
        read_cells(path)


def test_a_matrix_of_infinite_shape_is_one_line(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["obsp/connectivities"].attrs["shape"] = np.array([np.inf, 6.0])
    with pytest.raises(InputError, match="cannot be read as AnnData's"):
        read_cells(path)


def test_cells_at_the_same_place_are_neighbours_and_not_their_own(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["obsm/spatial"][:10] = 0.0
    graph = vgae.read_graph(path, neighbors=3)
    assert (graph.degrees >= 3).all()
    assert not graph.adjacency.diagonal().any()


def test_a_small_section_is_linked_whole(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with h5py.File(path, "r+") as file:
        codes = np.zeros(N_CELLS, np.int8)
        codes[:3], codes[3] = 1, 2
        file["obs/slide/codes"][:] = codes
        put_column(file["obs/slide"], "categories", ["one", "two", "three"])
    graph = vgae.read_graph(path, neighbors=5, sections="slide")
    assert graph.degrees[:4].tolist() == [2, 2, 2, 0]
    assert "too few cells for 5 neighbors in 2 sections" in caplog.text


def test_a_file_without_expression_has_no_features(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["X"]
    assert read_cells(path).features is None
    with pytest.raises(InputError, match="has no X"):
        read_cells(path, cells=Cells(cell_features="X"))


def test_one_cell() -> None:
    with pytest.raises(InputError, match="must be 1 or more"):
        Cells(neighbors=0)


def test_one_cell_has_no_neighbours(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "one.h5ad", "w") as file:
        file.create_group("obs").attrs["_index"] = "name"
        file["obs"].create_dataset("name", data=["alone"])
        file.create_group("obsm").create_dataset("spatial", data=[[0.0, 1.0]])
    graph = vgae.read_graph(tmp_path / "one.h5ad", neighbors=2)
    assert (graph.n_nodes, graph.n_edges) == (1, 0)


def test_anndata_writes_what_is_read_and_reads_what_is_written(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata", reason="anndata is missing")
    pandas = pytest.importorskip("pandas", reason="pandas is missing")
    made = anndata.AnnData(
        X=expression(),
        obs=pandas.DataFrame(
            {
                "slide": pandas.Categorical(["a", "b"] * (N_CELLS // 2)),
                "truth": pandas.array([True, False, None] * (N_CELLS // 3), dtype="boolean"),
                "number": pandas.array([1, 2, None] * (N_CELLS // 3), dtype="Int64"),
                "text": pandas.Series(["x", "y", None] * (N_CELLS // 3), index=NAMES),
            },
            index=NAMES,
        ),
        obsm={"spatial": points()},
        obsp={"connectivities": sparse.csr_matrix(kneighbors_graph(points(), 2))},
    )
    path = tmp_path / "made.h5ad"
    made.write_h5ad(path)
    graph = vgae.read_graph(path)
    assert graph.fingerprint == vgae.as_graph(made).fingerprint
    assert vgae.read_graph(path, neighbors=2, sections="slide").n_edges > 0
    for column in ("truth", "number", "text"):
        graph = vgae.read_graph(path, neighbors=1, sections=column)
        assert (graph.degrees == 0).tolist() == [place % 3 == 2 for place in range(N_CELLS)]
    vectors = np.random.default_rng(0).normal(size=(N_CELLS, 3)).astype(np.float32)
    write_cells(path, graph.ids, vectors)
    again = anndata.read_h5ad(path)
    np.testing.assert_array_equal(again.obsm["X_vgae"], vectors)
    assert (again.X != made.X).nnz == 0


# ------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"connectivities": "distances"}, r"has no obsp\['distances'\]"),
        ({"neighbors": 3, "coordinates": "spatail"}, "did you mean 'spatial'"),
        ({"neighbors": 3, "sections": "slid"}, "did you mean 'slide'"),
        ({"cell_features": "X_umap"}, r"has no obsm\['X_umap'\]"),
        ({"coordinates": "spatial"}, "need --neighbors"),
        ({"neighbors": 3, "connectivities": "connectivities"}, "both say what the edges are"),
        ({"neighbors": 3, "directed": True}, "undirected graph"),
        ({"signed": True}, "undirected graph"),
        ({"source": "a"}, "--source makes no sense with a .h5ad file"),
        ({"max_bytes": 100}, "holds more than"),
    ],
)
def test_what_is_not_there_is_one_line(path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        vgae.read_graph(path, **options)
    assert "\n" not in str(caught.value)


def test_options_of_cells_are_for_cells(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("a,b\n")
    with pytest.raises(InputError, match="--neighbors is for files of cells"):
        vgae.read_graph(tmp_path / "edges.csv", neighbors=3)


def test_damaged_files_are_one_line(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    random = np.random.default_rng(0)
    n_refused = 0
    for trial in range(60):
        spoilt = bytearray(content)
        if trial % 3 == 0:
            spoilt = spoilt[: random.integers(len(spoilt))]
        else:
            for place in random.integers(len(spoilt), size=30).tolist():
                spoilt[place] ^= 1 << int(random.integers(8))
        (tmp_path / "bad.h5ad").write_bytes(bytes(spoilt))
        try:
            read_cells(tmp_path / "bad.h5ad", cells=Cells(neighbors=2))
        except InputError as error:
            n_refused += 1
            assert str(tmp_path / "bad.h5ad") in str(error)
    assert n_refused >= 15


def test_parts_that_do_not_fit_are_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["X/indices"][0] = 10_000
    with pytest.raises(InputError, match="indices"):
        read_cells(path)
    with h5py.File(path, "r+") as file:
        del file["X"]
        put_sparse(file, "X", expression()[:-1])
        file["obsm/spatial"][3, 0] = np.nan
    with pytest.raises(InputError, match="X has shape"):
        read_cells(path)
    with pytest.raises(InputError, match="row 3: is not finite"):
        read_cells(path, cells=Cells(neighbors=2, cell_features="X_pca"))


# ----------------------------------------------------------------------------- out


def test_an_embedding_goes_to_its_cells(path: Path) -> None:
    order = np.random.default_rng(1).permutation(N_CELLS)
    ids = np.array(NAMES, dtype=object)[order]
    vectors = order[:, None].astype(np.float32)
    assert check_cells(path, ids, overwrite=False).tolist() == np.argsort(order).tolist()
    write_cells(path, ids, vectors)
    with h5py.File(path) as file:
        assert file["obsm/X_vgae"][:, 0].tolist() == list(range(N_CELLS))
        assert file["obsm/X_vgae"].attrs["encoding-type"] == "array"
        assert same_matrix(read_cells(path).features, expression())
    with pytest.raises(InputError, match="add --overwrite"):
        write_cells(path, ids, vectors)
    write_cells(path, ids, vectors + 1, overwrite=True)
    with h5py.File(path) as file:
        assert file["obsm/X_vgae"][0, 0] == 1.0


def test_other_cells_are_refused_and_the_file_stays(path: Path) -> None:
    before = path.read_bytes()
    for ids in (NAMES[:-1], [*NAMES, "more"], [*NAMES[:-1], "other"]):
        with pytest.raises(InputError, match="holds other cells than the run"):
            write_cells(path, np.array(ids, dtype=object), np.zeros((len(ids), 2)))
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["cells.h5ad"]


def test_cells_of_one_name_are_refused_by_file_and_name(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["obs/_index"][...] = NAMES[0]
    before = path.read_bytes()
    said = r"cells.h5ad: node id 'cell0' occurs more than once; AnnData.obs_names_make_unique\(\)"
    with pytest.raises(InputError, match=said):
        read_cells(path, cells=Cells(neighbors=2))
    with pytest.raises(InputError, match=said):
        write_cells(path, np.array(NAMES, dtype=object), np.zeros((N_CELLS, 2)))
    assert path.read_bytes() == before


def test_edges_that_are_none_are_refused_by_file(path: Path) -> None:
    matrix = sparse.csr_matrix(([-1.0, -1.0], ([0, 1], [1, 0])), shape=(N_CELLS, N_CELLS))
    with h5py.File(path, "r+") as file:
        put_sparse(file.require_group("obsp"), "negative", matrix)
    with pytest.raises(InputError, match=r"cells.h5ad: adjacency, entry \(0, 1\): -1.0 is not"):
        read_cells(path, cells=Cells(connectivities="negative"))


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", fails)
    with pytest.raises(InputError, match="cells.h5ad: .*space"):
        write_cells(path, np.array(NAMES, dtype=object), np.zeros((N_CELLS, 2)))
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["cells.h5ad"]


# --------------------------------------------------------------------- command line


def test_the_command_line_fits_cells_and_embeds_them(
    call: Caller, folder: Path, path: Path
) -> None:
    fitted = call(
        "fit", path, "--neighbors", 4, "--sections", "slide", "--out", "run", "--steps", 5
    )
    assert fitted.status == 0, fitted.err
    assert "60 nodes" in fitted.err
    done = call("embed", "run", "--into", path)
    assert (done.status, done.out) == (0, "")
    model = vgae.load(folder / "run")
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["obsm/X_vgae"][:], model.embedding_)
    assert "add --overwrite" in refused(call, folder, "embed", "run", "--into", path)
    assert call("embed", "run", "--into", path, "--overwrite", "--quiet").status == 0
    assert "leave --out" in refused(call, folder, "embed", "run", "--into", path, "--json")
    assert call("fit", "karate", "--out", "other", "--steps", 1, "--quiet").status == 0
    assert "other cells" in refused(call, folder, "embed", "other", "--into", path)
    found = json.loads(call("inspect", path, "--neighbors", 4, "--json").out)
    assert found["n_nodes"] == N_CELLS


def test_a_fit_of_cells_is_that_of_their_graph(path: Path) -> None:
    graph = vgae.read_graph(path, neighbors=4)
    same = Graph.from_scipy(graph.adjacency, ids=NAMES, features=expression())
    one, other = (make_estimator("gae", steps=3).fit(data) for data in (graph, same))
    np.testing.assert_array_equal(one.embedding_, other.embedding_)
