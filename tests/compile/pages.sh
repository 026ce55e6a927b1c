#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The pages of `mempool fail --html` and `mempool trace --to html`, in a real browser (Debian's Chromium, driven by
# playwright-core): what the JSON of the same sweep says, or the CSV of the same recordings. Screenshots at three widths stay in $BUILD/browser/shots.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
browser=$(realpath "$BUILD")/browser
victims=$(realpath "$BUILD")/tests/victims
[ -x "$mempool" ] || fail "$mempool is not built"
[ -e "$BUILD/libmempool-preload.so" ] || fail "$BUILD/libmempool-preload.so is not built"
export LC_ALL=C
unset MEMPOOL_DEBUG MEMPOOL_TRACE MEMPOOL_TRACE_OPTIONS MEMPOOL_FAULT

chromium=$(command -v chromium || command -v chromium-browser) || skip "no chromium; the pages were not opened (make deps)"
command -v node >/dev/null || skip "no node; the pages were not opened (make deps)"
[ -d "$browser/node_modules/playwright-core" ] || skip "no playwright-core in $browser; the pages were not opened (make deps)"
mkdir -p "$browser/shots" "$scratch/pages"

# sweep STATUS NAME ARGUMENT...: its page and its JSON.
sweep()
{
	local status=0
	pages+=("$scratch/pages/$2")
	timeout -s KILL 120 "$mempool" fail --quiet --jobs 2 --html "$scratch/pages/$2.html" --json "$scratch/pages/$2.json" \
		"${@:3}" >"$scratch/out" 2>&1 || status=$?
	[ "$status" -eq "$1" ] || fail "$2: ends with status $status instead of $1: $(cat "$scratch/out")"
}

# Two failures in a run; words that are neither HTML nor short; stacks of C++, of libraries without lines; and nothing.
pages=()
long=$(printf 'x%.0s' {1..200})
word="</title><script>throw 1</script>&amp;\"'$long"
sweep 1 fail-pairs --pairs -- "$victims/second_crash"
sweep 1 fail-leak --every -- "$victims/error_leak" "$word"
sweep 1 fail-cpp --every -- "$victims/bad_alloc"
cp "$victims/assert_abort" "$scratch/$long"
sweep 1 fail-long --every -- "$scratch/$long"
sweep 0 fail-nothing -- "$victims/error_leak_mended"

# recorded NAME RECORDING...: as a page and as CSV.
recorded()
{
	local form
	pages+=("$scratch/pages/$1")
	for form in html csv; do
		timeout -s KILL 120 "$mempool" trace --to "$form" "${@:2}" -o "$scratch/pages/$1.$form" || fail "$1: no $form"
	done
}

# One process that sleeps, whose name is as long as names may be; and that with another and its child, more events than are listed.
"$CC" -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -Werror tests/compile/traced.c -o "$scratch/WWWWWWWWWWWWWWWW" -L"$BUILD" -lmempool \
	-lpthread -Wl,-rpath,"$(realpath "$BUILD")" || fail "traced.c does not compile"
for name in one two; do
	status=0
	[ "$name" = one ] && arguments=() || arguments=(fork)
	timeout -s KILL 120 "$mempool" trace --events 8192 -o "$scratch/$name.trace" -- "$scratch/WWWWWWWWWWWWWWWW" "${arguments[@]}" \
		>"$scratch/out" 2>&1 || status=$?
	[ "$status" -eq 7 ] || fail "trace $name: ends with status $status: $(cat "$scratch/out")"
done
recorded trace-one "$scratch/one.trace"
recorded trace-all "$scratch/one.trace" "$scratch"/two.trace*

timeout -s KILL 235 node tests/browser/pages.mjs "$browser/node_modules/playwright-core" "$chromium" "$browser/shots" \
	"${pages[@]}" || fail "in the browser"
