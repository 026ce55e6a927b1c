#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# `mempool fault`: points of a running process shown, set and refused, for people
# and for programs. What a page must be like is tests/check/fault_control.c's.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
[ -x "$mempool" ] || fail "$mempool is not built"
export LC_ALL=C MEMPOOL_RUN_DIR=$scratch/run
unset MEMPOOL_FAULT MEMPOOL_CONTROL MEMPOOL_DEBUG

# It allocates until one fails, says so, and goes on with the next line.
cat >"$scratch/victim.c" <<'END'
#include <mempool/slab.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	alarm(60); /* whoever waits for it does not for ever */
	for (;;) {
		void *p = kmalloc(64, GFP_NOWAIT);
		if (p == NULL) {
			puts("failed");
			return fflush(stdout);
		}
		kfree(p);
		usleep(1000);
	}
}
END
"$CC" -I. -o "$scratch/victim" "$scratch/victim.c" -L"$BUILD" -lmempool -Wl,-rpath,"$(realpath "$BUILD")"

run()
{
	run_mempool fault "$@"
}

victims=()
end_victims()
{
	[ ${#victims[@]} -eq 0 ] || kill -KILL "${victims[@]}" 2>/dev/null || true
	rm -rf "$scratch"
}
trap end_victims EXIT

# start VARIABLE=VALUE...: a victim that shows its points; its number is in $victim.
start()
{
	env "$@" "$scratch/victim" >"$scratch/said" 2>&1 &
	victim=$!
	victims+=("$victim")
	for ((try = 0; try < 3000; try++)); do
		"$mempool" fault show "$victim" >"$scratch/out" 2>&1 && return
		read -rt 0.01 <> <(:) || true
	done
	fail "the victim shows nothing: $(cat "$scratch/out")"
}

# What is set while it runs, for all or for the cache that it uses alone, is in force from then on.
# test_running ''|@CACHE
test_running()
{
	local status=0
	start MEMPOOL_CONTROL=1
	run 0 show "$victim"
	prints "process $victim (victim)" 'failslab off 1 1 0 ' 'drain_mempool_reserve off'
	run 2 set "$victim" failslab.times=-1 fail_page_alloc.verbose=3
	says 'this is wrong, and nothing is changed:'
	says '    fail_page_alloc.verbose=3'
	says '                            ^ the number is too large: 2 at most'
	run 2 set "$victim" failslib=1,2,3,4
	says 'there is no such point'
	run 0 show "$victim"
	prints 'failslab off 1 1 0 '
	run 0 set "$victim" seed=7 failslab@other=1,100,0,-1 failslab.min-order=3 fail_page_alloc.min-order=4
	run 0 show "$victim" --json
	[ "$(wc -l <"$scratch/out")" -eq 1 ] || fail "more than one line of JSON"
	prints "{\"pid\":$victim,\"program\":\"victim\",\"points\":[{\"name\":\"failslab\",\"probability\":0,\"interval\":1,\"times\":1," \
		'{"name":"failslab@other","probability":100,"interval":1,"times":-1,'
	run 0 show "$victim"
	prints 'failslab@other 100 % 1 -1 0 ' ' min-order=4'
	[ ! -s "$scratch/said" ] || fail "failed too early: $(cat "$scratch/said")"
	run 0 set "$victim" "failslab$1:probability=100,verbose=0"
	wait "$victim" || status=$?
	[ "$status" -eq 0 ] && [ "$(cat "$scratch/said")" = failed ] || fail "status $status: $(cat "$scratch/said")"
	[ -z "$(ls "$scratch/run")" ] || fail "the page is left: $(ls "$scratch/run")"
	run 1 set "$victim" off
	says "there is no process $victim"
}

test_when_asked()
{
	start MEMPOOL_FAULT='failslab@nobody=1,100,0,-1'
	kill -KILL "$victim"
	wait "$victim" 2>/dev/null || true
	run 1 show "$victim"
	says "$scratch/run/$victim-"
	says 'which has ended; removed'
	[ -z "$(ls "$scratch/run")" ] || fail "the page is left: $(ls "$scratch/run")"
	run 1 show $$
	says "process $$ shows no faults page in $scratch/run: start it with MEMPOOL_CONTROL=1, or MEMPOOL_FAULT"
	MEMPOOL_CONTROL=0 MEMPOOL_FAULT='failslab=1,100,0,1' "$scratch/victim" >"$scratch/said" 2>&1
	grep -q failed "$scratch/said" || fail "no fault: $(cat "$scratch/said")"
	chmod 755 "$scratch/run"
	MEMPOOL_FAULT='failslab=1,100,0,1' "$scratch/victim" >"$scratch/said" 2>&1
	grep -q "faults cannot be controlled from outside: $scratch/run is open to others" "$scratch/said" ||
		fail "nothing is said of the directory: $(cat "$scratch/said")"
	run 1 show 1
	chmod 700 "$scratch/run"
}

# The page is whole when it is mapped, and cut short before anything is written to
# it: by a mmap() that stands before libc's.
test_cut_short()
{
	cat >"$scratch/cut.c" <<'END'
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	void *memory = (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);

	if (memory != MAP_FAILED && fd >= 0 && (flags & MAP_SHARED) && ftruncate(fd, 0) != 0)
		_exit(98);
	return memory;
}

void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	return mmap(at, bytes, protection, flags, fd, offset);
}
END
	"$CC" -shared -fPIC -o "$scratch/cut.so" "$scratch/cut.c"
	local page
	start MEMPOOL_CONTROL=1
	kill -STOP "$victim" # it would meet the same, and have no handler for it
	for ((try = 0; try < 3000; try++)); do
		! grep -q '^State:.*T' "/proc/$victim/status" || break
		read -rt 0.01 <> <(:) || true
	done
	LD_PRELOAD=$scratch/cut.so run 1 set "$victim" failslab.times=3
	says 'mempool: fault: the control page was cut short meanwhile; restart the process'
	page=$(echo "$scratch/run/$victim"-*)
	[ -e "$page" ] && [ ! -s "$page" ] || fail "the page was not cut short: $(ls -l "$scratch/run")"
	run 1 set "$victim" failslab.times=3
	says "$page" 'restart the process'
	kill -KILL "$victim"
	wait "$victim" 2>/dev/null || true
	rm "$page"
}

test_list()
{
	run 0 list
	prints ' failslab kmem_cache_alloc() and kmalloc()' ' min-order blocks'
	run 0 list --json
	prints '{"points":[{"name":"failslab","description":'
	# What is listed is what there is.
	for name in $(tr '{' '\n' <"$scratch/out" | sed -n '/attributes/q; s/^"name":"\([^"]*\)".*/\1/p'); do
		MEMPOOL_CONTROL=0 MEMPOOL_FAULT="$name.verbose=0" "$mempool" --version 2>&1 | grep -q ignored &&
			fail "there is no point $name"
	done
	return 0
}

test_refusals()
{
	run 2
	run 2 frob
	says frob
	run 2 show
	run 2 show 0
	run 2 show one
	run 2 set 17
	run 0 set --help
	local status=0
	"$mempool" fault list >/dev/full 2>"$scratch/err" || status=$?
	[ "$status" -eq 1 ] || fail "a list that cannot be written: status $status"
	says 'No space left on device'
}

test_running ''
test_running @kmalloc-64
test_when_asked
test_cut_short
test_list
test_refusals
