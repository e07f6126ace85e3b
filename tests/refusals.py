"""Files that must be refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vgae.data.io import read_graph
from vgae.ground.errors import InputError


def refused(path: Path, content: str | bytes, said: str, **options: Any) -> None:
    """Write a file, and see that reading it is one line, with its path, that matches `said`."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=said) as caught:
        read_graph(path, **options)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
