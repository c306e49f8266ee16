"""Exported pages: what they keep, and that they ask nobody for anything."""

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.errors import UserError
from course_utils.publishing import browser_scripts, pages, site

PICTURE = '<figure><img alt="a &lt;grey&gt; square" src="data:image/png;base64,AAAA"></figure>'


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Stand-ins for the browser scripts."""
    for name in pages.SCRIPTS:
        (tmp_path / "from" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "from" / name).write_text(f"// {name}")
    monkeypatch.setattr(
        pages, "SCRIPTS", {name: tmp_path / "from" / name for name in pages.SCRIPTS}
    )
    return tmp_path / "from"


def exported(tmp_path, *cells, **metadata):
    """Export a notebook of these cells and return the page's text."""
    source = tmp_path / "01_some.ipynb"
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), source)
    page = pages.export(source, tmp_path / "pages" / "deep")
    assert page == tmp_path / "pages" / "deep" / "01_some.html"
    return page.read_text(encoding="utf-8")


def code(*outputs, source="x = 1"):
    """Make a code cell that has run."""
    return new_code_cell(source, outputs=list(outputs), execution_count=1)


def test_page_keeps_prose_code_outputs(tmp_path, scripts):
    html = exported(
        tmp_path,
        new_markdown_cell(
            "# 1 · How & why?\n\n$x_1 < 2$\n\n<details><summary>Hint</summary>Look</details>"
        ),
        code(
            new_output("stream", name="stdout", text="a < b\n"),
            new_output("stream", name="stderr", text="careful\n"),
            new_output("display_data", data={"text/html": PICTURE, "text/plain": "[picture]"}),
            new_output("execute_result", data={"text/plain": "tensor(3)"}, execution_count=1),
            new_output("error", ename="E", evalue="bad", traceback=["\x1b[31mE: bad <\x1b[0m"]),
            source="y = x < 2  # small",
        ),
    )
    assert "<title>1 · How &amp; why?</title>" in html
    assert '<html lang="en">' in html
    assert "<details><summary>Hint</summary>Look</details>" in html
    assert "$x_1 &lt; 2$" in html
    assert BeautifulSoup(html, "html.parser").find("img")["alt"] == "a <grey> square"
    assert "[picture]" not in html
    assert "<pre>a &lt; b\n</pre>" in html
    assert '<pre class="stderr">careful\n</pre>' in html
    assert "<pre>tensor(3)</pre>" in html
    assert "E: bad &lt;</pre>" in html
    assert "# small" in html


def test_folded_code_stands_under_its_line(tmp_path, scripts):
    folded = code(source="# Draws x < 2 as a picture\nx = 2")
    folded.metadata["jupyter"] = {"source_hidden": True}
    html = exported(tmp_path, folded, code(source="# Counts\ny = 3"))
    (details,) = BeautifulSoup(html, "html.parser").find_all("details")
    assert details.summary.text == "Draws x < 2 as a picture"
    assert "x = 2" in details.text


def test_page_is_self_contained(tmp_path, scripts):
    (scripts / "anywidget.js").write_text("define(['base'], f)")
    (scripts / "require.js").write_text("a('</script>')")
    state = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}}
    html = exported(tmp_path, new_markdown_cell("# A"), widgets=state)
    assert "course-wide" in html
    assert re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]*)"', html) == ["data:,"]
    for text in ("// tex-svg.js", "a('<\\/script>')", "// embed-amd.js"):
        assert html.count(text) == 1
    assert "define(\"anywidget\", ['base'], f)" in html  # RequireJS finds it by this name
    assert [path.name for path in (tmp_path / "pages" / "deep").iterdir()] == ["01_some.html"]
    assert "http" not in html.replace("</html>", "")


def test_page_without_figures_omits_widget_scripts(tmp_path, scripts):
    html = exported(tmp_path, new_markdown_cell("# A"))
    assert "require.js" not in html
    assert "embed-amd.js" not in html


def test_widget_state_cannot_end_script(tmp_path, scripts):
    state = {"m": {"state": {"words": "</script><b>"}}}
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    assert "</script><b>" not in exported(tmp_path, code(), widgets=widgets)


@pytest.mark.parametrize(
    ("link", "becomes"),
    [
        ("[next](02_convolution.ipynb)", 'href="02_convolution.html"'),
        ("[more](further/02_convolution.ipynb#Speed)", 'href="further/02_convolution.html#Speed"'),
        ("[other](https://example.org/a.ipynb)", 'href="https://example.org/a.ipynb"'),
    ],
)
def test_notebook_links_lead_to_pages(tmp_path, scripts, link, becomes):
    assert becomes in exported(tmp_path, new_markdown_cell(link))


def test_blank_table_corner_is_no_heading(tmp_path, scripts):
    html = exported(tmp_path, new_markdown_cell("|  | b |\n|---|---|\n| c | d |"))
    cells = BeautifulSoup(html, "html.parser").find_all(["th", "td"])
    assert [(cell.name, cell.text) for cell in cells] == [
        ("td", ""),
        ("th", "b"),
        ("td", "c"),
        ("td", "d"),
    ]


def test_title_falls_back_to_filename(tmp_path, scripts):
    assert "<title>01_some</title>" in exported(tmp_path, new_markdown_cell("Only prose."))


def test_missing_script_names_remedy(tmp_path, scripts):
    (scripts / "tex-svg.js").unlink()
    with pytest.raises(UserError, match=r"tex-svg\.js is missing: run `npm ci"):
        exported(tmp_path, new_markdown_cell("# A"))


def test_scripts_exist_after_npm():
    missing = [str(source) for source in browser_scripts.SCRIPTS.values() if not source.exists()]
    assert missing == []


def test_site_folds_code_under_its_line(tmp_path):
    folded = code(source="# Draws x as a picture\nx = 2")
    folded.metadata |= {"jupyter": {"source_hidden": True}, "tags": ["some"]}
    (tmp_path / "run").mkdir()
    nbformat.write(new_notebook(cells=[folded, code()]), tmp_path / "run" / "01_some.ipynb")
    (tmp_path / "static").mkdir()
    site._write_source(
        tmp_path / "run", [Path("01_some.ipynb")], tmp_path / "source", tmp_path / "static"
    )
    first, second, _ = nbformat.read(tmp_path / "source" / "01_some.ipynb", as_version=4).cells
    assert first.metadata["tags"] == ["some", "hide-input"]
    assert first.metadata["mystnb"]["code_prompt_show"] == "Draws x as a picture"
    assert "mystnb" not in second.metadata
