"""What the environment says of the processes that were started together."""

import pytest

from vgae.ground.errors import InputError
from vgae.ground.launch import Launch

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RESTART_COUNT": "2",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}


def test_torchrun_says_all() -> None:
    assert Launch.of(TORCHRUN) == Launch(3, 4, 1, 2, 2, "localhost", 29500, True)


@pytest.mark.parametrize("missing", ["RANK", "WORLD_SIZE"])
def test_a_process_may_be_alone(missing: str) -> None:
    assert Launch.of({name: text for name, text in TORCHRUN.items() if name != missing}) is None


def test_one_machine_is_meant_where_nothing_else_is_said() -> None:
    few = {name: TORCHRUN[name] for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")}
    assert Launch.of(few) == Launch(3, 4, 3, 4, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"RANK": "4"}, "RANK=4: must be a whole number from 0 to 3"),
        ({"RANK": "-1"}, "RANK=-1: must be"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE=0: must be a whole number from 1"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE=two: must be"),
        ({"MASTER_PORT": ""}, "MASTER_PORT is not"),
        ({"MASTER_PORT": "70000"}, "MASTER_PORT=70000: must be a whole number from 1 to 65535"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as caught:
        Launch.of(TORCHRUN | change)
    assert words in str(caught.value)


def test_this_process_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TORCHRUN:
        monkeypatch.delenv(name, raising=False)
    assert Launch.here() is None
    for name, text in TORCHRUN.items():
        monkeypatch.setenv(name, text)
    assert Launch.here() == Launch(3, 4, 1, 2, 2, "localhost", 29500, True)
