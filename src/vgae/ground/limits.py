"""Limits on the data that a file may unpack to: a small file cannot fill the machine's memory.

A stream counts the bytes that it unpacks. Two limits hold by default: a compressed file may hold
`MOST_TIMES` its own size, and the parsed data must fit into the free memory. A limit that the
caller sets replaces both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any

from vgae.ground.errors import InputError, shown

__all__ = [
    "LimitedStream",
    "TooMuchDataError",
    "check_unpacked",
    "free_memory",
    "most_bytes",
    "size_in_bytes",
]

MOST_TIMES, ALWAYS_ALLOWED = 100, 50 * 10**6
"""How many times its own size a compressed file may hold, and the bytes that are always allowed."""
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}

_most_bytes: ContextVar[int | None] = ContextVar("most_bytes", default=None)


class TooMuchDataError(InputError):
    """A file holds more data than its limit allows; the message names the file.

    Examples
    --------
    >>> with most_bytes("1kB"):
    ...     check_unpacked(Path("edges.csv.gz"), 5000, 100)
    Traceback (most recent call last):
    vgae.ground.limits.TooMuchDataError: edges.csv.gz: holds more than 1 kB of data ...
    """


@contextmanager
def most_bytes(limit: int | str | None) -> Iterator[None]:
    """Limit the unpacked bytes of each file that is read inside this block.

    Parameters
    ----------
    limit
        A number of bytes, or a text such as "2GB". None keeps the default limits.

    Raises
    ------
    InputError
        The limit is not a size.

    Examples
    --------
    >>> with most_bytes("2GB"):
    ...     check_unpacked(Path("edges.csv.gz"), 10**9, 10**6)
    """
    token = _most_bytes.set(None if limit is None else size_in_bytes(limit))
    try:
        yield
    finally:
        _most_bytes.reset(token)


def size_in_bytes(size: int | str, name: str = "--max-bytes (max_bytes=)") -> int:
    """The number of bytes that a number, or a text such as "2GB", stands for.

    Units are powers of 1,000.

    Parameters
    ----------
    size
        The number or text.
    name
        What an error calls it.

    Raises
    ------
    InputError
        The size cannot be read, or is not positive.

    Examples
    --------
    >>> size_in_bytes("2GB"), size_in_bytes("1.5 MB"), size_in_bytes(10)
    (2000000000, 1500000, 10)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", str(size).strip().lower())
    n_bytes = int(float(found[1]) * UNITS[found[2]]) if found else 0
    if n_bytes <= 0:
        raise InputError(f"{name}: {shown(size)} is not a size such as 500MB or 2GB")
    return n_bytes


def free_memory() -> int | None:
    """Bytes of memory that are still free; None where the system does not say.

    Examples
    --------
    >>> free = free_memory()
    >>> free is None or free > 0
    True
    """
    found = []
    try:
        figures = Path("/proc/meminfo").read_text()
        found += [
            int(kilobytes) * 1024 for kilobytes in re.findall(r"MemAvailable:\s*(\d+)", figures)
        ]
    except OSError:
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:  # a container may have less than its machine
        limit, used = (
            Path("/sys/fs/cgroup", f"memory.{name}").read_text() for name in ("max", "current")
        )
        found.append(int(limit) - int(used))
    except (OSError, ValueError):  # "max": there is no limit
        pass
    return max(min(found), 0) if found else None


def check_unpacked(path: Path, n_bytes: int, n_packed: int, *, memory_per_byte: float = 0) -> None:
    """Refuse to unpack a file whose declared size is above the limit.

    Parameters
    ----------
    path
        The file, for the error.
    n_bytes, n_packed
        Number of unpacked bytes that the file declares, and of the packed bytes that hold them.
    memory_per_byte
        As in `LimitedStream`.

    Raises
    ------
    TooMuchDataError
        The unpacked bytes are above the limit.

    Examples
    --------
    >>> check_unpacked(Path("edges.csv.gz"), 5000, 100)
    >>> check_unpacked(Path("edges.csv.gz"), 10**9, 100)
    Traceback (most recent call last):
    vgae.ground.limits.TooMuchDataError: edges.csv.gz: holds more than 50 MB of data ...
    """
    _Limit(path, memory_per_byte).check(n_bytes, n_packed)


class _Limit:
    """The limit on one file: the one that the caller set, or the default ones."""

    def __init__(self, path: Path, memory_per_byte: float) -> None:
        self.path, self.memory_per_byte = path, memory_per_byte
        self.most = _most_bytes.get()
        self.free = free_memory() if memory_per_byte and self.most is None else None

    def check(self, n_bytes: int, n_packed: int | None) -> None:
        if self.most is not None:
            self._refuse(n_bytes, self.most, "the limit that was set")
            return
        if n_packed is not None:
            most = max(ALWAYS_ALLOWED, MOST_TIMES * n_packed)
            self._refuse(n_bytes, most, f"unpacked from {_size(n_packed)}")
        if self.free is not None:
            each = self.memory_per_byte
            free = _size(self.free)
            why = f"{free} of memory are free, and parsing takes {each:g} times the data"
            self._refuse(n_bytes, int(self.free / each), why)

    def _refuse(self, n_bytes: int, most: int, why: str) -> None:
        if n_bytes > most:
            raise TooMuchDataError(
                f"{self.path}: holds more than {_size(most)} of data ({why}); if you trust the "
                "file, raise the limit with --max-bytes (max_bytes=)"
            )


class LimitedStream:
    """The unpacked bytes of a file, as a stream that raises an error at the limit.

    Parameters
    ----------
    stream
        Its `read` returns unpacked bytes.
    path
        The file, for the error.
    packed
        The compressed stream: its `tell` says how many bytes of the file were used. None if the
        file is not compressed.
    memory_per_byte
        Bytes of memory that parsing takes per unpacked byte; 0 if the parsed data does not grow
        with the file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "edges.csv")
    >>> _ = path.write_bytes(b"ann,bob")
    >>> with LimitedStream(path.open("rb"), path) as stream:
    ...     stream.read(3)
    b'ann'
    """

    def __init__(
        self, stream: Any, path: Path, *, packed: Any = None, memory_per_byte: float = 0
    ) -> None:
        self._stream, self._packed = stream, packed
        self._limit, self._n_read = _Limit(path, memory_per_byte), 0
        if packed is None:
            self._limit.check(path.stat().st_size, None)  # before time is spent

    def __enter__(self) -> LimitedStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def read(self, n_bytes: int) -> bytes:
        """Up to `n_bytes` further bytes; none at the end of the file.

        Raises
        ------
        TooMuchDataError
            The file holds more data than its limit allows.
        """
        block: bytes = self._stream.read(n_bytes)
        self._n_read += len(block)
        self._limit.check(self._n_read, None if self._packed is None else self._packed.tell())
        return block


def _size(n_bytes: int) -> str:
    """A number of bytes in words.

    Examples
    --------
    >>> _size(64_000_000), _size(999), _size(1234)
    ('64 MB', '999 bytes', '1.23 kB')
    """
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.3g} {name}"
    return f"{n_bytes} bytes"
