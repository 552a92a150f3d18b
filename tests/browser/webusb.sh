#!/bin/sh
# SPDX-License-Identifier: MIT
#
# npm packages that flash DfuSe devices over WebUSB, unmodified, in headless Chromium: webusb.html is the page around
# them, and this presses its buttons through ChromeDriver. usage:
#
#   webusb.sh fetch FOLDER                   the packages from the npm registry, as package-lock.json pins them, once
#   webusb.sh BUTTON FOLDER/PACKAGE IMAGE [ADDRESS]
#                                            as COMMAND of vboard run --pace real: BUTTON is load, run or read (into
#                                            ./back.bin), PACKAGE is webdfu or dfu
#   webusb.sh again FOLDER/PACKAGE IMAGE     the same page loads twice: the first time $UNPLUG is run half way, then $PLUG
#
# Exit status: 0 done, 1 not, 3 the page says that it failed, 77 with a sentence: what it takes is not here.

set -eu

act=$1 package=$2
here=$(cd "$(dirname "$0")" && pwd)

not_here() {
    echo "WebUSB in Chromium is not run: $*"
    exit 77
}

for program in chromium chromedriver curl python3; do
    command -v "$program" >/dev/null || not_here "there is no $program"
done
if [ "$act" = fetch ]; then
    if ! cmp -s "$here/package-lock.json" "$package/fetched.json"; then
        command -v npm >/dev/null || not_here "there is no npm"
        mkdir -p "$package"
        cp "$here/package.json" "$here/package-lock.json" "$package"
        (cd "$package" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000) \
            >"$package/npm.log" 2>&1 || not_here "npm cannot fetch the packages ($package/npm.log)"
        cp "$package/package-lock.json" "$package/fetched.json"
    fi
    exit
fi

image=$(realpath "$3")
folder=$(mktemp -d)
server='' driver='' session=''

leave() {
    [ -z "$session" ] || ask DELETE "/$session" >/dev/null 2>&1 || true
    # shellcheck disable=SC2086 # none, one or two
    kill $server $driver 2>/dev/null || true
    wait
    rm -rf "$folder" || true # Chromium may still be writing
}
trap leave EXIT

fail() {
    echo "webusb: $*"
    exit 1
}

# LOG SED: what the expression finds in the log.
found() {
    tries=0
    until grep -q . "$folder/found" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || { cat "$1"; exit 1; }
        sleep 0.05
        sed -n "$2" "$1" >"$folder/found"
    done
    cat "$folder/found"
    rm "$folder/found"
}

# METHOD PATH [JSON]
ask() {
    curl -sS --max-time 120 --noproxy '*' -X "$1" "http://127.0.0.1:$port/session$2" \
        -H 'Content-Type: application/json' ${3:+-d "$3"}
}

# ID PATTERN: until the element's text begins like that; the text is $said then. For a minute, in the page.
wait_for() {
    said=$(ask POST "/$session/execute/sync" '{"script":"return (async () => { const e = document.getElementById(\"'"$1"'\"), r = new RegExp(\"^('"$2"')\"); for (const end = Date.now() + 60000; Date.now() < end && !r.test(e.textContent);) await new Promise(d => setTimeout(d, 20)); return e.textContent; })()","args":[]}' | sed 's/^{"value":"\(.*\)"}$/\1/')
    expr "$said" : "$2" >/dev/null || fail "$1 is '$said', not '$2'"
}

# ID ACTION JSON
element() {
    id=$(ask POST "/$session/element" '{"using":"css selector","value":"#'"$1"'"}' | sed 's/.*:"\([^"]*\)"}}$/\1/')
    answer=$(ask POST "/$session/element/$id/$2" "$3")
    [ "$answer" = '{"value":null}' ] || fail "$1: $answer"
}

press() {
    element "$1" click '{}'
}

mkdir "$folder/site"
cp "$here/webusb.html" "$folder/site"
modules=$(realpath "$(dirname "$package")/node_modules")
for name in webdfu dfu nanoevents; do
    ln -s "$modules/$name" "$folder/site/$name"
done
python3 -u -m http.server --bind 127.0.0.1 --directory "$folder/site" 0 >"$folder/server.log" 2>&1 &
server=$!
chromedriver --port=0 >"$folder/driver.log" 2>&1 &
driver=$!
site=http://127.0.0.1:$(found "$folder/server.log" 's/^Serving HTTP .* port \([0-9]*\) .*/\1/p')
port=$(found "$folder/driver.log" 's/.*successfully on port \([0-9]*\).*/\1/p')

# That a person has let the page have the device stands in the profile as Chromium itself writes it (there is nobody
# for the chooser, and no driver's word for it): by vendor, product and serial number.
usb=/sys/bus/usb/devices/1-1
granted='{"'$site',*":{"setting":{"chosen-objects":[{"name":"DFU","vendor-id":'$((0x$(cat $usb/idVendor)))',
    "product-id":'$((0x$(cat $usb/idProduct)))',"serial-number":"'$(cat $usb/serial)'"}]}}}'
answer=$(ask POST '' '{"capabilities":{"alwaysMatch":{"timeouts":{"script":90000},"goog:chromeOptions":{"binary":"/usr/bin/chromium",
    "prefs":{"download.default_directory":"'"$PWD"'","profile.content_settings.exceptions.usb_chooser_data":'"$granted"'},
    "args":["--headless","--no-sandbox","--no-zygote","--disable-gpu","--disable-dev-shm-usage","--no-first-run",
    "--disable-background-networking","--disable-component-update","--disable-sync","--disable-quic",
    "--user-data-dir='"$folder"'/profile"]}}}}')
session=$(echo "$answer" | sed -n 's/.*"sessionId":"\([^"]*\)".*/\1/p')
[ -n "$session" ] || fail "Chromium did not start: $answer"

ask POST "/$session/url" '{"url":"'"$site/webusb.html?$(basename "$package")${4:+#$4}"'"}' >/dev/null
wait_for said ready
wait_for count 1
element file value '{"text":"'"$image"'"}'
if [ "$act" = again ]; then
    press load
    wait_for said 'busy [1-9]'
    sh -c "$UNPLUG"
    wait_for said '[df]' # done, failed
    expr "$said" : failed >/dev/null || fail "loaded without a cable: $said"
    wait_for count 0
    sh -c "$PLUG"
    wait_for count 1
    act=load
fi
press "$act"
wait_for said '[df]'
if [ "$said" != "done" ]; then
    echo "webusb: the page says '$said'"
    exit 3
fi
if [ "$act" = read ]; then
    tries=0
    until [ -f back.bin ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || fail "no back.bin"
        sleep 0.05
    done
fi
