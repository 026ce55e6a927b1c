#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The examples of fault-test.h pass, with Check, cmocka and neither; and each of
# them fails, saying where, when the code that they test is broken.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

build=$(realpath "$BUILD")
for example in sweep_check sweep_cmocka sweep_plain; do
	"$build/examples/$example" >"$scratch/said" 2>&1 || {
		cat "$scratch/said"
		fail "$example"
	}
done

# The line that frees the copy goes: a leak when the array cannot grow.
sed '/kfree(copy);/d' docs/examples/records.c >"$scratch/records.c"
! cmp -s docs/examples/records.c "$scratch/records.c" || fail "records.c has no line to break"
for framework in check cmocka plain; do
	libs=()
	[ $framework = plain ] || read -ra libs < <(pkg-config --libs $framework)
	"$CC" -std=c11 -D_GNU_SOURCE -I. -Idocs/examples -o "$scratch/broken" "docs/examples/sweep_$framework.c" \
		"$scratch/records.c" -L"$build" -lmempool "${libs[@]}" -lpthread -Wl,-rpath,"$build" || fail "compiling with $framework"
	if "$scratch/broken" >"$scratch/said" 2>&1; then
		fail "sweep_$framework does not see the leak"
	fi
	for part in 'n = 2: a leak' "'kmalloc-16' has 1 out" 'the latest fault: failslab' 'libmempool'; do
		grep -qF "$part" "$scratch/said" || {
			cat "$scratch/said"
			fail "sweep_$framework does not say: $part"
		}
	done
done
