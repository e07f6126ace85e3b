"""The page: one file, nothing hostile in it, valid links within, and light to import."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_runs import HOSTILE, model_of_communities

from vgae.ground.errors import InputError
from vgae.people.html.gather import findings_of, map_findings
from vgae.people.html.page import EmbeddingMap, Report, check_page, map_page, page, script_json


@pytest.fixture(scope="module")
def html() -> str:
    return page(findings_of(model_of_communities().fitted_.named(HOSTILE))).html


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(html)
    return parser.found


def test_hostile_names_are_text(html: str) -> None:
    found = elements(html)
    assert sum(tag == "script" for tag, _ in found) == 2
    assert not [tag for tag, _ in found if tag == "img"]
    assert not [name for _, given in found for name in given if name.startswith("on")]
    assert "&lt;/script&gt;" in html
    data = json.loads(re.findall(r'id="data">(.*?)</script>', html, re.DOTALL)[0])
    assert data["ids"][0] == HOSTILE


@pytest.mark.parametrize("text", ["</script>", "<!--", "]]>", "\u2028", "\ud800", "&lt;", "\x00"])
def test_any_text_survives_in_a_script_element(text: str) -> None:
    made = script_json({"id": text})
    assert json.loads(made) == {"id": text}
    assert not set("<>&") & set(made)
    made.encode("ascii")


def test_nothing_is_loaded_and_only_its_own_script_may_run(html: str) -> None:
    policy = next(
        given["content"] for tag, given in elements(html)
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    for tag, given in elements(html):
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        assert "src" not in given
        assert (given.get("href") or "#").startswith("#")
    assert "http" not in script.replace("http://www.w3.org/2000/svg", "")


def test_links_within_the_page_lead_somewhere_and_names_are_used_once(html: str) -> None:
    found = elements(html)
    names = [given["id"] for _, given in found if "id" in given]
    assert len(set(names)) == len(names)
    for _, given in found:
        if "href" in given:
            assert (given["href"] or "")[1:] in names
        for name in (given.get("aria-labelledby") or "").split():
            assert name in names
    for tag, given in found:
        if tag in ("svg", "canvas") and given.get("aria-hidden") != "true":
            assert given.get("role") == "img"


def test_the_page_can_be_read_without_scripts(html: str) -> None:
    body = html.partition('<script type="application/json"')[0]
    assert body.count('<td data-name="Probability"') == 25
    assert "<noscript>" in body


def test_the_same_run_gives_the_same_bytes() -> None:
    fitted = model_of_communities(3).fitted_
    assert page(findings_of(fitted)) == page(findings_of(fitted))


def test_drawing_a_page_takes_no_torch() -> None:
    program = (
        "import vgae.people.html.page, vgae.people.html.layout, sys; print('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.strip() == "False", answer.stderr


def test_a_report_is_saved_whole_and_replaced_only_when_asked(tmp_path: Path) -> None:
    report = Report("<!doctype html><title>é</title>")
    with pytest.raises(InputError, match="a.txt: a page ends in .html"):
        report.save(tmp_path / "a.txt")
    report.save(tmp_path / "a.html")
    with pytest.raises(InputError, match="exists"):
        report.save(tmp_path / "a.html")
    Report("new").save(tmp_path / "a.html", overwrite=True)
    assert (tmp_path / "a.html").read_text() == "new"
    assert [item.name for item in tmp_path.iterdir()] == ["a.html"]


def test_a_notebook_shows_the_page_in_a_frame_that_can_reach_nothing() -> None:
    (tag, given), *_ = elements(Report('<p title="x">&amp;</p>')._repr_html_())
    assert tag == "iframe"
    assert given["srcdoc"] == '<p title="x">&amp;</p>'
    assert "allow-same-origin" not in (given["sandbox"] or "")


# ---------------------------------------------------------------------- the map alone


def test_a_map_alone_is_a_page_that_loads_nothing() -> None:
    made = map_page(map_findings(model_of_communities(2).fitted_.named(HOSTILE)), b"PNG")
    found = elements(made.page.html)
    assert sum(tag == "script" for tag, _ in found) == 2
    assert '<section id="map"' in made.page.html
    assert 'id="link-table"' not in made.page.html
    pictures = [given for tag, given in found if tag == "img"]
    assert [given["src"] for given in pictures] == ["data:image/png;base64,UE5H"]
    assert (pictures[0]["alt"] or "").startswith("Map of 60 nodes: ")
    for _, given in found:
        assert (given.get("href") or "#").startswith("#")
        assert not [name for name in given if name.startswith("on")]


def test_a_notebook_gets_a_frame_and_a_picture() -> None:
    page = Report('<!doctype html><p title="a">&amp;</p>')
    bundle = EmbeddingMap(page, b"PNG")._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == b"PNG"
    ((tag, given),) = elements(bundle["text/html"])
    assert (tag, given["srcdoc"], given["sandbox"]) == (
        "iframe", page.html, "allow-scripts allow-downloads",
    )  # fmt: skip
    assert bundle["text/plain"] == "EmbeddingMap(37 bytes)"
    assert set(EmbeddingMap(page, None)._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_a_page_is_written_whole_or_refused(tmp_path: Path) -> None:
    Report("<p>é</p>").save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "<p>é</p>"
    with pytest.raises(InputError, match="exists"):
        check_page(tmp_path / "page.html", overwrite=False)
    check_page(tmp_path / "page.html", overwrite=True)
    with pytest.raises(InputError, match="no folder"):
        check_page(tmp_path / "none" / "page.html", overwrite=False)
