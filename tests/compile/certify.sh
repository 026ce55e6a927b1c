#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool certify`: what it says of reserves that can be locked, that cannot, or
# only in part, on both sides of a fork, for people and for programs; and that a
# daemon's figures have its certificate.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
logd=$(realpath "$BUILD")/examples/logd
[ -x "$mempool" ] && [ -x "$logd" ] || fail "$mempool or $logd is not built"
export LC_ALL=C
unset MEMPOOL_DEBUG

# A limit binds only who does not hold CAP_IPC_LOCK.
bound=()
[ "$(id -u)" -ne 0 ] || bound=(setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock)

# run STATUS ARGUMENT...: stdout and stderr are kept. KIB, if set, is RLIMIT_MEMLOCK, and binds.
run()
{
	local status=0 wrapper=()
	[ -z "${KIB-}" ] || wrapper=("${bound[@]}")
	(
		[ -z "${KIB-}" ] || ulimit -l "$KIB" || exit 99
		exec timeout -s KILL 60 "${wrapper[@]}" "$mempool" certify "${@:2}"
	) >"$scratch/out" 2>"$scratch/err" || status=$?
	[ "$status" -eq "$1" ] ||
		fail "certify ${*:2}: ends with status $status instead of $1: $(cat "$scratch/out" "$scratch/err")"
}

# prints TEXT...: as it stands, but for the places where lines break.
prints()
{
	local text
	for text in "$@"; do
		grep -qF -- "$text" < <(tr -s ' \n' ' ' <"$scratch/out") || fail "does not print '$text': $(cat "$scratch/out")"
	done
}

first_line()
{
	[ "$(head -n 1 "$scratch/out")" = "$1" ] || fail "the first line is not '$1': $(head -n 1 "$scratch/out")"
}

can_lock()
{
	local limit
	limit=$(ulimit -l)
	[ "$(id -u)" -eq 0 ] || [ "$limit" = unlimited ] || [ "$limit" -ge 4096 ]
}

test_guaranteed()
{
	run 0
	first_line 'certify: guaranteed: 13 of 13 reserves of 64 x 256 bytes'
	prints 'slab, copy guaranteed 64 0 16 KiB' 'pages, wipe guaranteed 64 0 256 KiB' 'own, copy guaranteed' \
		'The certificate of slab, copy, line by line:' 'verdict guaranteed' 'missing pages 0' 'mergeable no'
	! grep -q 'what to do' "$scratch/out" || fail "advice where there is nothing to do: $(cat "$scratch/out")"
	run 0 --min-nr 3 --size 5000 --backing pages,kvmalloc --at-fork wipe --residency required
	first_line 'certify: guaranteed: 2 of 2 reserves of 3 x 5000 bytes'
	prints 'pages, wipe guaranteed 3 0 24 KiB'
	run 0 --fork
	first_line 'certify: guaranteed: 26 of 26 reserves of 64 x 256 bytes'
	prints 'slab, copy, child guaranteed 64' 'slab, wipe, child guaranteed 64' 'slab, parent-only, child left out 0' \
		'slab, parent-only, parent guaranteed 64' 'own, copy, child guaranteed 64'
}

test_doubts()
{
	run 1 --backing kmalloc --residency none
	first_line 'certify: not guaranteed: 0 of 1 reserves of 64 x 256 bytes'
	prints 'elements come from the backing as they are (kmalloc, copy) The residency is MEMPOOL_RESIDENCY_NONE'
	run 1 --backing own --residency default
	prints 'Set mempool_attr.residency to MEMPOOL_RESIDENCY_BEST_EFFORT and mempool_attr.element_size'
	MEMPOOL_DEBUG=poison run 1
	prints 'kmalloc, copy not guaranteed 64 64' 'pages, wipe guaranteed' 'kmalloc, wipe not made' \
		'the pool cannot be made: Invalid argument (slab, parent-only; slab, wipe;'
}

test_limits()
{
	if ! "${bound[@]}" true 2>"$scratch/err"; then
		echo "certify.sh: limits are not tested: $(cat "$scratch/err")"
		return
	fi
	KIB=0 run 1
	first_line 'certify: not guaranteed: 0 of 13 reserves of 64 x 256 bytes'
	prints 'elements are in memory, but not locked there' 'RLIMIT_MEMLOCK is 0, and CAP_IPC_LOCK is not held' \
		'`ulimit -l`' 'LimitMEMLOCK='
	KIB=0 run 1 --json --backing own
	prints '{"name":"unlocked","text":"elements are in memory, but not locked there","advice":"RLIMIT_MEMLOCK is 0,' \
		'{"name":"structures","text":"the pool'
	KIB=64 run 1 --backing pages --min-nr 16
	prints 'RLIMIT_MEMLOCK is 64 KiB, and what the process locks does not fit in'
	KIB=0 run 1 --residency required --backing slab --at-fork copy
	prints 'slab, copy not made' 'the pool cannot be made: Operation not permitted (slab, copy)'
	grep -q 'residency is required, and its memory cannot be locked' "$scratch/err" || fail "no report: $(cat "$scratch/err")"
	# In a child that is left out it is still said that structures are not locked.
	KIB=0 run 1 --fork --backing slab --at-fork parent-only
	prints 'slab, parent-only, child not guaranteed 0'
}

test_json()
{
	run 0 --json --fork --backing slab,own
	[ "$(wc -l <"$scratch/out")" -eq 1 ] || fail "more than one line of JSON"
	prints '{"guaranteed":true,"summary":"certify: guaranteed: 8 of 8' \
		'{"backing":"slab","at_fork":"parent-only","process":"child","verdict":"left out","guaranteed":false,"doubts":[{"name":"level"' \
		'"pinned":64,"pinned_out":0,"adopted_resident":0' '"missing_pages":0'
	run 1 --json --backing own --residency none
	prints '"guaranteed":false' '"doubts":[{"name":"size","text":"elements come from callbacks' '"advice":"Set '
	command -v python3 >/dev/null || return 0
	python3 -m json.tool <"$scratch/out" >/dev/null || fail "no JSON: $(cat "$scratch/out")"
}

test_daemon()
{
	local daemon
	MEMPOOL_PUBLISH=1 "$logd" --output "$scratch/log" --socket "$scratch/socket" --stats "$scratch/stats" &
	daemon=$!
	for ((try = 0; try < 1000; try++)); do
		[ -S "$scratch/socket" ] && break
		read -rt 0.01 <> <(:) || true
	done
	# While it runs:
	run 0 "$daemon"
	first_line "certify: guaranteed: 1 of 1 reserves of logd ($daemon)"
	prints '(slab), copy guaranteed 64' 'line by line:' 'verdict guaranteed' 'missing pages 0'
	run 0 --json "$daemon"
	prints "\"pid\":$daemon,\"program\":\"logd\"" '"guaranteed":true' '"pinned":64'
	kill -TERM "$daemon"
	wait "$daemon" || fail "logd ends with status $?"
	run 1 "$daemon"
	grep -q "process $daemon" "$scratch/err" || fail "of a dead process: $(cat "$scratch/err")"
	run 1 $$
	grep -q 'MEMPOOL_PUBLISH=1' "$scratch/err" || fail "of one that does not publish: $(cat "$scratch/err")"
	grep -qF '"certificate": {"guaranteed": true, "doubts": []},' "$scratch/stats" ||
		fail "logd's figures lack a certificate: $(cat "$scratch/stats")"
}

# A static library is the program's to lock, and a certificate does not take that for granted.
test_static()
{
	cat >"$scratch/static.c" <<'EOF'
#include <mempool/mempool-certificate.h>
#include <stdio.h>
#include <sys/mman.h>

int main(void)
{
	mempool_t *pool = mempool_create_kmalloc_pool(4, 256);
	struct mempool_cert before = {.size = sizeof(before)}, after = {.size = sizeof(after)};

	if (!pool || mempool_certificate(pool, &before) || mlockall(MCL_CURRENT) || mempool_certificate(pool, &after))
		return 1;
	printf("%#x %d, %#x\n", before.doubts, before.structures_errno, after.doubts);
	return 0;
}
EOF
	# shellcheck disable=SC2046
	"$CC" -std=c11 -I. -o "$scratch/static" "$scratch/static.c" "$BUILD/libmempool.a" \
		$(pkg-config --libs liburcu-bp) -lpthread || fail "a static program does not build"
	(ulimit -l unlimited 2>/dev/null || true; "$scratch/static") >"$scratch/out" ||
		fail "the static program ends with status $?"
	grep -qx '0x8 37, 0' "$scratch/out" || fail "a static library is said to be locked: $(cat "$scratch/out")"
}

# refused TEXT ARGUMENT...: a wrong command line; status 2, and the text is named.
refused()
{
	run 2 "${@:2}"
	grep -qF -- "$1" "$scratch/err" || fail "certify ${*:2}: does not name $1: $(cat "$scratch/err")"
	[ ! -s "$scratch/out" ] || fail "certify ${*:2}: prints to stdout: $(cat "$scratch/out")"
}

test_refusals()
{
	refused 'frob' frob
	refused '--frob' --frob
	refused 'swap' --backing swap
	refused 'maybe' --residency maybe
	refused 'PID' --fork $$
	refused '-4' -4
	refused 'moon' --at-fork copy,moon
	refused '0' --min-nr 0
	refused 'many' --min-nr many
	refused '4194305' --size 4194305
	refused '-1' --size=-1
	refused '--backing own are always copied' --backing own --at-fork wipe
	refused 'with --residency none elements are always copied' --residency none --at-fork parent-only
	refused 'json' --json=7
	local status=0
	"$mempool" certify >/dev/full 2>"$scratch/err" || status=$?
	[ "$status" -eq 1 ] || fail "a report that cannot be written: status $status"
	grep -q 'the report cannot be written: No space left on device' "$scratch/err" || fail "says $(cat "$scratch/err")"
	"$mempool" certify --help | grep -q -- --at-fork || fail "certify --help does not help"
}

test_refusals
test_limits
test_doubts
if can_lock; then
	test_guaranteed
	test_json
	test_daemon
	test_static
else
	echo "certify.sh: what is guaranteed is not tested: RLIMIT_MEMLOCK is $(ulimit -l) KiB"
fi
