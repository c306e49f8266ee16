"""Milliseconds from a key press to changed pixels: every figure, and a plot drawn anew.

The plot moves the same kernel over the same numbers as the kernel scrubber, in the same JupyterLab,
in headless Chromium. The clock starts in the browser, when the key's event arrives, and stops in
the first frame painted after the picture has changed. One cell is shown at a time; a bare word that
changes with the key tells what the browser and the machine themselves take.
"""

from __future__ import annotations

import argparse
import os
import statistics

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

EVENTS = 40
FIGURE = """
from course_utils.figures.{module} import {name}
{name}.example()
"""
SCRUBBER = """
import torch
from course_utils.figures.kernel_scrubber import KernelScrubber
image = torch.arange(100).reshape(10, 10) * 37 % 19
KernelScrubber(image, [[1, 2, 1], [2, 4, 2], [1, 2, 1]])
"""
REDRAWN = """
%matplotlib inline
import ipywidgets
import matplotlib.pyplot as plt
import torch.nn.functional as F
kernel = torch.tensor([[1, 2, 1], [2, 4, 2], [1, 2, 1]])

def draw(row, column):
    response = F.conv2d(image[None, None].float(), kernel[None, None].float())[0, 0]
    figure, axes = plt.subplots(1, 2, figsize=(8, 4))
    axes[0].imshow(image, cmap="gray")
    axes[0].add_patch(plt.Rectangle((column - 0.5, row - 0.5), 3, 3, fill=False, color="C1"))
    axes[1].imshow(response, cmap="PuOr")
    axes[1].set_title(f"{response[row, column]:g}")
    plt.show()

ipywidgets.interactive(draw, row=(0, 7), column=(0, 7))
"""
WORD = """%%html
<p class="word" tabindex="0" onkeydown="this.textContent += 1; event.stopPropagation()">1</p>
"""
# What is no figure of the course: source, what changes, what has the focus.
OTHERS = {
    "a word": (WORD, "p.word", "p.word"),
    "ipywidgets.interactive": (REDRAWN, ".widget-output", ".widget-slider .noUi-handle >> nth=1"),
}
ALONE = ".jp-Cell:not(:has({})) {{ display: none }}"  # a workbook has one figure
# Resolves with the milliseconds from the next keydown to the frame after `change` was seen.
CLOCK = """([root, images]) => new Promise((done) => {
    const target = document.querySelector(root);
    let start;
    const stop = () => { requestAnimationFrame(() => {
        const channel = new MessageChannel(); // runs after this frame is painted
        channel.port1.onmessage = () => done(performance.now() - start);
        channel.port2.postMessage(0);
    }); };
    const watch = new MutationObserver(async () => {
        if (start === undefined) return;
        const picture = images ? target.querySelector("img") : target;
        if (images) {
            if (!picture || picture.src === window.lastPicture) return;
            window.lastPicture = picture.src;
            await picture.decode();
        }
        watch.disconnect();
        stop();
    });
    if (images) window.lastPicture = target.querySelector("img").src;
    watch.observe(target, { subtree: true, childList: true, attributes: true });
    document.addEventListener("keydown", () => { start = performance.now(); },
        { capture: true, once: true });
})"""


def measure(page, focus, root: str, images: bool, keys: list[str]) -> list[float]:
    """Press the keys one by one with `focus` in focus; milliseconds to changed pixels of `root`."""
    focus.focus()
    times = []
    for key in keys:
        page.evaluate(
            "([clock, root, images]) => { window.pending = eval(clock)([root, images]); }",
            [CLOCK, root, images],
        )
        page.keyboard.press(key)
        times.append(page.evaluate("() => window.pending"))
        page.wait_for_timeout(60)
    return times


def main(argv: list[str]) -> int:
    """Print a table of medians; 1 if a figure's median is above its limit."""
    from course_utils.figures import all_figures
    from course_utils.publishing.lab_driver import browser, working_copy

    parser = argparse.ArgumentParser(prog="course_utils bench figure_latency", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="key presses (default: 40)")
    events = parser.parse_args(argv).events
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    figures = {figure.__module__.rpartition(".")[2]: figure for figure in all_figures()}
    shown = {}
    for module, figure in figures.items():
        source = FIGURE.format(module=module, name=figure.__name__)
        root = f'.course-figure[data-figure="{module}"]'
        shown[module] = source, root, f"{root} .course-stage"
    shown["kernel_scrubber"] = SCRUBBER, *shown["kernel_scrubber"][1:]
    shown |= OTHERS
    notebook = new_notebook(
        cells=[new_code_cell(source) for source, *_ in shown.values()],
        metadata={"kernelspec": kernel},
    )
    there_and_back = ["ArrowRight"] * 3 + ["ArrowLeft"] * 3
    keys = [there_and_back[i % 6] for i in range(events)]
    with working_copy() as lab, browser() as chromium:
        nbformat.write(notebook, lab.folder / "latency.ipynb")
        page = chromium.new_page(viewport={"width": 1200, "height": 1400})
        workbook = lab.open(page, "latency.ipynb")
        if errors := workbook.run_all():
            raise RuntimeError("\n".join(errors))
        page.locator(".widget-output img").wait_for()
        rows = {}
        for name, (_, root, focus) in shown.items():
            alone = page.add_style_tag(content=ALONE.format(root))
            rows[name] = measure(page, page.locator(focus), root, root == ".widget-output", keys)
            alone.evaluate("(style) => style.remove()")
    print(f"key press to changed pixels, ms over {events} events, {os.cpu_count()} cores")
    print(f"{'':<24}{'median':>8}{'90 %':>8}{'worst':>8}")
    for name, times in rows.items():
        tenth = statistics.quantiles(times, n=10)[-1]
        print(f"{name:<24}{statistics.median(times):>8.1f}{tenth:>8.1f}{max(times):>8.1f}")
    medians = {module: statistics.median(times) for module, times in rows.items()}
    return int(any(medians[module] > figure.max_latency_ms for module, figure in figures.items()))


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
