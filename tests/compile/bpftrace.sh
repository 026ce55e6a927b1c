#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The bpftrace scripts in tools/trace/, on a process that drains a reserve, sleeps, and is woken; where the machine lets
# bpftrace attach.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

command -v bpftrace >/dev/null || skip "no bpftrace (make deps)"
build=$(realpath "$BUILD")
readelf -n "$build/libmempool.so" | grep -q 'Provider: mempool' || skip "the library was built without probes"
timeout -s KILL 60 bpftrace -e 'BEGIN { exit() }' >"$scratch/log" 2>&1 || skip "bpftrace cannot attach here: $(tail -n 1 "$scratch/log")"
"$CC" -std=c11 -D_GNU_SOURCE -I. tests/compile/traced.c -o "$scratch/traced" -L"$build" -lmempool -lpthread \
	-Wl,-rpath,"$build" || fail "traced.c does not compile"

# watch SCRIPT: runs the script over the life of a process; what it prints is in $scratch/out.
watch()
{
	local traced tracer deadline=$((SECONDS + 60)) before attached=0 still=0
	mkfifo "$scratch/go"
	"$scratch/traced" wait <"$scratch/go" >"$scratch/figures" &
	traced=$!
	exec 9>"$scratch/go"
	BPFTRACE_STRLEN=64 timeout -s KILL 100 bpftrace -p "$traced" "$1" >"$scratch/out" 2>"$scratch/err" &
	tracer=$!
	# It says that it begins before all of its probes are attached: their number has to stand still, too.
	until grep -q 'Ctrl-C ends it' "$scratch/out" && [ "$still" -ge 5 ]; do
		kill -0 "$tracer" 2>/dev/null || fail "$1: $(cat "$scratch/err")"
		[ $SECONDS -lt "$deadline" ] || fail "$1 does not begin: $(cat "$scratch/err")"
		sleep 0.1
		before=$attached
		attached=$(find "/proc/$tracer/fd" -lname 'anon_inode:\[perf_event\]' 2>/dev/null | wc -l)
		still=$((attached == before ? still + 1 : 0))
	done
	echo >&9
	exec 9>&-
	wait "$traced" || true
	wait "$tracer" || fail "$1 ends with an error: $(cat "$scratch/err")"
	rm "$scratch/go"
}

has()
{
	grep -qE -- "$1" "$scratch/out" || fail "no $1 in: $(cat "$scratch/out" "$scratch/err")"
}

watch tools/trace/reserve-dips.bt
has '^@lowest\[1\]: 0$'
has '^@takings\[1\]: [1-9]'
has '^@backing_failures\[1\]: [1-9]'
watch tools/trace/wait-time.bt
has '^@woken_us\[1\]:'
has '^@longest_us\[1\]: [0-9]+$'
watch tools/trace/who-drained.bt
has '^@taken\[1, traced, [0-9]+'
has '^@failed\[1, traced, [0-9]+'
has '^@slept\[1, sleeper, [0-9]+'
echo "three scripts"
