"""Files on disk: clear errors when reading, all-or-nothing when writing.

A file that is being written has a hidden name next to its final one, and its process holds a lock
on it. The system releases the lock when the process ends, however it ends. A hidden file without a
lock was left by a process that was killed: the next process that writes there removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Self

from vgae.ground.errors import InputError, nearest

try:
    import fcntl
except ImportError:  # a system without such locks: nothing is known to be left, so all stays
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "BAD_ARCHIVE",
    "check_directory",
    "check_file",
    "file_errors",
    "local_path",
    "locked_folder",
    "near_file",
    "restore_folder",
    "staged_directory",
    "staged_file",
]

BAD_ARCHIVE = (
    KeyError,
    ValueError,
    TypeError,
    EOFError,
    RuntimeError,  # an archive that says it is encrypted, text that is nested too deeply
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and SciPy raise on a damaged .npy or .npz."""
NUMPY_SHORT_WRITE = re.compile(r"[0-9]+ requested and [0-9]+ written")
"""What NumPy says when the system takes only a part of an array, and does not say why."""
MOST_COMPARED, NEAR = 1000, 0.75
"""Names of a folder that are compared with a missing one, and how alike they must be."""


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into one line that names the file.

    Use it around work on that file alone: anything else that fails in the block would be blamed on
    the file.

    Examples
    --------
    >>> missing = Path("nowhere.csv")
    >>> with file_errors(missing):
    ...     missing.open()
    Traceback (most recent call last):
    vgae.InputError: nowhere.csv: no such file or folder
    """
    try:
        yield
    except FileNotFoundError:
        near = near_file(path)
        hint = "" if near is None else f"; did you mean '{near}'?"
        raise InputError(f"{path}: no such file or folder{hint}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a file") from None
    except NotADirectoryError:
        raise InputError(f"{path}: a part of this path is a file, not a folder") from None
    except OSError as error:
        if error.errno is not None:
            reason = os.strerror(error.errno).lower()
        elif NUMPY_SHORT_WRITE.fullmatch(str(error)):
            reason = os.strerror(errno.ENOSPC).lower()
        else:  # not the system's refusal, but a decompressor's
            reason = (str(error).splitlines() or [type(error).__name__])[0].lower()
            reason += "; the file is damaged or cut short: copy it again"
        raise InputError(f"{path}: {reason}") from None


def near_file(path: Path) -> Path | None:
    """The file or folder in the same place whose name is most like one that is missing, or None.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "edges.csv").touch()
    >>> near_file(folder / "edegs.csv").name
    'edges.csv'
    """
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, MOST_COMPARED)]
    except OSError:
        return None
    hidden = path.name.startswith(".")
    stems: dict[str, list[str]] = {}  # compared alone: a suffix makes any two names alike
    for name in sorted(name for name in names if hidden or not name.startswith(".")):
        stems.setdefault(Path(name).stem, []).append(name)
    stem = nearest(path.stem, stems, cutoff=NEAR)
    near = None if stem is None else nearest(path.name, stems[stem], cutoff=0)
    return None if near is None else path.with_name(near)


def local_path(path: str | Path) -> Path:
    """A path that is not a web address.

    Raises
    ------
    InputError
        The name is a web address, or empty.

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
    return path if isinstance(path, Path) else Path(path)


# ---------------------------------------------------------------------- a file


def check_file(path: Path, *, overwrite: bool = True) -> None:
    """Refuse a place where `staged_file` could not write, before the work is done.

    Parameters
    ----------
    path
        The final name.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    InputError
        The name is a folder's, its folder is missing or cannot be written, or the file exists and
        may not be replaced.

    Examples
    --------
    >>> check_file(Path("nowhere/links.csv"))
    Traceback (most recent call last):
    vgae.InputError: nowhere/links.csv: there is no folder nowhere; make it first
    """
    with file_errors(path):
        if path.is_dir():
            raise IsADirectoryError
        if not path.parent.exists():
            raise InputError(f"{path}: there is no folder {path.parent}; make it first")
        if not overwrite and os.path.lexists(path):
            raise InputError(f"{path}: exists; add --overwrite (overwrite=True) to replace it")
        _sweep(path)
        _try_to_make(path, _make_file)


@contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """Write under a hidden name, then rename: a crash leaves the old file or the new one.

    Parameters
    ----------
    path
        The final name. Its folder must exist.

    Yields
    ------
    A path in the same folder to write to. It is flushed to disk and renamed when the block ends,
    and removed when the block raises. What the block raises passes through untouched: put
    `file_errors` around the writing.

    Raises
    ------
    InputError
        The folder is missing, read-only or full.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> target = Path(tempfile.mkdtemp()) / "answer.txt"
    >>> with staged_file(target) as staged, file_errors(target):
    ...     _ = staged.write_text("42")
    >>> target.read_text()
    '42'
    """
    check_file(path)
    with file_errors(path):
        staged, lock = _hidden(path, _make_file)
    with lock:
        try:
            yield staged
            with file_errors(path):
                _flush(staged)
                staged.replace(path)
        finally:
            _discard(staged)


# -------------------------------------------------------------------- a folder


def check_directory(path: Path, *, overwrite: bool, ours: Collection[str]) -> None:
    """Refuse a folder that `staged_directory` would refuse, before the work is done.

    Parameters and errors are those of `staged_directory`.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "thesis.tex").touch()
    >>> check_directory(folder, overwrite=True, ours=["run.json"])
    Traceback (most recent call last):
    vgae.InputError: .../x: holds another file, thesis.tex; choose another folder
    """
    with file_errors(path):
        final = path.resolve()
        _sweep(final)
        if os.path.lexists(path):
            _check_replaceable(path, overwrite=overwrite, ours=ours)
        folder = next(parent for parent in final.parents if parent.exists())
        _try_to_make(folder / final.name, Path.mkdir)


def _check_replaceable(path: Path, *, overwrite: bool, ours: Collection[str]) -> None:
    if not path.is_dir():
        raise InputError(f"{path}: exists and is not a folder; choose another name")
    if os.path.ismount(path):
        raise InputError(f"{path}: is a mount point and cannot be replaced; name a folder in it")
    found = sorted(item.name for item in path.iterdir())
    foreign = [name for name in found if name not in ours]
    if foreign:
        raise InputError(f"{path}: holds another file, {foreign[0]}; choose another folder")
    if found and not overwrite:
        raise InputError(f"{path}: exists; add --overwrite (overwrite=True) to replace it")


@contextmanager
def staged_directory(path: Path, *, overwrite: bool, ours: Collection[str]) -> Iterator[Path]:
    """Fill a folder under a hidden name, then rename it into place whole.

    The hidden folder is made at once, so that a read-only place is detected before hours of work.

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
    What the block raises passes through untouched, but that an `InputError` names the final place.

    Raises
    ------
    InputError
        The folder exists and may not be replaced, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "run"
    >>> with staged_directory(target, overwrite=False, ours=["run.json"]) as staged:
    ...     _ = (staged / "run.json").write_text("{}")
    >>> [item.name for item in target.iterdir()]
    ['run.json']
    """
    check_directory(path, overwrite=overwrite, ours=ours)
    with file_errors(path):
        final = path.resolve()  # a link to a folder stays a link
    made = [parent for parent in final.parents if not parent.exists()]
    try:
        with file_errors(path):
            final.parent.mkdir(parents=True, exist_ok=True)
            staged, lock = _hidden(final, Path.mkdir)
        with lock:
            try:
                yield staged
                with file_errors(path):
                    for item in staged.iterdir():
                        _flush(item)
                    _swap(staged, final)
            except InputError as error:
                if str(staged) not in str(error):
                    raise
                # The staging folder's name means nothing to a user.
                raise InputError(str(error).replace(str(staged), str(path))) from None
            finally:
                _discard(staged)
    finally:
        for parent in made:
            with suppress(OSError):  # not empty: the result is in it
                parent.rmdir()


def restore_folder(path: Path) -> None:
    """Bring back a folder whose replacement was interrupted by a kill; otherwise do nothing.

    Examples
    --------
    >>> restore_folder(Path("nowhere"))
    """
    if not os.path.lexists(path):
        with suppress(OSError):
            _sweep(path.resolve())


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """Keep a folder to one process at a time; the lock ends with the process, however it ends.

    Raises
    ------
    InputError
        The folder is missing, or another process has it.

    Examples
    --------
    >>> import tempfile
    >>> with locked_folder(Path(tempfile.mkdtemp())):
    ...     pass
    """
    with file_errors(path):
        lock = _Lock(path.resolve(strict=True))
    with lock:
        if lock.held is False:
            raise InputError(f"{path}: another process is at work in this folder")
        yield


def _swap(staged: Path, final: Path) -> None:
    """Put `staged` in the place of `final`; what stood there comes back if that fails.

    Where the process is killed between the two renames, the old folder waits in one whose name ends
    in `.old`, and `_sweep` brings it back.
    """
    if not final.exists():
        staged.rename(final)
        return
    retired, lock = _hidden(final, Path.mkdir, suffix=".old")
    with lock:
        try:
            final.rename(retired / final.name)
            try:
                staged.rename(final)
            except BaseException:
                (retired / final.name).rename(final)
                raise
        finally:
            if final.exists():
                _discard(retired)


# ------------------------------------------------- hidden names, and whose they are


class _Lock:
    """A file or folder locked to this process until the block ends, or the process.

    `held` is False where another process has it or it is gone, and None where the system or the
    file system has no such locks.
    """

    def __init__(self, path: Path) -> None:
        self.held: bool | None = None
        self.handle: int | None = None
        if fcntl is None:
            return
        self.handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had it before may have removed it, or given it its final name.
            self.held = os.path.samestat(os.fstat(self.handle), os.lstat(path))
        except (BlockingIOError, FileNotFoundError):
            self.held = False
        except OSError:
            self.held = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.handle is not None:
            os.close(self.handle)


def _hidden(
    final: Path, make: Callable[[Path], None], *, suffix: str = ".partial"
) -> tuple[Path, _Lock]:
    """A new hidden file or folder next to `final`, made by `make`, with our lock on it.

    The system gives it the mode that anything new has.
    """
    for _ in range(100):
        path = final.with_name(f".{final.name}.{secrets.token_hex(4)}{suffix}")
        with suppress(FileExistsError):
            make(path)
            # Another process may have swept it away before it was locked.
            with suppress(FileNotFoundError):
                lock = _Lock(path)
                if lock.held is not False:
                    return path, lock
                lock.__exit__()
    raise FileExistsError(f"no free name next to {final}")


def _make_file(path: Path) -> None:
    path.touch(exist_ok=False)


def _try_to_make(final: Path, make: Callable[[Path], None]) -> None:
    path, lock = _hidden(final, make)
    with lock:
        _discard(path)


def _sweep(final: Path) -> None:
    """Remove what killed processes left next to `final`; a folder moved away comes back."""
    ours = re.compile(rf"\.{re.escape(final.name)}\.[a-z0-9_]{{8}}\.(partial|old)")
    try:
        with os.scandir(final.parent) as entries:
            left = sorted(entry.name for entry in entries if ours.fullmatch(entry.name))
    except OSError:  # the writing will give the better message
        return
    for path in (final.with_name(name) for name in left):
        with suppress(OSError), _Lock(path) as lock:
            if not lock.held:
                continue
            if path.suffix == ".old" and not os.path.lexists(final):
                with suppress(FileNotFoundError):
                    (path / final.name).rename(final)
            _discard(path)


def _discard(path: Path) -> None:
    """Remove a hidden file or folder of ours, if it is still there."""
    with suppress(OSError):
        if path.suffix == ".old":  # what is half removed must not be brought back
            path = path.rename(path.with_suffix(".partial"))
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
