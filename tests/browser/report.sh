#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The HTML report in headless Chromium, through ChromeDriver's WebDriver interface. usage: report.sh REPORT-PAGES
# [FOLDER]; the pages and pictures of them stay in FOLDER if it is given. Skipped (77) where there is no browser.

set -eu

pages=$1
for program in chromium chromedriver curl; do
    command -v "$program" >/dev/null || {
        echo "no $program here (Debian: chromium, chromium-driver, curl)"
        exit 77
    }
done
if [ $# -gt 1 ]; then
    folder=$2
    mkdir -p "$folder"
    trap 'kill $driver 2>/dev/null || true' EXIT
else
    folder=$(mktemp -d)
    trap 'kill $driver 2>/dev/null || true; rm -rf "$folder"' EXIT
fi
driver=''
"$pages" "$folder"

chromedriver --port=0 >"$folder/driver.log" 2>&1 &
driver=$!
port=''
tries=0
while [ -z "$port" ]; do
    tries=$((tries + 1))
    if [ "$tries" = 600 ] || ! kill -0 "$driver" 2>/dev/null; then
        cat "$folder/driver.log"
        exit 1
    fi
    sleep 0.05
    port=$(sed -n 's/.*successfully on port \([0-9]*\).*/\1/p' "$folder/driver.log")
done

# METHOD PATH [JSON]
ask() {
    curl -sS --noproxy '*' -X "$1" "http://127.0.0.1:$port/session$2" -H 'Content-Type: application/json' ${3:+-d "$3"}
}

session=$(ask POST '' '{"capabilities":{"alwaysMatch":{
    "goog:loggingPrefs":{"browser":"ALL","performance":"ALL"},
    "goog:chromeOptions":{"binary":"/usr/bin/chromium","args":["--headless","--no-sandbox","--disable-gpu",
    "--disable-dev-shm-usage","--no-first-run","--disable-background-networking","--disable-component-update",
    "--disable-sync","--disable-quic","--user-data-dir='"$folder"'/profile"]}}}}' |
    sed -n 's/.*"sessionId":"\([^"]*\)".*/\1/p')
[ -n "$session" ] || {
    echo "Chromium did not start"
    cat "$folder/driver.log"
    exit 1
}

# What a person would see to be wrong, as one text; empty: nothing. $1: the width; $2: drawings that are wanted.
looked() {
    cat <<END
const bad = [], root = document.documentElement;
if (innerWidth !== $1) bad.push('the window is ' + innerWidth + ' wide');
if (root.scrollWidth > root.clientWidth) bad.push('the page is ' + root.scrollWidth + ' wide in ' + root.clientWidth);
if (document.title.indexOf('DFU diagnosis') !== 0) bad.push('its title is ' + document.title);
if (document.scripts.length || document.images.length || document.links.length) bad.push('foreign markup');
const verdict = document.querySelector('.verdict');
if (!verdict || verdict.innerText.length < 10 || verdict.getBoundingClientRect().height < 20) bad.push('no verdict');
const size = parseFloat(getComputedStyle(document.body).fontSize);
if (size < 15) bad.push('text of ' + size + ' pixels');
const drawings = [...document.querySelectorAll('svg')];
if (drawings.length !== $2) bad.push(drawings.length + ' drawings');
for (const svg of drawings) {
  const box = svg.getBoundingClientRect();
  if (box.width < 300 || box.height < 40) bad.push('a drawing of ' + box.width + ' by ' + box.height);
  for (const text of svg.querySelectorAll('text')) {
    const r = text.getBoundingClientRect();
    if (r.height < 9) { bad.push('drawn text ' + r.height + ' high'); break; }
    if (r.left < box.left - 2 || r.right > box.right + 2 || r.bottom > box.bottom + 2) { bad.push('drawn text outside: ' + text.textContent); break; }
  }
  for (const rect of svg.querySelectorAll('rect')) {
    const r = rect.getBoundingClientRect();
    if (!(r.right <= box.right + 2 && r.bottom <= box.bottom + 2 && r.left >= box.left - 2)) { bad.push('drawn outside'); break; }
  }
}
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const channel = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const light = s => { const m = s.match(/[\\d.]+/g).map(Number); return 0.2126 * channel(m[0]) + 0.7152 * channel(m[1]) + 0.0722 * channel(m[2]); };
const back = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)|transparent/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
while (walk.nextNode()) {
  const e = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim()) continue;
  const svg = e.closest('svg');
  const a = light(svg ? getComputedStyle(e).fill : getComputedStyle(e).color), b = light(back(svg ? svg.parentElement : e));
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < 4.5) { bad.push('contrast ' + contrast.toFixed(1) + ': ' + walk.currentNode.data.slice(0, 40)); break; }
}
return bad.join('; ');
END
}

# A text as a JSON string.
quoted() {
    printf '"'
    sed 's/\\/\\\\/g; s/"/\\"/g' | tr '\n' ' '
    printf '"'
}

failed=0
for page in session hostile empty; do
    case $page in
    empty) drawings=0 ;;
    *) drawings=2 ;;
    esac
    for width in 400 1200; do
        for scheme in light dark; do
            ask POST "/$session/goog/cdp/execute" '{"cmd":"Emulation.setDeviceMetricsOverride","params":{"width":'$width',
                "height":900,"deviceScaleFactor":1,"mobile":false}}' >/dev/null
            ask POST "/$session/goog/cdp/execute" '{"cmd":"Emulation.setEmulatedMedia","params":{"features":[
                {"name":"prefers-color-scheme","value":"'$scheme'"}]}}' >/dev/null
            ask POST "/$session/url" '{"url":"file://'"$folder/$page.html"'"}' >/dev/null
            answer=$(ask POST "/$session/execute/sync" \
                '{"script":'"$(looked "$width" "$drawings" | quoted)"',"args":[]}')
            if [ "$answer" != '{"value":""}' ]; then
                echo "$page.html, $width pixels, $scheme: $answer"
                failed=1
            fi
            if [ $# -gt 1 ]; then
                ask POST "/$session/goog/cdp/execute" '{"cmd":"Page.captureScreenshot","params":{}}' |
                    sed 's/.*"data":"\([^"]*\)".*/\1/' | base64 -d >"$folder/$page-$width-$scheme.png"
            fi
        done
    done
done

# Requests of the pages: nothing but themselves. (The log is JSON within JSON; the browser's own first page is in it.)
ask POST "/$session/se/log" '{"type":"performance"}' | sed 's/\\"/"/g; s/"method":"[A-Z][a-z]*\./\n&/g' |
    sed -n '/^"method":"Network.requestWillBeSent","params":{"documentURL":"file:/s/.*"request":{.*"url":"\([^"]*\)".*/\1/p' \
        >"$folder/requests"
ask POST "/$session/se/log" '{"type":"browser"}' >"$folder/console"
ask DELETE "/$session" >/dev/null
if ! grep -q '^file://.*/session.html$' "$folder/requests"; then
    echo "the log of requests does not even have the pages:"
    cat "$folder/requests"
    failed=1
fi
if grep -v '^file://\|^data:,$' "$folder/requests"; then
    echo "asked for by a page that should need nothing"
    failed=1
fi
if [ "$(cat "$folder/console")" != '{"value":[]}' ]; then
    echo "said on the console: $(cat "$folder/console")"
    failed=1
fi
exit $failed
