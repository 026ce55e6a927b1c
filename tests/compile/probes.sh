#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# USDT probes: one for each event of MEMPOOL_TRACE_EVENTS() where <sys/sdt.h> was there, each with a semaphore of its
# own and the documented arguments; none where the build forbids them; and the bpftrace scripts name only what there is.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

so=$(realpath "$BUILD/libmempool.so")
events=$scratch/events
printf '#include <mempool/mempool-trace.h>\n#define NAME(NAME, name, args) EVENT name args\nMEMPOOL_TRACE_EVENTS(NAME)\n' |
	"$CC" -I. -E -x c - | grep -o 'EVENT [a-z_]* "[^"]*"' | sort >"$events"
[ "$(wc -l <"$events")" -gt 20 ] || fail "the table of events was not found"

# A build without them.
"$CXX" -std=c++20 -I. -fPIC -DMP_DEBUG=0 -DMP_PROBES=0 -c mempool/watch/trace.cpp -o "$scratch/without.o"
! readelf -n "$scratch/without.o" | grep -q stapsdt || fail "PROBES=0, and there are probes"

# Each probe of a bpftrace script is an event's, and takes no more arguments than that has, after the pool's two.
for script in tools/trace/*.bt; do
	[ -e "$script" ] || continue
	grep -oE 'usdt:[^:]*:mempool:[a-z_]+' "$script" | sed 's/.*://' | sort -u >"$scratch/used"
	[ -s "$scratch/used" ] || fail "$script looks at no probe"
	while read -r name; do
		grep -q "^EVENT $name " "$events" || fail "$script looks at the probe $name, which is no event"
	done <"$scratch/used"
done

readelf -n "$so" | grep -q 'Provider: mempool' ||
	skip "the library was built without <sys/sdt.h> (package systemtap-sdt-dev)"
readelf -n "$so" | awk '$1 == "Name:" { print $2 }' | sort >"$scratch/probes"
awk '{ print $2 }' "$events" | sort >"$scratch/names"
diff -u "$scratch/names" <(sort -u "$scratch/probes") || fail "probes differ from the events"
! readelf -n "$so" | grep -E 'Semaphore: 0x0+$' || fail "a probe has no semaphore"
semaphores=$(readelf -n "$so" | grep -o 'Semaphore: .*' | sort -u | wc -l)
[ "$semaphores" -eq "$(wc -l <"$scratch/names")" ] || fail "$semaphores semaphores for $(wc -l <"$scratch/names") probes"
# The pool's number and name, and four more.
readelf -n "$so" | awk '$1 == "Arguments:" && NF != 7 { bad = 1 } END { exit bad }' || fail "a probe has other arguments"
echo "$semaphores probes"
