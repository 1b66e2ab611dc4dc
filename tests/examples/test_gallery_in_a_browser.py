"""The page of `bibun gallery` in a real browser: nothing complains, every picture is there.

Chromium runs headless and prints the page as it stands after its scripts; a script appended to a
copy of the page writes down what is to be known: the pictures' sizes, and what is seen of either
language before and after the switch is pressed.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bibun.cli import gallery
from bibun.cli.main import main
from tests import browser

pytest.importorskip("matplotlib")
pytestmark = browser.needs_a_browser

PROBE = """
<script>
const seen = lang => [...document.querySelectorAll(`h1 [lang=${lang}], p [lang=${lang}]`)]
  .filter(e => e.getClientRects().length).length;
addEventListener("load", () => {
  const found = {images: [...document.images].map(i => ({
    alt: i.alt, width: i.naturalWidth, height: i.naturalHeight, done: i.complete,
    shown: i.clientWidth, ratio: i.clientWidth / i.clientHeight}))};
  for (const language of ["en", "ja"]) {
    document.querySelector(`button[data-lang=${language}]`).click();
    found[language] = {en: seen("en"), ja: seen("ja"), lang: document.documentElement.lang,
      pressed: document.querySelector("button[aria-pressed=true]").textContent};
  }
  found.ids = [...document.querySelectorAll("nav a")].map(
    a => !!document.querySelector(a.getAttribute("href")));
  found.wide = document.documentElement.scrollWidth > innerWidth;
  const note = document.createElement("pre");
  note.id = "probe"; note.textContent = JSON.stringify(found);
  document.body.append(note);
});
</script>
"""


def visit(page: Path, tmp_path: Path) -> tuple[dict[str, Any], list[str]]:
    """What the probe saw, and what the browser's console said."""
    probed = tmp_path / "probed.html"
    text = page.read_text(encoding="utf-8")
    probed.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    dom, console = browser.visit(probed.as_uri(), tmp_path / "profile")
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom, re.S)
    assert found, dom[-2000:]
    return json.loads(html.unescape(found.group(1))), console


def check(page: Path, tmp_path: Path, figures: int) -> None:
    found, console = visit(page, tmp_path)
    assert not console
    assert len(found["images"]) == figures
    for image in found["images"]:
        assert image["done"], image
        assert image["width"] > 300, image
        assert image["height"] > 200, image
        assert 200 < image["shown"] <= 1000, image
        assert image["ratio"] == pytest.approx(image["width"] / image["height"], rel=0.01), image
    for language, other, name in (("en", "ja", "English"), ("ja", "en", "日本語")):
        assert found[language][language] > figures
        assert found[language][other] == 0
        assert found[language]["lang"] == language
        assert found[language]["pressed"] == name
    assert all(found["ids"])
    assert not found["wide"]


def test_the_probe_sees_a_picture_that_is_not_there_and_a_script_that_fails(tmp_path):
    page = tmp_path / "index.html"
    page.write_text(
        '<body><button data-lang=en aria-pressed=true></button><button data-lang=ja></button>'
        '<img src="nothing.png"><script>throw Error("oh")</script></body>'
    )
    found, console = visit(page, tmp_path)
    assert found["images"][0]["width"] == 0
    assert any("oh" in line for line in console)


@pytest.mark.slow
def test_every_figure_is_drawn_and_shown(tmp_path, capsys):
    assert main(["gallery", "--out", str(tmp_path / "site")]) == 0
    figures = sum(len(e.figures) for e in gallery.catalogue())
    assert f"{figures} figures, 0 examples failed" in capsys.readouterr().out
    check(tmp_path / "site" / "index.html", tmp_path, figures)
