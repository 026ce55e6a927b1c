#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The demo in a memory cgroup: with malloc the daemon is killed by the kernel,
# with a mempool nothing is lost, and no cgroup is left behind. Without the right
# to make one it says what would have to be allowed.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
[ -x "$mempool" ] || fail "$mempool is not built"
for i in {1..300}; do echo "2026-11-23 09:01:02 status installed package$i:amd64 1.$i"; done >"$scratch/input"

demo()
{
	timeout -s KILL 120 "$@" demo --cgroup --json --input "$scratch/input" --messages 30000 \
		>"$scratch/out" 2>"$scratch/err"
}

# Who may not is told so.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	rc=0
	chmod 755 "$scratch" && : >"$scratch/err" && : >"$scratch/out"
	demo setpriv --reuid=65534 --regid=65534 --clear-groups "$mempool" || rc=$?
	[ "$rc" -eq 1 ] || fail "without the right to make a cgroup: status $rc instead of 1: $(cat "$scratch/err")"
	grep -qE '^mempool demo: --cgroup: .*(Permission denied|Read-only file system).*; run it as root' "$scratch/err" ||
		grep -q -- '--cgroup: no memory cgroups' "$scratch/err" || fail "it does not say why: $(cat "$scratch/err")"
fi

rc=0
demo "$mempool" || rc=$?
if [ "$rc" -ne 0 ] && grep -qE -- '--cgroup: (.*run it as root|no memory cgroups)' "$scratch/err"; then
	skip "$(cat "$scratch/err")"
fi
[ "$rc" -eq 0 ] || fail "status $rc: $(cat "$scratch/out" "$scratch/err")"
grep -q '"cgroup":true,"memory_limit_bytes":67108864,"malloc":{"oom_killed":true,' "$scratch/out" ||
	fail "malloc's daemon was not killed: $(cat "$scratch/out")"
grep -q '"mempool":{"oom_killed":false,"sent":30000,"written":30000,"lost":0,' "$scratch/out" ||
	fail "the mempool's daemon was: $(cat "$scratch/out")"
grep -qE '"from_reserve":[1-9]' "$scratch/out" || fail "the reserve never served: $(cat "$scratch/out")"
grep -q 'malloc: logd was killed by the kernel' "$scratch/err" || fail "it does not say so: $(cat "$scratch/err")"
left=$(find /sys/fs/cgroup -type d -name 'mempool-demo.*' 2>/dev/null || true)
[ -z "$left" ] || fail "leaves $left behind"
