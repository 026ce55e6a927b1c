#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# C++'s operator new and delete under `mempool fail`: all forms, with libstdc++'s
# over malloc, and with jemalloc and tcmalloc, which have their own; in programs
# that replace some of them; and in a plugin of a program that has no C++ library.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

mempool=$(realpath "$BUILD")/mempool
so=$(realpath "$BUILD")/libmempool-preload.so
[ -e "$so" ] || fail "$so is not built"
export LC_ALL=C TMPDIR=$scratch/tmp
mkdir "$TMPDIR"

compile()
{
	"$CXX" -std=c++20 -O1 -g -Wall -Wextra "$@" || fail "does not compile: $*"
}

# sweep STATUS ARGUMENT...: what is found is in $scratch/out.
sweep()
{
	local status=0
	timeout -s KILL 120 "$mempool" fail --jobs 2 "${@:2}" >"$scratch/out" 2>&1 || status=$?
	[ "$status" -eq "$1" ] || fail "${*:2}: ends with status $status instead of $1: $(cat "$scratch/out")"
}

says()
{
	grep -qE -- "$1" "$scratch/out" || fail "does not say '$1': $(cat "$scratch/out")"
}

# Each form's allocation is one candidate, with whatever allocator: as many as the program has news.
allocations=29

# The faults of the victim: each once, and nothing else.
printf '%s\n' abort crash leak misuse >"$scratch/planted"

# test_allocator NAME FLAG...: the victim, linked like that.
test_allocator()
{
	local name=$1 mode
	compile -o "$scratch/operators.$name" "$scratch/operators.o" "${@:2}"
	compile -o "$scratch/mended.$name" "$scratch/mended.o" "${@:2}"
	for mode in --every --stacks; do
		sweep 1 $mode --json "$scratch/json" -- "$scratch/operators.$name" all
		jq -r '.findings[].verdict' "$scratch/json" | sort | diff -u "$scratch/planted" - ||
			fail "$name $mode: other findings: $(cat "$scratch/out")"
		sweep 0 $mode -- "$scratch/mended.$name"
		says '^fail: nothing found$'
		says ": $allocations allocations from "
		if grep '^note: ' "$scratch/out"; then
			fail "$name: when nothing fails, too, something is wrong"
		fi
	done
	# The call is named, and the stack is its caller's: neither the operator nor the allocator is in it.
	jq -e '.findings[] | select(.verdict == "crash") | .failed[0] |
		.call == "operator new[]" and .stack[0].function == "main"' "$scratch/json" >/dev/null ||
		fail "$name: named otherwise: $(jq -c '.findings[] | [.title, .failed[0].call, .failed[0].stack[0]]' "$scratch/json")"
	# Threads, children, a handler, and what was made before anybody was watching.
	compile -o "$scratch/storm.$name" "$scratch/storm.o" -pthread "${@:2}"
	sweep 0 --probability 5 --runs 4 --json "$scratch/json" -- "$scratch/storm.$name"
	jq -e '.verdicts.same == 4 and .unharmed.notes == [] and .unharmed.processes == 11' "$scratch/json" >/dev/null ||
		fail "$name: $(jq -c '[.verdicts, .unharmed]' "$scratch/json") $(cat "$scratch/out")"
	# Nobody waits for the loader while a constructor waits for him.
	compile -o "$scratch/waiting.$name" "$scratch/waiting.o" -pthread -rdynamic "${@:2}"
	sweep 0 --every --only-function '*make_under_lock*' --json "$scratch/json" -- "$scratch/waiting.$name" "$scratch/constructed.so"
	jq -e '[.all_runs[].verdict] | sort == ["refused", "refused", "same"]' "$scratch/json" >/dev/null ||
		fail "$name, with a constructor that waits: $(cat "$scratch/out")"
	echo "$name: all faults found in $allocations allocations"
}

compile -c -o "$scratch/operators.o" tests/harness/victims/operators.cpp
compile -c -DMENDED -o "$scratch/mended.o" tests/harness/victims/operators.cpp
compile -c -pthread -o "$scratch/storm.o" tests/harness/subjects/storm.cpp
compile -c -pthread -o "$scratch/waiting.o" tests/harness/subjects/waiting.cpp
cat >"$scratch/constructed.c" <<'C'
void wait_for_the_lock(void);

__attribute__((constructor)) static void construct(void)
{
	wait_for_the_lock();
}
C
"$CC" -O1 -Wall -Wextra -fPIC -shared -o "$scratch/constructed.so" "$scratch/constructed.c"
test_allocator libstdc++
missing=
for name in jemalloc tcmalloc_minimal; do
	if [ "$("$CXX" -print-file-name="lib$name.so")" = "lib$name.so" ]; then
		missing+=" lib$name"
		continue
	fi
	test_allocator $name -l$name
done

# What a program replaces is called by all other forms, preloaded or not, and each call is counted once.
compile -o "$scratch/replaced" tests/harness/subjects/replaced.cpp
for preload in '' "$so"; do
	said=$(LD_PRELOAD=$preload "$scratch/replaced" 2>&1) || fail "replaced, with LD_PRELOAD=$preload: $said"
	[ "$said" = '8 made, 8 dropped' ] || fail "replaced, with LD_PRELOAD=$preload: $said"
done
sweep 0 --every --after-main -- "$scratch/replaced"
says ': 8 allocations from '
says '^ +8  clean refusal$'

# The plugin's std::bad_alloc is of a library that the program does not know of, or within the plugin; what its
# new_handler throws goes through the operators. In a program that has such a library that one is the plugin's, too.
cat >"$scratch/host.c" <<'C'
#include <dlfcn.h>
#include <stdlib.h>

int main(int count, char **arguments)
{
	void *plugin = count > 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	int (*run)(int) = plugin ? (int (*)(int))dlsym(plugin, "plugin_run") : NULL;

	return run ? run(atoi(arguments[2])) : 2;
}
C
"$CC" -O1 -Wall -Wextra -o "$scratch/host" "$scratch/host.c" -ldl
compile -fPIC -shared -o "$scratch/plugin.so" tests/harness/subjects/plugin.cpp
compile -fPIC -shared -static-libstdc++ -static-libgcc -o "$scratch/plugin_static.so" tests/harness/subjects/plugin.cpp
"$CC" -O1 -Wall -Wextra -o "$scratch/host_cxx" "$scratch/host.c" -ldl -Wl,--no-as-needed -lstdc++
for pair in 'host plugin' 'host plugin_static' 'host_cxx plugin' 'host_cxx plugin_static'; do
	read -r host plugin <<<"$pair"
	for handler in 0 1 2; do
		sweep 0 --every --only-function plugin_run --json "$scratch/json" -- "$scratch/$host" "$scratch/$plugin.so" $handler
		case $handler in
		0) expected='exit status 1, and says: std::bad_alloc' ;;
		1) expected='exit status 1, and says: no_memory of the handler' ;;
		2) expected= ;;
		esac
		jq -r '.all_runs[].why' "$scratch/json" | diff -u <(printf '%s\n' "$expected" "$expected") - ||
			fail "$pair, handler $handler: $(cat "$scratch/out")"
	done
	# What the loader allocates while it is asked for the C++ library does not end the watch over the heap.
	sweep 1 --every --only-function plugin_run --json "$scratch/json" -- "$scratch/$host" "$scratch/$plugin.so" 3
	jq -e '[.findings[] | [.verdict, .why]] == [["misuse", "double free"]] and .lost_sight == 0' "$scratch/json" >/dev/null ||
		fail "$pair: the double free after the failure is not found: $(cat "$scratch/out")"
done

# A sanitizer's operators still see which form made a block, and which one drops it.
cat >"$scratch/mismatch.cpp" <<'CXX'
#include <cstdlib>

int main(int count, char **)
{
	int *made = new int(count);
	asm volatile("" : "+r"(made));
	if (count > 1)
		free(made);
	else
		delete made;
	return 0;
}
CXX
if compile -fsanitize=address -o "$scratch/mismatch" "$scratch/mismatch.cpp" 2>"$scratch/log" &&
	ldd "$scratch/mismatch" | grep -q libasan; then
	export ASAN_OPTIONS=verify_asan_link_order=0
	said=$(LD_PRELOAD=$so "$scratch/mismatch" 2>&1) || fail "AddressSanitizer finds what is not there: $said"
	said=$(LD_PRELOAD=$so "$scratch/mismatch" wrong 2>&1) && fail "AddressSanitizer does not find the mismatch"
	[[ $said == *'alloc-dealloc-mismatch (operator new vs free)'* ]] || fail "AddressSanitizer says: $said"
	sweep 1 --every --only-function main -- "$scratch/mismatch"
	says '^1\. abort in main \(mismatch\.cpp:5\)$'
	says '^   failed: operator new of 4 bytes, number 1$'
fi

[ -z "$missing" ] || skip "without$missing (make deps installs them); all else is as it should be"
