"""Charts: valid XML whatever the words, marks at their places, few points for long lines."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from vgae.people.html.charts import (
    HEIGHT,
    MOST_POINTS,
    WIDTH,
    Chart,
    linear_axis,
    log_axis,
    named_axis,
    short,
)

SPACE = "{http://www.w3.org/2000/svg}"


def drawn(chart: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(chart.svg())


def points(element: ElementTree.Element) -> np.ndarray:
    return np.array([pair.split(",") for pair in element.attrib["points"].split()], float)


@pytest.mark.parametrize("words", ["</svg><script>", "a & b", 'say "x"', "\x00\x1b[31m", "\u202e"])
def test_words_of_any_kind_stay_words(words: str) -> None:
    axes = linear_axis(words, 0, 1), named_axis(words, [words])
    chart = Chart(words, words, *axes).line([0, 1], [0, 0], words).line([0, 1], [0, 0], words)
    found = drawn(chart.labels([0.5], [0], [words]))
    assert not [part.tag for part in found.iter() if "script" in part.tag]
    assert found[0].tag == "title"
    assert found[1].tag == "desc"
    assert set(found.attrib["aria-labelledby"].split()) == {
        found[0].attrib["id"],
        found[1].attrib["id"],
    }


def test_marks_stand_where_the_axes_say() -> None:
    chart = Chart("line", "It rises.", linear_axis("x", 0, 10), linear_axis("y", 0, 5))
    line = points(drawn(chart.line([0, 5, 10], [0, 2.5, 5])).find("polyline"))  # type: ignore[arg-type]
    np.testing.assert_allclose(line[1], line[[0, 2]].mean(axis=0), atol=0.1)
    assert (np.diff(line[:, 0]) > 0).all()
    assert (np.diff(line[:, 1]) < 0).all()  # up is smaller
    assert (line >= 0).all()
    assert (line <= [WIDTH, HEIGHT]).all()


def test_values_beyond_an_axis_stand_at_its_end() -> None:
    axis = log_axis("x", 0.01, 1.0)
    assert axis.at([1e-9, 0.1, 7.0]).tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_a_long_line_has_few_points_and_keeps_its_ends() -> None:
    x = np.linspace(0, 1, 100_000)
    chart = Chart("long", "It is long.", linear_axis("x", 0, 1), linear_axis("y", 0, 1))
    line = points(drawn(chart.line(x, np.sin(40 * x) ** 2)).find("polyline"))  # type: ignore[arg-type]
    assert len(line) <= MOST_POINTS + 1
    assert line[-1][0] == pytest.approx(WIDTH - 14, abs=0.1)


def test_steps_go_across_before_they_go_up() -> None:
    chart = Chart("steps", "Steps.", linear_axis("x", 0, 1), linear_axis("y", 0, 1))
    line = points(drawn(chart.line([0, 1], [0, 1], steps=True)).find("polyline"))  # type: ignore[arg-type]
    assert len(line) == 3 or len(line) == 2
    assert len({tuple(point) for point in line}) == len(line)


def test_names_of_ticks_do_not_run_into_each_other() -> None:
    names = [f"a long name {place}" for place in range(12)]
    chart = Chart("names", "Names.", named_axis("x", names), linear_axis("y", 0, 1))
    ticks = [part for part in drawn(chart).iter("text") if part.text in names]
    across = [float(part.attrib["x"]) for part in ticks]
    assert 2 <= len(across) < 12
    assert min(np.diff(across)) > 6.4 * len(names[0])


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 7e5), (1e-7, 3e-7), (5, 5), (0.98, 1.0)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    axis = linear_axis("x", low, high)
    assert 2 <= len(axis.ticks) <= 12
    for value, words in axis.ticks:
        assert axis.low - 1e-9 <= value <= axis.high + 1e-9
        assert float(words.replace(",", "")) == pytest.approx(value, rel=1e-3, abs=1e-12)
    assert len({words for _, words in axis.ticks}) == len(axis.ticks)


def test_numbers_are_short() -> None:
    assert [short(x) for x in (1.0, -0.5, 123456.0, 1e9, 2e-5)] == [
        "1", "-0.5", "123,456", "1e+09", "2e-05",
    ]  # fmt: skip


def test_intervals_stand_upright_or_level() -> None:
    axes = linear_axis("x", 0, 10), linear_axis("y", 0, 10)
    upright = drawn(Chart("u", "u", *axes).points([5], [5], low=[2], high=[8]))
    level = drawn(
        Chart("l", "l", *axes, height=400).points([5], [5], low=[2], high=[8], level=True)
    )
    ends = [
        {key: float(line.attrib[key]) for key in ("x1", "x2", "y1", "y2")}
        for chart in (upright, level)
        for line in chart.iter()
        if "interval" in line.attrib.get("class", "")
    ]
    assert ends[0]["x1"] == ends[0]["x2"]
    assert ends[0]["y1"] > ends[0]["y2"]
    assert ends[1]["y1"] == ends[1]["y2"]
    assert ends[1]["x1"] < ends[1]["x2"]
    assert level.attrib["viewBox"] == f"0 0 {WIDTH} 400"
