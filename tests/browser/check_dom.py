"""Checks a report as written and as the browser shows it: check_dom.py PAGE DOM."""

import re
import sys
from html.parser import HTMLParser

SECTIONS = ["Summary", "One event", "Seeds and clusters per event", "Split showers", "Efficiency", "Responses",
            "Response and resolution", "Cluster size", "Moving trigger cells", "Layers, links and towers", "Cluster shapes",
            "Tau identification: Against electrons", "Tau identification: Against muons",
            "Tau identification: Against jets", "Provenance"]
LINKS = {"src", "href", "xlink:href", "action", "data", "poster", "srcset", "formaction"}


class Page(HTMLParser):
    """Headings, figures, links and the attributes of the root element."""

    def __init__(self):
        super().__init__()
        self.headings, self.tables, self.figures, self.links, self.ids, self.root = [], 0, [], [], set(), {}
        self.inside = None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "html":
            self.root = attrs
        if "id" in attrs:
            self.ids.add(attrs["id"])
        if tag == "h2":
            self.headings.append("")
            self.inside = tag
        if tag == "table":
            self.tables += 1
        if tag == "figure":
            self.figures.append(0)
        if tag in ("path", "polyline", "line", "rect", "circle", "use") and self.figures:
            self.figures[-1] += 1
        self.links += [(tag, name, value) for name, value in attrs.items() if name in LINKS and value]

    def handle_endtag(self, tag):
        if tag == self.inside:
            self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.headings[-1] += data


def main():
    source = open(sys.argv[1], encoding="utf-8").read()
    shown = Page()
    shown.feed(open(sys.argv[2], encoding="utf-8").read())
    wrong = []
    for section in SECTIONS:
        if section not in [h.strip() for h in shown.headings]:
            wrong.append(f"section {section!r} is missing (found {shown.headings})")
    if shown.tables < 2:
        wrong.append(f"{shown.tables} tables, expected at least 2")
    if len(shown.figures) < 10:
        wrong.append(f"{len(shown.figures)} figures, expected at least 10")
    wrong += [f"figure {i + 1} is empty" for i, drawn in enumerate(shown.figures) if drawn < 10]
    if "data-loaded" not in shown.root:
        wrong.append("the page did not finish loading")
    if shown.root.get("data-loaded", "").strip():
        wrong.append(f"the page loads {shown.root['data-loaded']}")
    if "data-errors" in shown.root:
        wrong.append(f"script errors: {shown.root['data-errors']}")
    for tag, name, value in shown.links:
        if value.startswith("#"):
            if value[1:] not in shown.ids:
                wrong.append(f"<{tag} {name}> points to {value}, which is not there")
        elif not value.startswith("data:"):
            wrong.append(f"<{tag} {name}> points outside: {value}")
    # name spaces are names, not addresses
    names = set(re.findall(r'xmlns(?::\w+)?="([^"]*)"', source)) | {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    outside = re.findall(r"""(?:url\(|@import|fetch\(|src=|href=)\s*["']?\s*(?:https?:)?//[^"')\s]*""", source)
    outside += [url for url in re.findall(r"https?://[^\s\"'<>)\\]+", source) if url not in names]
    wrong += [f"outside address: {url}" for url in sorted(set(outside))]
    if "NaN" in re.sub(r"<pre>.*?</pre>", "", source, flags=re.S).split("<script>")[0]:
        wrong.append("a number is NaN")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"report is complete: {len(shown.headings)} sections, {shown.tables} tables, {len(shown.figures)} figures, "
          f"{len(source) / 1e6:.1f} MB")


main()
