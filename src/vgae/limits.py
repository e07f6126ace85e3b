"""How much data a file may turn into, so that a small file cannot take the memory of the machine.

A stream of unpacked bytes counts what it gives. Two limits hold by default: what a compressed file
holds may be `MOST_TIMES` its own size, and what a format is parsed into must fit into the memory
that is free. A limit that the caller sets replaces both.
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

from vgae.errors import InputError

__all__ = [
    "MOST_TIMES",
    "LimitedStream",
    "TooMuchDataError",
    "check_unpacked",
    "free_memory",
    "most_bytes",
    "size_in_bytes",
]

MOST_TIMES, ALWAYS_ALLOWED = 100, 50 * 10**6
"""How many times its own size a compressed file may hold, and what it may hold in any case."""
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}

_most_bytes: ContextVar[int | None] = ContextVar("most_bytes", default=None)


class TooMuchDataError(InputError):
    """A file holds more than it may; the line names the file."""


@contextmanager
def most_bytes(limit: int | str | None) -> Iterator[None]:
    """Let each file that is read in this block hold up to so many bytes, once it is unpacked.

    None keeps the limits that hold by default.

    Raises
    ------
    InputError
        The limit is no size.
    """
    token = _most_bytes.set(None if limit is None else size_in_bytes(limit))
    try:
        yield
    finally:
        _most_bytes.reset(token)


def size_in_bytes(size: int | str) -> int:
    """A number of bytes, or a text such as '2GB', as a number; units are powers of 1,000.

    Raises
    ------
    InputError
        It is no such size, or not positive.

    Examples
    --------
    >>> size_in_bytes("2GB"), size_in_bytes("1.5 MB"), size_in_bytes(10)
    (2000000000, 1500000, 10)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", str(size).strip().lower())
    n_bytes = int(float(found[1]) * UNITS[found[2]]) if found else 0
    if n_bytes <= 0:
        raise InputError(f"max_bytes {size!r}: must be a size such as 500MB or 2GB")
    return n_bytes


def free_memory() -> int | None:
    """Bytes of memory that can still be had; None where the system does not say."""
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
    """Refuse to unpack bytes of a file that says how many it holds, if they are too many.

    Parameters
    ----------
    path
        The file, for the error.
    n_bytes, n_packed
        Bytes that it holds, and those of the file that they are unpacked from.
    memory_per_byte
        As in `LimitedStream`.

    Raises
    ------
    TooMuchDataError
        They are more than the limit.
    """
    _Limit(path, memory_per_byte).check(n_bytes, n_packed)


class _Limit:
    """What a file may hold, by the limit that was set or by those that hold by default."""

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
            why = f"{_size(self.free)} of memory are free, and a byte takes about {each:g}"
            self._refuse(n_bytes, int(self.free / each), why)

    def _refuse(self, n_bytes: int, most: int, why: str) -> None:
        if n_bytes > most:
            raise TooMuchDataError(
                f"{self.path}: holds more than {_size(most)} of data ({why}); if you trust the "
                "file, raise the limit with --max-bytes (max_bytes)"
            )


class LimitedStream:
    """Bytes of a file, unpacked, which stop with an error when they are too many.

    Parameters
    ----------
    stream
        Gives the unpacked bytes.
    path
        The file, for the error.
    packed
        Where they are unpacked from: its `tell` says how many bytes of the file were used. None
        where the file is not compressed.
    memory_per_byte
        Bytes of memory that one of them is parsed into; 0 where the parsed data does not grow
        with the file.
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
        """The next bytes, at most so many; none at the end.

        Raises
        ------
        TooMuchDataError
            The file holds more than it may.
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
