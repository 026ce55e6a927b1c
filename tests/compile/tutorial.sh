#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What docs/tutorial.md has its reader type is run, in order, and prints the lines
# that the tutorial quotes: a block ```text holds lines of what the block ```sh
# before it prints. A number may be another one. Commands that take long stand in
# `slow`, with the test that runs them.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

[ -x "$BUILD/mempool" ] || fail "$BUILD/mempool is not built"
tutorial=$PWD/docs/tutorial.md
ln -s "$(realpath "$BUILD")" "$scratch/build"
export LC_ALL=C COLUMNS=80
unset MEMPOOL_DEBUG MEMPOOL_FAULT MEMPOOL_TRACE MEMPOOL_LIMIT

declare -A slow=(
	['build/mempool lab --all --html lessons']='lab.sh, lab_pages.sh'
	['build/mempool demo']='demo.sh'
	['build/mempool lab five-seconds']='lab.sh'
	['build/examples/atomic_stub']='exercises.sh'
	['build/examples/bulk_stub']='exercises.sh'
)

# blocks: each line of a fenced block of sh or text, as "kind number line"; the number is that of the sh block.
blocks()
{
	awk '/^```/ { kind = kind == "" ? substr($0, 4) : ""; n += kind == "sh"; next }
		kind == "sh" || kind == "text" { print kind, n, $0 }' "$tutorial"
}

# plain: numbers as N, and runs of spaces as one.
plain()
{
	sed -E 's/[0-9]+/N/g' | tr -s ' '
}

# status_of COMMAND: how it is to end. The stub of an exercise fails, which is its exercise.
status_of()
{
	case $1 in
	build/examples/*_stub) echo 1 ;;
	*) echo 0 ;;
	esac
}

run()
{
	local status=0 is_slow=${slow[$2]:-}
	unset "slow[$2]"
	[ -z "$is_slow" ] || { : >"$scratch/skipped.$1"; return 0; }
	# Words, not shell: the tutorial needs no more, and nothing is guessed here.
	read -ra words <<<"$2"
	(cd "$scratch" && timeout -s KILL 60 "${words[@]}" </dev/null) >"$scratch/out" 2>&1 || status=$?
	# Where too little may be locked, say, that is the right answer.
	if grep -q '^certify: not guaranteed' "$scratch/out"; then
		echo "tutorial.sh: nothing is guaranteed on this machine"
		sed -i 's/^certify: not/certify:/' "$scratch/out"
		status=$((status - 1))
	fi
	[ "$status" -eq "$(status_of "$2")" ] ||
		fail "docs/tutorial.md: '$2' ends with status $status instead of $(status_of "$2"): $(tail -n 20 "$scratch/out")"
	plain <"$scratch/out" >>"$scratch/printed.$1"
	count=$((count + 1))
}

# quoted NUMBER LINE: it was printed; status 1: that block's command was left out.
quoted()
{
	[ ! -e "$scratch/skipped.$1" ] || return 1
	grep -qxF -- "$(plain <<<"$2")" "$scratch/printed.$1" ||
		fail "docs/tutorial.md quotes '$2', which is not printed: $(tail -n 20 "$scratch/printed.$1")"
}

count=0 quotes=0
while read -r kind number line; do
	case $kind in
	sh) run "$number" "$line" ;;
	text) quoted "$number" "$line" && quotes=$((quotes + 1)) ;;
	esac
done < <(blocks)
[ ${#slow[@]} -eq 0 ] || fail "docs/tutorial.md has no such command any more: ${!slow[*]}"
[ "$count" -ge 15 ] && [ "$quotes" -ge 5 ] || fail "only $count commands and $quotes quoted lines were found"

# Every lesson has its place in it, and the parts are an hour.
while read -r lesson _; do
	grep -q "\blab $lesson\b\|\`$lesson\`" "$tutorial" || fail "docs/tutorial.md does not speak of the lesson $lesson"
done < <("$BUILD/mempool" lab --list)
minutes=$(sed -nE 's/^## .*\(([0-9]+) minutes\)$/\1/p' "$tutorial" | paste -sd +)
[ "$((minutes))" -eq 60 ] || fail "docs/tutorial.md: an hour has $((minutes)) minutes: $minutes"
echo "$count commands, $quotes quoted lines"
