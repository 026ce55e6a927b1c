#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tools/deps, on machines that are made up here: a folder of stand-in commands
# is all there is on the path.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

tool=$PWD/tools/deps
sh=$(command -v sh)

# command NAME LINE...: puts a stand-in on the made-up machine.
command_there()
{
	printf '%s\n' "#!$sh" "${@:2}" >"$scratch/bin/$1"
	chmod +x "$scratch/bin/$1"
}

# A machine with all the compilers and libraries, root's, with apt-get.
machine()
{
	rm -rf "${scratch:?}"/bin "$scratch/apt"
	mkdir "$scratch/bin"
	: >"$scratch/apt"
	local name
	for name in make g++ gcc clang++-15 shellcheck clang-format clang-tidy mandoc gcovr pkg-config spin jq chromium node npm bpftrace promtool tmux \
		sqlite3 redis-check-rdb; do
		command_there "$name" 'exit 0'
	done
	command_there id 'echo 0'
	command_there apt-get "echo \"\$*\" >>$scratch/apt"
	ln -s "$(command -v test)" "$scratch/bin/test"
}

# deps ENVIRONMENT... TASK: runs tools/deps there; what it printed is in $scratch/out.
deps()
{
	env -i PATH="$scratch/bin" "$(command -v env)" "${@:1:$#-1}" "$sh" "$tool" "${!#}" >"$scratch/out" 2>&1
}

asked()
{
	[ "$(cat "$scratch/apt")" = "$1" ] || fail "expected apt-get to be asked '$1', not '$(cat "$scratch/apt")': $(cat "$scratch/out")"
}

[ -e /usr/include/CLI/CLI.hpp ] && [ -e /usr/include/nlohmann/json.hpp ] && [ -e /usr/include/relacy/relacy.hpp ] &&
	compgen -G "/usr/include/*/sys/sdt.h" >"$scratch/sdt" ||
	skip "no CLI11, nlohmann-json, relacy or sys/sdt.h in /usr/include"
install='install -y --no-install-recommends'

machine
deps all || fail "with all there: $(cat "$scratch/out")"
[ ! -s "$scratch/out" ] || fail "with all there, it said: $(cat "$scratch/out")"
asked ''

machine
rm "$scratch/bin/g++" "$scratch/bin/gcovr"
deps demo || fail "install g++: $(cat "$scratch/out")"
asked "$install g++"
deps all
asked "$install g++
$install g++ gcovr"

machine
deps CXX=clang++-15 CC=clang-15 demo
asked "$install clang-15"

# Without pkg-config, the libraries cannot be seen.
machine
rm "$scratch/bin/pkg-config"
deps check
asked "$install pkg-config liburcu-dev libdw-dev check libcmocka-dev"

# What only pkg-config knows is missing then, too; the other peers are there or not.
machine
rm "$scratch/bin/pkg-config"
deps peers || fail "install the peers: $(cat "$scratch/out")"
grep -q "^$install .*libdpdk-dev" "$scratch/apt" || fail "the peers were not asked for: $(cat "$scratch/apt")"

# The first try fails for want of package lists.
machine
rm "$scratch/bin/mandoc"
command_there apt-get "echo \"\$*\" >>$scratch/apt" "test \"\$1\" = update && : >$scratch/lists" "test -e $scratch/lists"
deps lint || fail "with old package lists: $(cat "$scratch/out")"
asked "$install mandoc
update
$install mandoc"

# Not root, with and without sudo.
machine
rm "$scratch/bin/mandoc"
command_there id 'echo 1000'
! deps lint || fail "neither root nor sudo, and it succeeded"
grep -q 'please install.*mandoc' "$scratch/out" || fail "neither root nor sudo, and mandoc is not named"
command_there sudo "echo \"sudo \$*\" >>$scratch/apt"
deps lint
asked "sudo DEBIAN_FRONTEND=noninteractive apt-get $install mandoc"

# Another system.
machine
rm "$scratch/bin/apt-get" "$scratch/bin/g++" "$scratch/bin/mandoc"
! deps lint || fail "without apt-get, and it succeeded"
grep -q 'please install.*g++.*mandoc' "$scratch/out" || fail "without apt-get, the packages are not named"

# What apt-get cannot do is a failure.
machine
rm "$scratch/bin/mandoc"
command_there apt-get 'exit 100'
! deps lint || fail "apt-get failed, and it succeeded"

! deps nonsense || fail "took an unknown task"
echo "ten machines"
