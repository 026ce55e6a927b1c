#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every public header compiles alone, and twice, as C11 and as C++20, with every
# compiler here, and without a warning.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

warnings=(-Wall -Wextra -Wshadow -Wconversion -Wpedantic -Werror)

# try LANGUAGE STANDARD COMPILER HEADER
try()
{
	printf '#include <%s>\n#include <%s>\nint unused_main(void);\n' "$4" "$4" |
		"$3" -x "$1" "-std=$2" -I. "${warnings[@]}" -fsyntax-only - || fail "$4 as $2 with $3"
	count=$((count + 1))
}

count=0
for header in mempool/*.h mempool/linux/*.h; do
	for compiler in $(compilers "$CC" gcc clang); do
		try c c11 "$compiler" "$header"
	done
done
for header in mempool/*.h mempool/*.hpp mempool/linux/*.h; do
	for compiler in $(compilers "$CXX" g++ clang++); do
		try c++ c++20 "$compiler" "$header"
	done
done

# An older C++ is told what is wrong, and nothing else.
for compiler in $(compilers "$CXX" g++ clang++); do
	said=$("$compiler" -x c++ -std=c++17 -I. -fsyntax-only mempool/mempool.hpp 2>&1) && fail "C++17 is no error with $compiler"
	[ "$(grep -c 'error:' <<<"$said")" -eq 1 ] && grep -q 'compile with -std=c++20' <<<"$said" || fail "C++17 with $compiler: $said"
done
echo "$count compilations"
