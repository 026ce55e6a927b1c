#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The programs that README.md shows are built, without a warning, and run.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

# Each fenced block of C or C++ becomes a file of its own.
awk -v prefix="$scratch/program" '
	/^```cpp$/ { file = prefix (++n) ".cpp"; next }
	/^```c$/   { file = prefix (++n) ".c"; next }
	/^```/     { file = "" }
	file       { print >file }
' README.md

flags=(-Wall -Wextra -Wshadow -Werror -I. -L"$BUILD" -lmempool "-Wl,-rpath,$(realpath "$BUILD")")

# try SOURCE COMPILER...
try()
{
	"${@:2}" "$1" "${flags[@]}" -o "$scratch/program" || fail "$(basename "$1") does not compile"
	timeout 20 "$scratch/program" >"$scratch/out" || fail "$(basename "$1") ends with status $?"
	[ -s "$scratch/out" ] || fail "$(basename "$1") prints nothing"
	sed 's/^/README: /' "$scratch/out"
}

shopt -s nullglob
c=("$scratch"/*.c) cpp=("$scratch"/*.cpp)
[ ${#c[@]} -ge 1 ] && [ ${#cpp[@]} -ge 1 ] || fail "README.md shows ${#c[@]} programs in C and ${#cpp[@]} in C++"
for source in "${c[@]}"; do try "$source" "$CC" -std=c11; done
for source in "${cpp[@]}"; do try "$source" "$CXX" -std=c++20; done

# The two commands of the first contact stand there as documented.
grep -qxF 'apt-get update && apt-get install -y make && make demo' README.md || fail "the first command is gone"
grep -qxF 'make check' README.md || fail "the second command is gone"
