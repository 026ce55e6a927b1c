#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# libmempool-preload.so shows the functions that it stands before, and nothing
# else: above all no unwinder, which would stand before the program's. It needs
# libc alone, does nothing without its variable, and its manual names what it interposes.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

so=$BUILD/libmempool-preload.so
[ -e "$so" ] || fail "$so was not built"

cat >"$scratch/expected" <<'END'
_Exit
_ZdaPv
_ZdaPvRKSt9nothrow_t
_ZdaPvSt11align_val_t
_ZdaPvSt11align_val_tRKSt9nothrow_t
_ZdaPvm
_ZdaPvmSt11align_val_t
_ZdlPv
_ZdlPvRKSt9nothrow_t
_ZdlPvSt11align_val_t
_ZdlPvSt11align_val_tRKSt9nothrow_t
_ZdlPvm
_ZdlPvmSt11align_val_t
_Znam
_ZnamRKSt9nothrow_t
_ZnamSt11align_val_t
_ZnamSt11align_val_tRKSt9nothrow_t
_Znwm
_ZnwmRKSt9nothrow_t
_ZnwmSt11align_val_t
_ZnwmSt11align_val_tRKSt9nothrow_t
__libc_start_main
_exit
aligned_alloc
calloc
cfree
exit
free
malloc
memalign
mempool_fail_here
mmap
mmap64
mremap
munmap
posix_memalign
pthread_create
pvalloc
quick_exit
realloc
reallocarray
sigaction
signal
valloc
END
nm -D --defined-only "$so" | awk '$2 != "A" { print $3 }' | LC_ALL=C sort >"$scratch/exported"
diff -u "$scratch/expected" "$scratch/exported" || fail "it shows other symbols than it should"

needed=$(readelf -d "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | grep -Ev '^ld-linux' | tr '\n' ' ')
[ "$needed" = 'libc.so.6 ' ] || fail "it needs: $needed"
if nm "$so" | grep -E '__cxa_(throw|allocate_exception|begin_catch|rethrow|bad_cast)|__gxx_personality| _ZT[IS]'; then
	fail "exceptions or run-time types got in"
fi

while read -r name; do
	case $name in
	__libc_start_main | cfree | mempool_fail_here | _Z*) continue ;;
	esac
	grep -qE "^\.Fn $name\b" docs/man/mempool-preload.7 || fail "mempool-preload(7) does not name $name()"
done <"$scratch/expected"

status=0
said=$(env -u MEMPOOL_FAIL_PAGE LD_PRELOAD="$so" /bin/sh -c 'echo unharmed; exit 3' 2>&1) || status=$?
[ "$status" -eq 3 ] && [ "$said" = unharmed ] || fail "without its variable: $said"
echo "$(wc -l <"$scratch/exported") symbols; needs $needed"
