#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The lesson "missing-barrier" is a counterexample of the Spin model: each thread of
# its run does what the model's does, and Spin, whose own search is held to the
# lesson's order of reads and writes, comes to the same end, a wake-up lost. With
# the barriers, or with steps exchanged, it does not. Spin's own trail is not compared: which
# of many it finds first depends on its version.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

command -v spin >"$scratch/log" || skip "no spin (make deps)"
command -v jq >"$scratch/log" || skip "no jq (make deps)"
run_mempool lab 0 missing-barrier --json "$scratch/lesson.json"

# One line a step: who, what it is, the variable, its value.
jq -r '.lessons[0].steps[].events[] | select(.kind == "model") | [.lane, .args[0].name, .args[0].text, .args[0].value] |
	map(tostring | gsub(" "; "-") | if . == "" then "-" else . end) | join(" ")' "$scratch/lesson.json" >"$scratch/run"

# thread_of LANE RUN: what its instructions were, in order; and when its store came to the memory.
thread_of()
{
	awk -v lane="$1" '$1 == lane && $2 != "writes" { program = program $2 " " $3 "; " }
		$1 == lane && $2 == "stores" { stored = $3 " " $4 }
		$1 == lane && $2 == "writes" { print "writes " (stored == $3 " " $4 ? "what it stored" : "something else") }
		END { print program }' "$2"
}

# follows_program RUN: each thread stores, goes on without a barrier, and reads; what is written was stored before.
follows_program()
{
	[ "$(thread_of giver "$1")" = $'writes what it stored\nstores level; goes-on -; reads waiting; ' ] &&
		[ "$(thread_of sleeper "$1")" = $'writes what it stored\nstores waiting; goes-on -; reads level; ' ]
}

# schedule RUN: for the model: its reads and writes, one after the other. The sleeper is its process 1, the giver 2.
schedule()
{
	local who what variable value n=0
	printf '#define LESSON(n, who, what, value) ('
	while read -r who what variable value; do
		case $what in reads | writes) ;; *) continue ;; esac
		case $who in sleeper) who=1 ;; *) who=2 ;; esac
		what=$what"_"$variable
		[ "$n" -eq 0 ] || printf ' || '
		printf '(n == %d && who == %d && what == %s && value == %d)' "$n" "$who" "${what^^}" "$value"
		n=$((n + 1))
	done <"$1"
	printf ')\n#define LESSON_STEPS %d\n#define THREADS 1\n#define ELEMENTS 1\n#include "%s"\n' "$n" "$PWD/tests/model/wait.pml"
}

# ends_in_loss RUN FLAG...: is there a run of the model that does this, and loses a wake-up at its end?
ends_in_loss()
{
	local folder
	folder=$(mktemp -d -p "$scratch")
	schedule "$1" >"$folder/lesson.pml"
	# -E: that everybody waits for a turn that does not come is no error; only the assertion is.
	(cd "$folder" && spin -a "${@:2}" lesson.pml && "$CC" -w -DSAFETY -o pan pan.c && ./pan -E -m100000) >"$folder/log" 2>&1 ||
		fail "spin: $(tail -n 20 "$folder/log")"
	! grep -Eq 'Search not completed|max search depth too small|out of memory' "$folder/log" ||
		grep -q 'assertion violated' "$folder/log" || fail "spin: $(tail -n 20 "$folder/log")"
	grep -q 'errors: [0-9]' "$folder/log" || fail "spin does not say what it found: $(cat "$folder/log")"
	! grep -q 'errors: 0' "$folder/log" || return 1
	grep -q 'assertion violated' "$folder/log" || fail "another error than the one that is looked for: $(cat "$folder/log")"
}

# exchanged N M: the run with its steps N and M exchanged.
exchanged()
{
	awk -v n="$1" -v m="$2" '{ line[NR] = $0 }
		END { for (i = 1; i <= NR; i++) print line[i == n ? m : i == m ? n : i] }' "$scratch/run"
}

[ "$(wc -l <"$scratch/run")" -eq 8 ] || fail "the lesson's run is not what this test knows: $(cat "$scratch/run")"
follows_program "$scratch/run" || fail "a thread does not do what the model's does: $(cat "$scratch/run")"
ends_in_loss "$scratch/run" -DNO_BARRIER || fail "the lesson's run is none of the model's: $(cat "$scratch/run")"
! ends_in_loss "$scratch/run" || fail "the lesson's run loses a wake-up in the model with its barriers, too"

# The comparison itself can fail: the giver looks after the sleeper has entered itself; the sleeper after the element is there.
look=$(grep -n '^giver reads' "$scratch/run" | cut -d : -f 1)
entry=$(grep -n '^sleeper writes' "$scratch/run" | cut -d : -f 1)
exchanged "$look" "$entry" >"$scratch/late"
! ends_in_loss "$scratch/late" -DNO_BARRIER || fail "a giver that looks too late to miss the sleeper still loses a wake-up"
sed '$d' "$scratch/run" >"$scratch/short"
! ends_in_loss "$scratch/short" -DNO_BARRIER || fail "a run without its last step is taken for a whole one"
exchanged 1 2 >"$scratch/program"
! follows_program "$scratch/program" || fail "a thread that does its steps in another order is not noticed"
