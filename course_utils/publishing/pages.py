"""Executed notebooks as web pages of one file: no kernel, no server, no network."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from course_utils.publishing import page_forms
from course_utils.publishing.browser_scripts import SCRIPTS, find_script
from course_utils.workbooks import fold_line

TEMPLATE = Path(__file__).with_name("page.html.j2")
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
SCRIPT = re.compile(r'<script([^>]*) src="([^"]+)"([^>]*)></script>')
EMPTY_HEADING = re.compile(r"<th[^>]*>(<p></p>)?</th>")  # a table's blank corner heads nothing
MARKDOWN_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
TABLE_FRAME = '<div class="wide" tabindex="0" role="group" aria-label="Table">'
NOTEBOOK_LINK = re.compile(r"(\]\((?!\w+:)[^)\s]+)\.ipynb\b")


def export(notebook_path: Path, out_dir: Path) -> Path:
    """Write an executed notebook as a page that holds all it needs.

    Parameters
    ----------
    notebook_path : notebook with outputs, and widget state where it holds figures.
    out_dir : folder of the page; made if needed.

    Returns
    -------
    Path
        The page. Links to other notebooks lead to their pages.

    Raises
    ------
    UserError
        If a browser script is missing; the message says how to get it.
    """
    notebook_path, out_dir = Path(notebook_path), Path(out_dir)
    notebook = page_forms.with_forms(nbformat.read(notebook_path, as_version=4))
    exporter = HTMLExporter(template_file=str(TEMPLATE), exclude_anchor_links=True)
    html = SCRIPT.sub(_inline, render(exporter, notebook, notebook_path, scrolls=True))
    out_dir.mkdir(parents=True, exist_ok=True)
    page = out_dir / f"{notebook_path.stem}.html"
    page.write_text(html, encoding="utf-8")
    return page


def render(exporter: HTMLExporter, notebook, path: Path, **resources) -> str:
    """Turn a notebook that lies at `path` into a page by an exporter with a template of ours."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = NOTEBOOK_LINK.sub(r"\1.html", cell.source)
            continue
        if line := fold_line(cell):
            cell.metadata["fold_line"] = line
        cell.outputs = [output for output in cell.get("outputs", []) if not _is_stand_in(output)]
    resources |= {
        "table_frame": TABLE_FRAME,
        "forms_style": page_forms.STYLESHEET.read_text(encoding="utf-8"),
        "title": title(notebook) or path.stem,
        "has_widgets": WIDGET_STATE in notebook.metadata.get("widgets", {}),
        "has_forms": any("<form " in cell.source for cell in notebook.cells),
        "metadata": {"path": str(path.parent)},
    }
    exporter.register_filter("frame_tables", frame_tables)
    html, _ = exporter.from_notebook_node(notebook, resources=resources)
    return EMPTY_HEADING.sub("<td></td>", html)


def _is_stand_in(output) -> bool:
    """Tell whether an output stands in for a figure without a kernel; on pages figures live."""
    return "course-stand-in" in output.get("data", {}).get("text/html", "")


def frame_tables(html: str) -> str:
    """Put each table of a text into a frame, in which it scrolls where the screen is too narrow."""
    return MARKDOWN_TABLE.sub(rf"{TABLE_FRAME}\g<0></div>", html)


def _inline(tag: re.Match) -> str:
    """Turn the tag of a script into the script itself.

    RequireJS looks for anywidget beside the page; here it finds it by name in the page. MathJax
    must still wait for the end of the page, as `defer` made it.
    """
    attributes, name = tag[1] + tag[3], tag[2]
    text = _script(name)
    if name == "embed-amd.js":
        text += "\n" + _script("anywidget.js").replace("define(", 'define("anywidget", ', 1)
    if "defer" in attributes:
        text = f'document.addEventListener("DOMContentLoaded", () => {{{text}\n}});'
        attributes = ""
    return f"<script{attributes}>{text}</script>"


def _script(name: str) -> str:
    """Return a script's text, fit to stand in a page."""
    if name == page_forms.SCRIPT:
        text = page_forms.script()
    elif name == page_forms.WIDE:
        text = page_forms.wide_script()
    else:
        text = find_script(SCRIPTS[name]).read_text(encoding="utf-8")
    return text.replace("</script", "<\\/script")


def title(notebook) -> str:
    """Text of the notebook's first heading, or an empty string."""
    for cell in notebook.cells:
        heading = re.search(r"^#+\s+(.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            return heading[1].strip()
    return ""
