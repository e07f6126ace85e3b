"""Takes the picture of a report that README.md and docs/report.md show.

`make docs/_static/report.png` calls it; it needs chromium and selenium.
"""

import base64
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 1280, 860


def picture(page: Path) -> bytes:
    """The map of a report with a chosen node, as PNG."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in ("headless=new", "no-sandbox", "hide-scrollbars", "ignore-gpu-blocklist"):
        options.add_argument(f"--{flag}")
    options.add_argument("--enable-unsafe-swiftshader")
    driver: Any = webdriver.Chrome(options=options)
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [still]})
        driver.get(page.as_uri())
        while driver.execute_script("return document.documentElement.dataset.ready") != "true":
            time.sleep(0.1)
        driver.execute_script("document.getElementById('map').scrollIntoView()")
        _choose_a_node(driver)
        time.sleep(1.0)
        taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    finally:
        driver.quit()
    return base64.b64decode(taken["data"])


def _choose_a_node(driver: Any) -> None:
    """Click into the map, from its middle outwards, until a node is met."""
    middle = driver.execute_script(
        "const box = document.querySelector('#stage .over').getBoundingClientRect();"
        "return [box.left + box.width / 2, box.top + box.height / 2]"
    )
    for step in range(200):
        far, angle = 3.0 * step, 2.4 * step
        place = {"x": middle[0] + far * math.cos(angle), "y": middle[1] + far * math.sin(angle)}
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
            driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **place, **button})
        if driver.find_elements("css selector", "#detail strong"):
            return


def main(place: Path) -> None:
    """Fit digits, draw the report and write its picture."""
    import vgae

    model = vgae.VGAE(seed=0).fit(vgae.split_edges(vgae.load_dataset("digits"), seed=0))
    model.fitted_ = model.fitted_.named("digits")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        model.report(projection="tsne").save(page)
        place.write_bytes(picture(page))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
