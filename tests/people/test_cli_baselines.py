"""Baselines on the command line: fitted, kept and asked like models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import Caller, listing, refused

import vgae
from vgae.learning.baselines import BASELINES

FIT = ("fit", "karate", "--out", "run", "--quiet", "--model")


@pytest.mark.parametrize(
    "name", sorted(set(BASELINES) - {"vae", "deepwalk", "propagated-features", "balance"})
)
def test_every_baseline_goes_the_way_of_a_model(call: Caller, folder: Path, name: str) -> None:
    (folder / "pairs.csv").write_text("0,9\n1,2\n")
    told = call(*FIT, name, "--top", 2, "--json")
    assert told.status == 0, told.err
    printed = json.loads(told.out)
    assert printed["test"]["auc"] is not None
    assert printed["simple"] is None
    links = [
        json.loads(row)
        for row in call("recommend", "run", "--top", 2, "--json").out.split("\n")[:2]
    ]
    assert links == printed["links"]
    predicted = call("predict", "run", "pairs.csv", "--json")
    assert predicted.status == 0
    assert "calibrated on 3 held-out edges" in predicted.err
    model = vgae.load("run")
    assert model.graph_["name"] == "karate"
    found = [json.loads(row)["probability"] for row in predicted.out.splitlines()]
    assert found == model.predict_proba([(0, 9), (1, 2)]).tolist()
    if model.embedding_ is None:
        assert f"run: {model.name} has no embedding" in refused(call, folder, "embed", "run")
        return
    first = json.loads(call("embed", "run", "--json").out.splitlines()[0])
    np.testing.assert_allclose(first["z0"], model.embedding_[0, 0])
    assert f"run: {model.name} has no posterior" in refused(call, folder, "embed", "run", "--std")


def test_a_baseline_reads_features(call: Caller, folder: Path) -> None:
    edges = [(i, (i + step) % 30) for i in range(30) for step in (1, 2)]
    (folder / "e.csv").write_text("".join(f"{a},{b}\n" for a, b in edges))
    (folder / "x.csv").write_text("id,age\n" + "".join(f"{i},{i % 7}\n" for i in range(30)))
    options = ("--model", "vae", "--set", "vae.epochs=1", "--out", "run", "--quiet")
    assert call("fit", "e.csv", "--features", "x.csv", *options).status == 0
    assert call("recommend", "run").status == 0
    assert "vae: learns from node features" in refused(
        call, folder, "fit", "e.csv", *options[:-3], "--out", "new", "--quiet"
    )


def test_settings_come_as_options_and_by_name(call: Caller, folder: Path) -> None:
    assert folder.is_dir()
    assert (
        call(*FIT, "spectral", "--latent-dim", 3, "--set", "spectral.tie=0.7", "--seed", 4).status
        == 0
    )
    model = vgae.load("run")
    assert isinstance(model, vgae.LinkBaseline)
    assert model.get_params() == {"name": "spectral", "latent_dim": 3, "tie": 0.7, "seed": 4}
    assert model.embedding_ is not None
    assert model.embedding_.shape == (34, 3)
    assert call(*FIT, "gae", "--steps", 1, "--set", "gae.latent_dim=5", "--overwrite").status == 0
    assert vgae.load("run").settings.network.latent_dim == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("resource-allocation --steps 5", "--steps 5: resource-allocation has no such setting"),
        ("katz --device cpu", "--device cpu: katz has no such setting"),
        ("katz --preset unit", "--preset unit: katz has no presets; they are for vgae and gae"),
        ("katz --set katz.attenuation=2", "katz: attenuation: input should be"),
        ("katz --set katz.tie=2", "tie: katz has no such setting"),
        ("katz --set spectral.tie=2", "--set spectral.tie: the method here is katz"),
        ("katz --set tie=2", "must read METHOD.SETTING=VALUE"),
        ("kats", "unknown model 'kats': did you mean 'katz'?"),
    ],
)
def test_what_a_baseline_cannot_take_is_one_line(
    call: Caller, folder: Path, arguments: str, said: str
) -> None:
    # Before any work: the graph is not even looked for.
    line = refused(call, folder, "fit", "none.csv", "--out", "run", "--model", *arguments.split())
    assert said in line


def test_a_marked_graph_has_the_weights_that_a_run_keeps(call: Caller, folder: Path) -> None:
    for name, kept in (("katz", True), ("spectral", False)):
        call(*FIT, name, "--overwrite")
        told = call("recommend", "run", "--top", 1, "--out", folder / f"{name}.graphml")
        assert ("without edge weights" in told.err) is not kept
        edges = vgae.read_graph(folder / f"{name}.graphml")
        assert (edges.weights is not None) is kept


def test_new_nodes_are_refused_in_one_line(call: Caller, folder: Path) -> None:
    call(*FIT, "katz")
    (folder / "new.csv").write_text("99,0\n")
    for command in (("recommend", "run"), ("embed", "run")):
        line = refused(call, folder, *command, "--new-edges", "new.csv")
        assert line == "Error: katz: cannot place new nodes; fit again with them"


def test_an_interrupted_baseline_leaves_nothing(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vgae.people.baselines.fit_baseline", interrupted)
    assert call(*FIT, "katz").status == 130
    assert listing(folder) == []


def test_a_fit_says_when_a_simple_method_is_better(call: Caller, folder: Path) -> None:
    edges = [(i, i + step) for i in range(1500) for step in (1, 2, 3)]
    (folder / "e.csv").write_text("".join(f"{a},{b}\n" for a, b in edges))
    told = call("fit", "e.csv", "--steps", 1, "--out", "run", "--json")
    lines = [line for line in told.err.splitlines() if "ranks the validation pairs better" in line]
    simple = json.loads(told.out)["simple"]
    best, figure = next(iter(simple["methods"].items()))
    assert lines == [
        f"{best} ranks the validation pairs better: {100 * figure:.1f} against "
        f"{100 * simple['model']:.1f}; consider --model {best}"
    ]
    assert json.loads((folder / "run" / "metrics.json").read_text())["simple"] == simple
    quiet = call("fit", "e.csv", "--steps", 1, "--out", "quiet", "--quiet")
    assert quiet.err == ""
    assert call("fit", "e.csv", "--model", best, "--out", "best").status == 0
    none = call("fit", "e.csv", "--steps", 1, "--no-holdout", "--out", "all")
    assert "ranks the validation" not in none.err
