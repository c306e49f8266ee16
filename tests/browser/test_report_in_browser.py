"""The report in Chromium, from disk without a network: accessible, fit for a phone, both themes."""

import pytest
from conftest import violations

from course_utils.exercises import convolution, pooling_further
from course_utils.marking import class_summary, report
from course_utils.marking.class_results import Outcome


def a_class():
    """Fourteen students: on every exercise of a few parts all kinds of fates, long names."""
    exercises = [convolution.conv2d, convolution.feature_map, pooling_further.l2_pool2d]
    students = {}
    for number in range(14):
        tries = {}
        for shift, exercise in enumerate(exercises):
            messages = [mistake.words for mistake in exercise.mistakes.values()]
            fate = (number + shift) % 7
            if fate < 4:
                mistakes = (messages[fate % 3], messages[-1])[: 1 + fate % 2]
                tries[exercise.number] = Outcome("mistake", fate == 0, mistakes)
            elif fate < 6:
                tries[exercise.number] = Outcome("ok" if fate == 4 else "error", fate == 4, ())
        students[f"Ada-Wilhelmina Karoline von Lovelace-Kowalewskaja {number}"] = tries
    return students


@pytest.mark.parametrize("names", [False, True], ids=["anonymous", "names"])
def test_report_is_accessible_on_phone(chromium, tmp_path, names):
    report.write_report(tmp_path / "report.html", report.render(a_class(), names))
    context = chromium.new_context(offline=True, viewport={"width": 1100, "height": 900})
    page, urls = context.new_page(), []
    page.on("request", lambda request: urls.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    grounds = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        grounds.add(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
        assert violations(page) == ""
    assert len(grounds) == 2
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("() => document.documentElement.scrollWidth") == 360
    wide = """() => [...document.querySelectorAll("main *:not(.scroll *)")]
        .filter((part) => part.getBoundingClientRect().right > 345).map((part) => part.outerHTML)"""
    assert page.evaluate(wide) == []
    assert {url.partition(":")[0] for url in urls} <= {"file", "data"}
    context.close()


def test_bar_lengths_match_counts(chromium, tmp_path):
    report.write_report(tmp_path / "report.html", report.render(a_class()))
    page = chromium.new_page(viewport={"width": 1100, "height": 900})
    page.goto((tmp_path / "report.html").as_uri())
    row = next(
        row for row in class_summary.summarize(a_class()) if row.exercise is convolution.conv2d
    )
    section = page.locator("h3", has_text="2.5 Write conv2d")
    widths = section.evaluate(
        "(head) => [...head.nextElementSibling.children].map((part) => [part.className, "
        "part.getBoundingClientRect().width])"
    )
    counted = {"passed": row.passed, "stuck": row.stuck, "absent": row.absent}
    assert [kind for kind, _ in widths] == list(counted)
    whole = sum(width for _, width in widths)
    for kind, width in widths:
        assert width / whole == pytest.approx(len(counted[kind]) / 14, abs=0.01)
    page.close()
