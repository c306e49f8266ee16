/** Excerpts below the results of a search, from a script beside the page: none can be fetched. */

const BEFORE = 60;
const AFTER = 140; // characters of an excerpt, before the word and from it

/** @type {{ courseTexts?: Record<string, string> }} */
const texts = /** @type {any} */ (globalThis);
const results = document.querySelector("#search-results");
const words = (new URLSearchParams(location.search).get("q") ?? "").toLowerCase().split(/\s+/);

if (results) {
  const script = document.createElement("script");
  script.src = new URL("_static/search_texts.js", location.href).href;
  script.addEventListener("load", () => {
    new MutationObserver(addExcerpts).observe(results, { childList: true, subtree: true });
    addExcerpts();
  });
  document.head.append(script);
}

/** Put an excerpt below every result that has none yet. */
function addExcerpts() {
  for (const link of results?.querySelectorAll("li > a") ?? []) {
    const entry = link.parentElement;
    if (entry === null || entry.querySelector(".course-excerpt")) continue;
    const words = excerpt(/** @type {HTMLAnchorElement} */ (link).href);
    if (words === "") continue;
    const line = document.createElement("p");
    line.className = "course-excerpt";
    line.textContent = words;
    entry.append(line);
  }
}

/**
 * The words of a page round the first word that is sought.
 *
 * @param {string} address
 */
function excerpt(address) {
  const root = new URL(".", location.href).href;
  const page = address
    .split(/[?#]/)[0]
    .slice(root.length)
    .replace(/\.html$/, "");
  const text = texts.courseTexts?.[page] ?? "";
  const lower = text.toLowerCase();
  const at = Math.min(...words.map((word) => lower.indexOf(word)).filter((place) => place >= 0));
  if (!Number.isFinite(at)) return text.slice(0, AFTER);
  const start = Math.max(0, at - BEFORE);
  const piece = text
    .slice(start, at + AFTER)
    .replace(/\s\S*$/, "")
    .replace(start > 0 ? /^\S*\s/ : "", "");
  return `${start > 0 ? "… " : ""}${piece} …`;
}
