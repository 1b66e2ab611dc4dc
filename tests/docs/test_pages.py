"""The pages of the documentation: their code runs and prints what they say; the site builds."""

from __future__ import annotations

import functools
import http.server
import io
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from docs import outputs

from tests import browser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = outputs.pages()
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[+-]?\d+)?|(?<![\w.])-?\d+\.(?!\w)")


def name(page: Path) -> str:
    return str(page.relative_to(DOCS))


def same(printed: str, said: str) -> bool:
    """Equal words, and numbers with a point equal to nine digits."""
    if NUMBER.sub("#", " ".join(printed.split())) != NUMBER.sub("#", " ".join(said.split())):
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(said), strict=True)
    return all(float(a) == pytest.approx(float(b), rel=1e-9, abs=1e-12) for a, b in pairs)


def test_comparison_of_what_is_printed():
    assert same("a 1.00000000001 b", "a  1.0 b")
    assert not same("a 1.001 b", "a 1.0 b")
    assert not same("a 1.0 b", "a 1.0 c")
    assert not same("f64[3]", "f64[4]")


def with_code() -> list[Path]:
    """Pages whose code no other page has: the Japanese tutorial's is the English one's."""
    return [p for p in PAGES if "```python" in p.read_text("utf-8") and "ja/" not in name(p)]


@pytest.mark.parametrize("page", with_code(), ids=name)
def test_code_runs_and_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for ran in outputs.run(page):
        if ran.output is None:
            assert not ran.printed, f"block {ran.number} prints what the page does not show"
        elif ran.of_this_machine:
            assert ran.printed.strip()
        else:
            hint = "if the change is meant: python docs/outputs.py"
            assert same(ran.printed, ran.output[2]), f"{ran.printed}\n{hint}"


def test_outputs_are_written_where_they_belong(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "DOCS", tmp_path)
    code = "```python\nprint({})\n```\n\n```text\nold\n```\n"
    page = tmp_path / "page.md"
    page.write_text(f"One\n\n{code.format(1)}\nTwo\n\n{code.format(2)}\n```text\nold\n```\n")
    assert outputs.refresh(page)
    assert [b for k, b in outputs.FENCE.findall(page.read_text()) if k == "text"] == [
        "1\n", "2\n", "old\n",
    ]  # fmt: skip
    assert not outputs.refresh(page)


@pytest.mark.parametrize("page", sorted(DOCS.glob("ja/**/*.md")), ids=name)
def test_japanese_pages_have_the_code_of_the_english(page):
    theirs = outputs.english(page).read_text(encoding="utf-8")
    mine = page.read_text(encoding="utf-8")
    assert outputs.FENCE.findall(mine) == outputs.FENCE.findall(theirs)
    assert re.search(r"[ぁ-ん]", page.read_text(encoding="utf-8"))


def test_a_page_for_each_chapter_in_both_languages():
    english = {p.name for p in DOCS.glob("tutorial/*.md")}
    assert english == {p.name for p in DOCS.glob("ja/tutorial/*.md")}
    assert {n[:2] for n in english} >= {f"{k:02d}" for k in range(1, 11)}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built strictly; in place of the figures, small pictures of the same names."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from bibun.cli.gallery import catalogue

    root = tmp_path_factory.mktemp("docs")
    shutil.copy(ROOT / "mkdocs.yml", root)
    shutil.copytree(DOCS, root / "docs", ignore=shutil.ignore_patterns("gallery"))
    shutil.copytree(ROOT / "benchmarks", root / "benchmarks")
    pictures = root / "docs" / "gallery" / "figures"
    pictures.mkdir(parents=True)
    (pictures.parent / "index.html").write_text("<!doctype html><title>gallery</title>")
    blank = io.BytesIO()
    Figure(figsize=(1, 1)).savefig(blank, format="png", dpi=20)
    for example in catalogue():
        for figure in example.figures:
            (pictures / figure.file).write_bytes(blank.getvalue())
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(root / "site")],
        cwd=root, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "site"


def test_the_site_builds_without_a_warning(site):
    for page in PAGES:
        assert (site / page.relative_to(DOCS)).with_suffix(".html").is_file()
    for note in DOCS.glob("design/*.md"):
        assert (site / "design" / note.name).with_suffix(".html").is_file()
    assert 'lang="ja"' in (site / "ja" / "index.html").read_text(encoding="utf-8")


def test_the_reference_has_the_public_names(site):
    import bibun

    page = (site / "reference" / "bibun.html").read_text(encoding="utf-8")
    for public in bibun.__all__:
        assert f'id="bibun.{public}"' in page
    arrays = (site / "reference" / "bibun.numpy.html").read_text(encoding="utf-8")
    for public in ("sin", "einsum", "linspace", "where", "convolve", "interp"):
        assert f'id="bibun.numpy.{public}"' in arrays


def test_pages_load_nothing_from_elsewhere(site):
    wanted = re.compile(r'<(?:script|img|link)[^>]*(?:src|href)="(https?:[^"]+)"')
    for page in (site / "index.html", site / "tutorial" / "07-inference.html"):
        assert not wanted.findall(page.read_text(encoding="utf-8"))


@browser.needs_a_browser
def test_pages_open_in_a_browser_without_a_complaint(site, tmp_path):
    quiet = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for page in ("index.html", "ja/tutorial/07-inference.html", "reference/bibun.lax.html"):
            address = f"http://127.0.0.1:{server.server_port}/{page}"
            dom, console = browser.visit(address, tmp_path / "profile")
            assert "md-content" in dom
            assert not console, page
        server.shutdown()


def readme_blocks() -> list[str]:
    text = (ROOT / "README.ja.md").read_text(encoding="utf-8")
    return [code for kind, code in outputs.FENCE.findall(text) if kind == "python"]


@pytest.mark.parametrize("k", range(len(readme_blocks())))
def test_the_japanese_readmes_examples_run(k):
    exec(compile(readme_blocks()[k], f"README.ja.md, example {k + 1}", "exec"), {})


def test_what_the_japanese_readme_points_at_is_there():
    for page in ("README.ja.md", "examples/README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert ((ROOT / page).parent / target).exists(), target
