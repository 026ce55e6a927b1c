#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tests/run counts what it is told, and is not fooled: by a program that dies,
# hangs, runs no test, or says that all is well and exits with 1.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mkdir -p "$scratch/tests/cmocka"

# program NAME LINE...: a stand-in for a test program.
program()
{
	printf '%s\n' '#!/bin/bash' "${@:2}" >"$scratch/tests/$1"
	chmod +x "$scratch/tests/$1"
}

# closes LINE STATUS NAME...: tests/run on these programs ends with LINE and with STATUS.
closes()
{
	local status=0
	(cd "$scratch" && env -u MEMPOOL_SANITIZER TEST_TIMEOUT=1 "$root/tests/run" "${@:3}") >"$scratch/out" 2>&1 || status=1
	[ "$(tail -n 1 "$scratch/out")" = "$1" ] && [ "$status" -eq "$2" ] ||
		fail "${*:3}: expected '$1' and status $2, got $status and: $(cat "$scratch/out")"
	tried=$((tried + 1))
}
tried=0
root=$PWD

# Check's log, as libcheck writes it.
tap='printf "%s\n" "ok 1 - a.c:s:x: Passed" "ok 2 - a.c:s:y: Passed"'
program check-suite "{ $tap; } >\$CK_TAP_LOG_FILE_NAME"
closes '2 passed, 0 failed' 0 tests/check-suite
program check-suite "{ $tap; echo 'not ok 3 - a.c:s:z: why'; } >\$CK_TAP_LOG_FILE_NAME; exit 1"
closes '2 passed, 1 failed' 1 tests/check-suite
grep -q '    | not ok 3 - a.c:s:z: why' "$scratch/out" || fail "the failed test is not named"
program check-suite "{ $tap; } >\$CK_TAP_LOG_FILE_NAME; kill -SEGV \$\$"
closes '2 passed, 1 failed' 1 tests/check-suite
program check-suite ":"
closes '0 passed, 1 failed' 1 tests/check-suite

# cmocka's output; its summary names failed and skipped tests a second time.
begin='echo "[==========] Running 3 test(s)."; echo "[ RUN      ] x"; echo "[       OK ] x"; echo "[ RUN      ] y"'
program cmocka/test_good "{ $begin; echo '[       OK ] y'; echo '[  PASSED  ] 2 test(s).'; } >&2"
closes '2 passed, 0 failed' 0 tests/cmocka/test_good
program cmocka/test_bad "{ $begin; echo '[  FAILED  ] y'; echo '[  FAILED  ] 1 test(s), listed below:'; echo '[  FAILED  ] y'; } >&2; exit 1"
closes '1 passed, 1 failed' 1 tests/cmocka/test_bad
grep -q '    | \[  FAILED  \] y' "$scratch/out" || fail "the failed case is not named"
program cmocka/test_skip "{ $begin; echo '[  SKIPPED ] y'; echo '[  SKIPPED ] 1 test(s), listed below:'; echo '[  SKIPPED ] y'; } >&2"
closes '1 passed, 0 failed, 1 skipped' 0 tests/cmocka/test_skip
program cmocka/test_dies "{ $begin; } >&2; kill -ABRT \$\$"
closes '1 passed, 1 failed' 1 tests/cmocka/test_dies
grep -q 'signal 6' "$scratch/out" || fail "the signal is not named"
program cmocka/test_lies "{ $begin; echo '[       OK ] y'; } >&2; exit 1"
closes '2 passed, 1 failed' 1 tests/cmocka/test_lies
program cmocka/test_none 'exit 0'
closes '0 passed, 1 failed' 1 tests/cmocka/test_none

program model 'echo "1 passed, 0 failed so far"; echo "7 passed, 0 failed"'
closes '7 passed, 0 failed' 0 tests/model
program model 'echo "6 passed, 1 failed"; exit 1'
closes '6 passed, 1 failed' 1 tests/model
program model 'sleep 60'
closes '0 passed, 1 failed' 1 tests/model
grep -q 'killed' "$scratch/out" || fail "a hang is not called one"

program one.sh 'exit 0'
program two.sh 'exit 77'
program three.sh 'echo wrong; exit 3'
closes '1 passed, 0 failed, 1 skipped' 0 tests/one.sh tests/two.sh
closes '3 passed, 1 failed, 1 skipped' 1 tests/three.sh tests/one.sh tests/two.sh tests/cmocka/test_good
grep -q '    | wrong' "$scratch/out" || fail "the output of what failed is not shown"
sed -n '/^Failed, once more:/,$p' "$scratch/out" | sed 's/ passed, 1 failed  .*//; s/  *0$//' |
	diff <(printf '%s\n' 'Failed, once more:' three.sh '    | wrong' '3 passed, 1 failed, 1 skipped') - ||
	fail "what failed is not told again at the end"
closes '0 passed, 1 failed' 1 tests/gone.sh
closes '0 passed, 1 failed' 1
echo "$tried runs, counted right"
