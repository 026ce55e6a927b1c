#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool size`: loads whose right answer is known, the recording of a demo, what it does with a process that records,
# and what it refuses. Each answer is tried on the library too: with it nobody sleeps, with one less somebody does.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

build=$(realpath "$BUILD")
mempool=$build/mempool
[ -x "$mempool" ] || fail "$mempool is not built"
command -v jq >/dev/null || skip "no jq"
export LC_ALL=C
unset MEMPOOL_DEBUG MEMPOOL_TRACE MEMPOOL_TRACE_OPTIONS MEMPOOL_FAULT
BUILD=$build

"$CC" -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -Werror tests/compile/sized.c -o "$scratch/sized" -L"$build" -lmempool \
	-lpthread -Wl,-rpath,"$build" || fail "sized.c does not compile"
cd "$scratch"

# size STATUS ARGUMENT...: its stdout and stderr are kept.
size()
{
	run_mempool size "$@"
}

# figure JQ: of the first pool of the answer that was printed last, by --json.
figure()
{
	jq -r ".pools[0]$1" out
}

# is WHAT WANTED GOT
is()
{
	[ "$2" = "$3" ] || fail "$1: $3 instead of $2: $(cat out)"
}

# the_library_agrees: no allocation was left without with the answer, and some were with one less.
the_library_agrees()
{
	jq -e '.pools[] | .min_nr_without_sleep as $n | .replayed
		| (map(select(.min_nr == $n)) | length == 1 and .[0].unserved == 0)
		  and ($n == 1 or (map(select(.min_nr == $n - 1)) | length == 1 and .[0].unserved > 0))' out >/dev/null ||
		fail "the library does otherwise: $(cat out)"
}

# answers LOAD MIN_NR OPTION...: the smallest min_nr without a sleep.
answers()
{
	[ -e "$1.trace" ] || ./sized "$1" "$1.trace" || fail "sized $1 ends with status $?"
	size 0 --json --verify "${@:3}" "$1.trace"
	is "$*" "$2" "$(figure .min_nr_without_sleep)"
	the_library_agrees
}

test_known_loads()
{
	answers untouched 1
	is 'allocations without the backing' 0 "$(figure .allocations_without_backing)"
	is 'decided by nobody' null "$(figure .decided_by_thread)"
	answers peak 7
	is 'allocations' 12 "$(figure .allocations)"
	answers refilled 3
	answers failures 4
	is 'failures' 2 "$(figure .recorded_failures)"
	answers bulk 8
	answers second_pass 3
	answers joined_late 4
	answers joined_quiet 1
	answers joined_back 2
	answers resized 4
	size 0 resized.trace
	prints "pool 'resized', min_nr 5, which changed meanwhile"
	size 0 untouched.trace
	prints 'min_nr 1: the reserve was not needed'
}

test_waits()
{
	answers sleeping 2 --max-wait 1ns
	is 'sleeps' 1 "$(figure .recorded_sleeps)"
	is 'with a short wait' 2 "$(figure .min_nr_for_max_wait)"
	answers sleeping 2 --max-wait 3600s
	is 'with a long wait' 1 "$(figure .min_nr_for_max_wait)"
	size 0 sleeping.trace
	prints "by thread"
	prints "'sleeper'"
	# Who fails does not wait: no wait is so long that failures do not count.
	answers failures 4 --max-wait 3600s
	is 'failures, and a long wait' 4 "$(figure .min_nr_for_max_wait)"
}

test_what_if()
{
	answers ordinary 1
	answers ordinary 6 --outage 3600s
	answers ordinary 1 --outage 3600s --outage-at 3600s
	answers ordinary 6 --outage 3600s --outage-at 0s
	answers ordinary 6 --outage 3600s --rate 0.5x
	# At a thousand times the rate all are there before the first goes.
	answers ordinary 9 --outage 3600s --rate 1000
	answers peak 7 --rate 1
}

test_several_pools()
{
	./sized two_pools two.trace || fail "sized two_pools ends with status $?"
	size 0 --json --verify two.trace
	is 'pools' 'another peak' "$(jq -r '[.pools[].pool] | join(" ")' out)"
	is 'answers' '2 7' "$(jq -r '[.pools[].min_nr_without_sleep] | join(" ")' out)"
	the_library_agrees
	size 0 --json --pool another two.trace
	is 'one pool' another "$(jq -r '[.pools[].pool] | join(" ")' out)"
	size 1 --pool anything two.trace
	says "has no allocation of a pool 'anything'"
}

test_demo()
{
	"$mempool" trace --events 65536 --threads 4 -o demo.trace -- "$mempool" demo --messages 3000 --json >demo.out 2>&1 ||
		fail "mempool demo: $(cat demo.out)"
	size 0 --json --verify demo.trace
	the_library_agrees
	[ "$(figure .min_nr_without_sleep)" -gt 1 ] || fail "a demo that did not need its reserve: $(cat out)"
	# With what it had it slept, or had enough.
	jq -e '.pools[0] | (.recorded_sleeps > 0) == (.min_nr_without_sleep > .min_nr)' out >/dev/null ||
		fail "what was recorded, and the answer: $(cat out)"
	jq -e '.pools[0].simulated | length > 3 and ([.[].sleeps] | . == (sort | reverse))' out >/dev/null ||
		fail "more reserve, more sleeps: $(cat out)"
}

test_process()
{
	mkfifo in
	timeout -s KILL 60 ./sized peak live.trace wait <in >ready &
	local process=$! pid deadline=$((SECONDS + 30))
	exec 7>in
	until grep -q ready ready; do
		[ $SECONDS -lt $deadline ] || fail "sized is not ready"
		sleep 0.1
	done
	pid=$(pgrep -P $process)
	size 0 --json --verify "$pid"
	is 'of a process' 7 "$(figure .min_nr_without_sleep)"
	exec 7>&-
	wait $process || fail "sized ends with status $?"
	size 1 "$pid"
	says "there is no process $pid"
	size 1 $$
	says "process $$ records nothing"
	says 'MEMPOOL_TRACE=FILE'
}

test_losses()
{
	# A ring that is too small has only the end of it.
	"$mempool" trace --events 1024 --threads 4 -o small.trace -- "$mempool" demo --messages 3000 --json >demo.out 2>&1 ||
		fail "mempool demo: $(cat demo.out)"
	size 0 small.trace
	prints 'events were lost: what was needed may have been more'
	size 0 --json small.trace
	[ "$(jq .lost_events out)" -gt 0 ] || fail "nothing is said to be lost: $(cat out)"
}

test_pictures()
{
	size 0 --svg out.svg two.trace
	head -c 5 out.svg | grep -q '<svg ' || fail "no picture: $(head -c 200 out.svg)"
	if command -v python3 >/dev/null; then
		python3 -c 'import sys, xml.etree.ElementTree as t; r = t.parse("out.svg").getroot()
texts = [e.text for e in r.iter("{http://www.w3.org/2000/svg}text")]
sys.exit(0 if "peak: needed of the reserve" in texts and "7" in texts and "2" in texts else str(texts))' ||
			fail "the picture does not say what it should"
	fi
}

test_refusals()
{
	: >empty
	head -c 3000 peak.trace >short.trace
	head -c 3000 /dev/urandom >foreign
	size 1 missing.trace && says 'mempool size: missing.trace: No such file'
	size 1 empty && says 'empty'
	size 1 foreign && says 'foreign'
	size 1 short.trace && says 'short.trace'
	size 2 && says 'SOURCE'
	size 2 --max-wait soon peak.trace && says "--max-wait 'soon' is no time"
	size 2 --max-wait -1s peak.trace
	size 2 --outage 5 peak.trace && says "--outage '5' is no time"
	size 2 --outage-at 1s peak.trace && says 'both are needed'
	size 2 --rate 0x peak.trace && says "--rate '0x' is none"
	size 2 --rate 1e9 peak.trace && says "--rate '1e9' is none"
	size 2 --sloow peak.trace && says '--sloow'
	if [ -w /dev/full ]; then
		local status=0
		"$mempool" size peak.trace >/dev/full 2>err || status=$?
		is 'a full disk' 1 "$status"
		says 'No space left'
		size 1 --svg /dev/full peak.trace && says 'No space left'
	fi
	size 0 --help && prints 'Exit status'
}

test_known_loads
test_waits
test_what_if
test_several_pools
test_demo
test_process
test_losses
test_pictures
test_refusals
echo 'all answers are exact'
