#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The exercises of docs/tutorial.md: each stub fails its check and says what is missing, each solution passes it.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

# status PROGRAM: what it says is in $scratch/out.
status()
{
	local status=0
	timeout -s KILL 60 "$BUILD/examples/$1" >"$scratch/out" 2>&1 || status=$?
	echo "$status"
}

count=0
for stub in docs/examples/*_stub.c; do
	name=$(basename "$stub" _stub.c)
	grep -q "examples/${name}_stub.c" docs/tutorial.md || fail "docs/tutorial.md does not speak of $stub"
	[ "$(status "${name}_stub")" -eq 1 ] || fail "${name}_stub does not fail its check: $(cat "$scratch/out")"
	grep -q '^not yet: ' "$scratch/out" || fail "${name}_stub does not say what is missing: $(cat "$scratch/out")"
	grep -qxF -- "$(grep '^not yet: ' "$scratch/out")" docs/tutorial.md ||
		fail "docs/tutorial.md does not quote what ${name}_stub says: $(cat "$scratch/out")"
	cat "$scratch/out" >>"$scratch/said"
	[ "$(status "${name}_solution")" -eq 0 ] || fail "${name}_solution fails its check: $(cat "$scratch/out")"
	count=$((count + 1))
done
# And the other way round: what it quotes of them is what they say.
while read -r line; do
	grep -qxF -- "$line" "$scratch/said" || fail "docs/tutorial.md quotes '$line', which no stub says: $(cat "$scratch/said")"
done < <(grep -E '^(not yet|mempool: BUG): ' docs/tutorial.md)
[ "$count" -ge 3 ] || fail "only $count exercises"
echo "$count exercises"
