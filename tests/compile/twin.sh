#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Without restartable sequences (as under valgrind, under qemu-user, and where
# the administrator turned them off) the same programs pass, by way of locks.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

export GLIBC_TUNABLES=glibc.pthread.rseq=0
for program in check-suite cmocka/test_sheaves cmocka/test_slab cmocka/test_rseq cmocka/test_machine model; do
	echo "$program"
	tests/run "$BUILD/tests/$program" >"$scratch/out" 2>&1 || {
		cat "$scratch/out"
		fail "$program fails without restartable sequences"
	}
done
