#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# MEMPOOL_LIMIT and MEMPOOL_WATERMARKS: good values are in force when main()
# begins; a bad one is named once, with what would do, and changes nothing.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

cat >"$scratch/show.c" <<'EOF'
#include <mempool/mempool-limits.h>
#include <stdio.h>

int main(void)
{
	struct mempool_headroom_state h = {.size = sizeof(h)};

	if (mempool_headroom(&h) != 0)
		return 1;
	printf("mode %d, budget %llu\n", h.mode, h.limit_kind == MEMPOOL_LIMIT_BUDGET ? (unsigned long long)h.limit_bytes : 0);
	return 0;
}
EOF
"$CC" -std=c11 -I. -o "$scratch/show" "$scratch/show.c" -L"$BUILD" -lmempool -Wl,-rpath,"$(realpath "$BUILD")"

# shows TEXT VARIABLE=VALUE...: what holds then; stderr is kept.
shows()
{
	local got
	got=$(env "${@:2}" "$scratch/show" 2>"$scratch/err") || fail "${*:2}: ends with status $?"
	[ "$got" = "$1" ] || fail "${*:2}: '$got' instead of '$1'"
}

good()
{
	shows "$@"
	[ ! -s "$scratch/err" ] || fail "${*:2}: says $(cat "$scratch/err")"
}

bad()
{
	shows "$@"
	grep -qF -- "${2%%=*}: '${2#*=}' is no " "$scratch/err" || fail "$2: is not named: $(cat "$scratch/err")"
	[ "$(grep -c "known: " "$scratch/err")" -eq 1 ] || fail "$2: what would do is not said once: $(cat "$scratch/err")"
}

good 'mode 2, budget 0' NOTHING=
good 'mode 2, budget 4096' MEMPOOL_LIMIT=4096
good 'mode 2, budget 65536' MEMPOOL_LIMIT=64K
good 'mode 2, budget 67108864' MEMPOOL_LIMIT=64M
good 'mode 1, budget 67108864' MEMPOOL_LIMIT=64M MEMPOOL_WATERMARKS=on
good 'mode 0, budget 0' MEMPOOL_WATERMARKS=off
for value in '' much 64X -1 0x10 ' 64' 64MM 99999999999999999999 99999999999999G; do
	bad 'mode 2, budget 0' "MEMPOOL_LIMIT=$value"
done
for value in '' On 1 auto,on sometimes; do
	bad 'mode 2, budget 0' "MEMPOOL_WATERMARKS=$value"
done
