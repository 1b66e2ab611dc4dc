"""Pages of the site that are made and not written: reference, gallery, performance.

Much of bibun's public surface comes out of tables (an op becomes a function of `bibun.numpy`
without a `def` of its own), so the reference asks the imported modules, not their source. What a
module's `__all__` names is public; that is what has a heading here.

The gallery shows what `bibun gallery` has drawn into docs/gallery/ (and draws it if it is not
there); the performance page renders the records of benchmarks/results/.
"""

from __future__ import annotations

import html
import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
import textwrap
from itertools import groupby
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
DRAWN = "gallery/figures"

# what is in the reference, and in which order; a page a module
MODULES = """
bibun bibun.numpy bibun.numpy.linalg bibun.numpy.fft bibun.lax bibun.random bibun.tree bibun.nn
bibun.scipy.special bibun.scipy.linalg bibun.scipy.stats bibun.scipy.optimize
bibun.scipy.integrate bibun.scipy.interpolate bibun.scipy.signal bibun.scipy.ndimage
bibun.scipy.fft bibun.scipy.cluster.vq bibun.scipy.sparse.linalg bibun.image
bibun.prob bibun.prob.distributions bibun.prob.infer bibun.prob.handlers bibun.prob.diagnostics
bibun.gp bibun.gp.kernels bibun.gp.means bibun.gp.noise bibun.gp.solvers
bibun.solvers bibun.optim bibun.optimizers bibun.variable bibun.variable.functions
bibun.variable.function_hooks bibun.variable.gradient_check bibun.variable.utils bibun.dual
bibun.store bibun.export bibun.testing bibun.config bibun.errors
""".split()

SIGNATURE: dict[str, Any] = {
    "subsequent_indent": "    ", "break_long_words": False, "break_on_hyphens": False
}  # fmt: skip
GATHERED = {"bibun.numpy"}  # its names come from its rooms; its `__all__` has but its own


# reference ----------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """Prose of a docstring for Markdown: only `code` keeps its meaning."""
    parts = re.split(r"(``[^`]+``|`[^`\n]+`)", text)
    return "".join(
        part if k % 2 else re.sub(r"([\\*_\[\]#{}])", r"\\\1", html.escape(part, quote=False))
        for k, part in enumerate(parts)
    )


def docstring(text: str) -> str:
    """A docstring as Markdown: prose, indented blocks as they are, examples as sessions."""
    out = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        lines = block.splitlines()
        if lines[0].startswith(">>>"):
            out.append("```pycon\n" + block + "\n```")
        elif all(line.startswith("    ") for line in lines):
            out.append("```text\n" + inspect.cleandoc(block) + "\n```")
        else:
            first = next((k for k, x in enumerate(lines) if x.startswith(">>>")), len(lines))
            prose = lines[:first]
            # a line that explains a parameter begins a line
            text = "\n".join(
                ("<br>" if k and re.match(r"[`\w][\w`, *]{0,40}: ", x) else "") + escaped(x.strip())
                for k, x in enumerate(prose)
            )
            out.append(text)
            if first < len(lines):
                out.append("```pycon\n" + "\n".join(lines[first:]) + "\n```")
    return "\n\n".join(out)


def signature(value: Any) -> str:
    """(x, y=1): without annotations and without addresses, or nothing where Python knows none."""
    try:
        found = inspect.signature(value)
    except (ValueError, TypeError):
        return "(...)"
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    plain = [p for p in plain if p.name != "self"]
    text = str(found.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    return re.sub(r"<(?:function |class ')?([\w.]+)[^>]*>", r"\1", text)


def entry(name: str, value: Any, anchor: str, level: str = "##") -> list[str]:
    """Heading, signature, docstring, and for a class its public methods."""
    out = [f"{level} {escaped(name)} {{ #{anchor} }}"]
    if inspect.ismodule(value):
        out.append(escaped((inspect.getdoc(value) or "").split("\n\n")[0]))
        return out
    if callable(value):
        called = textwrap.fill(name + signature(value), 88, **SIGNATURE)
        out.append(f"```python\n{called}\n```")
    elif isinstance(value, str | int | float | bool | type(None)):
        out.append(f"```python\n{name} = {value!r}\n```")
    own = inspect.getdoc(value)
    if own and (callable(value) or own != inspect.getdoc(type(value))):
        out.append(docstring(own))
    if inspect.isclass(value):
        for method, member in vars(value).items():
            kinds = property | classmethod | staticmethod
            method_like = inspect.isfunction(member) or isinstance(member, kinds)
            text = inspect.getdoc(getattr(value, method))
            if method.startswith("_") or not method_like or not text:
                continue
            shown = "" if isinstance(member, property) else signature(getattr(value, method))
            out.append(f"**`{method}{shown}`**\n\n{docstring(text)}")
    return out


def public(module: Any) -> list[str]:
    """The names of `__all__`, else what the module and its rooms define."""
    names = getattr(module, "__all__", None)
    if names is None or module.__name__ in GATHERED:
        inside = (module.__name__, module.__name__ + ".")
        names = [
            n for n, v in vars(module).items()
            if not n.startswith("_") and callable(v)
            and (getattr(v, "__module__", "") + ".").startswith(inside)
        ]  # fmt: skip
    return sorted(dict.fromkeys(names), key=lambda n: (n.lower(), n))


def reference(name: str) -> str:
    """The page of a module."""
    module = importlib.import_module(name)
    out = [f"# {name}", docstring(inspect.getdoc(module) or "")]
    for member in public(module):
        out += entry(member, getattr(module, member), f"{name}.{member}")
    return "\n\n".join(out) + "\n"


def contents(names: list[str]) -> str:
    """The page that lists the others, each with the first line of its docstring."""
    out = ["# Reference", "Everything public, as its docstring says it. Examples run as tests.", ""]
    for name in names:
        line = (inspect.getdoc(importlib.import_module(name)) or "").split("\n")[0]
        out.append(f"- [`{name}`]({name}.md): {escaped(line)}")
    return "\n".join(out) + "\n"


def modules() -> list[str]:
    """Those of MODULES that are there."""
    return [n for n in MODULES if importlib.util.find_spec(n) is not None]


# gallery ------------------------------------------------------------------------------------------

SAID = {
    "en": (
        "Gallery",
        "Every figure is drawn by a worked example in `examples/`, with the command "
        "`bibun gallery --out site/`. [On one page, to be sent around]({up}gallery/index.html).",
        "Code",
    ),
    "ja": (
        "ギャラリー",
        "どの図も `examples/` の例題が描いたもので、`bibun gallery --out site/` で再現できます。"
        "[一枚にまとめたページ]({up}gallery/index.html)もあります。",
        "コード",
    ),
}  # fmt: skip


def gallery(language: str) -> str:
    """The figures with their texts and the code that drew them."""
    from bibun.cli.gallery import catalogue

    title, intro, code = SAID[language]
    up = "../" if language == "ja" else ""
    out = [f"# {title}", intro.format(up=up)]
    for _, group in groupby(catalogue(), key=lambda e: e.script.parent):
        members = list(group)
        out.append(f"## {members[0].chapter[language]}")
        for example in members:
            for figure in example.figures:
                out.append(f"### {figure.number} · {figure.title[language]}")
                out.append(figure.text[language])
                out.append(f"![{figure.title['en']}]({up}{DRAWN}/{figure.file})")
            source = example.script.read_text(encoding="utf-8").rstrip()
            block = textwrap.indent(f"```python\n{source}\n```", "    ")
            out.append(f'??? note "{code}: {example.name}"\n\n{block}')
    return "\n\n".join(out) + "\n"


def draw(docs: Path) -> None:
    """Run `bibun gallery` into the documentation's folder if a figure is not there."""
    from bibun.cli.gallery import catalogue

    files = [f.file for e in catalogue() for f in e.figures]
    if not all((docs / DRAWN / f).is_file() for f in files):
        command = [sys.executable, "-m", "bibun.cli.main", "gallery", "--out", docs / "gallery"]
        subprocess.run(command, check=True)


# performance --------------------------------------------------------------------------------------


def performance() -> str:
    """The records in benchmarks/results/, as tables."""
    sys.path.append(str(ROOT))  # mkdocs forgets what a hook appends while it is imported
    from benchmarks import report

    names = sorted(p.stem for p in report.RESULTS.glob("*.json"))
    return report.generated([r for r in report.stored(names) if "stacks" in r])


# mkdocs -------------------------------------------------------------------------------------------


def on_config(config: Any) -> Any:
    """The pages of the reference and of the decisions, into the navigation."""
    notes = sorted(Path(config.docs_dir, "design").glob("*.md"))
    listed = {
        "Reference": ["reference/index.md", *({n: f"reference/{n}.md"} for n in modules())],
        "Decisions": [f"design/{p.name}" for p in notes],
    }
    for item in config.nav:
        item.update({title: pages for title, pages in listed.items() if title in item})
    draw(Path(config.docs_dir))
    return config


def on_files(files: Files, config: Any) -> Files:
    """The pages that are made."""
    made = {f"reference/{name}.md": reference(name) for name in modules()}
    made["reference/index.md"] = contents(modules())
    made["gallery.md"], made["ja/gallery.md"] = gallery("en"), gallery("ja")
    # the figures are copied if they were there when mkdocs looked; draw() ran before that
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The performance page's tables, where it asks for them."""
    if page.file.src_uri == "performance.md":
        return markdown.replace("{{ benchmarks }}", performance())
    return markdown


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Japanese pages say that they are."""
    if page.file.src_uri.startswith("ja/"):
        return output.replace('<html lang="en"', '<html lang="ja"', 1)
    return output
