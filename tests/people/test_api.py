"""Models by name, and evaluation over splits."""

import pytest

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.people.api import VGAE, evaluate, make_model


def test_names_are_checked() -> None:
    with pytest.raises(InputError, match="unknown model 'vgea': did you mean 'vgae'"):
        make_model("vgea")
    with pytest.raises(InputError, match="unknown preset 'papre': did you mean 'paper'"):
        make_model("vgae", preset="papre")


def test_evaluation_is_reproducible_and_says_how_it_was_made(karate: Graph) -> None:
    def table() -> dict[str, object]:
        result = evaluate(karate, ["vgae", "gae"], runs=3, seed=4, test=0.2, steps=5)
        return result.as_dict(graph="karate")

    first = table()
    assert first == table()
    assert first["protocol"] == "T"
    assert first["proportions"] == {"train": 0.75, "validation": 0.05, "test": 0.2}
    assert first["runs"] == 3
    results = first["results"]
    assert isinstance(results, list)
    assert [row["model"] for row in results] == ["vgae", "gae"]
    assert all(row["preset"] == "paper" and row["features"] is False for row in results)
    # Run r is the split and the weights of seed + r.
    split = split_edges(karate, test=0.2, seed=6)
    alone = VGAE(steps=5, seed=6).fit(split)
    assert results[0]["metrics"]["auc"]["values"][2] == alone.metrics_["test"]["auc"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"runs": 0}, "runs"),
        ({"runs": 2.5}, "runs = 2.5"),
        ({"seed": -1}, "seed -1"),
        ({"tasks": "link"}, "unknown task 'link'"),
        ({"metrics": "acu"}, "unknown metric 'acu'"),
        ({"models": []}, "at least one"),
        ({"models": "gea"}, "unknown method 'gea'"),
        ({"models": ["gea"]}, "unknown method 'gea'"),
        ({"test": 0.0}, "needs test pairs"),
        ({"test": 1.5}, "test: input should be less"),
        ({"protocol": "X"}, "protocol"),
    ],
)
def test_bad_evaluations_are_refused_before_any_run(
    karate: Graph, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        evaluate(karate, **arguments)  # type: ignore[arg-type]
