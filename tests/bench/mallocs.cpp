// SPDX-License-Identifier: MIT
//
// mallocs.cpp - the general allocators: glibc's, and those whose shared
// libraries are found when the driver runs. Several live in one process, since
// each is loaded apart and none replaces malloc().
//
// State: the table of what was loaded, filled by one thread.
#include "lists.hpp"

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <gnu/libc-version.h>
#include <link.h>

namespace bench {
namespace {

using malloc_t = void *(size_t);
using free_t = void(void *);

// A reference of its own for each way in which a library tells its version.
std::string version_of_jemalloc(void *library)
{
	using mallctl_t = int(const char *, void *, size_t *, void *, size_t);
	auto *mallctl = reinterpret_cast<mallctl_t *>(dlsym(library, "mallctl"));
	const char *version = "";
	size_t bytes = sizeof(void *);
	if (mallctl == nullptr || mallctl("version", static_cast<void *>(&version), &bytes, nullptr, 0) != 0)
		return "";
	const std::string text = version;
	return text.substr(0, text.find('-'));
}

std::string version_of_mimalloc(void *library)
{
	auto *version = reinterpret_cast<int (*)()>(dlsym(library, "mi_version"));
	if (version == nullptr)
		return "";
	const int v = version();
	return std::to_string(v / 100) + "." + std::to_string(v / 10 % 10) + "." + std::to_string(v % 10);
}

std::string version_of_tcmalloc(void *library)
{
	using version_t = const char *(int *, int *, const char **);
	auto *version = reinterpret_cast<version_t *>(dlsym(library, "tc_version"));
	int major = 0;
	int minor = 0;
	const char *patch = "";
	return version == nullptr ? "" : version(&major, &minor, &patch);
}

/// TBB tells it by its file's name only.
std::string version_of_file(void *library)
{
	link_map *map = nullptr;
	if (dlinfo(library, RTLD_DI_LINKMAP, static_cast<void *>(&map)) != 0)
		return "";
	std::error_code error;
	const std::string file = std::filesystem::canonical(map->l_name, error).filename();
	const size_t at = file.find(".so.");
	return error || at == std::string::npos ? "" : file.substr(at + 4);
}

struct library {
	const char *name;
	const char *what;
	const char *files[3];
	const char *alloc;
	const char *free;
	std::string (*version)(void *library);
};

const library libraries[] = {
	{"jemalloc", "malloc, free of libjemalloc", {"libjemalloc.so.2"}, "malloc", "free", version_of_jemalloc},
	{"mimalloc",
	 "mi_malloc, mi_free",
	 {"libmimalloc.so.2", "libmimalloc.so.3", "libmimalloc.so"},
	 "mi_malloc",
	 "mi_free",
	 version_of_mimalloc},
	{"tcmalloc",
	 "tc_malloc, tc_free",
	 {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"},
	 "tc_malloc",
	 "tc_free",
	 version_of_tcmalloc},
	{"tbb",
	 "scalable_malloc, scalable_free",
	 {"libtbbmalloc.so.2"},
	 "scalable_malloc",
	 "scalable_free",
	 version_of_file},
};

// What peer.data points to.
struct functions {
	malloc_t *alloc;
	free_t *free;
};
functions loaded[std::size(libraries) + 1];

struct context {
	functions call;
	size_t size;
};

void *create(const peer *self, const demand *wanted)
{
	return new context{*static_cast<const functions *>(self->data), wanted->size};
}

void destroy(void *p)
{
	delete static_cast<context *>(p);
}

BENCH_HOT void *call_alloc(void *p)
{
	const auto *c = static_cast<const context *>(p);
	return c->call.alloc(c->size);
}

BENCH_HOT void call_free(void *p, void *element)
{
	static_cast<const context *>(p)->call.free(element);
}

peer make_peer(const char *name, const char *what, const functions *call)
{
	return {name, what, role_ordinary, call, create, destroy, calls_of<call_alloc, call_free>, nullptr, nullptr};
}

// The handle, never closed: its threads' caches live as long as the process.
void *open_library(const library &l)
{
	for (const char *file : l.files)
		if (file != nullptr)
			if (void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL); handle != nullptr)
				return handle;
	return nullptr;
}

} // namespace

std::vector<peer> malloc_peers(std::vector<std::string> &versions, std::vector<std::string> &left_out)
{
	functions *next = loaded;
	*next = {malloc, free};
	std::vector<peer> peers = {make_peer("glibc", "malloc, free", next)};
	versions.push_back(std::string("glibc ") + gnu_get_libc_version());
	for (const library &l : libraries) {
		void *handle = open_library(l);
		if (handle == nullptr) {
			// dlopen() knows better than we why: most often it is not installed.
			left_out.push_back(std::string(l.name) + ": " + dlerror());
			continue;
		}
		*++next = {reinterpret_cast<malloc_t *>(dlsym(handle, l.alloc)),
			   reinterpret_cast<free_t *>(dlsym(handle, l.free))};
		if (next->alloc == nullptr || next->free == nullptr) {
			left_out.push_back(std::string(l.name) + ": lacks " + l.alloc + " or " + l.free);
			next--;
			continue;
		}
		peers.push_back(make_peer(l.name, l.what, next));
		const std::string version = l.version(handle);
		versions.push_back(l.name + (version.empty() ? version : " " + version));
	}
	return peers;
}

} // namespace bench
