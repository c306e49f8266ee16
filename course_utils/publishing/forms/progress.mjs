/** Progress of a reader of pages: kept in this browser, saved as the file that `report` reads. */

/**
 * @typedef {{ digest: string, verdict: string, message: string, findings: string[] }} Try
 * @typedef {{ name: string, verdict: string, passed: boolean, tries: Try[] }} Entry
 * @typedef {Record<string, Entry>} Progress
 */

const KEY = "course-progress";
/** @type {Progress} */
let unsaved = {}; // where the browser keeps nothing for pages, as some do for files

/** @returns {Progress} */
export function load() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (stored !== null && typeof stored === "object") return stored;
  } catch {
    // neither storage nor a readable entry: the page's own memory it is
  }
  return unsaved;
}

/** @param {Progress} progress */
function save(progress) {
  unsaved = progress;
  try {
    localStorage.setItem(KEY, JSON.stringify(progress));
  } catch {
    // as above
  }
}

/**
 * Note a verdict and return the exercise's entry; a try like an earlier one counts once.
 *
 * @param {{ number: string, name: string }} exercise
 * @param {{ status: string, message: string, findings: string[] }} verdict
 * @param {string} mark the same for the same answer
 * @returns {Entry}
 */
export function record({ number, name }, { status, message, findings }, mark) {
  const progress = load();
  const entry = progress[number] ?? { name, verdict: "todo", passed: false, tries: [] };
  progress[number] = entry;
  entry.verdict = status;
  if (status === "ok") entry.passed = true;
  else if (!entry.tries.some((earlier) => earlier.digest === mark)) {
    entry.tries.push({ digest: mark, verdict: status, message, findings });
  }
  save(progress);
  return entry;
}

/** Let the browser save the progress as a file. */
export function download() {
  const link = document.createElement("a");
  const text = JSON.stringify(load(), null, 1);
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "progress.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
