#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tools/check-layers accepts a good tree and names every breach of a bad one.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

tree=$scratch/tree

# put FILE LINE...: a source file with these lines.
put()
{
	mkdir -p "$tree/$(dirname "$1")"
	printf '%s\n' "${@:2}" >"$tree/$1"
}

good_tree()
{
	rm -rf "$tree"
	put mempool/gfp.h '#include <stdbool.h>'
	put mempool/linux/gfp.h '#include <mempool/gfp.h>'
	put reserve/base/cpu.hpp '#if defined(__x86_64__)' '#endif' '#include <sched.h>'
	put reserve/store.hpp '#pragma once' '#include "reserve/base/cpu.hpp"'
	put mempool/watch/registry.hpp '#include "mempool/gfp.h"' '#include "reserve/store.hpp"'
	put mempool/backing/pages.cpp '#include "mempool/watch/registry.hpp"'
	put mempool/core/pool.cpp '#include <mempool/gfp.h>' '#include "mempool/watch/registry.hpp"' '#ifdef __cplusplus' '#endif'
	put mempool/core/pool.hpp '#pragma once'
	put tools/common.hpp '#include <mempool/gfp.h>'
	put tools/demo.cpp '#include "tools/common.hpp"'
	put tools/preload/protocol.hpp '#include <cstdint>'
	put tools/preload/decide.cpp '#include "tools/preload/protocol.hpp"' '#include "mempool/watch/registry.hpp"'
	put tools/preload/state.hpp '#include "tools/preload/protocol.hpp"'
	put tools/fail.cpp '#include "tools/preload/protocol.hpp"'
	put tests/cmocka/test_store.cpp '#include "reserve/store.hpp"' '#if __SANITIZE_THREAD__' '#endif'
	put docs/examples/logd.c '#include <mempool/gfp.h>'
}

# refused WHAT FILE LINE...: the good tree with this file in it is refused, and WHAT is said.
refused()
{
	good_tree
	put "${@:2}"
	if tools/check-layers "$tree" >"$scratch/out" 2>&1; then
		fail "accepted: $2: ${*:3}"
	fi
	grep -qF "$1" "$scratch/out" || fail "did not say '$1' but: $(cat "$scratch/out")"
	planted=$((planted + 1))
}

good_tree
tools/check-layers "$tree" || fail "refused a good tree"

planted=0
refused 'reserve/base/up.hpp:2: rank 0 includes reserve/store.hpp of rank 1' \
	reserve/base/up.hpp '' '#include "reserve/store.hpp"'
refused 'reserve/up.cpp:1: rank 1 includes mempool/watch/registry.hpp of rank 2' \
	reserve/up.cpp '#include "mempool/watch/registry.hpp"'
refused 'rank 3 includes mempool/core/pool.hpp of rank 4' \
	mempool/backing/up.cpp '#include "mempool/core/pool.hpp"'
refused 'rank 0 knows nothing of public headers, yet includes mempool/gfp.h' \
	reserve/base/mask.cpp '#include <mempool/gfp.h>'
refused 'rank 1 knows nothing of public headers, yet includes mempool/linux/gfp.h' \
	reserve/mask.cpp '#  include "mempool/linux/gfp.h"'
refused 'tools must not include reserve/store.hpp' \
	tools/deep.cpp '#include "reserve/store.hpp"'
refused 'preload must not include mempool/core/pool.hpp' \
	tools/preload/deep.cpp '#include <mempool/core/pool.hpp>'
refused 'tools must not include tools/preload/state.hpp' \
	tools/deep.cpp '#include "tools/preload/state.hpp"'
refused 'public must not include reserve/store.hpp' \
	mempool/mempool.h '#include "reserve/store.hpp"'
refused 'example must not include reserve/store.hpp' \
	docs/examples/deep.c '#include "reserve/store.hpp"'
refused 'rank 4 must not include tools/common.hpp' \
	mempool/core/tool.cpp '#include "tools/common.hpp"'
refused 'include circle: reserve/base/lock.hpp -> reserve/base/lock.hpp' \
	reserve/base/lock.hpp '#include "lock.hpp"'
refused 'include circle: reserve/base/cpu.hpp -> reserve/base/cpu.hpp' \
	reserve/base/cpu.hpp '#include "reserve/base/cpu.hpp"'
refused 'includes the source file pages.cpp' \
	mempool/backing/all.cpp '#include "pages.cpp"'
refused 'includes reserve/gone.hpp, which does not exist' \
	reserve/lost.cpp '#include "reserve/gone.hpp"'
refused 'reserve/fast.hpp:1: #if on a platform outside reserve/base/' \
	reserve/fast.hpp '#ifdef __aarch64__'
refused '#if on a platform outside reserve/base/' \
	mempool/core/fast.cpp '#if 0' '#elif defined(__SANITIZE_THREAD__)'
refused 'mempool/core/long.cpp:451: has 451 lines' \
	mempool/core/long.cpp "$(seq 451)"

# Circles over several files of one rank, found from wherever they are entered.
good_tree
put mempool/watch/a.hpp '#include "mempool/watch/b.hpp"'
put mempool/watch/b.hpp '#include "mempool/watch/c.hpp"'
put mempool/watch/c.hpp '#include <stdio.h>' '#include "mempool/watch/b.hpp"'
if tools/check-layers "$tree" >"$scratch/out" 2>&1; then
	fail "accepted a circle"
fi
grep -qF 'mempool/watch/c.hpp:2: include circle: mempool/watch/b.hpp -> mempool/watch/c.hpp -> mempool/watch/b.hpp' \
	"$scratch/out" || fail "did not name the circle: $(cat "$scratch/out")"
planted=$((planted + 1))
echo "$planted planted breaches, all named"
