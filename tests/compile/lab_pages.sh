#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The pages of `mempool lab`: written whole or not at all, self-contained, and in a real browser (Debian's Chromium,
# driven by playwright-core) what was recorded. Screenshots at three widths stay in $BUILD/browser/shots.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
browser=$(realpath "$BUILD")/browser
[ -x "$mempool" ] || fail "$mempool is not built"
export LC_ALL=C
unset MEMPOOL_DEBUG MEMPOOL_TRACE MEMPOOL_FAULT

# lab STATUS ARGUMENT...
lab()
{
	local status=0
	timeout -s KILL 120 "$mempool" lab "${@:2}" >"$scratch/out" 2>"$scratch/err" || status=$?
	[ "$status" -eq "$1" ] || fail "lab ${*:2}: ends with status $status instead of $1: $(cat "$scratch/err")"
}

lab 0 --all --html "$scratch/pages" --json "$scratch/all.json"
[ ! -s "$scratch/out" ] || fail "prints the steps, too"
lessons=$("$mempool" lab --list | wc -l)
pages=("$scratch"/pages/*.html)
[ ${#pages[@]} -eq $((lessons + 1)) ] || fail "${#pages[@]} pages of $lessons lessons"
if grep -lE '@(TITLE|STYLE|DATA|SCRIPT)@' "${pages[@]}"; then fail "something was not filled in"; fi
# Nothing is loaded from anywhere: the only addresses are names of namespaces, and pages beside this one.
grep -hoE '(src|href)="[^"]*"|url\([^)]*\)|https?://[^" ]*' "${pages[@]}" |
	grep -vE '^href="([a-z0-9-]+\.html|#step|data:,)"$|^http://www\.w3\.org/2000/svg$' >"$scratch/addresses" || true
[ ! -s "$scratch/addresses" ] || fail "loads something: $(sort -u "$scratch/addresses")"

first=$("$mempool" lab --list | awk 'NR == 1 { print $1 }')
lab 0 "$first" --html "$scratch/one.html"
grep -q '<title>' "$scratch/one.html" || fail "no page"
lab 0 "$first" --html -
grep -q '</html>' "$scratch/out" || fail "no page on standard output"
lab 1 "$first" --html /dev/full
grep -q 'No space left' "$scratch/err" || fail "a full disk: $(cat "$scratch/err")"
lab 1 "$first" --html /nowhere/at/all.html
lab 1 --all --html "$scratch/one.html"
grep -q "$scratch/one.html" "$scratch/err" || fail "does not name what is no folder: $(cat "$scratch/err")"
lab 2 no-such-lesson --html "$scratch/none.html"
[ ! -e "$scratch/none.html" ] || fail "a page of no lesson"

chromium=$(command -v chromium || command -v chromium-browser) || skip "no chromium; the pages were not opened (make deps)"
command -v node >/dev/null || skip "no node; the pages were not opened (make deps)"
[ -d "$browser/node_modules/playwright-core" ] || skip "no playwright-core in $browser; the pages were not opened (make deps)"
mkdir -p "$browser/shots"
timeout -s KILL 235 node tests/browser/lab.mjs "$browser/node_modules/playwright-core" "$chromium" "$scratch/pages" \
	"$scratch/all.json" "$browser/shots" || fail "in the browser"
