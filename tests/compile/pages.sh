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

# More runs than the bar has cells, two mistakes near the end, one of them accepted earlier. All runs but the last forty are
# copies of a first one, as if noted by an earlier sweep.
cat >"$scratch/many.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
static char buffer[BUFSIZ];
__attribute__((noinline)) static void careless(volatile char *p) { *p = 1; }
int main(void)
{
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	for (int i = 1; i <= 1250; i++) {
		void *volatile p = malloc(16);
		if (p == NULL && i == 1230)
			careless(p);
		if (p == NULL && i != 1240) {
			fputs("many: out of memory\n", stderr);
			return 1;
		}
		if (p == NULL)
			puts("one less");
		free(p);
	}
	puts("all");
	return 0;
}
END
"$CC" -O1 -g -Wall -Wextra -Werror "$scratch/many.c" -o "$scratch/many" || fail "many.c does not compile"
timeout -s KILL 120 "$mempool" fail --every --budget 1 --resume "$scratch/journal" -- "$scratch/many" >/dev/null || fail "a first run"
first=$(tail -n 1 "$scratch/journal")
[[ $first == *'"n":1,'* && $first == *'"n":1,'*'"n":1,'* ]] || fail "the journal's form is another: $first"
for ((n = 2; n <= 1210; n++)); do
	echo "${first//'"n":1,'/"\"n\":$n,"}"
done >>"$scratch/journal"
sweep 1 fail-many --every --resume "$scratch/journal" -- "$scratch/many"
grep -q '"resumed": 1210,' "$scratch/pages/fail-many.json" || fail "fail-many: does the noted runs again"
sed -n 's/.*"fingerprint": "\([0-9a-f]*\)".*/\1/p' "$scratch/pages/fail-many.json" | head -n 1 >"$scratch/known"
sweep 1 fail-known --every --resume "$scratch/journal" --known "$scratch/known" -- "$scratch/many"

# A part, one that spent its budget, and one that was interrupted: in its third run, which would take the whole time limit.
sweep 1 fail-part --every --shard 2/2 --budget 2 -- "$victims/error_leak"
pages+=("$scratch/pages/fail-interrupted")
timeout -s KILL 120 "$mempool" fail --every --timeout 100 -v --html "$scratch/pages/fail-interrupted.html" \
	--json "$scratch/pages/fail-interrupted.json" -- "$victims/hang" >"$scratch/out" 2>&1 &
driver=$!
for ((try = 0; try < 6000; try++)); do
	grep -q '^clean refusal' "$scratch/out" && break
	read -rt 0.01 <> <(:) || true
done
kill -INT "$(ps -o pid= --ppid "$driver" | head -n 1)"
status=0
wait "$driver" || status=$?
[ "$status" -eq 130 ] || fail "SIGINT ends it with status $status: $(cat "$scratch/out")"

: as a page and as CSV.
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
