#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool run`: the kernel's two known deadlocks, rebuilt as examples, are found
# before they hang, and their cures pass; the command's own exit status and
# errors.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
examples=$(realpath "$BUILD")/examples
[ -x "$mempool" ] && [ -x "$examples/deadlock_crypt" ] || fail "$mempool or its examples are not built"
unset MEMPOOL_DEBUG

ulimit -c 0 # an aborted program is what some of this is about

run()
{
	run_mempool run "$@"
}

test_loops()
{
	run 134 --on-deadlock=abort -- "$examples/deadlock_crypt" loop
	says 'should be mempool_alloc_bulk()' 'deadlock, thread 2 of 2' 'taken at:' 'waits at:'
	run 0 --on-deadlock=abort -- "$examples/deadlock_crypt" bulk
	[ ! -s "$scratch/err" ] || fail "the cure is reported: $(cat "$scratch/err")"
}

test_stacked()
{
	run 134 --on-deadlock=abort -- "$examples/deadlock_stacked" one
	says 'deadlock possible: allocations while the thread holds elements of the same pool' 'holds 1 of pool'
	run 0 --on-deadlock=abort -- "$examples/deadlock_stacked" two
	[ ! -s "$scratch/err" ] || fail "the cure is reported: $(cat "$scratch/err")"
}

test_command()
{
	# shellcheck disable=SC2016 # the shell that is run expands it
	run 7 --debug poison -- sh -c 'echo "$MEMPOOL_DEBUG"; exit 7'
	[ "$(cat "$scratch/out")" = poison,deadlock ] || fail "MEMPOOL_DEBUG is '$(cat "$scratch/out")'"
	run 127 -- "$scratch/no-such-program"
	says "cannot run '$scratch/no-such-program': No such file"
	run 126 -- /etc/passwd
	says "cannot run '/etc/passwd': Permission denied"
	run 2
	says 'COMMAND is required'
	run 2 --on-deadlock=sometimes -- true
	says 'sometimes'
}

test_loops
test_stacked
test_command
