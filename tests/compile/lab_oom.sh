#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The lesson "userspace" has a child killed in a small memory cgroup, and another one
# live beside it; the cgroup is removed, also when the lesson is interrupted. Who
# may not make one is told so, and the lesson goes on.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
[ -x "$mempool" ] || fail "$mempool is not built"
command -v jq >"$scratch/log" || skip "no jq (make deps)"
unset MEMPOOL_DEBUG MEMPOOL_FAULT MEMPOOL_TRACE MEMPOOL_LIMIT

# groups PID: the cgroup of the lesson that this process is, while there is one.
groups()
{
	find /sys/fs/cgroup -type d -name "mempool-lab.$1" 2>/dev/null || true
}

# lesson COMMAND...: as JSON, into $scratch/lesson; the process it was, into $scratch/pid.
lesson()
{
	# shellcheck disable=SC2016 # that shell's $$, which the lesson takes over
	timeout -s KILL 120 "$BASH" -c 'echo $$ >"$0"; exec "$@"' "$scratch/pid" "$@" lab userspace --json - \
		>"$scratch/lesson" 2>"$scratch/err" ||
		fail "the lesson ends with status $?: $(cat "$scratch/err")"
}

# titles PATTERN: of the lesson's steps, those that match.
titles()
{
	jq -r '.lessons[0].steps[].title' "$scratch/lesson" | grep -E -- "$1" || true
}

# observed TEXT: what was observed of a claim.
observed()
{
	jq -r --arg text "$1" '.lessons[0].steps[].claims[] | select(.text == $text) | .observed' "$scratch/lesson"
}

test_without_the_right()
{
	local as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	# Not where the folder that was built in is root's alone.
	"${as_nobody[@]}" test -x "$mempool" || return 0
	lesson "${as_nobody[@]}" "$mempool"
	[ "$(titles 'cannot be shown here')" = "The kill itself: cannot be shown here" ] ||
		fail "without the right to make a cgroup it does not say so: $(titles .)"
	grep -qE 'It cannot: (/sys/fs/cgroup/.* cannot be made, or takes no limit: |no memory cgroups under )' "$scratch/lesson" ||
		fail "it does not say why: $(cat "$scratch/lesson")"
	[ "$(observed "elements in the reserve that are the pool's own")" = 16 ] || fail "it does not go on: $(titles .)"
	[ -z "$(observed 'the signal that ended it')" ] || fail "it claims what it cannot show"
}

test_kill()
{
	lesson "$mempool"
	[ -z "$(titles 'cannot be shown here')" ] || skip "$(grep -o 'It cannot: [^.]*' "$scratch/lesson")"
	[ "$(observed 'the signal that ended it')" = 9 ] || fail "no kill: $(cat "$scratch/lesson")"
	[ "$(observed 'kills that its cgroup counted')" = $'1\n0' ] || fail "other kills: $(cat "$scratch/lesson")"
	[ "$(observed 'when the backing had no more, the reserve gave')" = 64 ] || fail "the reserve: $(cat "$scratch/lesson")"
	[ -z "$(groups "$(cat "$scratch/pid")")" ] || fail "leaves its cgroup behind"
}

# interrupt SIGNAL: a lesson that has made its cgroup; false when it was over too early.
interrupt()
{
	local lesson group='' status=0
	rm -f "$scratch/unfinished"
	# A shell has its background jobs ignore SIGINT.
	env --default-signal=INT "$mempool" lab userspace --json "$scratch/unfinished" >"$scratch/log" 2>&1 &
	lesson=$!
	while [ -z "$group" ] && kill -0 "$lesson" 2>/dev/null; do
		group=$(groups "$lesson")
	done
	kill -STOP "$lesson" 2>/dev/null || true
	group=$(groups "$lesson")
	kill "-$1" "$lesson" 2>/dev/null || true
	kill -CONT "$lesson" 2>/dev/null || true
	wait "$lesson" || status=$?
	[ -z "$(groups "$lesson")" ] || fail "SIG$1 leaves $(groups "$lesson") behind"
	[ -n "$group" ] || return 1
	[ "$status" -eq $((128 + $(kill -l "$1"))) ] || fail "SIG$1: ends with status $status: $(cat "$scratch/log")"
	[ ! -e "$scratch/unfinished" ] || fail "SIG$1: half a file"
	[ -z "$(find "$scratch" -name 'unfinished*')" ] || fail "SIG$1: a temporary file is left"
}

test_interrupts()
{
	local signal tries
	for signal in TERM INT HUP; do
		tries=0
		until interrupt "$signal"; do
			tries=$((tries + 1))
			[ "$tries" -lt 50 ] || fail "the lesson's cgroup is never seen"
		done
	done
}

# One that was killed could not remove its group: the next one does.
test_left_behind()
{
	local lesson group=''
	"$mempool" lab userspace >"$scratch/log" 2>&1 &
	lesson=$!
	while [ -z "$group" ] && kill -0 "$lesson" 2>/dev/null; do
		group=$(groups "$lesson")
	done
	kill -KILL "$lesson" 2>/dev/null || true
	wait "$lesson" 2>/dev/null || true
	# Its child dies with it, a moment later.
	for _ in {1..500}; do
		[ -n "$(groups "$lesson")" ] && [ -n "$(cat "$group/cgroup.procs")" ] || break
		read -rt 0.01 <> <(:) || true
	done
	lesson "$mempool"
	[ -z "$(groups "$lesson")" ] || fail "what a killed lesson left is not removed: $(groups "$lesson")"
}

# A child that is neither killed nor goes on, as its cgroup's OOM killer is switched off
# (version 1 has that): one signal ends the lesson, and its child.
test_stalled_child()
{
	local pid group='' tries status=0 runner
	rm -f "$scratch/pid"
	# shellcheck disable=SC2016 # that shell's $$, which the lesson takes over
	timeout -s KILL 100 "$BASH" -c 'echo $$ >"$0"; exec "$@"' "$scratch/pid" "$mempool" lab userspace --json - \
		>"$scratch/lesson" 2>"$scratch/err" &
	runner=$!
	until pid=$(cat "$scratch/pid" 2>/dev/null) && [ -n "$pid" ]; do :; done
	while [ -z "$group" ] && kill -0 "$pid" 2>/dev/null; do
		group=$(groups "$pid")
	done
	kill -STOP "$pid" 2>/dev/null || true
	if [ -w "$group/memory.oom_control" ] && echo 1 >"$group/memory.oom_control"; then
		kill -CONT "$pid"
		for ((tries = 0; tries < 3000; tries++)); do
			! grep -q 'under_oom 1' "$group/memory.oom_control" || break
			read -rt 0.01 <> <(:) || true
		done
		[ "$tries" -lt 3000 ] || fail "the child does not come to its limit"
		kill -TERM "$pid"
		wait "$runner" || status=$?
		[ "$status" -eq 143 ] || fail "a stalled child: ends with status $status: $(cat "$scratch/err")"
		[ -z "$(groups "$pid")" ] || fail "a stalled child: leaves its cgroup behind"
		return
	fi
	kill -CONT "$pid" 2>/dev/null || true
	wait "$runner" || fail "ends with status $?"
}

if [ "$(id -u)" -eq 0 ] && command -v setpriv >"$scratch/log"; then
	test_without_the_right
fi
test_kill
test_interrupts
test_left_behind
test_stalled_child
