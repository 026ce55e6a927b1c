#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool trace`: what it records of a command and of its children, whose exit status it passes on; and what it makes
# of recordings, good and bad. Chrome's trace events are read by chrome_trace.cpp.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
build=$(realpath "$BUILD")
[ -x "$mempool" ] || fail "$mempool is not built"
command -v jq >/dev/null || skip "no jq"
export LC_ALL=C
unset MEMPOOL_DEBUG MEMPOOL_TRACE MEMPOOL_TRACE_OPTIONS MEMPOOL_FAULT

"$CXX" -std=c++20 -O1 -Wall -Wextra -Werror tests/compile/chrome_trace.cpp -o "$scratch/chrome_trace" &
"$CC" -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -Werror tests/compile/traced.c -o "$scratch/traced" -L"$build" -lmempool \
	-lpthread -Wl,-rpath,"$build" || fail "traced.c does not compile"
wait $! || fail "chrome_trace.cpp does not compile"
cd "$scratch"

# run STATUS ARGUMENT...: `mempool trace`, whose stdout and stderr are kept.
run()
{
	local status=0
	timeout -s KILL 120 "$mempool" trace "${@:2}" >"$scratch/out" 2>"$scratch/err" || status=$?
	[ "$status" -eq "$1" ] ||
		fail "trace ${*:2}: ends with status $status instead of $1: $(head -c 2000 "$scratch/out" "$scratch/err")"
}

says()
{
	grep -qF -- "$1" "$scratch/err" || fail "does not say '$1': $(cat "$scratch/err")"
}

# same NAME LEFT RIGHT
same()
{
	[ "$2" = "$3" ] || fail "$1: $2 in the trace, $3 by the pool's own statistics"
}

# from FILE JQ: a figure.
from()
{
	jq -r "$2" "$1"
}

test_own_figures()
{
	run 7 --events 8192 -o own.trace -- ./traced
	cp out figures.json
	says ' none lost'
	says "own.trace: "
	run 0 --to perfetto own.trace -o own.json
	./chrome_trace own.json >read.json || fail "own.json is no trace"
	same 'allocations' "$(from read.json .results.alloc)" "$(from figures.json .allocs)"
	same 'failures' "$(from read.json .results.alloc_fail)" "$(from figures.json .failures)"
	same 'frees' "$(from read.json .spans.free)" "$(from figures.json .frees)"
	same 'backing failures' "$(from read.json .instants.backing_fail)" "$(from figures.json .backing_failures)"
	same 'failed passes' "$(from read.json .results.backing_fail)" "$(from figures.json .backing_failures)"
	same 'from the reserve' "$(from read.json .instants.reserve_take)" "$(from figures.json .from_reserve)"
	same 'to the reserve' "$(from read.json .instants.reserve_give)" "$(from figures.json .to_reserve)"
	same 'sleeps' "$(from read.json .spans.sleep)" "$(from figures.json .sleeps)"
	same 'wake-ups' "$(from read.json .flows)" "$(from figures.json .wakes)"
	same 'the level at the end' "$(from read.json '.levels | to_entries | map(select(.key | startswith("reserve")))[0].value')" \
		"$(from figures.json .level)"
	jq -e '.threads | index("sleeper")' read.json >/dev/null || fail "no track for the thread 'sleeper': $(cat read.json)"
	jq -e '[.traceEvents[] | select(.name == "mark") | .args.text] == ["a <mark>, \"quoted\""]' own.json >/dev/null ||
		fail "the mark is not there as it was set"
}

test_csv()
{
	run 0 --to csv own.trace
	local events
	events=$(grep -oE '[0-9]+ events' err || true)
	[ -z "$events" ] || fail "says something of a recording that lacks nothing: $events"
	# Each line has as many fields as the first, quotes apart.
	sed 's/"[^"]*""[^"]*""[^"]*"/quoted/' out | awk -F, 'NR == 1 { n = NF } NF != n { print; exit 1 }' || fail "a line of another length"
	same 'lines of reserve_take' "$(awk -F, '$8 == "reserve_take"' out | wc -l)" "$(from figures.json .from_reserve)"
	grep -qF '"a <mark>, ""quoted"""' out || fail "the mark is not quoted: $(grep mark out)"
	head -n 1 out | grep -q '^time_ns,pid,tid,thread_name,cpu,pool_number,pool,event,stack,' || fail "another header: $(head -n 1 out)"
}

test_html()
{
	run 0 --to html own.trace -o own.html
	[ "$(grep -cE '@(TITLE|STYLE|DATA|SCRIPT)@' own.html)" -eq 0 ] || fail "something was not filled in"
	sed -n 's,.*<script type="application/json" id="data">\(.*\)</script>$,\1,p' own.html >data.json
	same 'events of reserve_take' "$(from data.json '[.events[] | select(.[3] == "reserve_take")] | length')" "$(from figures.json .from_reserve)"
	same 'sleeps' "$(from data.json '[.threads[].spans[] | select(.kind == "sleep")] | length')" "$(from figures.json .sleeps)"
	same 'arrows' "$(from data.json '.arrows | length')" "$(from figures.json .wakes)"
	same 'the level at the end' "$(from data.json '.pools[0].levels[-1][1]')" "$(from figures.json .level)"
	same 'lost' "$(from data.json .lost)" 0
}

# Few rings: they count against the address space of which the demo has little.
test_demo()
{
	run 0 --events 65536 --threads 4 -o demo.trace -- "$mempool" demo --messages 3000 --json
	cp out demo.figures
	run 0 --to perfetto demo.trace* -o demo.json
	./chrome_trace demo.json >read.json || fail "demo.json is no trace"
	same 'events lost' "$(from read.json .lost)" 0
	same 'from the reserve' "$(from read.json '.instants.reserve_take // 0')" "$(from demo.figures .mempool.from_reserve)"
	same 'backing failures' "$(from read.json '.instants.backing_fail // 0')" "$(from demo.figures .mempool.backing_failures)"
	[ "$(from read.json '.spans.sleep // 0')" -ge "$(from demo.figures .mempool.sleeps)" ] || fail "fewer sleeps than the pool counted"
}

# What is lost is said everywhere: by who records, by who converts, and in what they write.
test_losses()
{
	run 7 --events 16 -o lossy.trace -- ./traced
	says 'older events lost'
	local lost
	lost=$(grep -oE '[0-9]+ lost$' err | grep -oE '[0-9]+')
	[ "$lost" -gt 100 ] || fail "$lost events lost"
	run 0 --to perfetto lossy.trace -o lossy.json
	says "$lost events are lost"
	./chrome_trace lossy.json >read.json || fail "lossy.json is no trace"
	same 'lost' "$(from read.json .lost)" "$lost"
	same 'lost, at their place' "$(jq '[.traceEvents[] | select(.cat == "lost") | .args.events] | add' lossy.json)" "$lost"
	run 0 --to csv lossy.trace
	same 'lost, as lines' "$(awk -F, '$8 == "lost" { n += $10 } END { print n }' out)" "$lost"
	run 7 --threads 1 -o lossy.trace -- ./traced
	says 'that found no ring'
	run 0 --to csv lossy.trace
	says 'of threads without a ring'
	awk -F, '$8 == "lost" { n += $10 } END { exit n == 0 }' out || fail "events without a ring are in no line"
}

test_children()
{
	run 7 -o family.trace -- ./traced fork
	says 'none lost'
	local files=(family.trace.*)
	[ ${#files[@]} -eq 1 ] && [ -e "${files[0]}" ] || fail "files of children: ${files[*]}"
	says "${files[0]}: "
	run 0 --to perfetto family.trace "${files[0]}" -o family.json
	./chrome_trace family.json >read.json || fail "family.json is no trace"
	[ "$(jq '[.traceEvents[] | select(.ph == "M" and .name == "process_name")] | length' family.json)" -eq 2 ] || fail "no two processes"
	jq -e '.traceEvents | any(.name == "mark" and .args.text == "of the child")' family.json >/dev/null || fail "no mark of the child"
	run 7 --no-fork -o alone.trace -- ./traced fork
	[ -z "$(ls alone.trace.* 2>/dev/null)" ] || fail "--no-fork, and the child has a file"
	run 134 -o crashed.trace -- ./traced crash
	run 0 --to perfetto crashed.trace -o crashed.json
	./chrome_trace crashed.json >read.json || fail "crashed.json is no trace"
	same 'allocations before the crash' "$(from read.json .results.alloc)" "$(from figures.json .allocs)"
	run 7 --stacks -o stacks.trace -- ./traced
	run 0 --to csv stacks.trace
	grep -q 'traced+0x[0-9a-f]*' out || fail "no call stack: $(tail -n 3 out)"
}

test_exit_status()
{
	run 3 -o none.trace -- sh -c 'exit 3'
	says 'nothing was recorded'
	[ ! -e none.trace ] || fail "a file of nothing"
	run 137 -o none.trace -- sh -c 'kill -KILL $$'
	run 127 -o none.trace -- ./nowhere
	says './nowhere: No such file'
	run 126 -o none.trace -- /dev/null
	says 'Permission denied'
	# The terminal's SIGINT reaches the command, which decides; SIGTERM is passed on.
	run 4 -o none.trace -- sh -c 'kill -INT $PPID; exit 4'
	run 5 -o none.trace -- sh -c 'trap "exit 5" TERM; kill -TERM $PPID; while :; do sleep 0.05; done'
	# The arguments are the command's, options and empty ones too.
	run 0 -o none.trace -- printf '%s|' --to '' -o -- '[a,b]'
	[ "$(cat out)" = '--to||-o|--|[a,b]|' ] || fail "the arguments became: $(cat out)"
}

test_output_files()
{
	echo precious >text
	run 125 -o text -- ./traced
	says 'exists, and is no recording'
	[ "$(cat text)" = precious ] || fail "a file was overwritten"
	run 125 -o /nowhere/at/all -- ./traced
	run 125 -o . -- ./traced
	run 125 -o /dev/null -- ./traced
	run 7 -o own2.trace -- ./traced
	run 7 -o own2.trace -- ./traced # an older recording gives way
	[ -z "$(ls own2.trace.* 2>/dev/null)" ] || fail "the second recording has another name"
	run 1 --to perfetto own.trace -o /dev/full
	says '/dev/full: No space left on device'
	run 1 --to csv own.trace -o /nowhere/at/all
	says '/nowhere/at/all: No such file'
	"$mempool" trace --to csv own.trace >/dev/full 2>err && fail "standard output was full, and it succeeded"
	says 'standard output: No space left on device'
	(
		set +o pipefail
		"$mempool" trace --to perfetto own.trace 2>err | head -c 1 >first
	)
	[ "$(cat first)" = '{' ] || fail "begins with $(cat first)"
	# A file that cannot be finished leaves the old one alone, and nothing beside it.
	echo old >kept.json
	(
		ulimit -f 1
		trap '' XFSZ
		"$mempool" trace --to perfetto own.trace -o kept.json 2>err && exit 1
		exit 0
	) || fail "wrote more than it may"
	[ "$(cat kept.json)" = old ] || fail "half a file"
	[ "$(echo kept.json*)" = kept.json ] || fail "left behind: $(echo kept.json*)"
}

# bad FILE TEXT
bad()
{
	run 1 --to perfetto "$1" -o bad.json
	says "$1: $2"
	[ ! -e bad.json ] || fail "a file was made of $1"
}

# patched FILE OFFSET BYTES: own.trace with other bytes there.
patched()
{
	cp own.trace "$1"
	printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

test_bad_recordings()
{
	: >empty
	bad empty 'is empty'
	bad nowhere 'No such file'
	bad . 'Is a directory'
	bad /dev/null 'is no ordinary file'
	bad own.json 'is no recording'
	head -c 100 own.trace >short
	bad short 'is cut off: 100 bytes'
	head -c 100000 own.trace >"cut"
	bad cut 'is cut off: it has 100000 of'
	patched swapped 8 '\001\002\003\004'
	bad swapped 'was recorded on a machine with another byte order'
	patched newer 12 '\002\000\000\000'
	bad newer 'is of version 2'
	patched damaged 80 '\377\377\377\377\377\377\377\377' # where the rings' table begins
	bad damaged 'is damaged'
	patched odd 32 '\003\000\000\000'
	bad odd 'is damaged: rings of 3 events'
	if [ "$(id -u)" -ne 0 ]; then
		cp own.trace secret
		chmod 0 secret
		bad secret 'Permission denied'
	fi
	# Whatever bytes there are, it neither crashes nor makes up a trace that is none.
	local seed status
	for seed in 1 2 3 4; do
		cp own.trace wild
		awk -v seed="$seed" 'BEGIN { srand(seed); for (i = 0; i < 24; i++) printf "%d %d\n", rand() * 140000, rand() * 256 }' |
			while read -r at byte; do
				printf '%b' "\\0$(printf %o "$byte")" | dd of=wild bs=1 seek="$at" conv=notrunc status=none
			done
		status=0
		timeout -s KILL 60 "$mempool" trace --to perfetto wild -o wild.json 2>err || status=$?
		[ "$status" -le 1 ] || fail "seed $seed: status $status: $(cat err)"
		[ "$status" -eq 1 ] || jq -e .traceEvents wild.json >/dev/null || fail "seed $seed: no JSON"
	done
}

test_wrong_command_lines()
{
	run 2
	says 'needs a command behind --'
	run 2 ./traced
	says "mempool trace -- ./traced"
	run 2 --
	run 2 -- ''
	run 2 --to perfetto
	says 'needs the name of a recording'
	run 2 --to nonsense own.trace
	run 2 --to csv own.trace -- ./traced
	run 2 --to csv --events 10 own.trace
	run 2 --events 0 -- ./traced
	run 2 --threads 1025 -- ./traced
	run 0 --help
	grep -q 'Exit status' out || fail "--help says nothing of the exit status"
}

test_own_figures
test_csv
test_html
test_demo
test_losses
test_children
test_exit_status
test_output_files
test_bad_recordings
test_wrong_command_lines
echo "recorded and converted"
