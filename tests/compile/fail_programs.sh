#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool fail` on programs that others wrote: sqlite3, which survives, jq, which
# does not, and redis-server, which aborts on purpose, driven by redis-cli.
#
# FAIL_SWEEPS=whole sweeps all of each, which takes minutes; otherwise a part.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
[ -e "$BUILD/libmempool-preload.so" ] || fail "$BUILD/libmempool-preload.so is not built"
for program in sqlite3 jq redis-check-rdb redis-cli; do
	command -v $program >/dev/null || skip "$program is not here (make deps installs it)"
done
# The server is the same program under another name; the package that has the name starts a service as well.
ln -s "$(command -v redis-check-rdb)" "$scratch/redis-server"
export LC_ALL=C TMPDIR=$scratch/tmp HOME=$scratch
mkdir "$TMPDIR"

# sweep STATUS RUNS ARGUMENT...: at most so many runs, unless all are wanted.
sweep()
{
	local status=0 limit=(--budget "$2") began=$EPOCHREALTIME
	[ "${FAIL_SWEEPS:-}" != whole ] && [ "$2" != all ] || limit=()
	timeout -s KILL 1000 "$mempool" fail --jobs 2 "${limit[@]}" --json "$scratch/json" "${@:3}" >"$scratch/out" 2>&1 || status=$?
	[ "$status" -eq "$1" ] || fail "${*:3}: ends with status $status instead of $1: $(tail -n 60 "$scratch/out")"
	echo "$(((${EPOCHREALTIME/./} - ${began/./}) / 1000)) ms: ${*:3}"
	grep -E '^ +[0-9,]+  |^fail: ' "$scratch/out"
}

verdicts()
{
	jq -r ".verdicts.$1" "$scratch/json"
}

# Without -init it looks for its own file in the home directory, by the C library's getpwuid(3), which crashes by itself.
sql="create table t(a integer primary key, b text);
insert into t select value, 'row ' || value from generate_series(1, 100);
select count(*), sum(length(b)) from t;"
test_sqlite()
{
	local mode
	for mode in --every --stacks; do
		sweep 0 60 $mode --ignore-leaks -- sqlite3 -init /dev/null :memory: "$sql"
		[ "$(verdicts crash) $(verdicts abort) $(verdicts hang)" = '0 0 0' ] || fail "sqlite3 does not survive $mode"
		[ "$(verdicts same)" -gt 0 ] || fail "no run of sqlite3 has the same result"
		if [ "${FAIL_SWEEPS:-}" = whole ]; then
			jq -e '[.all_runs[] | select(.verdict == "refused") | .why | select(test("out of memory"))] | length > 0' \
				"$scratch/json" >/dev/null || fail "sqlite3 never says that it is out of memory"
		fi
	done
	# The C library's own crash, where it looks for the home directory.
	sweep 1 12 --every --only-function 'getpwuid' -- sqlite3 :memory: 'select 1'
	[ "$(verdicts crash)" -gt 0 ] || fail "getpwuid does not crash any more"
}

test_jq()
{
	local token i
	echo '{"a":[1,2,{"b":"text"}],"c":null}' >"$scratch/in.json"
	sweep 1 40 --stdin "$scratch/in.json" -- jq '.a[2].b'
	token=$(jq -r '[.findings[] | select(.verdict == "crash")][0].token' "$scratch/json")
	[ "$token" != null ] || fail "no crash of jq: $(tail -n 20 "$scratch/out")"
	for i in {1..10}; do
		"$mempool" fail --replay "$token" --stdin "$scratch/in.json" -- jq '.a[2].b' >"$scratch/out" 2>&1 && fail "replay $i finds nothing"
		grep -q '^replay: the same again: crash$' "$scratch/out" || fail "replay $i: $(cat "$scratch/out")"
	done
	echo "replayed 10 times of 10: $token"
}

test_redis()
{
	# Until its configuration is read its handler of such failures crashes; here it serves a client.
	local part=(--only-function processCommand)
	# shellcheck disable=SC2016 # $i is for the client's shell
	sweep 1 4 --after-main --ignore-leaks "${part[@]}" --ready 'redis-cli -s {}/socket ping' \
		--drive 'for i in 1 2 3; do redis-cli -s {}/socket set key$i value; done; redis-cli -s {}/socket get key2' \
		-- "$scratch/redis-server" --port 0 --unixsocket {}/socket --save '' --appendonly no --daemonize no --dir {}
	jq -e '[.findings[] | select(.verdict == "abort") | select([.stack[].function] | index("zmalloc") or index("redisOutOfMemoryHandler"))]
		| length > 0' "$scratch/json" >/dev/null || fail "redis does not abort with its stack: $(grep -A 12 '^[0-9]*\. ' "$scratch/out" | head -n 60)"
}

test_sqlite
test_jq
test_redis
