"""Checksums of files and of what they say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["file_checksum", "is_intact", "with_checksum"]

CHECKSUM = "checksum"


def with_checksum(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that JSON can hold, and their checksum as one of them.

    It is the SHA-256 of JSON with sorted keys and no blanks, so that layout does not matter.

    Examples
    --------
    >>> list(with_checksum({"a": 1, "b": [2]}))
    ['a', 'b', 'checksum']
    """
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return {**values, CHECKSUM: hashlib.sha256(canonical.encode()).hexdigest()}


def is_intact(values: Mapping[str, Any]) -> bool:
    """Whether values have the checksum that `with_checksum` gave them.

    Examples
    --------
    >>> is_intact(with_checksum({"a": 1})), is_intact(with_checksum({"a": 1}) | {"a": 2})
    (True, False)
    """
    told = {name: value for name, value in values.items() if name != CHECKSUM}
    return values == with_checksum(told)


def file_checksum(path: Path) -> str:
    """SHA-256 of a file, which is read in blocks.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "empty")
    >>> path.touch()
    >>> file_checksum(path)[:8]
    'e3b0c442'
    """
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
