#!/usr/bin/env bash
# Opens a report in a headless browser: tests/browser/check_report.sh REPORT.html [SCREENSHOT.png]
# Fails on missing sections or figures, errors of the page's script, and references to anything outside the file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] && [ -f "$1" ] || { echo "usage: check_report.sh REPORT.html [SCREENSHOT.png]" >&2; exit 2; }
page=$(realpath "$1")
shot=$(realpath -m "${2:-${page%.html}.png}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

browser() {
  timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage \
    --host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir="$work/profile" "$@"
}

# the copy reports what its script throws, before anything else of it runs
python3 "$here/watch.py" "$page" "$work/watched.html"
browser --virtual-time-budget=5000 --dump-dom "file://$work/watched.html" >"$work/dom.html" 2>"$work/log" ||
  { cat "$work/log" >&2; echo "the browser failed" >&2; exit 1; }
python3 "$here/check_dom.py" "$page" "$work/dom.html"
browser --window-size=1400,12000 --hide-scrollbars --screenshot="$shot" "file://$page" >"$work/log" 2>&1
[ -s "$shot" ] || { cat "$work/log" >&2; echo "no screenshot" >&2; exit 1; }
echo "screenshot: $shot"
