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
		fail "lab ${*:2}: ends with status $status instead of $1: $(tail -n 40 "$scratch/out"; cat "$scratch/err")"
}

# prints TEXT...: as it stands, but for the places where lines break.
prints()
{
	local text
	for text in "$@"; do
		grep -qF -- "$text" < <(tr -s ' \n' ' ' <"$scratch/out") || fail "does not print '$text': $(cat "$scratch/out")"
	done
}

# refused TEXT ARGUMENT...: a wrong command line; status 2, and the text is named.
refused()
{
	run 2 "${@:2}"
	grep -qF -- "$1" < <(tr -s ' \n' ' ' <"$scratch/err") || fail "lab ${*:2}: does not say '$1': $(cat "$scratch/err")"
	[ ! -s "$scratch/out" ] || fail "lab ${*:2}: prints to stdout: $(cat "$scratch/out")"
}

test_lessons()
{
	local name names
	run 0 --list
	mapfile -t names < <(cut -d ' ' -f 1 "$scratch/out")
	[ "${#names[@]}" -ge 15 ] || fail "--list lists too little: $(cat "$scratch/out")"
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
	grep -q "none/file: No such file" "$scratch/err" || fail "says $(cat "$scratch/err")"
	run 1 ordinary-day --json /dev/full
	grep -q "/dev/full: No space" "$scratch/err" || fail "says $(cat "$scratch/err")"
}

test_json()
{
	run 0 ordinary-day --json -
	[ "$(wc -l <"$scratch/out")" -eq 1 ] || fail "--json - prints more than one line"
	prints '{"version":1,"lessons":[{"name":"ordinary-day"' '"kind":"pass_begin"' '"par":10'
	command -v python3 >/dev/null || return 0
	python3 -m json.tool <"$scratch/out" >/dev/null || fail "no JSON: $(head -c 2000 "$scratch/out")"
}

# explains TEXT ARGUMENT...: an explanation that says so.
explains()
{
	run 0 explain "${@:2}"
	prints "$1"
}

# What mempool_explain() says is compared with what mempool_alloc() does by tests/check/explain.c.
test_explain()
{
	explains 'the caller sleeps until an element comes back or 5 s are over (PAR-12)' GFP_KERNEL --level 0
	explains 'the caller sleeps behind 2 others' GFP_NOIO --level 0 --sleepers 2
	explains 'NULL, and errno is ENOMEM' GFP_ATOMIC --level 0
	explains "an element of the backing's; the reserve stays at 4 (PAR-10)" GFP_ATOMIC --backing works
	explains "the reserve's newest element; the level is 3 then (PAR-10)" 'GFP_KERNEL|__GFP_NORETRY'
	explains 'the reserve holds 1 of 1 (min_nr 0)' GFP_KERNEL --min-nr 0
	explains '__GFP_HIGH is urgent' GFP_ATOMIC
	explains 'an element from the reserve is not zeroed (PAR-14)' 'GFP_KERNEL | __GFP_ZERO'
	explains '"mask":"GFP_NOFS","backing":"fails","level":0,"min_nr":4,"sleepers":0,"end":"sleep"' GFP_NOFS --level 0 --json
	explains '"end":"null"' GFP_NOWAIT --level 0 --json
	explains '"end":"element"' 0 --json
	refused "there is no flag 'GFP_KERNAL' at byte 0 of the mask; did you mean 'GFP_KERNEL'?" explain GFP_KERNAL
	refused "there is no flag 'GFP_NOISE' at byte 11 of the mask" explain 'GFP_KERNEL|GFP_NOISE'
	refused "a flag's name is missing at byte 11 of the mask" explain 'GFP_KERNEL|'
	refused '--level 5 cannot be: a reserve with --min-nr 4 holds 0 to 4' explain GFP_KERNEL --level 5
	refused 'swap' explain GFP_KERNEL --backing swap
	refused 'MASK' explain
}

# answers ANSWER...: the quiz, with one line for each.
answers()
{
	printf '%s\n' "$@" | timeout -s KILL 120 "$mempool" lab quiz >"$scratch/out" 2>"$scratch/err" ||
		fail "quiz: ends with status $?: $(tail -n 40 "$scratch/out"; cat "$scratch/err")"
}

test_quiz()
{
	answers a b a b b b b b b b
	prints 'quiz: 10 of 10 right' 'caller pass 1: asks the backing' 'So: b) into the reserve' 'PAR-21'
	! grep -q 'No\.' "$scratch/out" || fail "the quiz finds fault with right answers: $(grep -A 9 'No\.' "$scratch/out")"
	answers b a q
	prints 'quiz: 0 of 2 right' 'No. The library:'
	answers z '' A
	prints "'z' is none of them" 'quiz: 1 of 1 right'
}

# keys TEXT: what a terminal shows when these keys are pressed.
keys()
{
	printf '%b' "$1" | TERM=xterm timeout -s KILL 60 script -qec "'$mempool' lab ordinary-day" /dev/null >"$scratch/out" ||
		fail "keys '$1': ends with status $?: $(tail -n 20 "$scratch/out")"
}

# steps: which steps were shown, in order.
steps()
{
	grep -oE 'ordinary-day +[0-9] of' "$scratch/out" | grep -oE '[0-9]' | tr -d '\n'
}

test_keys()
{
	if ! command -v script >/dev/null; then
		echo "lab.sh: keys are not tested: there is no script(1)"
		return
	fi
	keys '\n b  q'
	[ "$(steps)" = 123234 ] || fail "Enter, space, b, space, space, q show the steps $(steps)"
	grep -q $'\033\\[1m' "$scratch/out" || fail "a terminal has no colours"
	NO_COLOR=1 keys '\n\n\n\n'
	[ "$(steps)" = 1234 ] || fail "four times Enter show the steps $(steps)"
	! grep -q $'\033\\[1m' "$scratch/out" || fail "NO_COLOR is not honoured"
	prints 'ordinary-day: all'
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
test_explain
test_quiz
test_keys
test_widths
test_lessons
