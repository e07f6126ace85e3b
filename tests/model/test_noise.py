"""One contract for all sources of random numbers."""

import inspect

import numpy as np
import pytest
import torch
from scipy import stats

import vgae.model.noise
from vgae.model.noise import NOISES, CounterNoise, Noise

CPU = torch.device("cpu")


@pytest.fixture(params=sorted(NOISES))
def kind(request: pytest.FixtureRequest) -> type[Noise]:
    return NOISES[request.param]


def test_every_noise_is_in_the_contract() -> None:
    found = {
        kind
        for _, kind in inspect.getmembers(vgae.model.noise, inspect.isclass)
        if issubclass(kind, Noise) and kind is not Noise
    }
    assert found == set(NOISES.values())
    assert all(kind.name == name for name, kind in NOISES.items())


def begun(kind: type[Noise], seed: int = 0, step: int = 1) -> Noise:
    noise = kind(seed, CPU)
    noise.begin(step)
    return noise


@pytest.mark.parametrize("width", [1, 7, 16])
def test_numbers_have_their_distributions(kind: type[Noise], width: int) -> None:
    noise = begun(kind)
    normal, uniform = noise.normal(100_000 // width, width), noise.uniform(100_000 // width, width)
    for numbers, distribution in ((normal, "norm"), (uniform, "uniform")):
        assert numbers.shape == (100_000 // width, width)
        assert numbers.dtype == torch.float32
        assert numbers.is_contiguous()
        assert stats.kstest(numbers.flatten().numpy(), distribution).pvalue > 1e-3
    assert ((uniform >= 0) & (uniform < 1)).all()
    n = normal.numel()
    for power, moment, deviation in ((1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5)):
        assert (normal.double() ** power).mean().item() == pytest.approx(
            moment, abs=4 * deviation / n**0.5
        )


def test_columns_nodes_steps_questions_and_seeds_are_independent(kind: type[Noise]) -> None:
    n = 20_000
    noise = begun(kind)
    first = noise.normal(n, 4)
    columns = [*first.T, *noise.normal(n, 1).T]
    noise.begin(2)
    columns += [*noise.normal(n, 1).T, *begun(kind, seed=1).normal(n, 1).T]
    columns += [first[:, 0].roll(1), first[:, 0].roll(64)]
    found = np.corrcoef(torch.stack(columns).numpy())
    assert np.abs(found - np.eye(len(columns))).max() < 4.5 / n**0.5


def test_both_halves_of_a_pair_have_independent_squares(kind: type[Noise]) -> None:
    """Box and Muller make two normal numbers of one radius."""
    squares = begun(kind).normal(50_000, 6).numpy() ** 2
    assert np.abs(np.corrcoef(squares.T) - np.eye(6)).max() < 4.5 / 50_000**0.5


def test_same_seed_same_numbers_and_others_with_another(kind: type[Noise]) -> None:
    one, same, other = begun(kind, 3), begun(kind, 3), begun(kind, 4)
    for ask in ("normal", "uniform"):
        numbers = getattr(one, ask)(5, 3)
        assert torch.equal(numbers, getattr(same, ask)(5, 3))
        assert not torch.equal(numbers, getattr(other, ask)(5, 3))
    seeds = [one.seed_here() for _ in range(3)]
    assert seeds == [same.seed_here() for _ in range(3)]
    assert len({*seeds, other.seed_here()}) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_it_goes_on_from_a_state(kind: type[Noise]) -> None:
    noise = begun(kind)
    noise.normal(3, 2)
    state = noise.state()
    kept = state.clone()
    expected = noise.uniform(4, 2), noise.normal(2, 3), noise.seed_here()
    assert torch.equal(state, kept)  # a copy, which later draws do not change
    for again in (noise, kind(8, CPU)):
        again.restore(state)
        assert torch.equal(again.uniform(4, 2), expected[0])
        assert torch.equal(again.normal(2, 3), expected[1])
        assert again.seed_here() == expected[2]


def test_global_random_state_is_neither_used_nor_changed(kind: type[Noise]) -> None:
    def drawn() -> list[float]:
        noise = begun(kind)
        numbers = torch.cat([noise.normal(3, 2), noise.uniform(3, 2)]).flatten().tolist()
        return [*numbers, noise.seed_here()]

    def states() -> tuple[list[int], list[int]]:
        return (
            torch.get_rng_state().tolist(),
            np.random.get_state(legacy=False)["state"]["key"].tolist(),
        )

    before = states()
    expected = drawn()
    assert states() == before
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        assert drawn() == expected


def test_no_nodes_and_no_columns(kind: type[Noise]) -> None:
    noise = begun(kind)
    for shape in ((0, 3), (3, 0), (0, 0)):
        assert noise.normal(*shape).shape == noise.uniform(*shape).shape == shape


# ------------------------------------------------------------------------- counters


def test_a_nodes_numbers_do_not_depend_on_other_nodes_or_columns() -> None:
    for ask in ("normal", "uniform"):
        many, few = (getattr(begun(CounterNoise), ask)(n, 3) for n in (100_000, 7))
        assert torch.equal(many[:7], few)
    wide, narrow = (begun(CounterNoise).uniform(9, width) for width in (8, 5))
    assert torch.equal(wide[:, :5], narrow)


def test_a_number_depends_on_the_step_and_the_question_alone() -> None:
    noise, other = CounterNoise(0, CPU), CounterNoise(0, CPU)
    for step in range(1, 4):
        noise.begin(step)
        noise.normal(50, 4)
    other.begin(9)
    other.uniform(1, 1)
    for counted in (noise, other):
        counted.begin(7)
    assert torch.equal(noise.normal(5, 2), other.normal(5, 2))
    assert not torch.equal(noise.normal(5, 2), begun(CounterNoise, step=7).normal(5, 2))


def test_no_number_occurs_twice() -> None:
    noise = CounterNoise(0, CPU)
    bits = []
    for step in range(1, 6):
        noise.begin(step)
        bits += [noise._bits(1000, 20).flatten() for _ in range(3)]
    assert len(set(torch.cat(bits).tolist())) == 5 * 3 * 1000 * 20


def test_the_hash_is_splitmix64() -> None:
    """Against the published algorithm in Python's integers."""

    def mixed(value: int) -> int:
        value = (value + 0x9E3779B97F4A7C15) % 2**64
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
        return value ^ (value >> 31)

    assert mixed(0) == 0xE220A8397B1DCDAF  # the first number of the published program, seed 0
    noise = begun(CounterNoise, seed=2, step=3)
    key = noise.seed
    for counter in (3, 1):
        key = mixed(key ^ mixed(counter))
    for node in range(4):
        for column in range(3):
            expected = mixed(mixed(node ^ key) ^ mixed(column + 1)) >> 11
            noise.begin(3)
            assert noise._bits(4, 3)[node, column].item() == expected  # type: ignore[attr-defined]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_numbers_do_not_depend_on_the_device() -> None:
    for ask in ("normal", "uniform"):
        here, there = (
            getattr(begin_on(torch.device(device)), ask)(1000, 8) for device in ("cpu", "cuda")
        )
        torch.testing.assert_close(there.cpu(), here, rtol=1e-6, atol=1e-7)


def begin_on(device: torch.device) -> Noise:
    noise = CounterNoise(0, device)
    noise.begin(1)
    return noise
