#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool lab`: every lesson's claims hold; the list, the JSON and the masks that
# are explained; what it says of names and masks that there are not.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
[ -x "$mempool" ] || fail "$mempool is not built"
export LC_ALL=C COLUMNS=80
unset MEMPOOL_DEBUG MEMPOOL_FAULT MEMPOOL_TRACE MEMPOOL_LIMIT NO_COLOR

# run STATUS ARGUMENT...: stdout and stderr are kept.
run()
{
	local status=0
	timeout -s KILL 120 "$mempool" lab "${@:2}" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
	[ "$status" -eq "$1" ] ||
		fail "lab ${*:2}: ends with status $status instead of $1: $(cat "$scratch/out" "$scratch/err")"
}

# prints TEXT...: as it stands, but for the places where lines break.
prints()
{
	local text
	for text in "$@"; do
		tr -s ' \n' ' ' <"$scratch/out" | grep -qF -- "$text" || fail "does not print '$text': $(cat "$scratch/out")"
	done
}

# refused TEXT ARGUMENT...: a wrong command line; status 2, and the text is named.
refused()
{
	run 2 "${@:2}"
	tr -s ' \n' ' ' <"$scratch/err" | grep -qF -- "$1" || fail "lab ${*:2}: does not say '$1': $(cat "$scratch/err")"
	[ ! -s "$scratch/out" ] || fail "lab ${*:2}: prints to stdout: $(cat "$scratch/out")"
}

test_lessons()
{
	local name names
	run 0 --list
	mapfile -t names < <(cut -d ' ' -f 1 "$scratch/out")
	[ "${#names[@]}" -ge 3 ] || fail "--list lists too little: $(cat "$scratch/out")"
	run 0 --all --auto --json "$scratch/lessons.json"
	[ ! -s "$scratch/err" ] || fail "--all writes to stderr: $(cat "$scratch/err")"
	for name in "${names[@]}"; do
		grep -qE "^$name: all [0-9]+ claims hold$" "$scratch/out" || fail "$name does not say that its claims hold"
		grep -qF "{\"name\":\"$name\"," "$scratch/lessons.json" || fail "$name is not in the JSON file"
	done
	! grep -qE '^.{81}' "$scratch/out" || fail "lines of more than 80 columns: $(grep -E '^.{81}' "$scratch/out" | head -n 3)"
	! grep -q $'\033' "$scratch/out" || fail "colours without a terminal"
	! grep -qF '"failed":1' "$scratch/lessons.json" || fail "a claim failed, by the JSON file"
}

test_refusals()
{
	refused "a lesson's name is needed"
	refused "there is no lesson 'two-pasess'; did you mean 'two-passes'?" two-pasess
	refused "there is no lesson 'zzz' mempool lab --list lists them" zzz
	refused 'exclude each other' two-passes --list
	refused '--frob' --frob
	local status=0
	"$mempool" lab --list >/dev/full 2>"$scratch/err" || status=$?
	[ "$status" -eq 1 ] || fail "a list that cannot be written: status $status"
	grep -q 'standard output: No space left on device' "$scratch/err" || fail "says $(cat "$scratch/err")"
	run 1 ordinary-day --json "$scratch/none/file"
	grep -q "none/file' cannot be written: No such file" "$scratch/err" || fail "says $(cat "$scratch/err")"
	run 1 ordinary-day --json /dev/full
	grep -q "/dev/full' cannot be written: No space" "$scratch/err" || fail "says $(cat "$scratch/err")"
}

test_json()
{
	run 0 ordinary-day --json -
	[ "$(wc -l <"$scratch/out")" -eq 1 ] || fail "--json - prints more than one line"
	prints '{"version":1,"lessons":[{"name":"ordinary-day"' '"kind":"pass_begin"' '"par":10'
	command -v python3 >/dev/null || return 0
	python3 -m json.tool <"$scratch/out" >/dev/null || fail "no JSON: $(head -c 2000 "$scratch/out")"
}

test_widths()
{
	local columns
	for columns in 40 60 100; do
		COLUMNS=$columns run 0 two-passes
		! grep -qE "^.{$((columns + 1))}" "$scratch/out" ||
			fail "more than $columns columns: $(grep -E "^.{$((columns + 1))}" "$scratch/out" | head -n 3)"
	done
}

test_refusals
test_json
test_widths
test_lessons
