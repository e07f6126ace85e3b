import errno
import fcntl
import os
import shutil
import threading
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

import vgae.ground.files
from vgae.ground.errors import InputError
from vgae.ground.files import (
    check_directory,
    check_file,
    file_errors,
    locked_folder,
    near_file,
    restore_folder,
    staged_directory,
    staged_file,
)


def listing(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="crash"), staged_file(target) as staged:
        staged.write_text("half")
        raise RuntimeError("crash")
    assert target.read_text() == "old"
    assert listing(tmp_path) == ["a.txt"]


def test_a_finished_file_replaces_the_old_one_with_usual_permissions(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with staged_file(target) as staged:
        staged.write_text("new")
    assert target.read_text() == "new"
    other = tmp_path / "b.txt"
    other.touch()
    assert target.stat().st_mode == other.stat().st_mode


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with (
        pytest.raises(InputError, match="no space left"),
        staged_file(target) as staged,
        file_errors(target),
    ):
        staged.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert listing(tmp_path) == []


@pytest.mark.parametrize("error", [OSError("a bug"), PermissionError(13, "no"), EOFError("a bug")])
@pytest.mark.parametrize("place", ["file", "directory", "lock"])
def test_what_fails_inside_is_not_the_files_fault(
    tmp_path: Path, place: str, error: Exception
) -> None:
    contexts: dict[str, AbstractContextManager[object]] = {
        "file": staged_file(tmp_path / "a"),
        "directory": staged_directory(tmp_path / "run", overwrite=False, ours={"m"}),
        "lock": locked_folder(tmp_path),
    }
    with pytest.raises(type(error)) as caught, contexts[place]:
        raise error
    assert caught.value is error
    assert listing(tmp_path) == []


def test_no_other_thread_sees_wrong_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread writes all the while has the mode that it asked for."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # slow where the disk is busy
    (tmp_path / "others").mkdir()
    (tmp_path / "plain").touch()
    stop, modes = threading.Event(), set()

    def write() -> None:
        for number in range(10**6):
            if stop.is_set():
                return
            path = tmp_path / "others" / f"{number}"
            path.touch()
            modes.add(path.stat().st_mode)
            path.unlink()

    set_mask = os.umask

    def slowly(mask: int) -> int:  # so that the other thread sees any mask that is set
        before = set_mask(mask)
        time.sleep(0.001)
        return before

    monkeypatch.setattr(os, "umask", slowly)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(50):
            with staged_file(tmp_path / "a") as staged:
                staged.touch()
            with staged_directory(tmp_path / "run", overwrite=True, ours={"m"}) as folder:
                (folder / "m").touch()
    finally:
        stop.set()
        thread.join()
    assert modes == {(tmp_path / "plain").stat().st_mode}
    assert (tmp_path / "run").stat().st_mode == (tmp_path / "others").stat().st_mode


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"), staged_file(tmp_path / "none" / "a"):
        pass


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "x", "f"), "no such file"),
        (IsADirectoryError(21, "x"), "is a folder"),
        (NotADirectoryError(20, "x"), "is a file, not a folder"),
        (PermissionError(13, "Permission denied"), "permission denied"),
        (OSError("odd"), "odd"),
    ],
)
def test_refusals_of_the_system_name_the_file(error: OSError, said: str) -> None:
    with pytest.raises(InputError, match=said), file_errors(Path("f")):
        raise error


def test_a_directory_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "run"
    with (
        pytest.raises(RuntimeError),
        staged_directory(target, overwrite=False, ours={"m"}) as staged,
    ):
        (staged / "m").touch()
        assert not target.exists()
        raise RuntimeError
    assert listing(tmp_path) == []
    with staged_directory(target, overwrite=False, ours={"m"}) as staged:
        (staged / "m").touch()
    assert listing(target) == ["m"]
    assert listing(target.parent) == ["run"]


def test_overwriting_replaces_all_of_an_older_run_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "run"
    target.mkdir()
    (target / "m").write_text("old")
    with pytest.raises(InputError, match="--overwrite"):
        check_directory(target, overwrite=False, ours={"m"})
    with staged_directory(target, overwrite=True, ours={"m"}) as staged:
        (staged / "m").write_text("new")
    assert listing(target) == ["m"]
    assert (target / "m").read_text() == "new"
    assert listing(tmp_path) == ["run"]


def test_a_folder_with_any_other_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "m").touch()
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="holds another file, thesis.tex"):
        check_directory(tmp_path, overwrite=True, ours={"m"})


def test_a_mount_point_is_refused_before_the_work() -> None:
    with pytest.raises(InputError, match="mount point"):
        check_directory(Path("/proc"), overwrite=True, ours={"m"})


def test_an_empty_folder_is_filled_and_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with staged_directory(tmp_path / "link", overwrite=False, ours={"m"}) as staged:
        (staged / "m").touch()
    assert (tmp_path / "link").is_symlink()
    assert listing(tmp_path / "real") == ["m"]


def test_refusals_name_the_final_place_and_leave_no_parents(tmp_path: Path) -> None:
    target = tmp_path / "new" / ("x" * 300)
    with (
        pytest.raises(InputError, match="file name too long"),
        staged_directory(target, overwrite=False, ours={"m"}),
    ):
        pass
    with (
        pytest.raises(InputError) as caught,
        staged_directory(tmp_path / "run", overwrite=False, ours={"m"}) as staged,
    ):
        raise InputError(f"{staged / 'm'}: no space left")
    assert str(caught.value) == f"{tmp_path / 'run' / 'm'}: no space left"
    assert listing(tmp_path) == []


def test_outputs_are_checked_before_the_work(tmp_path: Path) -> None:
    check_file(tmp_path / "a.csv")
    assert listing(tmp_path) == []
    with pytest.raises(InputError, match="a.csv: there is no folder .*none; make it first"):
        check_file(tmp_path / "none" / "a.csv")
    with pytest.raises(InputError, match="is a folder"):
        check_file(tmp_path)


def test_a_failed_swap_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "run"
    target.mkdir()
    (target / "m").write_text("old")
    rename = Path.rename

    def fail_for_staged(self: Path, other: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", fail_for_staged)
    with (
        pytest.raises(InputError, match="no space"),
        staged_directory(target, overwrite=True, ours={"m"}) as staged,
    ):
        (staged / "m").write_text("new")
    assert (target / "m").read_text() == "old"
    assert listing(tmp_path) == ["run"]


# --------------------------------------------------- what killed processes left


def leave(folder: Path, name: str, *, moved: bool = False) -> Path:
    """What a process leaves that is killed while it fills a folder, or while it replaces one."""
    left = folder / f".{name}.0a_9z7x8.{'old' if moved else 'partial'}"
    inside = left / name if moved else left
    inside.mkdir(parents=True)
    (inside / "m").write_text("left")
    return left


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in ("run", "a"):
        leave(tmp_path, name)
    (tmp_path / ".a.abcdefgh.partial").touch()
    kept = [".a.partial", ".b.abcdefgh.partial", ".run.abcdefgh.txt", "xrun.abcdefgh.partial"]
    for name in kept:
        (tmp_path / name).touch()
    (tmp_path / ".run.abcdefg0.partial").symlink_to(tmp_path / ".a.partial")
    kept.append(".run.abcdefg0.partial")
    with staged_directory(tmp_path / "run", overwrite=False, ours={"m"}) as staged:
        (staged / "m").touch()
    with staged_file(tmp_path / "a"):
        pass
    assert listing(tmp_path) == sorted([*kept, "a", "run"])


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(staged_file(tmp_path / "a"))
        folder = stack.enter_context(staged_directory(tmp_path / "r", overwrite=True, ours={"m"}))
        first.write_text("first")
        (folder / "m").write_text("first")
        with staged_file(tmp_path / "a") as second:
            second.write_text("second")
        with staged_directory(tmp_path / "r", overwrite=True, ours={"m"}) as other:
            (other / "m").write_text("second")
        assert (first.read_text(), (folder / "m").read_text()) == ("first", "first")
    assert ((tmp_path / "a").read_text(), (tmp_path / "r" / "m").read_text()) == ("first", "first")
    assert listing(tmp_path) == ["a", "r"]


def test_a_folder_that_was_moved_away_comes_back(tmp_path: Path) -> None:
    leave(tmp_path, "run", moved=True)
    with pytest.raises(InputError, match="exists; add --overwrite"):
        check_directory(tmp_path / "run", overwrite=False, ours={"m"})
    assert listing(tmp_path) == ["run"]
    leave(tmp_path, "run", moved=True)  # the new one is in place: the old one is not wanted
    (tmp_path / "run" / "m").write_text("new")
    check_directory(tmp_path / "run", overwrite=True, ours={"m"})
    assert (tmp_path / "run" / "m").read_text() == "new"
    assert listing(tmp_path) == ["run"]
    leave(tmp_path, "other", moved=True)
    restore_folder(tmp_path / "other")
    assert (tmp_path / "other" / "m").read_text() == "left"
    assert listing(tmp_path) == ["other", "run"]


def test_half_a_folder_never_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, **_: object) -> None:
        (path / "run" / "m").unlink()
        raise KeyboardInterrupt

    (tmp_path / "run").mkdir()
    for name in ("m", "n"):
        (tmp_path / "run" / name).touch()
    monkeypatch.setattr(shutil, "rmtree", killed)
    with (
        pytest.raises(KeyboardInterrupt),
        staged_directory(tmp_path / "run", overwrite=True, ours={"m", "n"}) as staged,
    ):
        (staged / "m").touch()
    monkeypatch.undo()
    (tmp_path / "run" / "m").unlink()
    (tmp_path / "run").rmdir()
    restore_folder(tmp_path / "run")
    assert listing(tmp_path) == []


def test_a_name_that_is_swept_before_it_is_locked_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, calls = fcntl.flock, 0

    def late(handle: int, how: int) -> None:
        nonlocal calls
        if calls % 2 == 0:
            (left,) = tmp_path.glob(".a.*.partial")
            left.unlink()
        calls += 1
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with staged_file(tmp_path / "a") as staged:
        assert staged.exists()
    assert calls == 4
    assert listing(tmp_path) == ["a"]


def test_writers_of_one_file_do_not_sweep_each_other_away(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for _ in range(200):
                with staged_file(tmp_path / "a") as staged:
                    staged.write_text(f"{number}" * 100)
        except Exception as error:  # noqa: BLE001 - seen by the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set((tmp_path / "a").read_text())) == 1
    assert listing(tmp_path) == ["a"]


def test_without_locks_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = leave(tmp_path, "run")
    monkeypatch.setattr(vgae.ground.files, "fcntl", None)
    with staged_directory(tmp_path / "run", overwrite=False, ours={"m"}) as staged:
        (staged / "m").touch()
    with locked_folder(tmp_path):
        pass
    assert listing(tmp_path) == [left.name, "run"]


# ------------------------------------------------------------- what is not there


def test_a_missing_file_is_answered_by_the_nearest(tmp_path: Path) -> None:
    for name in ("edges.csv", "pairs.parquet", ".edgse.csv.x.partial"):
        (tmp_path / name).touch()
    assert near_file(tmp_path / "Edges.CSV") == tmp_path / "edges.csv"
    assert near_file(tmp_path / "edegs.csv") == tmp_path / "edges.csv"
    assert near_file(tmp_path / "edges") == tmp_path / "edges.csv"
    assert near_file(tmp_path / "nodes.csv") is None
    assert near_file(tmp_path / "nowhere" / "edges.csv") is None
    missing = tmp_path / "pears.parquet"
    with (
        pytest.raises(InputError, match=r"no such file or folder; did you mean '.*/pairs.parq"),
        file_errors(missing),
    ):
        missing.open()


def test_an_existing_file_is_kept_where_it_may_not_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    check_file(tmp_path / "a.csv")
    check_file(tmp_path / "b.csv", overwrite=False)
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "nowhere.csv")
    for name in ("a.csv", "dangling.csv"):
        with pytest.raises(InputError, match="exists; add --overwrite"):
            check_file(tmp_path / name, overwrite=False)


def test_an_array_that_does_not_fit_is_told_as_a_full_disk() -> None:
    """NumPy raises an error without a number."""
    with (
        pytest.raises(InputError, match="graph: no space left on device"),
        file_errors(Path("graph")),
    ):
        raise OSError("49216 requested and 25072 written")
