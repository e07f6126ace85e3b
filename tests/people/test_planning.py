"""Plans of fits, in Python and on the command line."""

from __future__ import annotations

import json
import re

import pytest
from command import Caller
from graphs import random_graph

from vgae.ground.errors import InputError
from vgae.learning.machine import gpu_machine
from vgae.learning.settings import FitSettings
from vgae.model.costs import Sizes
from vgae.people.planning import plan_fit

H100 = gpu_machine("h100")


def test_a_graph_and_its_sizes_have_the_same_plan() -> None:
    graph = random_graph(60, 0.1, seed=0)
    settings = FitSettings.of("vgae")
    assert plan_fit(graph, settings, machine=H100) == plan_fit(
        Sizes.of(graph), settings, machine=H100
    )


def test_large_graphs_are_sampled_and_linear_likelihoods_are_not() -> None:
    sizes = Sizes(10**6, 10**7)
    assert plan_fit(sizes, FitSettings.of("vgae"), machine=H100).objective == "sampled"
    linear = FitSettings.of("vgae", likelihood="bernoulli-poisson")
    plan = plan_fit(sizes, linear, machine=H100)
    assert plan.objective == "exact"
    assert "in linear time" in plan.why


def test_members_and_folds_are_counted() -> None:
    settings = FitSettings.of("gae", ensemble=3, combiner="logistic", folds=2, steps=10)
    plan = plan_fit(Sizes(100, 200), settings, machine=H100)
    assert plan.trainings == 9
    assert plan.seconds == pytest.approx(90 * plan.step_seconds)


def test_processes_share_the_work_and_wait_for_bytes() -> None:
    settings = FitSettings.of("vgae", likelihood="bernoulli-poisson")
    alone, eight = (
        plan_fit(Sizes(10**6, 10**7), settings, machine=H100, ranks=ranks) for ranks in (1, 8)
    )
    assert eight.parts["encoder"] == pytest.approx(alone.parts["encoder"] / 8)
    assert "exchange" not in alone.parts
    assert eight.parts["exchange"] == pytest.approx(sum(eight.exchanged.values()) / 1.25e9)
    with pytest.raises(InputError, match="ranks 0"):
        plan_fit(Sizes(1, 0), settings, ranks=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("--preset", "strong"), "ensembles and combiners: several processes fit a single model"),
        (("--objective", "sampled"), "objective sampled: several processes sum over all pairs"),
        (("--mask", "0.5"), "objective sampled: several processes sum over all pairs"),
        (("--directed",), "encoder directed: several processes take gcn, linear"),
    ],
)
def test_what_several_processes_cannot_fit_is_not_planned(
    call: Caller, changes: tuple[str, ...], said: str
) -> None:
    answer = call("plan", "--nodes", 1000, "--edges", 5000, "--ranks", 2, "--gpu", "h100", *changes)
    assert answer.status == 2
    assert said in answer.err
    assert answer.out == ""


def test_several_processes_are_planned_as_they_fit() -> None:
    plan = plan_fit(Sizes(10**6, 10**7), FitSettings.of("vgae"), machine=H100, ranks=4)
    assert (plan.objective, plan.why) == ("exact", "several processes sum over all pairs")


def test_a_plan_that_does_not_fit_says_so_in_figures_that_can_be_read(call: Caller) -> None:
    sizes = ("--nodes", 10**7, "--edges", 10**8, "--features", 10**5, "--gpu", "l4")
    out = call("plan", *sizes).out
    assert "of 24 GB: does not fit" in out
    small = call("plan", "--nodes", 3, "--edges", 2, "--gpu", "h100", "--ranks", 2).out
    assert "does not fit" not in small
    assert not re.search(r"\de[-+]\d", small.replace("2e+13", "").replace("2.1e+05", ""))


def test_the_command_plans_without_a_graph(call: Caller) -> None:
    sizes = ("--nodes", 1000, "--edges", 5000, "--features", 8)
    answer = call("plan", *sizes, "--gpu", "h100", "--ranks", 2)
    assert answer.status == 0
    assert "1,000 nodes, 5,000 edges, 8 features" in answer.out
    assert "from published peak figures, not measured" in answer.out
    assert "2 processes, each receives" in answer.out
    found = json.loads(call("plan", *sizes, "--gpu", "h100", "--steps", 7, "--json").out)
    assert (found["steps"], found["n_edges"], found["measured"]) == (7, 5000, False)


def test_the_command_plans_a_graph_here(call: Caller) -> None:
    found = json.loads(call("plan", "karate", "--json").out)
    assert found["measured"]
    assert found["objective"] == "exact"
    assert found["step_seconds"] == pytest.approx(sum(found["parts"].values()))
    assert found["bytes"] > found["library_bytes"] > 1e8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either GRAPH, or --nodes and --edges"),
        (("karate", "--nodes", 3), "either GRAPH, or --nodes and --edges"),
        (("karate", "--edges", 2), "either GRAPH, or --nodes and --edges"),
        (("--nodes", 3, "--edges", 2, "--weight", "w"), "--weight: makes no sense with --nodes"),
        (("--nodes", 3, "--edges", 2, "--attribute", "a=text"), "--attribute: makes no sense"),
        (("karate", "--nodes", 3, "--edges", 2), "either GRAPH, or --nodes and --edges"),
        (("--nodes", 3), "either GRAPH, or --nodes and --edges"),
        (("--nodes", 3, "--edges", 9), "edges 9: 3 nodes have fewer pairs"),
        (("--nodes", 3, "--edges", 2, "--features", "x.csv"), "give the number of features"),
        (("--nodes", 3, "--edges", 2, "--gpu", "h10"), "did you mean 'h100'"),
        (("--nodes", 3, "--edges", 2, "--model", "katz"), "known of vgae and gae alone"),
        (("--nodes", 3, "--edges", 2, "--gpu", "h100", "--ranks", 0), "ranks 0"),
        (("--nodes", 3, "--edges", 2, "--gpu", "h100", "--ranks", 4), "number of nodes, 3"),
    ],
)
def test_what_cannot_be_planned_is_said(
    call: Caller, arguments: tuple[object, ...], said: str
) -> None:
    answer = call("plan", *arguments)
    assert answer.status == 2
    assert said in answer.err
    assert answer.out == ""
