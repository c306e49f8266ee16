/** What is wider than the screen can be reached: it scrolls, from the keyboard too, and shows it. */

const LABEL = "Formula, scrolls sideways";

/** Mark the formulas that do not fit, and those that fit again. */
function markWide() {
  for (const formula of document.querySelectorAll("mjx-container")) {
    const drawn = formula.querySelector("svg")?.getBoundingClientRect().width ?? 0;
    const room = formula.parentElement?.clientWidth ?? drawn;
    const isWide = drawn > room + 1;
    formula.classList.toggle("course-wide", isWide);
    for (const [name, value] of [
      ["tabindex", "0"],
      ["role", "group"],
      ["aria-label", LABEL],
    ]) {
      if (isWide) formula.setAttribute(name, value);
      else if (formula.getAttribute("aria-label") === LABEL) formula.removeAttribute(name);
    }
  }
}

/** @type {{ MathJax?: { startup?: { promise?: Promise<unknown> } } }} */
const page = /** @type {any} */ (globalThis);

addEventListener("load", async () => {
  await page.MathJax?.startup?.promise;
  markWide();
  addEventListener("resize", markWide);
});
