#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# make install gives what a program needs to be built the three documented ways
# (pkg-config, CMake, the static library); make uninstall leaves nothing behind.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

warnings=(-Wall -Wextra -Wshadow -Wconversion -Werror)
prefix=$scratch/prefix
mkdir "$prefix"

install_into()
{
	"$MAKE" BUILD="$BUILD" "$@" install >"$scratch/log" 2>&1 || {
		cat "$scratch/log"
		fail "make install $*"
	}
}

cat >"$scratch/user.c" <<'END'
#include <linux/mempool.h>
#include <mempool/mempool.h>
#include <mempool/mempool-stats.h>

int main(void)
{
	mempool_t *pool = mempool_create_kmalloc_pool(2, 100);
	void *element = mempool_alloc(pool, GFP_KERNEL);

	mempool_free(element, pool);
	mempool_destroy(pool);
	return element == NULL;
}
END
sed 's,<linux/mempool.h>,<mempool/mempool.hpp>,' "$scratch/user.c" >"$scratch/user.cpp"
# The kernel's include names are offered below mempool/, for those who add that folder to their path.
kernel_names=-I$prefix/include/mempool

install_into PREFIX="$prefix"

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
read -ra flags <<<"$(pkg-config --cflags --libs mempool)"
# As in the documentation, from a folder where nothing of ours is found by chance.
cd "$scratch"
"$CC" -std=c11 "${warnings[@]}" user.c "$kernel_names" "${flags[@]}" -o user-c && ./user-c || fail "C11 by pkg-config"
"$CXX" -std=c++20 "${warnings[@]}" user.cpp "${flags[@]}" -o user-cpp && ./user-cpp || fail "C++20 by pkg-config"
read -ra static <<<"$(pkg-config --cflags mempool) $prefix/lib/libmempool.a $(pkg-config --libs liburcu-bp)"
"$CC" -std=c11 user.c "$kernel_names" "${static[@]}" -o user-static && env -u LD_LIBRARY_PATH ./user-static ||
	fail "C11 with the static library"
if readelf -d user-static | grep -E 'libstdc|libmempool'; then
	fail "the static library drags something in"
fi
version=$(pkg-config --modversion mempool)
[ -e "$prefix/lib/libmempool.so.$version" ] || fail "mempool.pc says version $version, and no such library is there"

if [ -e "$prefix/bin/mempool" ]; then
	"$prefix/bin/mempool" --help >/dev/null || fail "the installed command does not run"
	if readelf -d "$prefix/bin/mempool" | grep -E 'RPATH|RUNPATH'; then
		fail "the installed command has a run path"
	fi
fi

by_cmake()
{
	mkdir "$scratch/cmake"
	cat >"$scratch/cmake/CMakeLists.txt" <<-END
		cmake_minimum_required(VERSION 3.16)
		project(user C CXX)
		find_package(mempool ${version%.*} REQUIRED)
		set(CMAKE_CXX_STANDARD 20)
		include_directories($prefix/include/mempool)
		add_executable(user-c ../user.c)
		target_link_libraries(user-c mempool::mempool)
		add_executable(user-cpp ../user.cpp)
		target_link_libraries(user-cpp mempool::mempool)
		add_executable(user-static ../user.c)
		target_link_libraries(user-static mempool::static)
	END
	(
		cd "$scratch/cmake"
		cmake -DCMAKE_PREFIX_PATH="$prefix" . && cmake --build . && ./user-c && ./user-cpp && ./user-static
	) >"$scratch/log" 2>&1 || {
		cat "$scratch/log"
		fail "by CMake"
	}
	# Another minor version is another interface.
	sed -i 's/find_package(mempool [0-9.]*/find_package(mempool 0.99/' "$scratch/cmake/CMakeLists.txt"
	if cmake -S "$scratch/cmake" -B "$scratch/wrong" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null 2>&1; then
		fail "find_package(mempool 0.99) was content with $version"
	fi
}
if command -v cmake >/dev/null; then
	by_cmake
else
	echo "no cmake here: find_package() was not tried"
fi

cd "$OLDPWD"
"$MAKE" BUILD="$BUILD" PREFIX="$prefix" uninstall >/dev/null
left=$(find "$prefix" ! -type d)
[ -z "$left" ] || fail "uninstall left: $left"
left=$(find "$prefix" -name '*mempool*')
[ -z "$left" ] || fail "uninstall left folders of ours: $left"

# A package is put together below DESTDIR, for a place that does not exist here.
install_into DESTDIR="$scratch/dest" PREFIX=/opt/mp LIBDIR=/opt/mp/lib/arch
grep -q '^libdir=/opt/mp/lib/arch$' "$scratch/dest/opt/mp/lib/arch/pkgconfig/mempool.pc" || fail "mempool.pc knows no LIBDIR"
[ -e "$scratch/dest/opt/mp/include/mempool/mempool.h" ] || fail "DESTDIR was not heeded"
[ -e "$scratch/dest/opt/mp/lib/arch/cmake/mempool/../../../../include/mempool" ] || fail "no header where CMake looks"
grep -q '/../../../../include"' "$scratch/dest/opt/mp/lib/arch/cmake/mempool/mempoolConfig.cmake" ||
	fail "mempoolConfig.cmake does not find the headers from LIBDIR"
[ ! -e /opt/mp ] || fail "something was installed outside DESTDIR"
"$MAKE" BUILD="$BUILD" DESTDIR="$scratch/dest" PREFIX=/opt/mp LIBDIR=/opt/mp/lib/arch uninstall >/dev/null
left=$(find "$scratch/dest" ! -type d)
[ -z "$left" ] || fail "uninstall left: $left"
echo "installed, used, and removed version $version"
