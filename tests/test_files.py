import errno
import os
from pathlib import Path

import pytest

from vgae.errors import InputError
from vgae.files import check_directory, check_file, file_errors, staged_directory, staged_file


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
    with pytest.raises(InputError, match="no space left"), staged_file(tmp_path / "a") as staged:
        staged.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert listing(tmp_path) == []


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
