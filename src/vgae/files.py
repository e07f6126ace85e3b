"""Files on disk: clear errors when reading, all-or-nothing when writing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vgae.errors import InputError

__all__ = ["check_directory", "file_errors", "staged_directory", "staged_file"]


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into one line that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{error.filename or path}: no such file or folder") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder; name a file") from error
    except NotADirectoryError as error:
        raise InputError(f"{path}: a part of this path is a file, not a folder") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path}: {reason}") from error


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
    with file_errors(path):
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder", str(path))
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


@contextmanager
def staged_directory(path: Path, *, overwrite: bool, marker: str) -> Iterator[Path]:
    """Fill a folder beside the final name, then rename it into place whole.

    The staging folder is made at once, so that a read-only place is found before hours of work.

    Parameters
    ----------
    path
        The final name; missing parents are made.
    overwrite
        Whether an existing folder may be replaced.
    marker
        A file name by which a replaceable folder is known: other folders are never replaced.

    Yields
    ------
    The folder to fill. It becomes `path` when the block ends and vanishes when the block raises.

    Raises
    ------
    InputError
        The folder exists and may not be replaced, or cannot be written.
    """
    path = Path(os.path.abspath(path))  # not resolve(): a link to a folder stays that link's name
    with file_errors(path):
        check_directory(path, overwrite=overwrite, marker=marker)
        made = [parent for parent in path.parents if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
        try:
            yield staged
            for item in staged.iterdir():
                _give_default_mode(item, 0o666)
                _flush(item)
            _give_default_mode(staged, 0o777)
            _swap(staged, path)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
            for parent in made:
                with suppress(OSError):  # not empty: the result is in it
                    parent.rmdir()


def check_directory(path: Path, *, overwrite: bool, marker: str) -> None:
    """Refuse a folder that `staged_directory` would refuse, before the work is done.

    Parameters and what raises are those of `staged_directory`.
    """
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise InputError(f"{path}: exists and is not a folder; choose another name")
    if not any(path.iterdir()):
        return
    if not (path / marker).is_file():
        raise InputError(f"{path}: holds other files (no {marker}); choose another folder")
    if not overwrite:
        raise InputError(f"{path}: exists; add --overwrite to replace it")


def _swap(staged: Path, path: Path) -> None:
    """Put `staged` in the place of `path`; whatever stood there comes back if that fails."""
    if not path.exists():
        staged.rename(path)
        return
    retired = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
    path.rename(retired / path.name)
    try:
        staged.rename(path)
    except OSError:
        (retired / path.name).rename(path)
        raise
    finally:
        if path.exists():
            shutil.rmtree(retired, ignore_errors=True)


def _flush(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _give_default_mode(path: Path, mode: int) -> None:
    """Undo the private mode of temporary names: results are as readable as any other file."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(mode & ~mask)
