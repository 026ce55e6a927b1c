#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool fail`: its command line, its modes and filters, what it does with the
# command's files, processes and output, its reports, and sweeps in parts.
# fail_victims.sh is about what it finds.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
victims=$(realpath "$BUILD")/tests/victims
[ -e "$BUILD/libmempool-preload.so" ] || fail "$BUILD/libmempool-preload.so is not built"
export LC_ALL=C TMPDIR=$scratch/tmp
mkdir "$TMPDIR"

# run STATUS ARGUMENT...: standard output and error output are kept.
run()
{
	local status=0
	timeout -s KILL 120 "$mempool" fail "${@:2}" >"$scratch/out" 2>"$scratch/err" || status=$?
	[ "$status" -eq "$1" ] || fail "fail ${*:2}: ends with status $status instead of $1: $(cat "$scratch/out" "$scratch/err")"
	[ -z "$(ls "$TMPDIR")" ] || fail "fail ${*:2}: leaves $(ls "$TMPDIR") behind"
}

says()
{
	grep -qE -- "$1" "$scratch/out" "$scratch/err" || fail "does not say '$1': $(cat "$scratch/out" "$scratch/err")"
}

# refused STATUS TEXT ARGUMENT...: nothing is run, and the text says why.
refused()
{
	run "$1" "${@:3}"
	grep -qF -- "$2" "$scratch/err" || fail "fail ${*:3}: does not name $2: $(cat "$scratch/err")"
	[ ! -s "$scratch/out" ] || fail "fail ${*:3}: prints to stdout: $(cat "$scratch/out")"
}

# value FILTER FILE: by jq.
value()
{
	jq -r "$1" "$2"
}

test_usage()
{
	refused 2 'a command is needed, after --'
	refused 2 'a command is needed, after --' --every --
	refused 2 'true' true
	refused 2 --frob --frob -- true
	refused 2 '--nth: Value 0 not in range' --nth 0 -- true
	refused 2 --nth --nth many -- true
	refused 2 'excludes' --nth 1 --every -- true
	refused 2 'excludes' --pairs --persistent -- true
	refused 2 '--interval requires --probability' --interval 2 -- true
	refused 2 101 --probability 101 -- true
	refused 2 "--shard '3/2'" --shard 3/2 -- true
	refused 2 "--shard '0/2'" --shard 0/2 -- true
	refused 2 "--budget '5x'" --budget 5x -- true
	refused 2 "--budget '0'" --budget 0 -- true
	refused 2 "--size '4Q'" --size 4Q -- true
	refused 2 '--size 9-4: the least is more' --size 9-4 -- true
	refused 2 '--drive needs --ready' --drive true -- true
	refused 2 '--gdb requires --replay' --gdb -- true
	refused 2 '--update-known requires --known' --update-known -- true
	refused 2 "--replay 'frob': a token begins with mf1:" --replay frob -- true
	refused 2 "'x' is no number" --replay mf1:n=x -- true
	refused 2 "'q=1' is not understood" --replay mf1:q=1 -- true
	refused 2 'does not say what fails' --replay mf1:v=crash -- true
	refused 2 '--json /nowhere/x: No such file' --json /nowhere/x -- true
	refused 2 '--known /nowhere/x: No such file' --known /nowhere/x -- true
	refused 2 '--stdin /nowhere/x: No such file' --stdin /nowhere/x -- true
	refused 2 '--workdir /nowhere/x: No such file' --workdir /nowhere/x -- true
	refused 2 '--preload /nowhere/x: No such file' --preload /nowhere/x -- true
	refused 2 'it is empty' --setup '' -- true
	refused 2 "the command's name is empty" -- ''
	"$mempool" fail --help | grep -q 'Exit status: 0 nothing found' || fail "--help does not help"
}

# Exit status 3, and why.
test_not_unharmed()
{
	refused 3 '/nowhere/program: No such file' -- /nowhere/program
	refused 3 'frobnicate: no such program in PATH' -- frobnicate
	refused 3 'Is a directory' -- /tmp
	refused 3 'exit status 1 (--expect-status says that it is right); it says: hello' -- sh -c 'echo hello; exit 1'
	run 0 --expect-status 1 --budget 1 -- sh -c 'exit 1'
	refused 3 'SIGSEGV (Segmentation fault)' -- sh -c 'kill -SEGV $$'
	refused 3 'it did not end in time' --timeout 0.5 -- sleep 1000
	refused 3 "--setup 'echo no; exit 1' fails: no" --setup 'echo no; exit 1' -- true
	refused 3 'it ended before --ready' --ready false -- true
	echo 'int main(void) { return 0; }' >"$scratch/static.c"
	if "$CC" -static -o "$scratch/static" "$scratch/static.c" 2>"$scratch/log"; then
		refused 3 'was not loaded into it' -- "$scratch/static"
	fi
}

test_modes()
{
	local victim=$victims/unchecked_malloc
	run 0 --nth 1 -- "$victim"
	says '1  clean refusal'
	run 1 --nth 2 -- "$victim"
	says 'crash in main'
	run 1 --nth 1 -- "$victims/wrong_result"
	says "line 1 of the output is '.*' instead of '"
	run 0 --nth 77 -- "$victim"
	says '1  not reached'
	run 1 --every -- "$victim"
	says '^3 runs in '
	run 1 --every --persistent --json "$scratch/json" -- "$victim"
	says '^3 runs in '
	run 1 --probability 100 --runs 3 -- "$victims/wrong_result"
	says '^seed 1$'
	run 0 --probability 100 --space 1000000 --runs 2 -- "$victim"
	says '2  not reached'
	# A seed has the same runs again.
	for i in 1 2; do
		run 1 --probability 50 --seed 7 --runs 8 --json "$scratch/random$i" -- "$victim"
	done
	cmp <(grep '"verdict"' "$scratch/random1") <(grep '"verdict"' "$scratch/random2") || fail "a seed gives other runs"
	run 1 --every --budget 2 -- "$victim"
	says 'The budget is spent: 1 run or more is left'
}

# What takes two failures is found each time, whatever ends first: the pairs are the same ones. A budget ends it in order.
test_pairs()
{
	local jobs i
	run 1 --pairs --json "$scratch/pairs" -- "$victims/second_crash"
	for jobs in 1 2 4; do
		for i in 1 2 3; do
			run 1 --pairs --jobs $jobs --json "$scratch/again" -- "$victims/second_crash"
			says '^1\. crash in main \(second_crash\.c:'
			says '^   and then: malloc of 40 bytes'
			cmp <(runs_of "$scratch/pairs") <(runs_of "$scratch/again") || fail "--jobs $jobs: other pairs: $(runs_of "$scratch/again")"
		done
	done
	# The first one alone comes first, then what allocates only because of it.
	run 0 --pairs --budget 1 -- "$victims/second_crash"
	says 'The budget is spent: [1-9][0-9]* runs? or more (is|are) left'
	says '^fail: nothing found so far$'
	run 1 --pairs --budget 2 -- "$victims/second_crash"
	says 'crash in main'
	# No run is spent on a second one that is not there any more.
	run 1 --pairs -- "$victims/lost_realloc"
	says '^2 runs in '
}

test_filters()
{
	local victim=$victims/unchecked_malloc
	run 0 --every --size 16-32 -- "$victim"
	says '^2 runs in '
	run 1 --every --size 64 -- "$victim"
	says '^1 run in '
	run 1 --every --only-function main --after-main -- "$victim"
	says '^3 runs in '
	run 1 --every --only-module 'unchecked*' --depth 1 -- "$victim"
	says '^3 runs in '
	refused_by_filter --not-function main -- "$victim"
	refused_by_filter --only-module 'libfrob*' -- "$victim"
	refused_by_filter --thread frob -- "$victim"
	refused_by_filter --executable frob -- "$victim"
	run 2 --process 9 -- "$victim"
	says '--process 9: there are only 1 processes'
	run 1 --thread careless -- "$victims/thread_crash"
	says '^1 run in '
	run 1 --every --process 2 -- "$victims/child_crash"
	says '^1 crash|1  crash'
}

refused_by_filter()
{
	run 2 "$@"
	says 'no allocation passes the filters'
}

test_surroundings()
{
	local victim=$victims/unchecked_malloc_mended
	# A run does not see what the one before it left, and the folder itself is left alone.
	mkdir "$scratch/folder"
	echo content >"$scratch/folder/file"
	run 0 --workdir "$scratch/folder" -- sh -c "cat file && ! test -e left && touch left && $victim"
	says '3 processes|2 processes|clean refusal|same result'
	[ "$(ls "$scratch/folder")" = file ] || fail "--workdir changes the folder itself"
	run 0 --setup 'echo made >{}/made' --process 2 -- sh -c "cat {}/made && $victim"
	echo input >"$scratch/input"
	run 0 --budget 3 --stdin "$scratch/input" -- sh -c 'read -r line && test "$line" = input'
	# The command's words are its own.
	run 0 --budget 1 -- sh -c 'test "$1 $2 $3" = "[a,b] -- --every"' sh '[a,b]' -- --every
	# Another output each time is no wrong result.
	run 0 --budget 2 --process 1 -- sh -c 'echo $$'
	says 'note: the numbers in the output are not the same'
	run 0 --budget 2 --process 1 -- sh -c 'head -c 30 /dev/urandom | base64'
	says 'note: the output is not the same in each run'
	run 1 --ignore-leaks -- "$victims/wrong_result"
	run 0 --ignore-output -- "$victims/wrong_result"
	run 0 --ignore-leaks -- "$victims/error_leak"
	# What escapes into a session of its own is ended, too.
	run 0 --budget 2 --process 1 -- sh -c "setsid sleep 98761 & exit 0"
	says 'note: it leaves processes behind'
	! grep -qa 98761 /proc/[0-9]*/cmdline 2>/dev/null || fail "a process of a run lives on"
}

test_reports()
{
	run 1 --json - -- "$victims/unchecked_malloc"
	grep -q '^{' "$scratch/out" || fail "--json -: no JSON on stdout"
	grep -q 'crash in main' "$scratch/err" || fail "--json -: no report on stderr"
	run 1 --json "$scratch/json" --junit "$scratch/junit" --html "$scratch/html" --jobs 2 -- "$victims/unchecked_malloc"
	[ "$(stat -c %a "$scratch/json")" = "$(printf '%o' $((0666 & ~0$(umask))))" ] || fail "the mode of a report"
	if command -v jq >/dev/null; then
		[ "$(value '[.ok, .runs, .verdicts.crash, .findings[0].verdict, .findings[0].stack[0].function,
			.findings[0].failed[0].bytes] | join(" ")' "$scratch/json")" = 'false 3 1 crash main 64' ] ||
			fail "JSON: $(cat "$scratch/json")"
	fi
	if command -v python3 >/dev/null; then
		python3 -c 'import sys, xml.etree.ElementTree as t
suite = t.parse(sys.argv[1]).getroot()[0]
assert suite.get("failures") == "1" and suite.get("tests") == "2", suite.attrib
assert "main (unchecked_malloc.c" in suite.find(".//failure").text' "$scratch/junit" || fail "JUnit: $(cat "$scratch/junit")"
	fi
	for text in 'unchecked_malloc.c:' 'mempool fail --replay mf1:' 'prefers-color-scheme:dark' 'onkeydown' 'class="bar"' '</html>'; do
		grep -qF -- "$text" "$scratch/html" || fail "the page lacks $text"
	done
	! grep -qE '(src|href)="?(http|//)|@import|url\(' "$scratch/html" || fail "the page needs something else"
	# What a program prints does not become part of the page or of the XML.
	run 1 --nth 1 --process 2 --html "$scratch/html" --junit "$scratch/junit" -- sh -c \
		'"$0" >/dev/null 2>&1 || { printf "<script>\001&\377"; exit 0; }; echo well' "$victims/unchecked_malloc"
	! grep -qF '<script>&' "$scratch/html" || fail "output is not escaped"
	local status=0
	"$mempool" fail -- "$victims/unchecked_malloc" >/dev/full 2>"$scratch/err" || status=$?
	[ "$status" -eq 2 ] || fail "a report that cannot be written: status $status"
	grep -q 'the report cannot be written: No space left' "$scratch/err" || fail "a full disk: $(cat "$scratch/err")"
}

token()
{
	sed -n 's/.*, token \(mf1:[^ ]*\)$/\1/p' "$scratch/out" | head -n 1
}

test_replay()
{
	local token i
	for victim in thread_crash wrong_result double_free; do
		run 1 -- "$victims/$victim"
		token=$(token)
		for i in {1..10}; do
			run 1 --replay "$token" -- "$victims/$victim"
			says '^replay: the same again: '
		done
	done
	run 1 --every -- "$victims/child_crash"
	token=$(token)
	run 1 --replay "$token" -- "$victims/child_crash"
	says '^replay: the same again: crash'
	run 0 --replay "$token" -- "$victims/unchecked_malloc_mended"
	says 'replay: (nothing failed|another call stack failed)'
	says '^replay: not the same'
	command -v gdb >/dev/null || { echo "fail.sh: --gdb is not tested: no gdb here"; return 0; }
	run 1 -- "$victims/unchecked_malloc"
	token=$(token)
	timeout -s KILL 120 "$mempool" fail --replay "$token" --gdb -- "$victims/unchecked_malloc" </dev/null >"$scratch/out" 2>"$scratch/err" || true
	says 'Breakpoint 1.* mempool_fail_here'
	says '#[0-9]+ .* in main \(\)'
}

test_known()
{
	local known=$scratch/known
	run 0 --known "$known" --update-known -- "$victims/unchecked_malloc"
	grep -qE '^[0-9a-f]{16}  crash in main' "$known" || fail "--update-known: $(cat "$known")"
	run 0 --known "$known" --junit "$scratch/junit" -- "$victims/unchecked_malloc"
	says '^fail: 1 crash \(1 known, 0 new\)'
	grep -q '<skipped' "$scratch/junit" || fail "JUnit does not say that it is known"
	run 1 --known "$known" -- "$victims/wrong_result"
	run 0 --known "$known" --update-known -- "$victims/wrong_result"
	[ "$(grep -c '^[0-9a-f]' "$known")" -eq 2 ] || fail "what was accepted earlier is gone: $(cat "$known")"
	echo 'frob # no' >>"$known"
	refused 2 "known:4: 'frob' is not the fingerprint" --known "$known" -- "$victims/wrong_result"
}

# Of all runs; a finding's own token may be of any run that showed it, and says in x which stack it saw.
tokens_of()
{
	sed -n '/:x=/d; s/.*"token": "\(mf1:[^"]*\)".*/\1/p' "$1" | sed 's/:v=.*//' | sort -u
}

test_parts()
{
	local victim=$victims/error_leak mode i
	for mode in --every --stacks; do
		run 1 $mode --json "$scratch/whole" -- "$victim"
		for i in 1 2 3; do
			run_any $mode --shard $i/3 --json "$scratch/part$i" -- "$victim"
		done
		cmp <(tokens_of "$scratch/whole") <(for i in 1 2 3; do tokens_of "$scratch/part$i"; done | sort -u) ||
			fail "$mode: the parts are not the whole"
	done
	test_shards
	# Ended after two runs, torn in the last line, and gone on with.
	run_any --every --budget 2 --resume "$scratch/journal" -- "$victim"
	printf '{"plan":{"fir' >>"$scratch/journal"
	run 1 --every --resume "$scratch/journal" --json "$scratch/resumed" -- "$victim"
	says '^6 runs in .*, of which 2 were done earlier'
	run 1 --every --resume "$scratch/journal" -- "$victim"
	says 'of which 6 were done earlier'
	run 1 --every --json "$scratch/whole" -- "$victim"
	cmp <(grep '"fingerprint"' "$scratch/whole") <(grep '"fingerprint"' "$scratch/resumed") || fail "a resumed sweep finds other things"
	refused_parts 'it is of another sweep' --stacks --resume "$scratch/journal" -- "$victim"
	echo text >"$scratch/journal"
	refused_parts 'this is no file of' --every --resume "$scratch/journal" -- "$victim"
	mkdir "$scratch/parts"
	run_any --every --shard 2/3 --resume "$scratch/parts" -- "$victim"
	[ -s "$scratch/parts/shard-2-of-3.jsonl" ] || fail "--resume DIR makes $(ls "$scratch/parts")"
}

# Each run, with what came of it.
runs_of()
{
	sed -n 's/.*"token": "\(mf1:[^"]*\)".*/\1/p' "$1" | sort
}

# Parts of a sweep in which failures lead to more that can fail: each stack is tried by one part, and by the one that a
# sweep in one would have it from; for that, some runs are done that are another part's.
test_shards()
{
	local n i
	"$CC" -O1 -g -Wall -Wextra -Werror -o "$scratch/detours" tests/compile/detours.c || fail "detours.c does not compile"
	run 0 --json "$scratch/whole" -- "$scratch/detours"
	[ "$(runs_of "$scratch/whole" | grep -c ':t=')" -gt 20 ] || fail "detours: too little is tried second: $(runs_of "$scratch/whole")"
	run 0 --jobs 2 --json "$scratch/both" -- "$scratch/detours"
	cmp <(runs_of "$scratch/whole") <(runs_of "$scratch/both") || fail "two runs at a time are other runs"
	for n in 2 3 5; do
		: >"$scratch/all"
		for ((i = 1; i <= n; i++)); do
			run 0 --jobs 2 --shard $i/$n --json "$scratch/part$i" -- "$scratch/detours"
			runs_of "$scratch/part$i" >>"$scratch/all"
		done
		[ -z "$(sort "$scratch/all" | uniq -d)" ] || fail "of $n parts two do: $(sort "$scratch/all" | uniq -d)"
		cmp <(runs_of "$scratch/whole") <(sort "$scratch/all") ||
			fail "$n parts are not the whole: $(diff <(runs_of "$scratch/whole") <(sort "$scratch/all"))"
		[ "$n" -ne 2 ] || grep -q '"foreign": [1-9]' "$scratch/part2" || fail "the second of 2 looked at nothing of the first"
	done
	run 0 --pairs --only-function 'step_[12]' --json "$scratch/whole_pairs" -- "$scratch/detours"
	[ "$(runs_of "$scratch/whole_pairs" | grep -c ':t=')" -gt 10 ] || fail "too few pairs: $(runs_of "$scratch/whole_pairs")"
	for i in 1 2; do
		run 0 --pairs --only-function 'step_[12]' --jobs 2 --shard $i/2 --json "$scratch/part$i" -- "$scratch/detours"
	done
	cmp <(runs_of "$scratch/whole_pairs") <(cat <(runs_of "$scratch/part1") <(runs_of "$scratch/part2") | sort) ||
		fail "the parts of --pairs are not the whole"
	# What another part has noted in the same folder need not be done again for that.
	mkdir "$scratch/shared"
	for i in 1 2; do
		run 0 --jobs 2 --shard $i/2 --resume "$scratch/shared" --json "$scratch/part$i" -- "$scratch/detours"
	done
	grep -q '"foreign": 0,' "$scratch/part2" || fail "the second part does again what the first has noted"
	cmp <(runs_of "$scratch/whole") <(cat <(runs_of "$scratch/part1") <(runs_of "$scratch/part2") | sort) ||
		fail "parts in one folder are not the whole"
	run 0 --shard 1/2 --resume "$scratch/shared" --json "$scratch/again" -- "$scratch/detours"
	cmp <(runs_of "$scratch/part1") <(runs_of "$scratch/again") || fail "a part that goes on is another one"
	grep -q '"foreign": 0,' "$scratch/again" || fail "a part that goes on does the other's again"
}

refused_parts()
{
	run 2 "${@:2}"
	says "$1"
}

# Findings or none.
run_any()
{
	timeout -s KILL 120 "$mempool" fail "$@" >"$scratch/out" 2>"$scratch/err" || [ $? -eq 1 ] ||
		fail "fail $*: $(cat "$scratch/out" "$scratch/err")"
}

# On a terminal there is a line that changes.
test_terminal()
{
	command -v script >/dev/null || { echo "fail.sh: progress is not tested: no script(1) here"; return 0; }
	script -qec "$mempool fail --every -- $victims/error_leak" /dev/null </dev/null >"$scratch/out" 2>"$scratch/err" || true
	says '\[#+\] 6 of 6, [0-9.]+ runs a second, .* left; 1 leak'
	run 1 --every -- "$victims/error_leak"
	! grep -q 'runs a second' "$scratch/err" || fail "progress where there is no terminal"
}

# Ctrl-C: what was found is printed, and nothing lives on.
test_interrupt()
{
	local status=0 driver
	# A shell has its background jobs ignore SIGINT.
	env --default-signal=INT "$mempool" fail --every --timeout 100 -v -- "$victims/hang" 98762 >"$scratch/out" 2>"$scratch/err" &
	driver=$!
	for ((try = 0; try < 3000; try++)); do
		grep -q '^clean refusal' "$scratch/out" && break
		read -rt 0.01 <> <(:) || true
	done
	kill -INT "$driver" 2>/dev/null || kill -TERM "$driver"
	wait "$driver" || status=$?
	[ "$status" -eq 130 ] || fail "SIGINT ends it with status $status: $(cat "$scratch/out" "$scratch/err")"
	says '^It was interrupted: [0-9]+ runs? or more (is|are) left'
	[ -z "$(ls "$TMPDIR")" ] || fail "an interrupted sweep leaves $(ls "$TMPDIR") behind"
	! grep -qa 98762 /proc/[0-9]*/cmdline 2>/dev/null || fail "an interrupted sweep leaves its command running"
}

test_usage
test_not_unharmed
test_modes
test_pairs
test_filters
test_surroundings
test_reports
test_replay
test_known
test_parts
test_terminal
test_interrupt
