import hashlib
from pathlib import Path

from vgae.ground.checksums import file_checksum, is_intact, with_checksum


def test_a_checksum_goes_by_what_is_said_and_not_by_layout() -> None:
    values = {"one": 1, "two": {"a": [1.5, None], "b": "é"}}
    turned = {"two": {"b": "é", "a": [1.5, None]}, "one": 1}
    checksum = with_checksum(values)["checksum"]
    assert with_checksum(turned)["checksum"] == checksum
    assert with_checksum(values | {"one": 2})["checksum"] != checksum
    assert is_intact(turned | {"checksum": checksum})
    assert not is_intact(values)
    assert not is_intact(values | {"one": 2, "checksum": checksum})


def test_the_checksum_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    path = tmp_path / "bytes"
    path.write_bytes(content)
    assert file_checksum(path) == hashlib.sha256(content).hexdigest()
