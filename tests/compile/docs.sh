#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tests/compile/docs.sh: the documents and the code agree.
#
#   - numbers (INV-n, ORD-n, PAR-n) that code and tests cite are in the documents
#   - each INV and ORD of the documents is cited in the library
#   - each test par_N_... has its row, and each row names files that have such tests
#   - each public function has a man page that names it
#   - each file of the library is in the table of docs/architecture.md, and no other
#   - each line of the library that a lesson of the lab points to is there, once
#   - relative links in docs/*.md and README.md lead to files
#   - examples in man pages compile
set -u
cd "$(dirname "$0")/../.." || exit 1

CC=${CC:-cc}
CXX=${CXX:-c++}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
breaches=0

breach()
{
	echo "docs: $1"
	breaches=$((breaches + 1))
}

# numbers KIND FILE...: every KIND-n in the files, once each.
numbers()
{
	local kind=$1
	shift
	grep -rohE --include='*.[ch]' --include='*.[ch]pp' --include='*.sh' --include='*.[137]' --include='*.md' \
		"\b$kind-[0-9]+" "$@" 2>/dev/null | sort -u
}

check_numbers()
{
	local kind n
	grep -ohE '^## INV-[0-9]+' docs/invariants.md | cut -c 4- | sort >"$scratch/INV"
	grep -ohE '^## ORD-[0-9]+' docs/ordering.md | cut -c 4- | sort >"$scratch/ORD"
	grep -ohE '^\| PAR-[0-9]+' docs/parity.md | cut -c 3- | sort >"$scratch/PAR"
	for kind in INV ORD PAR; do
		uniq -d <"$scratch/$kind" >"$scratch/twice"
		while read -r n; do breach "$n stands twice in its document"; done <"$scratch/twice"
		numbers $kind mempool reserve tools tests docs README.md >"$scratch/cited"
		comm -13 "$scratch/$kind" "$scratch/cited" >"$scratch/unknown"
		while read -r n; do
			breach "$n is cited, but not documented: $(grep -rlE "\b$n\b" mempool reserve tools tests docs README.md 2>/dev/null |
				head -n 3 | tr '\n' ' ')"
		done <"$scratch/unknown"
		[ $kind = PAR ] && continue
		numbers $kind mempool reserve | comm -23 "$scratch/$kind" - >"$scratch/idle"
		while read -r n; do breach "$n is documented, but nothing in mempool/ or reserve/ cites it"; done <"$scratch/idle"
	done
}

# Rows of docs/parity.md: `| PAR-n | fact | here | `file`, `file` |`.
check_parity()
{
	local row n file files
	grep -rohE '\bpar_[0-9]+_' tests/check | grep -oE '[0-9]+' | sort -un >"$scratch/tested"
	while read -r n; do
		grep -q "^| PAR-$n |" docs/parity.md || breach "tests par_${n}_... have no row in docs/parity.md"
	done <"$scratch/tested"
	grep '^| PAR-' docs/parity.md >"$scratch/rows"
	while IFS= read -r row; do
		n=$(grep -oE 'PAR-[0-9]+' <<<"$row" | head -n 1 | cut -c 5-)
		files=$(sed 's/ *|$//; s/.*|//' <<<"$row" | grep -oE '[a-z_]+\.c')
		for file in $files; do
			grep -qs "par_${n}_" "tests/check/$file" ||
				breach "docs/parity.md names $file for PAR-$n, which has no test par_${n}_..."
		done
		if [ -z "$files" ] && ! grep -q '\*\*later\*\*' <<<"$row"; then
			breach "docs/parity.md names no test for PAR-$n"
		fi
	done <"$scratch/rows"
}

# Functions that are exported, defined inline, or macros with arguments (but for helpers_), and all that kernel-doc speaks of.
public_functions()
{
	sed -n 's/^\t\([a-z_][a-z_0-9]*\);$/\1/p' mempool/libmempool.map
	sed -nE 's/^static inline [^(]*\b([A-Za-z_0-9]*[A-Za-z0-9])\(.*/\1/p; s/^#define ([A-Za-z_0-9]*[A-Za-z0-9])\(.*/\1/p' mempool/*.h
	sed -nE 's,^(/\*\*| \*) ([A-Za-z_0-9]+)\(\) - .*,\2,p' mempool/*.h
}

check_man_names()
{
	local name
	public_functions | sort -u >"$scratch/functions"
	sed -nE 's/^\.(Nm|Fn|Fo) ([A-Za-z_0-9]+).*/\2/p' docs/man/*.3 | sort -u >"$scratch/man"
	[ -s "$scratch/functions" ] || breach "no public functions were found: the headers look different than this script thinks"
	comm -23 "$scratch/functions" "$scratch/man" >"$scratch/missing"
	while read -r name; do breach "$name() is in no man page"; done <"$scratch/missing"
}

# Rows of docs/architecture.md: `| `reserve/wait_queue` | what it is for |`; a name without a suffix is a .hpp and its .cpp.
check_file_table()
{
	local file
	{
		find reserve mempool/*/ \( -name '*.[ch]pp' \) | sed 's/\.[ch]pp$//'
		ls mempool/*.h mempool/*.hpp
	} | sort -u >"$scratch/files"
	sed -nE 's/^\| \x60((mempool|reserve)\/[A-Za-z0-9_./-]+)\x60 \|.*/\1/p' docs/architecture.md | sort >"$scratch/table"
	comm -23 "$scratch/files" "$scratch/table" >"$scratch/missing"
	while read -r file; do breach "$file is not in the table of docs/architecture.md"; done <"$scratch/missing"
	comm -13 "$scratch/files" "$scratch/table" >"$scratch/missing"
	while read -r file; do breach "docs/architecture.md has $file in its table, which does not exist"; done <"$scratch/missing"
}

check_lab_lines()
{
	tools/lab/lines 2>&1 >/dev/null | sed 's/^/docs: /' >"$scratch/log"
	[ ! -s "$scratch/log" ] || breach "$(cat "$scratch/log")"
}

check_links()
{
	local document link
	for document in docs/*.md README.md; do
		[ -f "$document" ] || continue
		grep -oE '\]\([^)]+\)' "$document" | sed 's/^](//; s/)$//; s/#.*//' | grep -vE '^$|^[a-z]+:' | sort -u >"$scratch/links"
		while read -r link; do
			[ -e "$(dirname "$document")/$link" ] || breach "$document links to $link, which does not exist"
		done <"$scratch/links"
	done
}

# Writes each literal block of a page to a file NAME.c, or NAME.cpp where it includes the C++ face.
extract_examples()
{
	awk -v prefix="$scratch/$(basename "$1")" '
	/^\.Bd -literal/ { inside = 1; text = ""; next }
	/^\.Ed/ {
		inside = 0
		if (text ~ /#include <mempool\//) {
			name = prefix "." ++count (text ~ /<mempool\/mempool\.hpp>/ ? ".cpp" : ".c")
			printf "%s", text >name
			close(name)
		}
	}
	inside {
		gsub(/\\&/, "")
		gsub(/\\-/, "-")
		gsub(/\\e/, "\\")
		text = text $0 "\n"
	}' "$1"
}

check_examples()
{
	local page example
	for page in docs/man/*.[137]; do extract_examples "$page"; done
	for example in "$scratch"/*.[0-9]*.c "$scratch"/*.[0-9]*.cpp; do
		case $example in
		*\**) continue ;;
		*.c) "$CC" -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -Werror -fsyntax-only "$example" ;;
		*.cpp) "$CXX" -std=c++20 -I. -Wall -Wextra -Werror -fsyntax-only "$example" ;;
		esac >"$scratch/log" 2>&1 && continue
		breach "example $(basename "$example") in its man page does not compile:"
		sed 's/^/    /' "$scratch/log"
	done
	compgen -G "$scratch/*.3.1.c" >"$scratch/log" || breach "no examples were found in the man pages"
}

check_numbers
check_parity
check_man_names
check_file_table
check_lab_lines
check_links
check_examples
[ "$breaches" -eq 0 ]
