"""What the commands share: where results are written, and what is refused before any work."""

from pathlib import Path

import pytest
from command import Caller, refused

import vgae


@pytest.mark.parametrize(
    "arguments",
    [
        "predict run pairs.csv --out made.csv",
        "recommend run --out made.parquet",
        "recommend run --out made.gexf",
        "embed run --out made.npz",
        "embed run --out made.w2v",
        "embed run --out made.projector",
        "datasets --out made.jsonl",
        "evaluate karate --models katz --runs 1 --out made.csv",
    ],
)
def test_a_table_is_replaced_when_told_so_alone(
    call: Caller,
    folder: Path,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
) -> None:
    (folder / "pairs.csv").write_text("n0,n1\n")
    assert run.is_dir()
    words = arguments.split()
    assert call(*words).status == 0
    made = folder / words[-1]
    times = [item.stat().st_mtime_ns for item in (made, *made.glob("*"))]

    def worked(*_: object, **__: object) -> None:
        raise AssertionError("work began")

    with monkeypatch.context() as patch:
        for function in ("people.api.load", "people.api.evaluate", "data.datasets.is_cached"):
            patch.setattr(f"vgae.{function}", worked)
        line = refused(call, folder, *words)
    assert line.startswith(f"Error: {words[-1]}: exists; add --overwrite")
    assert [item.stat().st_mtime_ns for item in (made, *made.glob("*"))] == times
    assert call(*words, "--overwrite").status == 0
    assert made.stat().st_mtime_ns > times[0]


def test_what_prints_and_what_writes_are_not_mixed(call: Caller, folder: Path, run: Path) -> None:
    for command in (f"recommend {run}", f"embed {run}", "datasets"):
        line = refused(call, folder, *command.split(), "--json", "--out", "x.csv")
        assert line == "Error: --json prints and --out writes: name one of them"
        line = refused(call, folder, *command.split(), "--overwrite")
        assert line == "Error: --overwrite: makes no sense without --out"


def test_results_do_not_lie_in_the_run_that_they_come_from(
    call: Caller, folder: Path, run: Path
) -> None:
    for command, name in (("recommend", "links.csv"), ("embed", "embeddings.parquet")):
        line = refused(call, folder, command, run, "--out", run / name, "--overwrite")
        assert "lies in the run folder" in line
    assert vgae.load(run).interrupted_ is False
