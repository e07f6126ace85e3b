"""Reports in a real browser: nothing fails, no network is asked, and all of it can be used."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_runs import HOSTILE, RUNS, communities, model_of_communities

from vgae.data.datasets import load_dataset
from vgae.people.api import GAE, evaluate
from vgae.people.html.evaluation import evaluation_report
from vgae.people.html.gather import findings_of
from vgae.people.html.page import page
from vgae.people.html.settings import ReportSettings

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="chromium and chromedriver are not installed; see `make test-browser`",
    ),
]
WIDE, NARROW = (1280, 900), (390, 844)


class Browser:
    """Headless Chromium with the page of a report."""

    def __init__(self, downloads: Path, *, webgl: bool = True) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        flags = ["--headless=new", "--no-sandbox", "--hide-scrollbars", "--ignore-gpu-blocklist"]
        software = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        flags += software if webgl else ["--disable-gpu", "--disable-3d-apis"]
        for flag in flags:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.add_experimental_option(
            "prefs", {"download.default_directory": str(downloads.resolve())}
        )
        service = webdriver.ChromeService(DRIVER)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.downloads = downloads

    def open(self, path: Path, size: tuple[int, int] = WIDE, *, dark: bool = False) -> None:
        width, height = size
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})
        self.driver.get(path.resolve().as_uri())
        self.wait("document.documentElement.dataset.ready === 'true'")

    def __call__(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(f"return {script}", *arguments)

    def wait(self, condition: str, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not self(condition):
            assert time.monotonic() < end, f"not in {seconds} s: {condition}"
            time.sleep(0.05)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        return [item.text for item in self.driver.find_elements("css selector", selector)]

    def place(self, node: int) -> tuple[int, int]:
        """Where a node of the map is on the screen, by the data that the page holds."""
        x, y = self(PLACE, node)
        return round(x), round(y)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        given = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1, **more}
        if kind == "mouseMoved":
            given["button"] = "left" if more.get("buttons") else "none"
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", given)

    def click_at(self, x: float, y: float) -> None:
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def downloaded(self, name: str) -> list[list[str]]:
        end = time.monotonic() + 20
        while not (self.downloads / name).is_file():
            assert time.monotonic() < end, f"{name} was not downloaded"
            time.sleep(0.05)
        with (self.downloads / name).open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        (self.downloads / name).unlink()
        return rows

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return [url for url in found if not url.startswith(("file:", "blob:", "data:"))]


PLACE = """((node) => {
  const data = JSON.parse(document.getElementById("data").textContent).map;
  const bytes = Uint8Array.from(atob(data.positions), (c) => c.charCodeAt(0));
  const p = new Uint16Array(bytes.buffer), xs = [], ys = [];
  for (let i = 0; i < p.length; i += 2) { xs.push(p[i]); ys.push(p[i + 1]); }
  const ends = (values) => [Math.min(...values), Math.max(...values)];
  const [left, right] = ends(xs), [low, high] = ends(ys);
  const stage = document.getElementById("stage");
  const box = stage.querySelector(".over").getBoundingClientRect();
  const [w, h] = [stage.clientWidth, stage.clientHeight];
  const scale = Math.min((w - 56) / Math.max(right - left, 1), (h - 56) / Math.max(high - low, 1));
  return [box.left + w / 2 + (xs[node] - (left + right) / 2) * scale,
          box.top + h / 2 - (ys[node] - (low + high) / 2) * scale];
})(arguments[0])"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Browser]:
    made = Browser(folder)
    yield made
    made.driver.quit()


@pytest.fixture(scope="module")
def report(folder: Path) -> Path:
    fitted = RUNS["variational"]().fitted_.named(HOSTILE)
    page(findings_of(fitted)).save(folder / "report.html")
    return folder / "report.html"


@pytest.fixture
def opened(browser: Browser, report: Path) -> Browser:
    browser.complaints()
    browser.requests()
    browser.open(report)
    return browser


# ----------------------------------------------------------------------- quiet and safe


@pytest.mark.parametrize("name", RUNS)
def test_no_report_complains_or_asks_for_anything(
    name: str, browser: Browser, folder: Path
) -> None:
    path = folder / f"{name}.html"
    page(findings_of(RUNS[name]().fitted_)).save(path, overwrite=True)
    browser.complaints()
    browser.requests()
    for size in (WIDE, NARROW):
        browser.open(path, size)
        assert browser("document.documentElement.scrollWidth") <= size[0]
    assert browser.complaints() == []
    assert browser.requests() == []


def test_a_map_in_a_notebook_works_in_its_frame(browser: Browser, folder: Path) -> None:
    fitted = model_of_communities(5)
    fitted.fitted_ = fitted.fitted_.named(HOSTILE)
    frame = fitted.map()._repr_mimebundle_()["text/html"]
    ready = "<script>document.documentElement.dataset.ready = 'true'</script>"
    head = (
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    )
    (folder / "notebook.html").write_text(f"{head}{frame}{ready}", encoding="utf-8")
    browser.complaints()
    browser.requests()
    for size in (WIDE, NARROW):
        browser.open(folder / "notebook.html", size)
        assert browser("document.documentElement.scrollWidth") <= size[0]
        browser.driver.switch_to.frame(0)
        browser.wait("document.documentElement.dataset.ready === 'true'")
        assert browser("document.documentElement.scrollWidth") <= size[0]
        browser.find("#node-search").send_keys("node 042\ue007")  # Enter
        assert browser.find("#detail strong").text == "node 042"
        assert "Likeliest links" in browser.find("#detail").text
        assert not browser.driver.find_elements("css selector", "img.still")
        browser.driver.switch_to.default_content()
    assert browser.complaints() == []
    assert browser.requests() == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_of_an_evaluation_is_quiet_and_fits(
    browser: Browser, folder: Path, dark: bool
) -> None:
    graph = load_dataset("karate")
    methods: dict[str, Any] = {HOSTILE: GAE(steps=2), "katz": "katz", "degree": "degree"}
    result = evaluate(graph, methods, runs=3, metrics=["auc", "average_precision", "mrr"] * 3)
    path = folder / "evaluation.html"
    made = evaluation_report(result, graph, name=HOSTILE, command=f"vgae {HOSTILE}")
    made.save(path, overwrite=True)
    browser.complaints()
    browser.requests()
    for size in (WIDE, NARROW):
        browser.open(path, size, dark=dark)
        assert browser("document.documentElement.scrollWidth") <= size[0]
        assert (
            luminance(browser("getComputedStyle(document.body).backgroundColor")) < 0.05
        ) == dark
    assert HOSTILE in browser.find("tbody th").text
    assert browser.find("h1").text == HOSTILE
    assert browser.find("#theme").is_displayed()
    assert browser.complaints() == []
    assert browser.requests() == []


def test_a_hostile_id_runs_nothing(opened: Browser) -> None:
    opened.find("#node-search").send_keys("script")
    assert HOSTILE in opened.texts("#node-results button")
    opened.find("#node-results button").click()
    assert HOSTILE in opened.find("#detail strong").text
    assert HOSTILE in opened.find("h1").text
    assert opened("document.title").startswith("</script>")
    assert opened("document.querySelectorAll('img').length") == 0
    assert opened.complaints() == []


def test_what_is_injected_all_the_same_may_not_run(opened: Browser) -> None:
    opened.driver.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s);"
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 2\">')"
    )
    time.sleep(0.2)
    assert opened("window.ran") is None
    assert "Content Security Policy" in " ".join(opened.complaints())


# ------------------------------------------------------------------------------- links


def test_links_are_sorted_by_any_column(opened: Browser) -> None:
    def column(place: int) -> list[str]:
        return opened.texts(f"#link-table tbody td:nth-child({place})")

    def press(title: str) -> None:
        for head in opened.driver.find_elements("css selector", "#link-table th button"):
            if head.text == title:
                head.click()
                return
        raise AssertionError(title)

    best = [float(text) for text in column(3)]
    assert best == sorted(best, reverse=True)
    press("Source")
    assert column(1) == sorted(column(1))
    press("Source")
    assert column(1) == sorted(column(1), reverse=True)
    press("Common")
    common = [int(text) for text in column(5)]
    assert common == sorted(common, reverse=True)
    ordered = opened.driver.find_elements("css selector", "#link-table th[aria-sort]")
    assert [(head.text, head.get_attribute("aria-sort")) for head in ordered] == [
        ("Common", "descending")
    ]


def test_links_are_searched_and_downloaded_as_found(opened: Browser) -> None:
    assert opened.find("#link-count").text == "200 links"
    opened.find("#link-search").send_keys("node 017")
    count = int(opened.find("#link-count").text.partition(" ")[0])
    assert 0 < count < 200
    assert all("node 017" in row for row in opened.texts("#link-table tbody tr"))
    opened.find("#link-download").click()
    head, *rows = opened.downloaded("links.csv")
    assert head == [
        "source", "target", "probability", "low", "high", "source degree", "target degree",
        "common", "why",
    ]  # fmt: skip
    assert len(rows) == count
    opened.find("#link-search").clear()
    opened.find("#link-search").send_keys("no such node")
    assert opened.find("#link-count").text == "0 of 200 links"


def test_a_hostile_id_comes_whole_out_of_the_download(opened: Browser) -> None:
    opened.find("#link-download").click()
    _, *rows = opened.downloaded("links.csv")
    assert len(rows) == 200
    ids = set(communities().ids.tolist())
    assert {name for row in rows for name in row[:2]} <= ids
    assert HOSTILE in {name for row in rows for name in row[:2]}


def test_more_links_are_shown_on_demand(opened: Browser) -> None:
    assert len(opened.texts("#link-table tbody tr")) == 25
    opened.find("#link-more").click()
    assert len(opened.texts("#link-table tbody tr")) == 125
    opened.find("#link-more").click()
    assert len(opened.texts("#link-table tbody tr")) == 200
    assert not opened.find("#link-more").is_displayed()


# --------------------------------------------------------------------------------- map


def show_map(browser: Browser) -> None:
    browser.driver.execute_script("document.getElementById('map').scrollIntoView()")


def pixels(browser: Browser) -> int:
    """How many pixels of the map's upper canvas are drawn on."""
    found: int = browser(
        """(() => { const c = document.querySelector("#stage .over");
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n; })()"""
    )
    return found


def test_hovering_shows_a_node_and_its_best_links(opened: Browser) -> None:
    show_map(opened)
    x, y = opened.place(31)
    opened.mouse("mouseMoved", x, y)
    opened.wait("!document.getElementById('tip').hidden")
    tip = opened.find("#tip").text.splitlines()
    assert tip[0].startswith("node ")
    assert "degree" in tip[1]
    assert "uncertainty" in tip[1]
    assert tip[2] == "Likeliest links"
    assert len(opened.texts("#tip li")) == 3
    opened.mouse("mouseMoved", 5, 5)
    opened.wait("document.getElementById('tip').hidden")


def test_a_digit_is_shown_as_its_small_picture(browser: Browser, folder: Path) -> None:
    fitted = GAE(steps=1, latent_dim=2).fit(load_dataset("digits")).fitted_.named("digits")
    page(findings_of(fitted, ReportSettings(top=5))).save(folder / "digits.html", overwrite=True)
    browser.open(folder / "digits.html")
    show_map(browser)
    browser.mouse("mouseMoved", *browser.place(100))
    browser.wait("!document.getElementById('tip').hidden")
    picture = browser.find("#tip .picture")
    assert picture.size == {"width": 72, "height": 72}
    assert picture.get_attribute("aria-label").startswith("Picture of node ")
    shades = browser(
        """(() => { const c = document.querySelector("#tip .picture");
        return [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]; })()"""
    )
    assert len(shades) == 4 * 64
    assert len(set(shades[::4])) > 4


def test_a_chosen_node_shows_known_and_proposed_edges(opened: Browser) -> None:
    show_map(opened)
    before = pixels(opened)
    opened.click_at(*opened.place(31))
    opened.wait("document.querySelector('#detail strong') !== null")
    assert "Likeliest links" in opened.find("#detail").text
    graph = communities()
    chosen = opened.find("#detail strong").text
    row = graph.index([chosen])[0]
    assert f"Known edges ({graph.degrees[row]})" in opened.find("#detail").text
    time.sleep(0.2)
    assert pixels(opened) > before + 100
    opened.find("#detail li button").click()
    assert opened.find("#detail strong").text != chosen
    opened.find("#stage .over").send_keys("\ue00c")  # Escape
    assert "Choose a node" in opened.find("#detail").text


def test_a_node_is_found_by_name_with_the_keyboard(opened: Browser) -> None:
    opened.find("#node-search").send_keys("node 04")
    assert opened.texts("#node-results button") == [f"node 04{place}" for place in range(8)]
    opened.find("#node-search").send_keys("2\ue007")  # Enter
    assert opened.find("#detail strong").text == "node 042"
    opened.find("#node-search").send_keys("nothing")
    assert opened.find("#node-results").text == "No such node"


def test_a_node_of_the_table_is_shown_on_the_map(opened: Browser) -> None:
    button = opened.find("#link-table tbody button.node")
    name = button.text
    button.click()
    assert opened.find("#detail strong").text == name


def test_the_lasso_lists_the_nodes_within(opened: Browser) -> None:
    show_map(opened)
    x, y = opened.place(20)
    opened.find("#lasso").click()
    assert opened.find("#lasso").get_attribute("aria-pressed") == "true"
    corners = [(x - 60, y - 60), (x + 60, y - 60), (x + 60, y + 60), (x - 60, y + 60)]
    expected = sorted(
        name for node, name in enumerate(communities().ids.tolist())
        if all(abs(a - b) < 57 for a, b in zip(opened.place(node), (x, y), strict=True))
    )  # fmt: skip
    opened.mouse("mousePressed", *corners[0])
    for corner in [*corners[1:], corners[0]]:
        opened.mouse("mouseMoved", *corner, buttons=1)
    opened.mouse("mouseReleased", *corners[0])
    opened.wait("document.getElementById('lasso-download') !== null")
    listed = opened.texts("#detail li button")
    assert opened.find("#detail strong").text.startswith(f"{len(listed)} node")
    assert set(expected) <= set(listed)
    assert "node 005" in listed or "node 020" in listed
    opened.find("#lasso-download").click()
    head, *rows = opened.downloaded("nodes.csv")
    assert head == ["node", "label", "community", "degree", "uncertainty", "component"]
    assert [row[0] for row in rows] == listed
    degrees = dict(zip(communities().ids.tolist(), communities().degrees.tolist(), strict=True))
    assert all(int(row[3]) == degrees[row[0]] for row in rows)
    assert opened.find("#lasso").get_attribute("aria-pressed") == "false"


def test_dragging_and_the_wheel_move_the_map(opened: Browser) -> None:
    show_map(opened)
    x, y = opened.place(31)
    opened.mouse("mouseMoved", x, y)
    opened.wait("!document.getElementById('tip').hidden")
    name = opened.find("#tip strong").text
    opened.mouse("mousePressed", x, y)
    opened.mouse("mouseMoved", x - 40, y, buttons=1)
    opened.mouse("mouseMoved", x - 80, y, buttons=1)
    opened.mouse("mouseReleased", x - 80, y)
    opened.mouse("mouseMoved", x - 80, y)
    opened.wait("!document.getElementById('tip').hidden")
    assert opened.find("#tip strong").text == name
    opened.driver.execute_cdp_cmd(
        "Input.dispatchMouseEvent",
        {"type": "mouseWheel", "x": x - 80, "y": y, "deltaX": 0, "deltaY": -600},
    )
    time.sleep(0.2)
    opened.mouse("mouseMoved", x - 80, y)
    opened.wait("!document.getElementById('tip').hidden")
    assert opened.find("#tip strong").text == name


def test_colours_can_mean_other_things(opened: Browser) -> None:
    choices = opened.texts("#colouring option")
    assert choices == ["label", "community", "degree", "uncertainty", "component"]
    assert "block 1 (15)" in opened.find("#legend").text
    opened.driver.execute_script(
        "const s = document.getElementById('colouring'); s.value = 2;"
        "s.dispatchEvent(new Event('change'))"
    )
    assert opened.texts("#legend .ramp") == [""]


def test_the_map_is_drawn_without_webgl_too(report: Path, folder: Path) -> None:
    plain = Browser(folder, webgl=False)
    try:
        plain.open(report)
        assert plain("document.getElementById('stage').dataset.renderer") == "canvas"
        show_map(plain)
        plain.mouse("mouseMoved", *plain.place(31))
        plain.wait("!document.getElementById('tip').hidden")
        drawn = plain(
            """(() => { const c = document.querySelector("#stage .points");
            const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n; })()"""
        )
        assert drawn > 60 * 20
        assert plain.complaints() == []
    finally:
        plain.driver.quit()


def test_webgl_draws_where_there_is_some(opened: Browser) -> None:
    assert opened("document.getElementById('stage').dataset.renderer") == "webgl"


# -------------------------------------------------------------------------- appearance


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast_in_both_schemes(browser: Browser, report: Path, dark: bool) -> None:
    browser.open(report, dark=dark)
    paper = luminance(browser("getComputedStyle(document.body).backgroundColor"))
    assert (paper < 0.05) == dark
    for selector in ("body", ".lead", ".facts dt", "td.why", "figcaption", ".headline .note"):
        ink = luminance(
            browser("getComputedStyle(document.querySelector(arguments[0])).color", selector)
        )
        high, low = max(ink, paper), min(ink, paper)
        assert (high + 0.05) / (low + 0.05) >= 4.5, selector
    tick = luminance(browser("getComputedStyle(document.querySelector('.chart .tick')).fill"))
    assert (max(tick, paper) + 0.05) / (min(tick, paper) + 0.05) >= 4.5


def test_the_scheme_can_be_switched(opened: Browser) -> None:
    light = luminance(opened("getComputedStyle(document.body).backgroundColor"))
    assert opened.find("#theme").text == "Dark"
    opened.find("#theme").click()
    assert opened.find("#theme").text == "Light"
    assert luminance(opened("getComputedStyle(document.body).backgroundColor")) < light / 5


def test_everything_that_acts_has_a_name_and_can_be_reached(opened: Browser) -> None:
    nameless = opened(
        """[...document.querySelectorAll("button, input, select, a[href], [tabindex]")]
        .filter((e) => !e.hidden && !(e.textContent.trim() || e.getAttribute("aria-label")
          || e.labels?.length)).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    assert opened("document.querySelectorAll('h1').length") == 1
    assert opened("document.querySelectorAll('svg.chart:not([role=img])').length") == 0
    assert opened("[...document.querySelectorAll('svg.chart desc')].every((d) => d.textContent)")


def test_a_narrow_page_shows_links_one_below_the_other(browser: Browser, report: Path) -> None:
    browser.open(report, NARROW)
    assert browser("document.documentElement.scrollWidth") <= NARROW[0]
    left = {browser("arguments[0].getBoundingClientRect().left", row) for row in
            browser.driver.find_elements("css selector", "#link-table tbody tr")}  # fmt: skip
    assert len(left) == 1
    assert browser.find("#link-table td.why").is_displayed()
