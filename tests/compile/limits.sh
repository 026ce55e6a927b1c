#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# In a memory cgroup of 64 MiB whose OOM killer is on, a program whose slab
# backing wants ten times that lives, and its pools never give NULL; without
# watermarks the same program is killed, so that the test means something.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

# shellcheck source=tests/compile/cgroup
. tests/compile/cgroup

make_group mempool-limits
limit_group $((64 << 20))

"$CC" -std=c11 -D_GNU_SOURCE -O1 -I. -o "$scratch/hungry" tests/compile/hungry.c \
	-L"$BUILD" -lmempool -lpthread -Wl,-rpath,"$(realpath "$BUILD")" || fail "hungry.c does not build"

# hungry MODE: runs it in the cgroup; its exit status.
hungry()
{
	local rc=0
	bash -c 'echo $BASHPID >"$1/cgroup.procs" || exit 3
		MEMPOOL_WATERMARKS=$2 exec timeout -s KILL 60 "$3" 640' - "$group" "$1" "$scratch/hungry" \
		>"$scratch/output" 2>&1 || rc=$?
	echo "watermarks $1: exit status $rc: $(tr '\n' ' ' <"$scratch/output")"
	return $rc
}

for mode in auto on; do
	hungry "$mode" || fail "with watermarks $mode the program did not end well"
done
started=$SECONDS
rc=0
hungry off || rc=$?
[ "$rc" -eq 137 ] || fail "without watermarks the program was not killed, but ended with $rc"
[ $((SECONDS - started)) -lt 60 ] || fail "without watermarks the program hung, and was not killed by the kernel"
