#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# In a memory cgroup of 64 MiB that is full, and whose OOM killer is off, two
# threads go on with the elements of a reserve without a single page fault: with
# a living forked child, a dead one, after a resize, after others were taken in,
# and by mempool_alloc(), which asks the backing first.
# Without residency, and a living child, they fault or stall: so the test means something.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

# shellcheck source=tests/compile/cgroup
. tests/compile/cgroup

if [ "$(ulimit -l)" != unlimited ] && [ "$(id -u)" -ne 0 ]; then
	skip "memory may not be locked here"
fi
make_group mempool-resident
stall_group $((64 << 20))

"$CC" -std=c11 -D_GNU_SOURCE -O1 -I. -o "$scratch/resident" tests/compile/resident.c \
	-L"$BUILD" -lmempool -lpthread -Wl,-rpath,"$(realpath "$BUILD")" -Wl,-z,now || fail "resident.c does not build"

for what in plain living dead resized adopted served; do
	timeout -s KILL 120 "$scratch/resident" "$what" "$group" || fail "$what: exit status $?"
done
for backing in slab pages kvmalloc; do
	for what in living served; do
		timeout -s KILL 120 "$scratch/resident" "$what" "$group" "$backing" ||
			fail "$what, $backing: exit status $?"
	done
done
rc=0
timeout -s KILL 120 "$scratch/resident" control "$group" || rc=$?
case $rc in
1 | 2) ;;
*) fail "without residency nothing was noticed: exit status $rc" ;;
esac
