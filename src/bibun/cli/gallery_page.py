"""The page of `bibun gallery`: one HTML file, images inside, in English and Japanese.

Both languages are in the page; a rule of its style sheet hides the one that is not chosen, so
the switch needs one attribute and works without a server. Code is coloured by Python's own
tokenizer.
"""

from __future__ import annotations

import base64
import datetime
import html
import io
import keyword
import platform
import re
import shlex
import tokenize
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import bibun

if TYPE_CHECKING:
    from bibun.cli.gallery import Example, Figure

CSS = """
:root{--ink:#1d2126;--soft:#5f6872;--line:#e3e6ea;--page:#fff;--box:#f6f7f9;--blue:#0072b2;
--bad:#c03a1d}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:4rem}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.6 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,"Hiragino Sans","Noto Sans CJK JP","Yu Gothic",sans-serif}
html[lang=en] body [lang=ja],html[lang=ja] body [lang=en]{display:none}
header{border-bottom:1px solid var(--line);position:sticky;top:0;background:#fffffff2;z-index:1}
header div{max-width:1000px;margin:0 auto;padding:.6rem 1.25rem;display:flex;gap:1rem;
align-items:baseline}
header b{font-size:1.05rem;margin-right:auto}
button{font:inherit;font-size:.9rem;border:1px solid var(--line);background:none;color:var(--soft);
padding:.1rem .7rem;border-radius:999px;cursor:pointer}
button[aria-pressed=true]{background:var(--blue);border-color:var(--blue);color:#fff}
main{max-width:1000px;margin:0 auto;padding:1.6rem 1.25rem 5rem}
h1{font-size:1.9rem;line-height:1.25;margin:.6rem 0}
h2{font-size:1.3rem;margin:3.4rem 0 1rem;padding-top:1.2rem;border-top:1px solid var(--line)}
h3{font-size:1.02rem;margin:0 0 .2rem}
h3 .n{color:var(--blue);margin-right:.6em;font-variant-numeric:tabular-nums}
p{margin:.3rem 0;max-width:46rem}.soft{color:var(--soft);font-size:.92rem}
nav{columns:2;column-gap:2rem;margin:1.2rem 0}nav a{display:block;padding:.12rem 0}
a{color:var(--blue);text-decoration:none}a:hover{text-decoration:underline}
figure{margin:1.6rem 0 1.2rem}
figure img{display:block;max-width:100%;height:auto;margin:.7rem 0 0}
code,pre{font:13px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
p code,h3 code{background:var(--box);padding:.05rem .3rem;border-radius:4px;font-size:.88em}
pre{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.9rem 1.1rem;
overflow-x:auto;margin:.5rem 0}
details{margin:.4rem 0 2.2rem}summary{cursor:pointer;color:var(--soft);font-size:.92rem}
.k{color:#8b1a6b}.s{color:#1d7a43}.c{color:#7a828b;font-style:italic}.d{color:#b35900}
.failed{border-left:4px solid var(--bad);padding:.3rem 1rem;margin:1rem 0}
@media(max-width:640px){nav{columns:1}body{font-size:15px}}
"""
SCRIPT = """
const page = document.documentElement, buttons = document.querySelectorAll("button[data-lang]");
function speak(language) {
  page.lang = language;
  buttons.forEach(b => b.setAttribute("aria-pressed", b.dataset.lang === language));
}
buttons.forEach(b => b.addEventListener("click", () => speak(b.dataset.lang)));
speak((navigator.language || "en").startsWith("ja") ? "ja" : "en");
"""
WORDS = {
    "title": {"en": "Gallery", "ja": "ギャラリー"},
    "intro": {
        "en": "Every figure below was computed and drawn on this machine by the command "
        "<code>{command}</code>: {count} figures in {seconds:.0f} s. Below each stands the code "
        "that made it.",
        "ja": "以下の図はすべて、<code>{command}</code> によってこの計算機で計算し、描いたものです"
        "({count} 枚、{seconds:.0f} 秒)。それぞれの図の下に、描いたコードがあります。",
    },
    "code": {"en": "Code", "ja": "コード"},
    "failed": {"en": "This example failed:", "ja": "この例は失敗しました:"},
}


def both(texts: dict[str, str]) -> str:
    """The same in both languages, one of them hidden. The texts are HTML."""
    return "".join(f'<span lang="{k}">{text}</span>' for k, text in texts.items())


def prose(texts: dict[str, str]) -> str:
    """Plain texts with `code` in them, in both languages."""
    return both(
        {k: re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(t)) for k, t in texts.items()}
    )


def highlighted(source: str) -> str:
    """Python source as HTML, keywords, strings, comments and names defined in colour."""
    lines = source.splitlines(keepends=True)
    parts: list[str] = []
    row, column = 1, 0
    previous = ""

    def plain(to_row: int, to_column: int) -> str:
        """What stands between the last token and the next: blanks."""
        if to_row == row:
            return lines[row - 1][column:to_column] if row <= len(lines) else ""
        between = [lines[row - 1][column:], *lines[row : to_row - 1]]
        return "".join(between) + (lines[to_row - 1][:to_column] if to_row <= len(lines) else "")

    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = ""
        if token.type == tokenize.NAME and keyword.iskeyword(token.string):
            kind = "k"
        elif token.type == tokenize.NAME and previous in ("def", "class"):
            kind = "d"
        elif token.type == tokenize.STRING:
            kind = "s"
        elif token.type == tokenize.COMMENT:
            kind = "c"
        parts.append(html.escape(plain(*token.start)))
        text = html.escape(token.string) if token.type != tokenize.ENDMARKER else ""
        parts.append(f'<span class="{kind}">{text}</span>' if kind else text)
        (row, column), previous = token.end, token.string
    return "".join(parts)


def _picture(figure: Figure, path: Path) -> str:
    data = path.read_bytes()
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))  # PNG's header
    number, alt = html.escape(figure.number), html.escape(figure.title["en"], quote=True)
    encoded = base64.b64encode(data).decode("ascii")
    return (
        f'<figure id="fig-{number}"><h3><span class="n">{number}</span>{prose(figure.title)}</h3>'
        f"<p>{prose(figure.text)}</p>"
        f'<img alt="{alt}" width="{width * 2 // 3}" height="{height * 2 // 3}" '
        f'src="data:image/png;base64,{encoded}"></figure>'
    )


def _example(example: Example, figures: Path) -> str:
    parts = []
    if example.failure:
        reason = html.escape(example.failure)
        parts.append(
            f'<div class="failed"><b>{html.escape(example.name)}</b>: {both(WORDS["failed"])}'
            f"<pre>{reason}</pre></div>"
        )
    else:
        parts += [_picture(f, figures / f.file) for f in example.figures]
    source = highlighted(example.script.read_text(encoding="utf-8"))
    seconds = f" · {example.seconds:.1f} s" if example.seconds is not None else ""
    parts.append(
        f"<details><summary>{both(WORDS['code'])}: {html.escape(example.name)}{seconds}</summary>"
        f"<pre>{source}</pre></details>"
    )
    return "".join(parts)


def page(
    examples: Sequence[Example], figures: Path, seconds: float, command: Sequence[str]
) -> str:
    """The whole page. figures: the folder with the pictures; seconds: the time of the run."""
    count = sum(len(e.figures) for e in examples if not e.failure)
    said = {"command": html.escape(shlex.join(command)), "count": count, "seconds": seconds}
    body, contents = [], []
    for k, (_, group) in enumerate(groupby(examples, key=lambda e: e.script.parent)):
        members = list(group)
        heading = prose(members[0].chapter)
        contents.append(f'<a href="#chapter-{k}">{heading}</a>')
        body.append(f'<section id="chapter-{k}"><h2>{heading}</h2>')
        body += [_example(e, figures) for e in members]
        body.append("</section>")
    stamp = (
        f"bibun {bibun.__version__}, Python {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, {datetime.date.today():%Y-%m-%d}"
    )
    intro = both({k: text.format(**said) for k, text in WORDS["intro"].items()})
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>bibun gallery</title>
<link rel="icon" href="data:,">
<style>{CSS}</style></head>
<body><header><div><b>bibun</b>
<button type="button" data-lang="en" aria-pressed="true">English</button>
<button type="button" data-lang="ja" aria-pressed="false">日本語</button></div></header>
<main><h1>{both(WORDS["title"])}</h1>
<p>{intro}</p>
<p class="soft">{html.escape(stamp)}</p>
<nav>{"".join(contents)}</nav>
{"".join(body)}
</main><script>{SCRIPT}</script></body></html>
"""
