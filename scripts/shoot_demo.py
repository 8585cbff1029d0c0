"""Pictures of the demo page for the README: docs/demo.png, wide, and docs/demo_narrow.png."""

from __future__ import annotations

import shutil
import sys

from _machine import ROOT

from fer_tf.demo_page.handlers import Handlers
from fer_tf.demo_page.server import serving
from fer_tf.demo_page.service import Service
from fer_tf.pictures.decoding import decoding

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
SHOTS = {
    "demo.png": ("astronaut.jpg", "light", {"width": 1440, "height": 900}),
    "demo_narrow.png": ("drawn.jpg", "dark", {"width": 390, "height": 844}),
}
"""By file: the example that is shown, with its reason, and the window."""


def main() -> None:
    """Needs Playwright and an installed Chromium."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.exit("no Chromium is installed")
    with (
        decoding() as decode,
        serving(
            Handlers(Service([None]), decode), host="127.0.0.1", port=0, max_upload=2**20
        ) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for name, (example, scheme, window) in SHOTS.items():
            page = browser.new_page(viewport=window, color_scheme=scheme)
            page.goto(address)
            # The first answer of a process is slower than those after.
            for _ in range(3):
                page.click(f"[data-example='{example}']")
                page.wait_for_selector(".fer-bars")
                page.wait_for_timeout(1000)
            page.check("#why input")
            page.wait_for_selector(".fer-reason figure", timeout=120_000)
            page.wait_for_timeout(500)
            page.mouse.move(0, 0)
            page.screenshot(path=ROOT / "docs" / name, full_page=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
