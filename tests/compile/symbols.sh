#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The shared library shows the functions that the headers declare, and only
# those; it needs libc and liburcu-bp, and only those; nothing in either library
# throws or asks for types at run time.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

so=$BUILD/libmempool.so
archive=$BUILD/libmempool.a

# same LEFT RIGHT WHAT: two sorted lists must be equal.
same()
{
	diff -u "$1" "$2" >"$scratch/diff" || {
		cat "$scratch/diff"
		fail "$3"
	}
}

declared_functions >"$scratch/declared"
[ -s "$scratch/declared" ] || fail "no declaration found in mempool/*.h"
sed -n 's/^\t\([A-Za-z_0-9]*\);$/\1/p' mempool/libmempool.map | sort >"$scratch/mapped"
nm -D --defined-only "$so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$scratch/exported"
same "$scratch/declared" "$scratch/mapped" "mempool/libmempool.map differs from what the headers declare"
same "$scratch/mapped" "$scratch/exported" "the exported symbols differ from mempool/libmempool.map"
unversioned=$(nm -D --defined-only "$so" | awk '$2 != "A" && $3 !~ /@@LIBMEMPOOL_0$/ { print $3 }')
[ -z "$unversioned" ] || fail "without the version LIBMEMPOOL_0: $unversioned"

# readelf of LLVM and of binutils agree on the brackets. The loader is libc's other half.
needed=$(readelf -d "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | grep -Ev '^ld-linux' | sort | tr '\n' ' ')
case $needed in
'libc.so.6 liburcu-bp.so.'[0-9]*' ' | 'libc.so.6 liburcu-bp.so.'[0-9]*' liburcu-common.so.'[0-9]*' ') ;;
*) fail "it needs: $needed" ;;
esac
readelf -d "$so" | grep -q '(SONAME).*\[libmempool\.so\.0\]' || fail "its soname is not libmempool.so.0"
[ "$(readlink "$so")" = libmempool.so.0 ] || fail "libmempool.so is not a link to libmempool.so.0"

if nm "$so" "$archive" 2>/dev/null | grep -E '__cxa_(throw|allocate_exception|begin_catch|rethrow|bad_cast)|__gxx_personality| _ZT[IS]'; then
	fail "exceptions or run-time types got in"
fi
echo "$(wc -l <"$scratch/exported") symbols; needs $needed"
