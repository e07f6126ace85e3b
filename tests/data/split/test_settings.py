"""How edges are held out, in settings."""

import pytest

from vgae.data.split import DRAWN, SplitSettings
from vgae.ground.errors import InputError


def test_every_setting_has_a_description_and_negatives_are_uniform_by_default() -> None:
    assert all(field.description for field in SplitSettings.model_fields.values())
    assert SplitSettings().negatives == DRAWN[0] == "uniform"
    described = SplitSettings.model_fields["negatives"].description
    assert described is not None
    assert all(kind in described for kind in (*DRAWN, "given"))


def test_sizes_and_true_proportions_agree() -> None:
    made = SplitSettings.of_sizes(78, validation=3, test=7, protocol="TV", negatives="given")
    assert (made.protocol, made.negatives) == ("TV", "given")
    assert made.agree(78, {"validation": 3, "test": 7})
    assert not made.agree(78, {"validation": 3, "test": 9})
    with pytest.raises(InputError, match="test: input should be less than 1"):
        SplitSettings.of_sizes(3, test=3)
