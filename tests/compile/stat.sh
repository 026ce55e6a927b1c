#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool stat`: the figures of running processes, for people, for programs, for
# Prometheus (promtool checks them where it is installed) and in /proc/slabinfo's
# columns; of processes that are killed meanwhile; and what it refuses. STAT_KILLS=20
# says how many are killed.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
[ -x "$mempool" ] || fail "$mempool is not built"
export LC_ALL=C MEMPOOL_RUN_DIR=$scratch/run
unset MEMPOOL_FAULT MEMPOOL_CONTROL MEMPOOL_DEBUG MEMPOOL_PUBLISH

# A pool with two of its four elements out, a cache with a name that needs care, and work until it is told to end.
cat >"$scratch/daemon.c" <<'END'
#include <mempool/mempool.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void end(int number)
{
	ended = number;
}

int main(int argc, char **argv)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	struct kmem_cache *cache = kmem_cache_create("say \"hi\"\\", 200, 0, 0, NULL);
	mempool_t *pool, *twin;
	unsigned long n = 0;

	signal(SIGTERM, end);
	attr.name = "requests";
	twin = mempool_create_attr(2, mempool_kmalloc, mempool_kfree, (void *)100, &attr);
	pool = mempool_create_attr(4, mempool_alloc_slab, mempool_free_slab, cache, &attr);
	if (twin == NULL || pool == NULL)
		return 1;
	if (argc > 1 && strcmp(argv[1], "fork") == 0)
		fork();
	mempool_alloc_preallocated(pool);
	mempool_alloc_preallocated(pool);
	while (!ended) {
		mempool_free(mempool_alloc(twin, GFP_KERNEL), twin);
		if (++n % 1000 == 0)
			usleep(1000);
	}
	return 0;
}
END
"$CC" -I. -w -o "$scratch/daemon" "$scratch/daemon.c" -L"$BUILD" -lmempool -Wl,-rpath,"$(realpath "$BUILD")"

run()
{
	run_mempool stat "$@"
}

daemons=()
end_daemons()
{
	[ ${#daemons[@]} -eq 0 ] || kill -KILL "${daemons[@]}" 2>/dev/null || true
	rm -rf "$scratch"
}
trap end_daemons EXIT

# start: a daemon that publishes; its number is in $daemon.
start()
{
	MEMPOOL_PUBLISH=1 "$scratch/daemon" "$@" >"$scratch/said" 2>&1 &
	daemon=$!
	daemons+=("$daemon")
	for ((try = 0; try < 3000; try++)); do
		"$mempool" stat "$daemon" >"$scratch/out" 2>&1 && return
		read -rt 0.01 <> <(:) || true
	done
	fail "the daemon publishes nothing: $(cat "$scratch/out" "$scratch/said")"
}

finish()
{
	local status=0
	kill -TERM "$1"
	wait "$1" || status=$?
	[ "$status" -eq 0 ] || fail "the daemon ends with status $status: $(cat "$scratch/said")"
}

test_forms()
{
	start
	run 0 "$daemon"
	prints "process $daemon (daemon), snapshot " 'pool backing bytes min_nr level lowest waiting' \
		'requests slab 200 4 2 2 0 2 2 0 0 0 ns below min' 'requests kmalloc 100 2 2 2 0 ' \
		'cache bytes slot objects slabs' 'say "hi"\ 200 '
	run 0 --json "$daemon"
	[ "$(wc -l <"$scratch/out")" -eq 1 ] || fail "more than one line of JSON"
	prints "{\"processes\":[{\"pid\":$daemon,\"program\":\"daemon\"," '"name":"requests"' '"backing":"slab","element_bytes":200,"min_nr":4,"curr_nr":2,"lowest_nr":2,"waiters":0,"allocs":2,' \
		'"verdict":"below min","doubts":["the reserve holds less than min_nr elements"]' '"name":"say \"hi\"\\"'
	run 0 --slabinfo "$daemon"
	[ "$(head -n 1 "$scratch/out")" = 'slabinfo - version: 2.1' ] || fail "the first line is $(head -n 1 "$scratch/out")"
	# Columns as in slabinfo(5): 16 words a line, of which the second is not above the third.
	awk 'NR > 2 && (NF != 16 || $7 != ":" || $8 != "tunables" || $12 != ":" || $13 != "slabdata" || $2 > $3 || $4 < 1 || $5 < 1 || $15 * $5 != $3) { print; exit 1 }' \
		"$scratch/out" >"$scratch/err" || fail "this is no line of slabinfo: $(cat "$scratch/err")"
	prints 'say_"hi"\ '
	"$mempool" stat "$daemon" --watch 0.01 --json >"$scratch/watched" 2>"$scratch/err" &
	local watcher=$!
	until [ -s "$scratch/watched" ]; do read -rt 0.01 <> <(:) || true; done
	finish "$daemon"
	wait "$watcher" || fail "watching a process to its end fails"
	[ -z "$(ls "$scratch/run")" ] || fail "the page is left: $(ls "$scratch/run")"
}

test_metrics()
{
	run 0 --openmetrics
	prints 'mempool_processes 0' '# EOF'
	start
	local first=$daemon
	start fork
	run 0 --openmetrics
	prints 'mempool_processes 3' "mempool_pool_curr_nr{pid=\"$first\",program=\"daemon\",pool=\"requests\",nth=\"2\",backing=\"slab\"} 2" \
		"mempool_pool_min_nr{pid=\"$first\",program=\"daemon\",pool=\"requests\",nth=\"1\",backing=\"kmalloc\"} 2" \
		"mempool_cache_slot_bytes{pid=\"$first\",program=\"daemon\",cache=\"say \\\"hi\\\"\\\\\",nth=\"1\"} "
	[ "$(tail -n 1 "$scratch/out")" = '# EOF' ] || fail "the last line is $(tail -n 1 "$scratch/out")"
	# Each metric is described before it is used, and none has two samples of the same labels.
	awk '/^# TYPE / { typed[$3] = $4; next } /^#/ { next }
		{ name = $1; sub(/[{].*/, "", name); if (!(name in typed)) { print; exit 1 }
		  if ((name ~ /_total$/) != (typed[name] == "counter")) { print; exit 1 }
		  labels = $0; sub(/ [^ ]*$/, "", labels); if (seen[labels]++) { print; exit 1 } }' "$scratch/out" >"$scratch/err" ||
		fail "this metric is wrong: $(cat "$scratch/err")"
	if command -v promtool >/dev/null; then
		promtool check metrics <"$scratch/out" >"$scratch/err" 2>&1 || fail "promtool says: $(cat "$scratch/err")"
	else
		echo "stat.sh: there is no promtool: the metrics are not checked by it"
	fi
	run 1 --slabinfo
	says '3 processes publish; --slabinfo shows one: name it'
	run 0
	[ "$(grep -c '^process ' "$scratch/out")" -eq 3 ] || fail "not three processes: $(cat "$scratch/out")"
	finish "$first"
	# The child of the other is not ours to wait for.
	pkill -TERM -P "$daemon" || fail "the second daemon has no child"
	finish "$daemon"
}

test_killed()
{
	local round status
	for ((round = 0; round < ${STAT_KILLS:-20}; round++)); do
		MEMPOOL_PUBLISH=1 "$scratch/daemon" >"$scratch/said" 2>&1 &
		daemon=$!
		disown "$daemon"
		until [ -n "$(ls -A "$scratch/run")" ]; do :; done
		timeout -s KILL 60 "$mempool" stat "$daemon" --json --watch 0.01 >"$scratch/out" 2>"$scratch/err" &
		read -rt "0.0$((RANDOM % 4))" <> <(:) || true
		kill -KILL "$daemon"
		status=0
		wait $! || status=$?
		[ "$status" -le 1 ] || fail "stat ends with status $status: $(cat "$scratch/err")"
		[ "$status" -eq 0 ] || grep -qE "process ${daemon}[ ,]" "$scratch/err" ||
			fail "does not say why: $(cat "$scratch/err")"
		[ ! -s "$scratch/out" ] || ! command -v jq >/dev/null || jq -e . <"$scratch/out" >"$scratch/json" ||
			fail "no JSON: $(cat "$scratch/out")"
		# While the kernel still takes it apart it is neither there nor gone.
		while kill -0 "$daemon" 2>/dev/null; do read -rt 0.001 <> <(:) || true; done
		"$mempool" stat >"$scratch/out" 2>"$scratch/err" && fail "a killed process is shown: $(cat "$scratch/out")"
		[ -z "$(ls -A "$scratch/run")" ] || fail "the page is left: $(ls -A "$scratch/run")"
	done
}

test_refusals()
{
	run 1
	says 'no process of yours publishes: start one with MEMPOOL_PUBLISH=1'
	run 1 $$
	says "process $$ shows no pools page in $scratch/run: start it with MEMPOOL_PUBLISH=1"
	run 2 0
	run 2 many
	run 2 --json --slabinfo
	run 2 --watch 0
	run 0 --help
	start
	local page
	page=$scratch/run/$(ls "$scratch/run")
	chmod 644 "$page"
	run 1 "$daemon"
	says "$page is open to others (mode 644): it is not read"
	chmod 600 "$page"
	kill -STOP "$daemon"
	run 0 "$daemon" --timeout 0.05
	says "process $daemon (daemon) did not answer in time: it is stopped, or gets no CPU; its last snapshot is shown"
	if [ "$(id -u)" -eq 0 ]; then
		chown 65534 "$page"
		run 1 "$daemon"
		says "$page belongs to user 65534, not to you (0): it is not read"
		chown 0 "$page"
		if setpriv --reuid 65534 --clear-groups true 2>"$scratch/err"; then
			local status=0
			chmod 711 "$scratch"
			MEMPOOL_RUN_DIR='' setpriv --reuid 65534 --clear-groups "$mempool" stat "$daemon" >"$scratch/out" 2>"$scratch/err" ||
				status=$?
			[ "$status" -eq 1 ] || fail "another user's process: status $status"
			says "process $daemon belongs to user 0, not to you (65534): do this as that user"
		fi
	fi
	truncate -s 1000 "$page"
	run 1 "$daemon"
	says "$page is truncated: 1000 of "
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null || true
	run 1 "$daemon"
	says "$page was left behind by the process $daemon, which has ended; removed"
	local status=0
	"$mempool" stat --openmetrics >/dev/full 2>"$scratch/err" || status=$?
	[ "$status" -eq 1 ] || fail "metrics that cannot be written: status $status"
	says 'No space left on device'
}

test_forms
test_metrics
test_killed
test_refusals
