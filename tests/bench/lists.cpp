// SPDX-License-Identifier: MIT
//
// lists.cpp - calls the roll: our own entries, the limits, the references, and
// whoever is installed.
//
// State: the plugins, which stay loaded.
#include "lists.hpp"

#include <dlfcn.h>
#include <filesystem>

namespace bench {
namespace {

// What make builds, where its package is installed.
constexpr const char *plugin_names[] = {"dpdk", "boost"};

void add(std::vector<peer> &to, std::span<const peer> from)
{
	to.insert(to.end(), from.begin(), from.end());
}

void add_plugin(roll &r, const std::string &folder, const std::string &name, size_t only)
{
	const std::string file = folder + "/" + name + ".so";
	if (!std::filesystem::exists(file)) {
		r.left_out.push_back(name + ": not installed when the benchmark was built");
		return;
	}
	void *handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
	auto *function = handle == nullptr ? nullptr : reinterpret_cast<bench_plugin_t *>(dlsym(handle, "bench_peers"));
	if (function == nullptr) {
		r.left_out.push_back(name + ": " + dlerror());
		return;
	}
	const plugin p = function();
	const bool wanted = only == everybody || (only >= r.peers.size() && only - r.peers.size() < p.count);
	const char *why_not = wanted && p.begin != nullptr ? p.begin() : nullptr;
	if (why_not != nullptr) {
		r.left_out.push_back(name + ": " + why_not);
		return;
	}
	r.versions.push_back(std::string(p.package) + " " + p.version);
	add(r.peers, {p.peers, p.count});
}

} // namespace

roll all_peers(const std::string &plugins, size_t only)
{
	roll r;
	add(r.peers, our_peers());
	add(r.peers, limit_peers());
	add(r.peers, malloc_peers(r.versions, r.left_out));
	for (const char *name : plugin_names)
		add_plugin(r, plugins, name, only);
	add(r.peers, reference_peers());
	return r;
}

} // namespace bench
