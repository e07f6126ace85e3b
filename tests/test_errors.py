from vgae.errors import InputError, NotFittedError, VgaeError, unknown_name


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
