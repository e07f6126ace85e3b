"""Standard input in the place of a file."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from vgae.data.io import input_file, read_graph
from vgae.data.io.standard_input import OTHER_FORMATS
from vgae.ground.errors import InputError


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> bytes:
    content: bytes = getattr(request, "param", b"a,b\nb,c\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    return content


def test_a_file_is_its_name(tmp_path: Path) -> None:
    with input_file(tmp_path / "x.csv") as path:
        assert path == tmp_path / "x.csv"
    with pytest.raises(InputError, match="is an address"), input_file("https://a.org/e.csv"):
        pass


def test_standard_input_is_kept_while_it_is_read(given: bytes) -> None:
    with input_file("-") as path:
        assert str(path) == f"{path}" == "standard input"
        assert [path.read_bytes() for _ in range(2)] == [given] * 2
        assert str(read_graph(path)) == "3 nodes, 2 edges, no features"
        place = Path(os.fspath(path))
        assert place.is_file()
    assert not place.parent.exists()


def test_it_is_removed_after_an_error_too(given: bytes) -> None:
    assert given
    with pytest.raises(RuntimeError), input_file("-") as path:
        place = Path(os.fspath(path))
        raise RuntimeError
    assert not place.parent.exists()


@pytest.mark.parametrize("given", [b"a,b\n" * 1000], indirect=True)
def test_it_has_the_limit_that_was_set(given: bytes) -> None:
    with (
        pytest.raises(InputError, match="standard input: holds more than 1 kB of data"),
        input_file("-", max_bytes="1kB"),
    ):
        pass
    assert len(given) == 4000


@pytest.mark.parametrize("given", OTHER_FORMATS, indirect=True)
def test_other_formats_are_refused(given: bytes) -> None:
    said = f"standard input: is {OTHER_FORMATS[given]}, and only delimited text is read from there"
    with pytest.raises(InputError) as caught, input_file("-"):
        pass
    assert str(caught.value).startswith(said)
