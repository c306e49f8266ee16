"""The course as a static web site: every workbook executed, figures alive, nothing fetched."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import tempfile
import tomllib
import warnings
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell

from course_utils.publishing import api_pages, front_page, page_forms, pages, run_notebooks
from course_utils.publishing.browser_scripts import SCRIPTS, copy_scripts, fetch_browser_scripts
from course_utils.workbooks import BUILD, NOTEBOOKS, ROOT, discover, fold_line, parse_args, tags

STYLESHEET = Path(__file__).with_name("site.css")
TITLE = "Convolution, sparsity and sensing, by doing"
SETTINGS = {
    "project": TITLE,
    "html_title": TITLE,
    "copyright": "the authors; code MIT, prose and figures CC BY 4.0",
    "language": "en",
    "extensions": ["myst_nb", *api_pages.EXTENSIONS],
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "show_toc_level": 2,
        "use_download_button": False,
        "home_page_in_toc": True,
        "footer_content_items": ["copyright.html"],
    },
    "html_sidebars": {"**": ["sbt-sidebar-nav.html"]},
    "html_css_files": [STYLESHEET.name, page_forms.STYLESHEET.name],
    "html_js_files": [
        (name, {"defer": "defer"})
        for name in (page_forms.WIDE, page_forms.SCRIPT, page_forms.SEARCH)
    ],
    "html_copy_source": False,
    "html_show_sphinx": False,
    "html_show_search_summary": False,  # they are fetched, which a page from disk may not
    "myst_enable_extensions": ["amsmath", "dollarmath"],
    "myst_heading_anchors": 3,
    "nb_execution_mode": "off",
    "nb_ipywidgets_js": {
        "require.js": {},
        "embed-amd.js": {"data-jupyter-widgets-cdn": "./"},
    },
    "mathjax_path": "tex-svg.js",
} | api_pages.SETTINGS
INDEX = """
```{{toctree}}
:caption: Workbooks
:maxdepth: 1
:hidden:
{core}
```

```{{toctree}}
:caption: Further
:maxdepth: 1
:hidden:
{further}
```
"""
PACKAGE = """
```{{toctree}}
:caption: The package course_utils
:maxdepth: 1
{titles}
```
"""


def build(folder: Path, out: Path, status=None) -> Path:
    """Make the site of the executed notebooks in `folder`; return its first page.

    Next to each page `NAME.html` stands the same workbook in one file, `one_file/NAME.html`.

    Parameters
    ----------
    folder : executed notebooks, as `run_notebooks.run` leaves them.
    out : where the site goes; made if needed.
    status : a stream for Sphinx's progress, or None.

    Raises
    ------
    RuntimeError
        If Sphinx fails or warns; the message holds what it said.
    UserError
        If a browser script is missing; the message says how to get it.
    """
    names = [path.relative_to(folder) for path in discover(folder)]
    is_complete = {path.relative_to(NOTEBOOKS) for path in discover()} <= set(names)
    partial = {} if is_complete else {"suppress_warnings": ["myst.xref_missing"]}  # links to others
    with tempfile.TemporaryDirectory() as scratch:
        source, static, extra = (Path(scratch) / name for name in ("source", "static", "extra"))
        static.mkdir()
        _write_source(folder, names, source, static)
        if is_complete:
            titles = [f"api/{title}" for title in api_pages.write_pages(source / "api")]
            with (source / "index.md").open("a", encoding="utf-8") as index:
                index.write(PACKAGE.format(titles="\n".join(titles)))
        for place in {name.parent for name in names}:  # the page asks for it beside itself
            copy_scripts({"anywidget.js": SCRIPTS["anywidget.js"]}, extra / place)
        styles = {style.name: style for style in (STYLESHEET, page_forms.STYLESHEET)}
        copy_scripts(SCRIPTS | styles, static)
        _write_scripts(folder, names, static)
        settings = SETTINGS | partial
        settings |= {"html_static_path": [str(static)], "html_extra_path": [str(extra)]}
        html = Path(scratch) / "html"
        _run_sphinx(source, html, settings, status)
        # MyST-NB writes a folder `jupyter_execute` beside Sphinx's output, wherever that is
        shutil.copytree(html, out, dirs_exist_ok=True)
    for name in names:
        page = out / name.with_suffix(".html")
        page.write_text(pages.EMPTY_HEADING.sub("<td></td>", page.read_text("utf-8")), "utf-8")
        pages.export(folder / name, out / "one_file" / name.parent)
    return out / "index.html"


def _write_scripts(folder: Path, names: list[Path], static: Path) -> None:
    """Write what pages run beyond Sphinx's own scripts, and the words that a search quotes."""
    texts = {name.with_suffix("").as_posix(): _words(folder / name) for name in names}
    for script, text in (
        (page_forms.SCRIPT, page_forms.script()),
        (page_forms.WIDE, page_forms.wide_script()),
        (page_forms.SEARCH, page_forms.search_script()),
        (page_forms.TEXTS, f"globalThis.courseTexts = {json.dumps(texts, ensure_ascii=False)};\n"),
    ):
        (static / script).write_text(text, encoding="utf-8")


def _words(notebook: Path) -> str:
    """The prose of a notebook without Markdown's marks."""
    cells = nbformat.read(notebook, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    plain = re.sub(r"<[^>]+>|\]\([^)]*\)|[*`#\[]|\$\$?", "", prose)
    return " ".join(plain.split())


def _run_sphinx(source: Path, html: Path, settings: dict, status) -> None:
    """Build the pages; raise RuntimeError with whatever Sphinx warned of."""
    from sphinx.application import Sphinx  # here: the commands' table needs no Sphinx
    from sphinx.util.docutils import docutils_namespace

    log = io.StringIO()
    with docutils_namespace(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the theme uses what Sphinx will drop
        trees = html.with_name("trees")
        sphinx = Sphinx(source, None, html, trees, "html", settings, status, log)
        api_pages.connect(sphinx)
        sphinx.build()
    if sphinx.statuscode or log.getvalue():
        raise RuntimeError(f"Sphinx did not build the site:\n{log.getvalue()}")


def repository() -> str:
    """Return the address of the course's repository, which pyproject.toml holds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project["urls"]["repository"]


def _write_source(folder: Path, names: list[Path], source: Path, static: Path) -> None:
    """Copy the notebooks for Sphinx, each with a link to its one file, and write the first page."""
    for name in names:
        notebook = page_forms.with_forms(nbformat.read(folder / name, as_version=4))
        link = "../" * len(name.parent.parts) + f"one_file/{name.with_suffix('.html').as_posix()}"
        for cell in notebook.cells:
            if line := fold_line(cell):
                cell.metadata["tags"] = [*tags(cell), "hide-input"]
                cell.metadata["mystnb"] = {"code_prompt_show": line, "code_prompt_hide": line}
        notebook.cells.append(new_markdown_cell(f'<a href="{link}">One file</a>', id="one-file"))
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
    core = [name.with_suffix("").as_posix() for name in names if name.parent == Path()]
    further = [name.with_suffix("").as_posix() for name in names if name.parent != Path()]
    text = front_page.index(folder, names, static, TITLE, repository())
    text += INDEX.format(core="\n".join(core), further="\n".join(further))
    (source / "index.md").write_text(text, encoding="utf-8")


def main(argv: list[str]) -> int:
    """Write the site; 1 where a notebook shows an error."""
    notebooks, out = parse_args("site", __doc__, argv, BUILD / "site")
    fetch_browser_scripts()  # before anything long runs
    with tempfile.TemporaryDirectory() as scratch:
        folder = run_notebooks.run("student", notebooks, out=Path(scratch), show=True)
        print(build(folder, out, status=sys.stdout))
        return run_notebooks.print_failures(folder)
