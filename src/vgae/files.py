"""Files on disk: clear errors when reading, all-or-nothing when writing."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vgae.errors import InputError

__all__ = [
    "BAD_ARCHIVE",
    "check_directory",
    "check_file",
    "file_errors",
    "local_path",
    "locked_folder",
    "staged_directory",
    "staged_file",
]

BAD_ARCHIVE = (
    KeyError,
    ValueError,
    TypeError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and SciPy raise on a damaged .npy or .npz."""


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into one line that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file or folder") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder; name a file") from error
    except NotADirectoryError as error:
        raise InputError(f"{path}: a part of this path is a file, not a folder") from error
    except OSError as error:
        reason = (error.strerror or str(error)).splitlines()[0].lower()
        if error.errno is None:  # not the system's refusal, but a decompressor's
            reason += "; the file is damaged or cut short: copy it again"
        raise InputError(f"{path}: {reason}") from error


def local_path(path: str | Path) -> Path:
    """A path, once it is sure that it is no address of the web.

    Raises
    ------
    InputError
        It is one.

    Examples
    --------
    >>> local_path("edges.csv").name
    'edges.csv'
    """
    address = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", str(path))
    if address and address[1].lower() == "file":
        raise InputError(f"{path}: is an address; name the file by its path, /{address[2]}")
    if address:
        raise InputError(
            f"{address[1]}://{address[2]}: is an address; download the file and name it here"
        )
    if not str(path):
        raise InputError("the name of a file is empty")
    return Path(path)


# ---------------------------------------------------------------------- a file


def check_file(path: Path) -> None:
    """Refuse a place where `staged_file` could not write, before the work is done.

    Raises
    ------
    InputError
        The name is a folder's, or its folder is missing or cannot be written.
    """
    with file_errors(path):
        if path.is_dir():
            raise IsADirectoryError
        if not path.parent.exists():
            raise InputError(f"{path}: there is no folder {path.parent}; make it first")
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", dir=path.parent):
            pass


@contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """Write beside the final name, then rename: a crash leaves the old file or the new one.

    Parameters
    ----------
    path
        The final name. Its folder must exist.

    Yields
    ------
    A path in the same folder to write to. It is flushed to disk and renamed when the block ends,
    and removed when the block raises.

    Raises
    ------
    InputError
        The folder is missing, read-only or full.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> target = Path(tempfile.mkdtemp()) / "answer.txt"
    >>> with staged_file(target) as staged:
    ...     _ = staged.write_text("42")
    >>> target.read_text()
    '42'
    """
    check_file(path)
    with file_errors(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        os.close(handle)
        staged = Path(name)
        try:
            yield staged
            _give_default_mode(staged, 0o666)
            _flush(staged)
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)


# -------------------------------------------------------------------- a folder


def check_directory(path: Path, *, overwrite: bool, ours: Collection[str]) -> None:
    """Refuse a folder that `staged_directory` would refuse, before the work is done.

    Parameters and what raises are those of `staged_directory`.
    """
    with file_errors(path):
        if not os.path.lexists(path):
            return
        if not path.is_dir():
            raise InputError(f"{path}: exists and is not a folder; choose another name")
        if os.path.ismount(path):
            raise InputError(
                f"{path}: is a mount point and cannot be replaced; name a folder in it"
            )
        found = sorted(item.name for item in path.iterdir())
        foreign = [name for name in found if name not in ours]
        if foreign:
            raise InputError(f"{path}: holds another file, {foreign[0]}; choose another folder")
        if found and not overwrite:
            raise InputError(f"{path}: exists; add --overwrite (overwrite=True) to replace it")


@contextmanager
def staged_directory(path: Path, *, overwrite: bool, ours: Collection[str]) -> Iterator[Path]:
    """Fill a folder beside the final name, then rename it into place whole.

    The staging folder is made at once, so that a read-only place is found before hours of work.

    Parameters
    ----------
    path
        The final name; missing parents are made.
    overwrite
        Whether an existing folder may be replaced.
    ours
        File names that such a folder may hold: one that holds any other is never replaced.

    Yields
    ------
    The folder to fill. It becomes `path` when the block ends and vanishes when the block raises.

    Raises
    ------
    InputError
        The folder exists and may not be replaced, or cannot be written.
    """
    check_directory(path, overwrite=overwrite, ours=ours)
    final = path.resolve()  # a link to a folder stays a link
    made = [parent for parent in final.parents if not parent.exists()]
    staged = None
    with file_errors(path):
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            staged = _hidden_folder(final, ".partial")
            yield staged
            for item in staged.iterdir():
                _give_default_mode(item, 0o666)
                _flush(item)
            _give_default_mode(staged, 0o777)
            _swap(staged, final)
        except InputError as error:
            # The staging folder's name means nothing to a user.
            raise InputError(str(error).replace(str(staged), str(path))) from error
        finally:
            if staged is not None:
                shutil.rmtree(staged, ignore_errors=True)
            for parent in made:
                with suppress(OSError):  # not empty: the result is in it
                    parent.rmdir()


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """Keep a folder to one process at a time; the lock ends with the process, however it ends.

    Raises
    ------
    InputError
        Another process has it.
    """
    with file_errors(path), (path / ".lock").open("w") as handle:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # a system without such locks
            pass
        except BlockingIOError as error:
            raise InputError(f"{path}: another process is at work in this folder") from error
        yield


def _swap(staged: Path, final: Path) -> None:
    """Put `staged` in the place of `final`; whatever stood there comes back if that fails."""
    if not final.exists():
        staged.rename(final)
        return
    retired = _hidden_folder(final, ".old")
    try:
        final.rename(retired / final.name)
        try:
            staged.rename(final)
        except OSError:
            (retired / final.name).rename(final)
            raise
    finally:
        if final.exists():
            shutil.rmtree(retired, ignore_errors=True)


def _hidden_folder(beside: Path, suffix: str) -> Path:
    name = tempfile.mkdtemp(prefix=f".{beside.name}.", suffix=suffix, dir=beside.parent)
    return Path(name)


def _flush(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _give_default_mode(path: Path, mode: int) -> None:
    """Undo the private mode of temporary names: results are as readable as any other file."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(mode & ~mask)
