from itertools import count

from vgae.errors import InputError, NotFittedError, VgaeError, nearest, unknown_name


def test_every_error_is_a_vgae_error() -> None:
    assert issubclass(InputError, VgaeError)
    assert issubclass(InputError, ValueError)
    assert issubclass(NotFittedError, VgaeError)


def test_unknown_name_names_the_nearest() -> None:
    assert "did you mean 'citeseer'?" in str(unknown_name("dataset", "citeser", ["citeseer", "x"]))


def test_unknown_name_far_from_all_only_lists() -> None:
    line = str(unknown_name("dataset", "zzzzzz", ["cora", "karate"]))
    assert "did you mean" not in line
    assert "cora, karate" in line


def test_a_name_that_differs_by_case_and_blanks_alone_comes_first() -> None:
    assert nearest("Hidden Dim", ["hidden_dim", "hiddendim"]) == "hiddendim"
    assert nearest("ANN", ["anna", "ann"]) == "ann"


def test_the_bar_for_alikeness_can_be_set() -> None:
    assert nearest("none.csv", ["node.csv"], cutoff=0.75) == "node.csv"
    assert nearest("none.csv", ["edges.csv"], cutoff=0.75) is None


def test_names_without_end_are_compared_in_part() -> None:
    assert nearest("name 7", (f"name {number}" for number in count())) == "name 7"
