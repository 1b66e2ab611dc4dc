"""One HTML file that says what was done and what came of it; nothing in it is loaded."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bibun.cli.diagnose import TABLE_COLUMNS, Row, Verdict

CSS = """
:root{--ink:#1d2126;--soft:#626a73;--line:#e3e6ea;--page:#fff;--box:#f6f7f9;--blue:#0072b2;
--good:#0a7d55;--caution:#a86500;--bad:#c03a1d}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1040px;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .3rem}
h2{font-size:1.1rem;margin:2.6rem 0 .8rem;padding-top:1.1rem;border-top:1px solid var(--line)}
p,ul{margin:.5rem 0}.soft{color:var(--soft)}
.verdict{border-left:4px solid;padding:.8rem 1.1rem;margin:1.5rem 0;background:var(--box);
border-radius:0 6px 6px 0}
.verdict b{font-size:1.05rem}.verdict ul{padding-left:1.2rem}
.sound{border-color:var(--good)}.sound b{color:var(--good)}
.caution{border-color:var(--caution)}.caution b{color:var(--caution)}
.bad{border-color:var(--bad)}.bad b{color:var(--bad)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{text-align:right;padding:.28rem .7rem;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:600;font-size:.85rem}
th:first-child,td:first-child{text-align:left}
td.flag{color:var(--bad);font-weight:600}
img{max-width:100%;height:auto;display:block;margin:.4rem 0}
pre{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.9rem 1.1rem;
overflow-x:auto;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.4rem;margin:.4rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
"""
MOST_ROWS = 500


@dataclass
class Report:
    """All that the page shows."""

    title: str
    subtitle: str
    verdict: Verdict
    notes: list[str]
    rows: Sequence[Row]
    predictions: list[str]
    pictures: list[tuple[str, Path]]
    source_name: str
    source: str
    run: list[tuple[str, str]]


def _table(rows: Sequence[Row], flagged: set[str]) -> str:
    head = "".join(f"<th>{html.escape(c)}</th>" for c in ("", *TABLE_COLUMNS))
    lines = []
    for row in rows[:MOST_ROWS]:
        mark = ' class="flag"' if row.label in flagged else ""
        cells = "".join(f"<td>{html.escape(c)}</td>" for c in row.cells())
        lines.append(f"<tr><td{mark}>{html.escape(row.label)}</td>{cells}</tr>")
    more = ""
    if len(rows) > MOST_ROWS:
        more = f'<p class="soft">and {len(rows) - MOST_ROWS} more rows, in posterior.nc</p>'
    body = "".join(lines)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{more}"
    )


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(i)}</li>" for i in items) + "</ul>" if items else ""


def _picture(title: str, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    name = html.escape(title)
    return f'<h2>{name}</h2><img alt="{name}" src="data:image/png;base64,{data}">'


def render(report: Report, flagged: set[str]) -> str:
    """The page as text; `flagged` are the labels to mark in the table."""
    v = report.verdict
    run = "".join(
        f"<dt>{html.escape(k)}</dt><dd>{html.escape(t)}</dd>" for k, t in report.run
    )
    predictions = "".join(f"<p>{html.escape(p)}</p>" for p in report.predictions)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{html.escape(report.title)}</title><style>{CSS}</style></head><body><main>
<h1>{html.escape(report.title)}</h1>
<p class="soft">{html.escape(report.subtitle)}</p>
<div class="verdict {v.level}"><b>{html.escape(v.headline)}</b>{_list(v.findings)}
{_list([f"{f}" for f in v.facts])}</div>
{_list(report.notes)}
<h2>Posterior</h2>
<p class="soft">Mean, standard deviation, the central 90 % interval, effective sample sizes of the
bulk and the tails, and R-hat.</p>
{_table(report.rows, flagged)}
{predictions and "<h2>Predictions</h2>" + predictions}
{"".join(_picture(title, path) for title, path in report.pictures)}
<h2>Model: {html.escape(report.source_name)}</h2>
<pre><code>{html.escape(report.source)}</code></pre>
<h2>How this was made</h2><dl>{run}</dl>
</main></body></html>
"""
