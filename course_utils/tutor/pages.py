"""Executed notebooks as web pages that need no kernel, no server and no network."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import anywidget
import nbformat
from nbconvert import HTMLExporter

from course_utils.tutor.editions import ROOT

TEMPLATE = Path(__file__).with_name("page.html.j2")
MODULES = ROOT / "node_modules"
SCRIPTS = {  # the name beside the page: where it comes from
    "require.js": MODULES / "requirejs" / "require.js",
    "embed-amd.js": MODULES / "@jupyter-widgets" / "html-manager" / "dist" / "embed-amd.js",
    "anywidget.js": Path(anywidget.__file__).parent / "nbextension" / "index.js",
    "tex-svg.js": MODULES / "mathjax" / "es5" / "tex-svg.js",
}
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
EMPTY_HEADING = re.compile(r"<th[^>]*></th>")  # a table's blank corner heads nothing
NOTEBOOK_LINK = re.compile(r"(\]\((?!\w+:)[^)\s]+)\.ipynb\b")


def export(notebook_path: Path, out_dir: Path) -> Path:
    """Write an executed notebook as a page, with the scripts it needs beside it.

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
    FileNotFoundError
        If a browser script is missing; the message says how to get it.
    """
    notebook_path, out_dir = Path(notebook_path), Path(out_dir)
    notebook = nbformat.read(notebook_path, as_version=4)
    exporter = HTMLExporter(template_file=str(TEMPLATE), exclude_anchor_links=True)
    html = render(exporter, notebook, notebook_path)
    copy_scripts(SCRIPTS, out_dir)
    page = out_dir / f"{notebook_path.stem}.html"
    page.write_text(html, encoding="utf-8")
    return page


def render(exporter: HTMLExporter, notebook, path: Path, **resources) -> str:
    """Turn a notebook that lies at `path` into a page by an exporter with a template of ours."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = NOTEBOOK_LINK.sub(r"\1.html", cell.source)
    resources |= {
        "title": title(notebook) or path.stem,
        "has_widgets": WIDGET_STATE in notebook.metadata.get("widgets", {}),
        "metadata": {"path": str(path.parent)},
    }
    html, _ = exporter.from_notebook_node(notebook, resources=resources)
    return EMPTY_HEADING.sub("<td></td>", html)


def title(notebook) -> str:
    """Text of the notebook's first heading, or an empty string."""
    for cell in notebook.cells:
        found = re.search(r"^#+\s+(.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and found:
            return found[1].strip()
    return ""


def copy_scripts(scripts: dict[str, Path], folder: Path) -> None:
    """Copy browser scripts (name beside the page: where it comes from) unless they are there.

    Raises
    ------
    FileNotFoundError
        If one is missing; the message says how to get it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in scripts.items():
        if not source.exists():
            raise FileNotFoundError(f"{source} is missing: run `npm ci --ignore-scripts` in {ROOT}")
        target = folder / name
        if not target.exists() or target.stat().st_size != source.stat().st_size:
            shutil.copyfile(source, target)
