"""The page that a student gets back: accessible, readable in the dark and on a phone, offline."""

from pathlib import Path

import pytest
from conftest import violations

from course_utils.exercises import all_exercises
from course_utils.judging import feedback
from course_utils.judging.verdict import Status, Verdict
from course_utils.marking import marker
from course_utils.marking.submissions import Submission

EXERCISES = {exercise.number: exercise for exercise in all_exercises() if exercise.workbook == "02"}
SUBMISSION = Submission("ada & co", "02", Path("02_convolution.ipynb"))


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Return a page with every kind of verdict: right, not attempted, mistakes, an error."""
    verdicts = {number: exercise.judge(...) for number, exercise in EXERCISES.items()}
    for number in ("2.1", "2.2", "2.9"):
        wrong = next(iter(EXERCISES[number].mistakes.values())).answer
        verdicts[number] = EXERCISES[number].judge(wrong)
    conv2d = EXERCISES["2.5"]
    verdicts["2.5"] = conv2d.judge(lambda *case: conv2d.oracle(*case) + 1)
    verdicts["2.7"] = EXERCISES["2.7"].judge(lambda *case: print("<script>") or case[9])
    graded = marker.Graded(SUBMISSION, [], verdicts)
    page = tmp_path_factory.mktemp("feedback") / "02_convolution.html"
    page.write_text(
        marker.feedback_page(graded, marker.mark_rows(graded, EXERCISES)), encoding="utf-8"
    )
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_feedback_is_accessible_on_phone(chromium, page_file, scheme):
    context = chromium.new_context(
        offline=True, color_scheme=scheme, viewport={"width": 360, "height": 740}
    )
    page, urls = context.new_page(), []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert "ada & co" in page.inner_text("main")
    assert page.locator("section").count() == len(EXERCISES)
    assert [url for url in urls if not url.startswith(("file:", "data:"))] == []
    context.close()
    context = chromium.new_context(offline=True, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert violations(page) == ""
    context.close()


@pytest.mark.parametrize(("seconds", "top"), [(20, 400), (-1, 600)])
def test_words_above_the_window_come_back_while_new(seconds, top, chromium, monkeypatch):
    """JupyterLab has moved on to the next cell when the verdict arrives."""
    monkeypatch.setattr(feedback, "_SECONDS_TO_SHOW", seconds)
    verdict = feedback.as_output(Verdict(Status.WRONG, "0.1 Count", "This is not it."))
    page = chromium.new_page()
    scrolled = page.evaluate(
        """(verdict) => {
            const text = `<div id="pane" style="height: 300px; overflow: auto">
                <div style="height: 400px"></div><div style="overflow: auto">${verdict}</div>
                <div style="height: 900px"></div></div>`;
            document.body.append(document.createRange().createContextualFragment(text));
            pane.scrollTop = 600;
            return new Promise((done) => setTimeout(() => done(pane.scrollTop), 300));
        }""",
        verdict,
    )
    assert abs(scrolled - top) < 20
    page.close()
