#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# make builds what has changed, all of it and nothing else. It is tried on a
# copy of the tree, so that nobody's files are touched.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

cp -r Makefile mempool reserve tools tests docs "$scratch"
cd "$scratch"
# The lower ranks are enough, and must link without the higher ones anyway.
rm -r mempool/core mempool/backing

build()
{
	"$MAKE" -j2 BUILD=build OPT=-O0 lib >out 2>&1 || {
		cat out
		fail "make failed"
	}
}

# compiled: the sources that the last build compiled, one a line, sorted.
compiled()
{
	sed -n 's,^  CXX *obj/\(.*\)\.o$,\1,p' out | sort
}

# users HEADER: the sources whose dependencies name the header.
users()
{
	find build/obj -name '*.d' -exec grep -lF " $1" {} + | sed 's,^build/obj/\(.*\)\.d$,\1,' | sort
}

# later FILE...: as if they had been changed just now. File times may be as coarse as the clock's tick.
later()
{
	touch -d '+2 seconds' "$@"
	sleep_until_older "$@"
}

# What is built from now on must be newer than the files: wait for the clock to pass them.
sleep_until_older()
{
	local probe=$scratch/probe newest=$1
	until touch "$probe" && [ "$probe" -nt "$newest" ]; do
		sleep 0.1
	done
}

build
[ -n "$(compiled)" ] || fail "the first make compiled nothing"

build
grep -q 'Nothing to be done' out || fail "a second make did something: $(cat out)"

# A header that nearly everything uses: what would be compiled is enough to know.
expected=$(users mempool/gfp.h)
[ -n "$expected" ] || fail "nothing uses mempool/gfp.h"
later mempool/gfp.h
"$MAKE" -n BUILD=build OPT=-O0 lib | sed -n 's,.* -o build/obj/\(.*\)\.o .*,\1,p' | sort >planned
[ "$(cat planned)" = "$expected" ] || fail "mempool/gfp.h changed; planned: $(cat planned); expected: $expected"
touch -d '-1 hour' mempool/gfp.h

# The one that the fewest use: build it.
header=$(find build/obj -name '*.d' -exec cat {} + | tr -s '[:space:]' '\n' | grep '^reserve/.*\.hpp$' | sort | uniq -c |
	sort -n | awk 'NR == 1 { print $2 }')
expected=$(users "$header")
[ -n "$expected" ] || fail "nothing uses $header"
later "$header"
build
[ "$(compiled)" = "$expected" ] || fail "$header changed; compiled: $(compiled); expected: $expected"
grep -q 'LINK.*libmempool.so' out || fail "$header changed, and the library was not linked again"
build
grep -q 'Nothing to be done' out || fail "make after $header did something again: $(cat out)"

later mempool/libmempool.map
build
[ -z "$(compiled)" ] || fail "a changed version script compiled something"
grep -q 'LINK.*libmempool.so' out || fail "a changed version script did not link"

echo 'namespace mp::reserve { int extra_source; }' >reserve/extra.cpp
build
[ "$(compiled)" = reserve/extra ] || fail "an added source was not the only one compiled: $(compiled)"
rm reserve/extra.cpp
build
nm build/libmempool.a | grep extra_source && fail "a removed source stays in the library"

"$MAKE" BUILD=build OPT=-O1 -n lib >out 2>&1
grep -q 'reserve/base/lock.cpp' out || fail "changed flags rebuild nothing"
[ ! -e build/mempool ] || fail "make lib built more than the libraries"
echo "headers, version script, sources and flags: all noticed"
