import numpy as np
import pyarrow as pa
import pytest

from vgae.errors import InputError
from vgae.ids import as_ids, canonical_int, id_bytes, id_columns, unique_ids


def test_as_ids_takes_arrays_of_every_kind() -> None:
    assert as_ids(np.array(["a", "b"])).dtype == object
    assert as_ids(np.array([1, 2], dtype=np.uint8)).dtype == np.int64
    assert as_ids(np.array([1, 2], dtype=object)).dtype == np.int64
    assert as_ids([]).size == 0
    assert as_ids(pa.chunked_array([["a"], ["b"]])).tolist() == ["a", "b"]


@pytest.mark.parametrize("values", [["a", 1], [1.5], [True, "a"], [None], [(1, 2)], [2**70]])
def test_other_ids_are_refused(values: list[object]) -> None:
    with pytest.raises(InputError, match="node ids"):
        as_ids(values)


def test_only_canonical_digits_are_numbers() -> None:
    assert [canonical_int(name) for name in ("7", "-7", "07", "+7", "7 ", "x", 7)] == [
        7, -7, "07", "+7", "7 ", "x", 7,
    ]  # fmt: skip


def test_columns_come_from_rows_arrays_or_columns() -> None:
    for pairs in (
        [("a", "b"), ("c", "d")],
        np.array([["a", "b"], ["c", "d"]]),
        (np.array(["a", "c"]), np.array(["b", "d"])),
    ):
        source, target = id_columns(pairs)
        assert (source.tolist(), target.tolist()) == (["a", "c"], ["b", "d"])
    assert [column.size for column in id_columns([])] == [0, 0]


def test_ids_are_unique_or_refused() -> None:
    assert unique_ids(as_ids([3, 1, 2])).tolist() == [3, 1, 2]
    for ids in ([3, 1, 3], ["a", "b", "a"]):
        with pytest.raises(InputError, match="occurs more than once"):
            unique_ids(as_ids(ids))


def test_bytes_tell_ids_apart() -> None:
    def joined(ids: list[str]) -> bytes:
        return b"|".join(part.tobytes() for part in id_bytes(as_ids(ids)))

    assert joined(["ab", "c"]) != joined(["a", "bc"])
