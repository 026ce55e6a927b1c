#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# In a memory cgroup of 64 MiB that is full, and whose OOM killer is off, two
# threads go on with the elements of a reserve without a single page fault: with
# a living forked child, a dead one, after a resize, after others were taken in.
# Without residency, and a living child, they fault or stall: so the test means something.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

groups=/sys/fs/cgroup/memory
group=$groups/mempool-resident.$$

clean_up()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do # a killed process leaves it a moment later
		rmdir "$group" 2>/dev/null && break
		[ -d "$group" ] || break
		sleep 0.2
	done
	rm -rf "$scratch"
}
trap clean_up EXIT

[ -f "$groups/memory.limit_in_bytes" ] || skip "no memory cgroup of version 1 here"
mkdir "$group" 2>/dev/null || skip "no memory cgroup can be made here"
echo $((64 << 20)) >"$group/memory.limit_in_bytes" || skip "the memory cgroup takes no limit"
echo 1 >"$group/memory.oom_control" || skip "the OOM killer cannot be switched off"
if [ "$(ulimit -l)" != unlimited ] && [ "$(id -u)" -ne 0 ]; then
	skip "memory may not be locked here"
fi

"$CC" -std=c11 -D_GNU_SOURCE -O1 -I. -o "$scratch/resident" tests/compile/resident.c \
	-L"$BUILD" -lmempool -lpthread -Wl,-rpath,"$(realpath "$BUILD")" || fail "resident.c does not build"

for what in plain living dead resized adopted; do
	timeout -s KILL 120 "$scratch/resident" "$what" "$group" || fail "$what: exit status $?"
done
for backing in slab pages kvmalloc; do
	for what in living adopted; do
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
