#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `make bench`, as short as it can be: it runs, every target has its row, its
# reports are what they should be, and it says so when it cannot work. How fast
# anything is, is not looked at.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

[ -e /usr/include/benchmark/benchmark.h ] || skip "no Google Benchmark (libbenchmark-dev)"

command -v python3 >/dev/null || skip "no python3 to read the reports with"

"$MAKE" --no-print-directory BUILD="$BUILD" -j2 bench-programs >"$scratch/out" 2>&1 ||
	fail "make bench-programs: $(cat "$scratch/out")"

driver=$BUILD/bench/driver
out=$scratch/reports

# refused STATUS TEXT ARGUMENT...: the driver ends with STATUS and says TEXT.
refused()
{
	local status=0
	"$driver" "${@:3}" >"$scratch/out" 2>&1 || status=$?
	[ "$status" -eq "$1" ] || fail "driver ${*:3}: exit status $status, not $1"
	grep -q -- "$2" "$scratch/out" || fail "driver ${*:3}: does not say '$2': $(cat "$scratch/out")"
}

"$driver" --help | grep -q -- --filter || fail "--help does not help"
refused 2 "no workload 'pear-64'" --out "$out" --filter pair-64,pear-64
refused 2 rounds --out "$out" --rounds 0
refused 2 '--sloow' --sloow
refused 1 /dev/null/reports --out /dev/null/reports --filter callbacks
[ ! -e "$out" ] || fail "it wrote something before it refused"
# A disk without room, where there is one to pretend with.
if [ -w /dev/full ]; then
	mkdir "$scratch/full"
	ln -s /dev/full "$scratch/full/bench.json"
	refused 1 'bench.json: No space left' --out "$scratch/full" --filter callbacks --rounds 1 --ms 1
fi

# All workloads, without the plugins: DPDK's ring needs seconds for what sixteen threads want of it.
filter=$("$driver" --list | grep -vx grow-elements | paste -sd,)
"$driver" --quick --rounds 1 --ms 1 --plugins "$scratch" --filter "$filter" --out "$out" >"$scratch/out" 2>&1 ||
	fail "the driver: $(cat "$scratch/out")"
# And with them.
"$driver" --quick --rounds 1 --ms 1 --filter pair-64,reserve-1t --out "$scratch/plugins" >"$scratch/out" 2>&1 ||
	fail "the driver with plugins: $(cat "$scratch/out")"
"$BUILD/bench/gbench" --benchmark_min_time=0.0001 --benchmark_out_format=json --benchmark_out="$out/gbench.json" \
	>"$scratch/out" 2>&1 || fail "gbench: $(cat "$scratch/out")"

# What the project has set itself: a row for each, by workload.
targets='batch-4096 batch-64 batch-64-16t callbacks latency-p99.99 memory pair-4096 pair-64 pair-64-2t pipe publishing
reserve-16t reserve-1t reserve-2t'
python3 - "$out" "$targets" <<'PYTHON' || fail "the reports are not what they should be"
import json, sys
import xml.etree.ElementTree as xml
out, wanted = sys.argv[1], sys.argv[2].split()
bench = json.load(open(out + "/bench.json"))
judged = {t["workload"] for t in bench["targets"]}
assert judged == set(wanted), judged.symmetric_difference(wanted)
for table in bench["tables"]:
    rows = {row["name"]: row for row in table["rows"]}
    assert rows["mempool"]["median"] > 0, table["key"]
    assert all(len(row["rounds"]) == 1 for row in rows.values()), table["key"]
assert {"glibc", "tls"} <= {row["name"] for row in bench["tables"][0]["rows"]}
assert len(bench["curves"]) == 3
assert any(b["name"].startswith("mempool/64") for b in json.load(open(out + "/gbench.json"))["benchmarks"])
for chart in "bench.svg", "curves.svg":
    assert xml.parse(out + "/" + chart).getroot().tag.endswith("svg")
PYTHON
grep -q '^| Pair, 64 B.* at most 1.5 x rseq ' "$out/bench.md" || fail "bench.md lacks a target"
echo "$(grep -c '^### ' "$out/bench.md") tables"
