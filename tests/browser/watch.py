"""Copies a page and puts a script in front that writes errors into the document: watch.py PAGE COPY."""

import sys

WATCH = """<script>
const complain = text => document.documentElement.setAttribute("data-errors",
  (document.documentElement.getAttribute("data-errors") || "") + text + "\\n");
window.addEventListener("error", e => complain(e.message || "cannot load " + (e.target.src || e.target.href)), true);
window.addEventListener("unhandledrejection", e => complain(String(e.reason)));
const print = console.error;
console.error = (...words) => { complain(words.join(" ")); print(...words); };
window.addEventListener("load", () => document.documentElement.setAttribute("data-loaded", performance.getEntriesByType("resource").map(r => r.name).join(" ")));
</script>"""

page = open(sys.argv[1], encoding="utf-8").read()
if "<head>" not in page:
    sys.exit("the page has no <head>")
open(sys.argv[2], "w", encoding="utf-8").write(page.replace("<head>", "<head>" + WATCH, 1))
