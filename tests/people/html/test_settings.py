from typing import Any

import pytest

from vgae.ground.errors import InputError
from vgae.people.html.settings import ReportSettings


@pytest.mark.parametrize("values", [{"top": 0}, {"top": 10**6}, {"projection": "umap"}, {"k": 1}])
def test_a_report_has_a_few_settings(values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ReportSettings.parse(values)
