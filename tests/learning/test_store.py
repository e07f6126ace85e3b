import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from run_folders import seal

import vgae.learning.store
from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.store import FORMAT_VERSION
from vgae.people.api import GAE, VGAE, LinkModel, load

FILES = [
    "calibrator.json",
    "embedding_std.parquet",
    "embeddings.parquet",
    "history.jsonl",
    "metrics.json",
    "record.json",
    "record.safetensors",
    "run.json",
    "split.npz",
    "states.safetensors",
    "weights.safetensors",
]


@pytest.fixture
def model(ring: Graph) -> LinkModel:
    split = split_edges(ring, validation=0.1, test=0.1, seed=2)
    return VGAE(steps=12, latent_dim=4, seed=1).fit(split)


@pytest.fixture
def run(model: LinkModel, tmp_path: Path) -> Path:
    model.save(tmp_path / "run")
    return tmp_path / "run"


def test_the_folder_holds_what_the_format_says(run: Path, model: LinkModel, ring: Graph) -> None:
    assert sorted(item.name for item in run.iterdir()) == FILES
    about = json.loads((run / "run.json").read_text())
    assert about["format_version"] == FORMAT_VERSION
    assert about["fingerprint"] == ring.fingerprint
    assert about["settings"]["training"]["steps"] == 12
    assert about["versions"]["vgae"] == vgae.__version__
    assert about["protocol"] == "T"
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [record["step"] for record in history] == list(range(1, 13))
    assert {"step", "loss", "reconstruction", "kl", "seconds"} <= history[0].keys()
    assert "auc" in history[9]["validation"]
    vectors = pyarrow.parquet.read_table(run / "embeddings.parquet")
    assert vectors.column_names == ["node", "z0", "z1", "z2", "z3"]
    assert vectors.column("node").to_pylist() == ring.ids.tolist()
    np.testing.assert_array_equal(vectors.column("z1").to_numpy(), model.embedding_[:, 1])
    (run / "other").touch()
    assert len({item.stat().st_mode for item in run.iterdir()}) == 1


def test_a_loaded_model_answers_as_before(run: Path, model: LinkModel) -> None:
    back = load(run)
    pairs = [("n00", "n07"), ("n03", "n04")]
    np.testing.assert_array_equal(back.predict_proba(pairs), model.predict_proba(pairs))
    assert back.recommend(20) == model.recommend(20)
    assert back.recommend(2, nodes=["n05"]) == model.recommend(2, nodes=["n05"])
    assert back.history_ == model.history_
    assert back.metrics_ == model.metrics_
    assert back.settings == back.settings_ == model.settings_
    np.testing.assert_array_equal(back.embedding_std_, model.embedding_std_)
    for name, value in model.network_.state_dict().items():
        np.testing.assert_array_equal(back.network_.state_dict()[name], value)


def test_another_process_reads_the_folder(run: Path, model: LinkModel) -> None:
    program = (
        f"import vgae; print(repr(vgae.load({str(run)!r}).predict_proba([('n00', 'n07')])[0]))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.strip() == repr(model.predict_proba([("n00", "n07")])[0])


def test_saving_a_loaded_model_again_keeps_it(run: Path, tmp_path: Path) -> None:
    load(run).save(tmp_path / "again")
    first, second = (load(folder) for folder in (run, tmp_path / "again"))
    assert first.recommend(5) == second.recommend(5)
    about = [json.loads((p / "run.json").read_text()) for p in (run, tmp_path / "again")]
    assert about[0]["fingerprint"] == about[1]["fingerprint"]


@pytest.mark.parametrize("ids", [[3, 1, 2], ["a,b", 'say "x"', "日本"], ["1", "2", "03"]])
def test_ids_of_every_kind_survive(tmp_path: Path, ids: list[object]) -> None:
    graph = Graph.from_edges([(0, 1), (1, 2)], ids=ids)  # type: ignore[arg-type]
    GAE(steps=2).fit(graph).save(tmp_path / "run")
    back = load(tmp_path / "run")
    assert back.ids_.tolist() == ids
    assert back.embedding_std_ is None
    assert not (tmp_path / "run" / "embedding_std.parquet").exists()


def test_a_run_that_was_moved_away_by_a_killed_process_is_loaded(run: Path) -> None:
    aside = run.with_name(".run.0123abcd.old")
    aside.mkdir()
    run.rename(aside / "run")
    assert len(load(run).recommend(2)) == 2
    assert not aside.exists()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "truncated", "one byte", "empty"])
def test_damage_to_any_file_is_one_clear_line(run: Path, name: str, damage: str) -> None:
    path = run / name
    content = path.read_bytes()
    middle = len(content) // 2
    match damage:
        case "missing":
            path.unlink()
        case "truncated":
            path.write_bytes(content[:middle])
        case "one byte":
            flipped = bytes([content[middle] ^ 255])
            path.write_bytes(content[:middle] + flipped + content[middle + 1 :])
        case "empty":
            path.write_bytes(b"")
    with pytest.raises(InputError) as caught:
        load(run)
    assert str(run) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_changed_record_is_refused_and_a_reformatted_one_is_not(run: Path) -> None:
    record = run / "run.json"
    about = json.loads(record.read_text())
    record.write_text(json.dumps(dict(reversed(about.items()))))
    assert load(run).settings.training.steps == 12
    about["settings"]["training"]["steps"] = 13
    record.write_text(json.dumps(about))
    with pytest.raises(InputError, match="run.json: is damaged .checksum differs"):
        load(run)
    record.write_text(json.dumps(about | {"format_version": 2}))
    with pytest.raises(InputError, match="run.json: is damaged .checksum differs"):
        load(run)


def test_newer_formats_and_strange_folders_are_refused(run: Path, tmp_path: Path) -> None:
    about = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(about | {"format_version": 99}))
    with pytest.raises(InputError, match="format 99 is newer.*update vgae"):
        load(run)
    for change, said in [
        ({"settings": {"model": "vgae", "x": 1}}, r"run.json: settings: \w+"),
        ({"format_version": 0, "checksum": None}, "format_version"),
        ({"format_version": FORMAT_VERSION + 0.5}, rf"format {FORMAT_VERSION}\.5 is newer"),
        ({"format_version": FORMAT_VERSION - 0.5}, "format_version: input should be"),
        ({"format_version": None}, "damaged"),
        ({"files": None}, "files"),
        ({"files": {}}, "its files are not those of a run"),
        ({"files": about["files"] | {"/etc/hostname": ""}}, "its files are not those of a run"),
        ({"graph": None}, "graph"),
        ({"interrupted": "no"}, "interrupted"),
        ({"settings": about["settings"] | {"model": "gae"}}, "weights do not fit|model"),
    ]:
        seal(run, about | change)
        with pytest.raises(InputError, match=said):
            load(run)
    (run / "run.json").write_text("[]")
    with pytest.raises(InputError, match="damaged"):
        load(run)
    with pytest.raises(InputError, match="not a run folder"):
        load(tmp_path)
    with pytest.raises(InputError, match="no such run folder"):
        load(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("history.jsonl", b"nonsense"),
        ("metrics.json", b"{"),
        ("weights.safetensors", b"x" * 50),
        ("embeddings.parquet", b"x" * 50),
        ("split.npz", b"x" * 50),
    ],
)
def test_files_that_are_whole_but_nonsense_are_refused(
    run: Path, name: str, content: bytes
) -> None:
    (run / name).write_bytes(content)
    seal(run)
    with pytest.raises(InputError, match="damaged") as caught:
        load(run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 500, 1000, 2000, 3000])
def test_a_disk_that_fills_up_leaves_nothing(model: LinkModel, tmp_path: Path, size: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))  # the system refuses to write more
    try:
        with pytest.raises(InputError, match=rf"{tmp_path}/run.*: file too large"):
            model.save(tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_ours_while_saving_is_no_damaged_file(
    model: LinkModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("a bug")

    for name in ("version", "save", "with_checksum"):
        with monkeypatch.context() as patch:
            patch.setattr(vgae.learning.store, name, broken)
            with pytest.raises(OSError, match="^a bug$"):
                model.save(tmp_path / "run")
        assert list(tmp_path.iterdir()) == []


def test_a_data_set_is_told_from_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match="karate: no such run folder, but a data set: fit it first"
    ):
        load("karate")
