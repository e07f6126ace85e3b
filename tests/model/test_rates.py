"""What operations take: rates by kind and reach."""

from __future__ import annotations

import pytest

from vgae.model.rates import GPUS, KINDS, NOMINAL, Operation, Rates, peak_rates


def test_every_kind_has_a_nominal_rate_and_one_at_the_peak_of_each_gpu() -> None:
    for rates in (NOMINAL, *map(peak_rates, GPUS.values())):
        assert set(rates.seconds) == set(KINDS)
        assert all(rates.of(kind, reach) > 0 for kind in KINDS for reach in (0.0, 1e7, 1e12))


def test_seconds_lie_between_those_of_the_reaches_around() -> None:
    rates = Rates({"number": ((1e4, 1.0), (1e6, 2.0), (1e8, 4.0))})
    found = [rates.of("number", reach) for reach in (0.0, 1e4, 1e5, 1e6, 1e7, 1e8, 1e10)]
    assert found == pytest.approx([1.0, 1.0, 1.5, 2.0, 3.0, 4.0, 4.0])


def test_parts_add_up_to_the_total() -> None:
    rates = Rates({"number": ((0.0, 2.0),), "drawn": ((0.0, 3.0),)})
    work = [Operation("a", "number", 5.0), Operation("b", "drawn", 7.0), Operation("a", "drawn", 1)]
    assert rates.by_part(work) == {"a": 13.0, "b": 21.0}
    assert rates.total(work) == 34.0


def test_a_faster_gpu_is_nowhere_slower() -> None:
    fast, slow = peak_rates(GPUS["h100"]), peak_rates(GPUS["l4"])
    assert all(fast.of(kind, 0.0) <= slow.of(kind, 0.0) for kind in KINDS)
