"""Checkpoints: every fit goes on to the bit, and what cannot be used is refused in one line."""

from __future__ import annotations

import errno
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graphs import random_arcs, random_graph
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning import checkpoints as room
from vgae.learning.checkpoints import Checkpoints, seconds_of
from vgae.learning.fitted import Fitted
from vgae.learning.fitting import fit
from vgae.learning.settings import FitSettings
from vgae.learning.train import StepRecord, Terminated, finishing_on_interrupt
from vgae.model.encoders import ENCODERS
from vgae.model.network import Parts
from vgae.model.noise import NOISES

STEPS = 6


class Killed(Exception):  # noqa: N818 - no error, but what stands for the end of a process
    """The process ends here."""


@pytest.fixture(scope="module")
def split() -> Split:
    features = (np.random.default_rng(0).random((60, 20)) < 0.2).astype(np.float32)
    graph = random_graph(60, 0.1, seed=5).with_features(features)
    return split_edges(graph, seed=0, validation=0.1, test=0.1)


@pytest.fixture(scope="module")
def arcs() -> Split:
    return split_edges(random_arcs(60, 0.1, seed=5), seed=0, validation=0.1, test=0.1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.checkpoint"


def after(step: int, error: type[BaseException] = Killed) -> Callable[[StepRecord], None]:
    """A callback that ends the process after this step."""

    def end(record: StepRecord) -> None:
        if record.step == step:
            raise error

    return end


def stopped(split: Split, settings: FitSettings, path: Path, step: int, **how: Any) -> None:
    """A fit that ends in this step, with a checkpoint after the step before it."""
    with pytest.raises(Killed):
        fit(split, settings, checkpoints=Checkpoints(path, 0.0), callbacks=[after(step)], **how)


def same(one: Fitted, other: Fitted) -> bool:
    """Whether two fits have the same bits, but for the time that their steps took."""
    members = zip((one.network, *one.members), (other.network, *other.members), strict=True)
    for mine, theirs in members:
        arrays, others = mine.arrays(), theirs.arrays()
        assert list(arrays) == list(others)
        if not all(np.array_equal(arrays[name], others[name]) for name in arrays):
            return False
    timeless = [
        [{name: value for name, value in record.items() if name != "seconds"} for record in history]
        for history in (one.history, other.history)
    ]
    return (
        np.array_equal(one.embedding, other.embedding)
        and one.metrics == other.metrics
        and one.combiner == other.combiner
        and timeless[0] == timeless[1]
    )


# -------------------------------------------------------------------- to the bit


@pytest.mark.parametrize("model", ["vgae", "gae"])
@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_goes_on_to_the_bit(
    name: str, model: str, split: Split, arcs: Split, path: Path
) -> None:
    decoders = {"multi-hop": "hops", "directed": "directed-inner"}
    decoders |= {"directed-multi-hop": "directed-hops"}
    settings = FitSettings.of(
        model,
        encoder=name,
        decoder=decoders.get(name, "inner"),
        latent_dim=44 if name == "multi-hop" else 46,
        dropout=0.2,
        steps=STEPS,
        seed=3,
    )
    data = arcs if name.startswith("directed") else split
    if name == "signed":
        edges = split.graph.edges
        signs = np.where(np.arange(len(edges)) % 3, 1.0, -1.0)
        data = split_edges(
            Graph.from_edges(edges, n_nodes=split.graph.n_nodes, weights=signs, kind="signed"),
            seed=0,
        )
    whole = fit(data, settings)
    stopped(data, settings, path, 4)
    kept = Checkpoints.resumed(path)
    assert kept.place == f"at step 3 of {STEPS}"
    assert same(fit(data, settings, checkpoints=kept), whole)
    assert not same(fit(data, settings.model_copy(update={"seed": 4})), whole)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(
    "more",
    [
        {"objective": "sampled", "mask": 0.4, "offset": "node"},
        {"edge_dropout": 0.3, "class_weight": "none", "offset": "constant"},
        {"likelihood": "bernoulli-poisson", "weight_decay": 0.01},
        {"patience": 2, "validate_every": 1, "learning_rate": 0.5, "steps": 30},
        {"structure": "svd", "structure_dim": 8},
    ],
    ids=lambda more: next(iter(more)),
)
def test_every_kind_of_training_goes_on_to_the_bit(
    noise: str, more: dict[str, Any], split: Split, path: Path
) -> None:
    settings = FitSettings.of("vgae", **{"steps": STEPS, "noise": noise, "dropout": 0.1, **more})
    whole = fit(split, settings)
    for step in (2, len(whole.history)):  # in the middle, and just before the end
        path.unlink(missing_ok=True)
        stopped(split, settings, path, step)
        assert same(fit(split, settings, checkpoints=Checkpoints.resumed(path)), whole)


@pytest.mark.parametrize(
    "lasts",
    [(1, 2, 3, 4, 7, 12, 18), pytest.param(tuple(range(1, 19)), marks=pytest.mark.slow)],
    ids=["some", "each"],
)
def test_an_ensemble_goes_on_from_its_checkpoints(
    split: Split, path: Path, monkeypatch: pytest.MonkeyPatch, lasts: tuple[int, ...]
) -> None:
    """Two members, and two in each of two folds, of two steps: 12 steps, and 6 ends."""
    settings = FitSettings.of("gae", steps=2, ensemble=2, combiner="logistic", latent_dim=4)
    whole, write, places = fit(split, settings), Checkpoints._write, []
    for last in lasts:
        n_written = 0

        def counted(self: Checkpoints, *state: Any, **how: Any) -> None:
            nonlocal n_written
            write(self, *state, **how)
            n_written += 1
            if n_written == last:  # noqa: B023 - called before it changes
                raise Killed

        path.unlink(missing_ok=True)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Checkpoints, "_write", counted)
            fit(split, settings, checkpoints=Checkpoints(path, 0.0))
        kept = Checkpoints.resumed(path)
        places.append(kept.place)
        assert same(fit(split, settings, checkpoints=kept), whole)
    assert places[:4] == [
        "at step 1 of 2, member 1 of 2",
        "at step 2 of 2, member 1 of 2",
        "after member 1 of 2",
        "at step 1 of 2, member 2 of 2",
    ]
    assert places[-1] == "after fold 2 of 2, member 2 of 2"


def test_a_fit_that_is_stopped_at_every_step_comes_to_its_end(split: Split, path: Path) -> None:
    settings = FitSettings.of("vgae", steps=STEPS)
    stopped(split, settings, path, 2)
    for step in range(3, STEPS + 1):
        with pytest.raises(Killed):
            kept = Checkpoints.resumed(path)
            fit(split, settings, checkpoints=kept, callbacks=[after(step)])
    kept = Checkpoints.resumed(path)
    assert same(fit(split, settings, checkpoints=kept), fit(split, settings))


class Normed(torch.nn.Module):
    """A layer with running means, which are no parameters, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = torch.nn.Linear(20, 8), torch.nn.BatchNorm1d(8)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.nn.functional.dropout(
            self.norm(self.layer(x)), training=self.training
        )
        return found.index_add(0, edge_index[1], found[edge_index[0]])


def test_parts_of_your_own_go_on_to_the_bit(split: Split, path: Path) -> None:
    settings = FitSettings.of("gae", encoder="own", latent_dim=8, steps=STEPS)

    def parts() -> Parts:
        torch.manual_seed(0)
        return Parts(encoder=Normed())

    stopped(split, settings, path, 4, parts=parts())
    found = fit(split, settings, parts=parts(), checkpoints=Checkpoints.resumed(path))
    assert same(found, fit(split, settings, parts=parts()))
    with pytest.raises(InputError, match="other parts of your own"):
        other = Parts(encoder=torch.nn.Linear(20, 8))
        fit(split, settings, parts=other, checkpoints=Checkpoints.resumed(path))


# ---------------------------------------------------------------- when, and how


def test_a_checkpoint_is_written_when_it_is_time(
    split: Split, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    seen: list[str] = []
    monkeypatch.setattr("vgae.learning.checkpoints.time.monotonic", lambda: now)

    def watch(record: StepRecord) -> None:
        nonlocal now
        seen.append(Checkpoints.resumed(path).place if path.exists() else "")
        now = 10.0 * record.step

    settings = FitSettings.of("gae", steps=6)
    fit(split, settings, checkpoints=Checkpoints(path, 25.0), callbacks=[watch])
    # What a callback sees was written after the step before it, at 30 and at 60 seconds.
    assert seen == ["", "", "", *["at step 3 of 6"] * 3]
    assert Checkpoints.resumed(path).place == "at step 6 of 6"


def test_without_a_file_nothing_is_kept(split: Split) -> None:
    checkpoints = Checkpoints(None)
    fit(split, FitSettings.of("gae", steps=2), checkpoints=checkpoints)
    checkpoints.stop()
    checkpoints.discard()
    assert (checkpoints.place, checkpoints._finished) == ("", [])
    with pytest.raises(InputError, match="not those of a fit that was stopped"):
        checkpoints.settings  # noqa: B018


def test_an_interrupt_leaves_a_checkpoint_of_that_moment(split: Split, path: Path) -> None:
    settings = FitSettings.of("vgae", steps=STEPS, ensemble=2)
    ends = [after(4, KeyboardInterrupt)]
    early = fit(split, settings, checkpoints=Checkpoints(path, 3600.0), callbacks=ends)
    assert early.interrupted
    assert len(early.history) == 4
    kept = Checkpoints.resumed(path)
    assert kept.place == f"at step 4 of {STEPS}, member 1 of 2"
    assert same(fit(split, settings, checkpoints=kept), fit(split, settings))


def test_sigterm_ends_a_fit_after_the_step_and_writes_it_down(split: Split, path: Path) -> None:
    settings = FitSettings.of("vgae", steps=STEPS)
    seen: list[int | str] = []

    def ask(record: StepRecord) -> None:
        seen.append(record.step)
        if record.step == 2:
            signal.raise_signal(signal.SIGTERM)
            seen.append("goes on")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), finishing_on_interrupt(terminating=True) as interrupt:
        kept = Checkpoints(path, 3600.0)
        fit(split, settings, checkpoints=kept, interrupt=interrupt, callbacks=[ask])
    assert signal.getsignal(signal.SIGTERM) is before
    assert seen == [1, 2, "goes on"]
    kept = Checkpoints.resumed(path)
    assert kept.place == f"at step 2 of {STEPS}"
    assert same(fit(split, settings, checkpoints=kept), fit(split, settings))


# --------------------------------------------------------------------- refusals


SETTINGS = FitSettings.of("gae", steps=STEPS)


def refusal(path: Path, split: Split, settings: FitSettings = SETTINGS) -> str:
    before = path.read_bytes() if path.exists() else b""
    with pytest.raises(InputError) as caught:
        fit(split, settings, checkpoints=Checkpoints.resumed(path))
    assert (path.read_bytes() if path.exists() else b"") == before
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def test_a_checkpoint_of_another_fit_is_refused(split: Split, path: Path) -> None:
    assert "no such file" in refusal(path, split)
    stopped(split, SETTINGS, path, 3)
    graph = split.graph
    other = split_edges(graph.with_edges(graph.edges[1:]), seed=0, validation=0.1, test=0.1)
    assert "of another graph (fingerprint differs)" in refusal(path, other)
    assert "of another split" in refusal(path, split_edges(graph, seed=1))
    for changed, names in (
        (FitSettings.of("gae", steps=7, latent_dim=8), "(latent_dim, steps)"),
        (FitSettings.of("vgae", steps=STEPS), "(model)"),
    ):
        assert f"of other settings {names}" in refusal(path, split, changed)
    with pytest.raises(InputError, match="exists, of a fit that was stopped; go on with resume="):
        fit(split, SETTINGS, checkpoints=Checkpoints(path))


def resaved(path: Path, changed: Callable[[dict[str, Any]], None], *, seal: bool = True) -> None:
    """Write a checkpoint again with other arrays."""
    kept, text = load_file(path), room._read(path).record.model_dump_json()
    changed(kept)
    checksum = room._checksum(text, kept) if seal else "0" * 64
    save_file(kept, path, {"record": text, "checksum": checksum})


def test_a_checkpoint_of_another_version_is_refused(
    split: Split, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(room, "FORMAT_VERSION", 2)
        stopped(split, SETTINGS, path, 3)
    assert "format 2 is newer than this program's 1; update vgae" in refusal(path, split)
    path.unlink()
    stopped(split, SETTINGS, path, 3)
    monkeypatch.setattr(room, "version", lambda name: "99.0" if name == "torch" else "1")
    with caplog.at_level(logging.WARNING):
        fit(split, SETTINGS, checkpoints=Checkpoints.resumed(path))
    assert f"torch {torch.__version__.partition('+')[0]}" in caplog.text
    assert "now 99.0" in caplog.text
    assert "its last bits may differ" in caplog.text


def test_a_damaged_checkpoint_is_refused(split: Split, path: Path) -> None:
    stopped(split, SETTINGS, path, 3)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(100):
        content = bytearray(whole)
        content[random.integers(len(content))] ^= 1 << int(random.integers(8))
        path.write_bytes(content)
        assert "is damaged" in refusal(path, split)
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "is damaged" in refusal(path, split)
    path.write_bytes(whole)
    assert Checkpoints.resumed(path).place == f"at step 2 of {STEPS}"


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("noise"),
        lambda arrays: arrays.pop("first.0"),
        lambda arrays: arrays.update({"first.0": arrays["first.0"][:1]}),
        lambda arrays: arrays.update({"history": arrays["history"][:5]}),
        lambda arrays: arrays.update({"weights.encoder.weight.mean": np.zeros(3, np.float32)}),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    change: Callable[[dict[str, Any]], None], split: Split, path: Path
) -> None:
    stopped(split, SETTINGS, path, 3)
    resaved(path, change)
    assert "is damaged: " in refusal(path, split)


def test_a_checkpoint_has_no_object_and_other_programs_read_it(split: Split, path: Path) -> None:
    stopped(split, SETTINGS, path, 3)
    arrays = load_file(path)
    assert {name.partition(".")[0] for name in arrays} == {
        *("weights", "first", "second", "n_steps", "noise", "history", "first_history"),
    }


def test_a_place_that_cannot_be_written_is_refused_before_the_first_step(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for path in (tmp_path / "nowhere" / "c", tmp_path):
        with pytest.raises(InputError, match="there is no folder|is a folder|exists"):
            fit(split, SETTINGS, checkpoints=Checkpoints(path), callbacks=[after(1)])
    monkeypatch.setattr("pathlib.Path.touch", read_only)
    with pytest.raises(InputError, match="read-only file system"):
        fit(split, SETTINGS, checkpoints=Checkpoints(tmp_path / "c"), callbacks=[after(1)])


@pytest.mark.parametrize("n_written", [0, 2])
def test_a_full_disk_does_not_end_the_training(
    n_written: int,
    split: Split,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write, calls = Path.write_bytes, 0

    def full(self: Path, content: Any) -> int:
        nonlocal calls
        calls += 1
        if calls > n_written:
            write(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(Path, "write_bytes", full)
        found = fit(split, SETTINGS, checkpoints=Checkpoints(path, 0.0))
    assert calls == STEPS + 1
    words = f"{path}: no space left on device: no checkpoint was written and training goes on"
    said = {record.getMessage() for record in caplog.records}
    if not n_written:
        assert said == {words}
        assert list(path.parent.iterdir()) == []
        return
    assert said == {f"{words}; the checkpoint before it is intact"}
    assert list(path.parent.iterdir()) == [path]
    kept = Checkpoints.resumed(path)
    assert kept.place == f"at step {n_written} of {STEPS}"
    assert same(fit(split, SETTINGS, checkpoints=kept), found)


# -------------------------------------------------------------------- durations


@given(st.integers(0, 10**6))
def test_durations_have_units(number: int) -> None:
    assert seconds_of(number) == seconds_of(str(number)) == seconds_of(f"{number}s") == number
    assert seconds_of(f" {number} m ") == 60.0 * number
    assert seconds_of(f"{number}h") == 3600.0 * number


@pytest.mark.parametrize(
    "number", [0, 1e-5, 1e16, 2.5, np.float32(1e-6), np.float64(1e20), np.int64(7)]
)
def test_numbers_of_seconds_are_taken_as_they_are(number: Any) -> None:
    assert seconds_of(number) == number
    assert type(seconds_of(number)) is float


@pytest.mark.parametrize(
    "text",
    [
        *("", "m", "-5m", "5 days", "1h30m", "nan", "inf", "1e3", "9" * 400, None, True, np.True_),
        *(-1.0, -1, float("nan"), float("inf"), np.float64("nan"), 10**400, 5j, b"5m"),
    ],
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(InputError, match="is no duration: write 30s, 5m or 1h"):
        seconds_of(text)


def test_a_graph_of_one_edge_goes_on_too(path: Path) -> None:
    split = Split.without_holdout(Graph.from_edges([(0, 1)]))
    settings = FitSettings.of("vgae", steps=3)
    stopped(split, settings, path, 2)
    found = fit(split, settings, checkpoints=Checkpoints.resumed(path))
    assert same(found, fit(split, settings))
