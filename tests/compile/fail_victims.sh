#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool fail` on programs of our own: each planted fault is found and called by
# its name, and nothing is found in the twin in which it is mended.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
victims=$(realpath "$BUILD")/tests/victims
[ -e "$BUILD/libmempool-preload.so" ] || fail "$BUILD/libmempool-preload.so is not built"
export LC_ALL=C TMPDIR=$scratch/tmp
mkdir "$TMPDIR"

# sweep STATUS VICTIM ARGUMENT...: what is found is in $scratch/out.
sweep()
{
	local status=0
	timeout -s KILL 120 "$mempool" fail --jobs 2 "${@:3}" -- "$victims/$2" >"$scratch/out" 2>&1 || status=$?
	[ "$status" -eq "$1" ] || fail "$2 ${*:3}: ends with status $status instead of $1: $(cat "$scratch/out")"
	[ -z "$(ls "$TMPDIR")" ] || fail "$2: leaves $(ls "$TMPDIR") behind"
}

# found TITLE: the only finding, at the head of its lines.
found()
{
	local line
	line=$(grep -E '^[0-9]+\. ' "$scratch/out")
	[[ $line =~ ^1\.\ $1 ]] || fail "found '$line' instead of '$1': $(cat "$scratch/out")"
}

says()
{
	grep -qE -- "$1" "$scratch/out" || fail "does not say '$1': $(cat "$scratch/out")"
}

# What is planted in each, as it is to be reported. A hang takes its time limit twice.
declare -A planted=(
	[unchecked_malloc]='crash in main \(unchecked_malloc\.c:[0-9]+\)$'
	[double_free]='heap misuse in main \(double_free\.c:[0-9]+\)$'
	[foreign_free]='heap misuse in main \(foreign_free\.c:[0-9]+\)$'
	[error_leak]='leak in '
	[lost_realloc]='leak in '
	[wrong_result]='wrong result in main \(wrong_result\.c:[0-9]+\)$'
	[hang]='hang in main \(hang\.c:[0-9]+\)$'
	[thread_crash]='crash in careless \(thread_crash\.c:[0-9]+\)$'
	[child_crash]='crash in main \(child_crash\.c:[0-9]+\)$'
	[second_crash]='crash in main \(second_crash\.c:[0-9]+\)$'
	[assert_abort]='abort in main \(assert_abort\.c:[0-9]+\)$'
	[bad_alloc]='abort in (main|std::)'
	[operators]='crash in main \(operators\.cpp:[0-9]+\)$' # fail_operators.sh has the rest of it
	[sanitized]='sanitizer report in main \(sanitized\.c:[0-9]+\)$'
)

for victim in "$victims"/*_mended; do
	name=$(basename "$victim" _mended)
	[ -n "${planted[$name]-}" ] || fail "the victim $name is not in the list of this script"
	options=()
	[ "$name" != hang ] || options=(--timeout 2)
	sweep 1 "$name" "${options[@]}"
	found "${planted[$name]}"
	sweep 0 "${name}_mended"
	says '^fail: nothing found$'
done

# Without the table by which most find a line: clang writes none.
objcopy --remove-section=.debug_aranges "$victims/unchecked_malloc" "$victims/unchecked_malloc.no_aranges"
sweep 1 unchecked_malloc.no_aranges
found "${planted[unchecked_malloc]}"
rm "$victims/unchecked_malloc.no_aranges"

# The second thread, the child and the second failure are named as such.
sweep 1 thread_crash
says 'SIGSEGV at address 0x0 in thread main\.2 \(careless\)$'
sweep 1 child_crash
says 'SIGSEGV at address 0x0 in process 2$'
sweep 1 second_crash --pairs
says '^   and then: malloc of '

# More blocks than can be kept track of, before anything is known: wrong frees are not looked for, which is told.
status=0
timeout -s KILL 120 "$mempool" fail --budget 3 --json "$scratch/json" -- "$(realpath "$BUILD")/tests/subjects/calls" many-early each \
	>"$scratch/out" 2>&1 || status=$?
[ "$status" -eq 1 ] || fail "many-early ends with status $status: $(cat "$scratch/out")"
says '^note: some blocks are lost sight of: wrong frees may not be seen$'
says '^note: in 3 runs some blocks were lost sight of: '
jq -e '.lost_sight == 3' "$scratch/json" >/dev/null || fail "$(jq .lost_sight "$scratch/json") runs lost sight of blocks"
