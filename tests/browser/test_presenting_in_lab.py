"""Presenting from JupyterLab with jupyterlab-slideshow: a figure on a slide still answers."""

from conftest import Shown

STATE = """() => {
    const figures = [...document.querySelectorAll(".course-figure")];
    const on_top = figures.findIndex((figure) => {
        const { x, y, width, height } = figure.getBoundingClientRect();
        const seen = document.elementFromPoint(x + width / 2, y + height / 2);
        return seen && figure.contains(seen);
    });
    return [jupyterapp.shell.currentWidget.content.activeCellIndex, on_top];
}"""


def go(page, direction):
    """Move the deck and return the active cell's number and the figure in view, or -1."""
    page.evaluate("(direction) => jupyterapp.commands.execute('deck:go', { direction })", direction)
    page.wait_for_timeout(300)
    return page.evaluate(STATE)


def test_figure_responds_while_presenting(open_workbook):
    workbook = open_workbook("02_convolution.ipynb")
    page = workbook.page
    assert workbook.run_all() == []
    page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 0; }")
    workbook.command("deck:start")
    page.wait_for_timeout(1000)
    assert not page.locator("#jp-main-statusbar").is_visible()
    before, figure = page.evaluate(STATE)
    assert figure == -1  # the title
    for _ in range(20):
        cell, figure = go(page, "down")
        if cell == before:
            cell, figure = go(page, "forward")
        if figure >= 0:
            break
        before = cell
    shown = Shown(page, page.locator(".course-figure").nth(figure))
    numbers = shown.read("numbers")
    shown.press("ArrowDown", "ArrowRight")
    assert shown.read("numbers") != numbers
    assert page.evaluate(STATE)[1] == figure  # the arrow keys did not turn the page
    workbook.command("deck:stop")
