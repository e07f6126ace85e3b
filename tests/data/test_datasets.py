import hashlib
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import vgae.data.datasets as datasets
from vgae.data.datasets import DATASETS, is_cached, load_dataset
from vgae.ground.errors import InputError


@pytest.mark.parametrize("name", ["digits", "karate", "lesmis"])
def test_embedded_graphs_are_as_listed(name: str) -> None:
    graph, listed = load_dataset(name), DATASETS[name]
    assert (graph.n_nodes, graph.n_edges) == (listed.n_nodes, listed.n_edges)
    assert graph.n_features == listed.n_features
    assert is_cached(name)


def test_digits_have_pixels_and_classes() -> None:
    graph = load_dataset("digits")
    assert isinstance(graph.features, np.ndarray)
    assert graph.features.min() == 0.0
    assert graph.features.max() == 1.0
    assert graph.labels is not None
    assert set(graph.labels.tolist()) == set(range(10))
    assert graph.degrees.min() >= 10
    assert load_dataset("digits", features=False).features is None


@pytest.mark.parametrize("name", ["cora", "citeseer"])
def test_planetoid_graphs_are_as_listed(name: str, data_folder: Path) -> None:
    assert data_folder
    graph, listed = load_dataset(name), DATASETS[name]
    assert (graph.n_nodes, graph.n_edges) == (listed.n_nodes, listed.n_edges)
    assert graph.n_features == listed.n_features
    assert graph.labels is not None


def test_citeseers_undescribed_nodes_keep_their_place(data_folder: Path) -> None:
    assert data_folder
    graph = load_dataset("citeseer")
    assert graph.features is not None
    assert graph.labels is not None
    undescribed = np.flatnonzero(graph.labels == -1)
    assert undescribed.size == 15
    assert graph.features[undescribed].sum() == 0.0
    # Neighbours mostly share a class: true only if the shuffled test rows were put in order.
    source, target = graph.edges.T
    assert (graph.labels[source] == graph.labels[target]).mean() > 0.7


def test_pubmed_goes_without_features_and_says_so(
    data_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert data_folder
    if (data_folder / "planetoid" / "ind.pubmed.allx").exists():
        pytest.skip("Pubmed's features are there")
    monkeypatch.setattr(datasets, "_cache", lambda: tmp_path)
    monkeypatch.setattr(datasets, "PLANETOID_ADDRESS", "http://127.0.0.1:9/")
    with caplog.at_level("WARNING", logger="vgae"):
        graph = load_dataset("pubmed")
    assert (graph.n_nodes, graph.n_edges, graph.n_features) == (19717, 44324, 0)
    assert any("without features" in message for message in caplog.messages)
    assert not is_cached("pubmed")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no data folder and no network."""
    monkeypatch.setattr(datasets, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(datasets, "PLANETOID_ADDRESS", "http://127.0.0.1:9/")
    monkeypatch.delenv("VGAE_DATA", raising=False)
    return tmp_path / "cache"


@pytest.mark.usefixtures("offline")
def test_without_network_and_cache_it_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert not is_cached("cora")
    with pytest.raises(InputError, match="cannot be downloaded.*VGAE_DATA") as caught:
        load_dataset("cora")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_an_altered_file_is_refused(offline: Path, data_folder: Path) -> None:
    shutil.copytree(data_folder / "planetoid", offline)
    (offline / "ind.cora.graph").chmod(0o644)
    (offline / "ind.cora.graph").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(InputError, match="ind.cora.graph: checksum"):
        load_dataset("cora")


def test_downloads_are_verified_before_they_get_their_name(tmp_path: Path) -> None:
    class Source:
        """Stands in for the network: writes what a server would send."""

        def __init__(self, timeout: float) -> None:
            assert timeout > 0

        def __call__(self, url: str, output_file: str, pooch: object) -> None:  # noqa: ARG002
            assert url
            Path(output_file).write_bytes(b"content")

    good = hashlib.sha256(b"content").hexdigest()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pooch.HTTPDownloader", Source)
        target = tmp_path / "file"
        datasets._VerifyingDownload(good)("u", str(target), None)
        assert target.read_bytes() == b"content"
        with pytest.raises(InputError, match="checksum"):
            datasets._VerifyingDownload("0" * 64)("u", str(target), None)


def test_git_blob_ids_are_checked_too(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello\n")
    datasets._verify(path, "git-blob:ce013625030ba8dba906f756967f9e9ca394464a")
    with pytest.raises(InputError, match="checksum"):
        datasets._verify(path, "git-blob:" + "0" * 40)


def test_pickles_can_build_nothing_but_arrays_and_containers(tmp_path: Path) -> None:
    path = tmp_path / "evil"
    for payload in (print, Path("x"), np.random.default_rng):
        path.write_bytes(pickle.dumps(payload, protocol=2))
        with pytest.raises(InputError, match="is not allowed here"):
            datasets._read_planetoid(path, "graph")
    path.write_bytes(b"\x80\x02}q")
    with pytest.raises(InputError, match="cannot be read"):
        datasets._read_planetoid(path, "graph")


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'cora'"):
        load_dataset("coar")


def test_every_dataset_names_its_licence_and_source() -> None:
    for dataset in DATASETS.values():
        assert dataset.licence
        assert dataset.citation
        assert dataset.about
