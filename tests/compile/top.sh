#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool top` in tmux: keys are typed, and what stands on the screen is compared.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
[ -x "$mempool" ] || fail "$mempool is not built"
command -v tmux >/dev/null || skip "there is no tmux (make deps installs it)"
export MEMPOOL_RUN_DIR=$scratch/run LC_ALL=C.UTF-8 TMUX_TMPDIR=$scratch
unset MEMPOOL_FAULT MEMPOOL_CONTROL MEMPOOL_DEBUG MEMPOOL_PUBLISH TMUX

# A pool of eight whose elements are taken and given as stdin says: + takes one, - gives one back.
cat >"$scratch/daemon.c" <<'END'
#include <mempool/mempool.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	void *elements[64];
	mempool_t *pool;
	int out = 0, c;

	attr.name = argv[argc - 1];
	pool = mempool_create_attr(8, mempool_kmalloc, mempool_kfree, (void *)256, &attr);
	if (pool == NULL)
		return 1;
	while ((c = getchar()) != EOF) {
		if (c == '+')
			elements[out++] = mempool_alloc_preallocated(pool);
		if (c == '-')
			mempool_free(elements[--out], pool);
	}
	return 0;
}
END
"$CC" -I. -w -o "$scratch/daemon" "$scratch/daemon.c" -L"$BUILD" -lmempool -Wl,-rpath,"$(realpath "$BUILD")"

daemons=()
clean()
{
	tmux -L top kill-server 2>/dev/null || true
	[ ${#daemons[@]} -eq 0 ] || kill -KILL "${daemons[@]}" 2>/dev/null || true
	rm -rf "$scratch"
}
trap clean EXIT

# start NAME: a daemon whose pool has this name; its number is in $daemon, its stdin is the fifo NAME.
start()
{
	mkfifo "$scratch/$1"
	# Not the ends of the others' fifos: they would never see the end of their input.
	MEMPOOL_PUBLISH=1 "$scratch/daemon" "$1" <"$scratch/$1" >"$scratch/said.$1" 2>&1 7>&- 8>&- &
	daemon=$!
	daemons+=("$daemon")
}

screen()
{
	tmux -L top capture-pane -p "$@" >"$scratch/screen"
}

# shows PATTERN: until the screen has a line like that.
shows()
{
	local try
	for ((try = 0; try < 1000; try++)); do
		screen
		! grep -qE -- "$1" "$scratch/screen" || return 0
		read -rt 0.03 <> <(:) || true
	done
	fail "the screen does not show '$1': $(cat "$scratch/screen")"
}

shows_not()
{
	local try
	for ((try = 0; try < 1000; try++)); do
		screen
		grep -qE -- "$1" "$scratch/screen" || return 0
		read -rt 0.03 <> <(:) || true
	done
	fail "the screen still shows '$1': $(cat "$scratch/screen")"
}

# line_of PATTERN: the number of the first line like that.
line_of()
{
	grep -nE -- "$1" "$scratch/screen" | head -n 1 | cut -d : -f 1
}

keys()
{
	tmux -L top send-keys "$@"
}

begin()
{
	tmux -L top -f /dev/null new-session -d -x 140 -y 20 \
		"'$mempool' top --interval 0.1 $*; echo status \$?; exec sleep 1000" 7>&- 8>&-
}

test_screen()
{
	start alpha
	exec 7>"$scratch/alpha"
	local alpha=$daemon
	start beta
	exec 8>"$scratch/beta"
	local beta=$daemon
	begin
	shows '^mempool top  [0-9:]{8}  processes: 2, pools: 2, caches: [0-9]+  every 0.1 s  by level  h: help'
	shows "^ *$alpha daemon +alpha +█+ +8/8 +8 +0 +0 +0 +0 +0 +0 ns"
	[ "$(grep -E ' PID .*RESERVE' "$scratch/screen" | tr -s ' ')" = \
		' PID PROGRAM POOL RESERVE LEVEL LOWEST ALLOC/S RESRV/S FAILED SLEEPS ASLEEP LONGEST CERTIFICATE ' ] ||
		[ "$(grep -E ' PID .*RESERVE' "$scratch/screen" | tr -s ' ' | sed 's/ $//')" = \
			' PID PROGRAM POOL RESERVE LEVEL LOWEST ALLOC/S RESRV/S FAILED SLEEPS ASLEEP LONGEST CERTIFICATE' ] ||
		fail "the heading is not as it was: $(cat "$scratch/screen")"

	# A dip: the level, its picture and its colours; and the emptiest stands first.
	echo '++++++' >&8
	shows "^ *$beta daemon +beta +█+▃+ +2/8 +2 "
	[ "$(line_of ' beta ')" -lt "$(line_of ' alpha ')" ] || fail "the emptiest is not the first: $(cat "$scratch/screen")"
	screen -e
	grep -q $'\e\\[[0-9;]*31m' "$scratch/screen" && grep -q $'\e\\[[0-9;]*32m' "$scratch/screen" ||
		fail "there is no red, or no green: $(cat "$scratch/screen")"
	shows ' below min'
	echo '------' >&8
	shows "^ *$beta daemon +beta +.*▃+█+ +8/8 +2 "

	keys n
	shows 'by name  h'
	[ "$(line_of ' alpha ')" -lt "$(line_of ' beta ')" ] || fail "not by name: $(cat "$scratch/screen")"
	keys r
	shows 'by name, reversed'
	[ "$(line_of ' beta ')" -lt "$(line_of ' alpha ')" ] || fail "not reversed: $(cat "$scratch/screen")"
	keys w
	shows 'by longest wait, reversed'
	keys h
	shows '^q +quit'
	keys h
	shows ' CACHE '
	keys Tab
	shows_not ' CACHE '
	keys Tab
	shows_not ' RESERVE '
	shows ' CACHE '
	keys Tab
	shows ' RESERVE '
	keys -
	shows 'every 0.2 s'

	# Another size of the window: what is missed least goes first.
	tmux -L top resize-window -x 60 -y 8
	shows '^POOL +RESERVE +LEVEL'
	shows '^alpha .*8/8'
	[ "$(wc -L <"$scratch/screen")" -le 60 ] || fail "wider than the window: $(cat "$scratch/screen")"
	tmux -L top resize-window -x 160 -y 24
	shows 'PROGRAM +POOL'

	# One that ends, and one that is killed.
	exec 7>&-
	wait "$alpha"
	shows_not ' alpha '
	shows "process $alpha \(daemon\) has ended"
	shows ' beta '
	kill -STOP "$beta"
	shows ' beta .* no answer'
	kill -CONT "$beta"
	shows_not 'no answer|did not answer'
	kill -KILL "$beta"
	shows_not ' beta '
	shows 'processes: 0'
	keys q
	shows '^status 0'
	exec 8>&-
	tmux -L top kill-server
}

test_one_process()
{
	start gamma
	exec 7>"$scratch/gamma"
	until "$mempool" stat "$daemon" >"$scratch/out" 2>&1; do :; done
	begin "$daemon"
	shows " $daemon daemon +gamma "
	tmux -L top send-keys C-c
	shows '^status (0|130)'
	exec 7>&-
	wait "$daemon"
	tmux -L top kill-server
}

test_refusals()
{
	local status=0
	"$mempool" top </dev/null >"$scratch/out" 2>"$scratch/err" || status=$?
	[ "$status" -eq 1 ] && grep -q 'top: this is no terminal: mempool stat' "$scratch/err" || fail "status $status: $(cat "$scratch/err")"
	[ ! -s "$scratch/out" ] || fail "prints to what is no terminal"
	status=0
	"$mempool" top 999999999 </dev/null 2>"$scratch/err" || status=$?
	[ "$status" -eq 1 ] && grep -q 'there is no process 999999999' "$scratch/err" || fail "status $status: $(cat "$scratch/err")"
	status=0
	"$mempool" top --interval 0 2>"$scratch/err" || status=$?
	[ "$status" -eq 2 ] || fail "an interval of 0: status $status"
	tmux -L top -f /dev/null new-session -d -x 140 -y 20 "TERM=nonsense '$mempool' top; echo status \$?; exec sleep 1000"
	shows 'top: this terminal is not known'
	shows '^status 1'
}

test_refusals
tmux -L top kill-server
test_screen
test_one_process
