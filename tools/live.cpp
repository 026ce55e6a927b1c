// SPDX-License-Identifier: MIT
//
// live.cpp - see live.hpp.
#include "tools/live.hpp"

#include "tools/text.hpp"

#include <cerrno>
#include <mempool/mempool-certificate.h>

namespace live {
namespace {

snapshot copy_of(const mempool_view &view)
{
	snapshot s;
	s.process = *mempool_view_process(&view);
	for (unsigned i = 0; i < s.process.pools; i++)
		s.pools.push_back(*mempool_view_pool(&view, i));
	for (unsigned i = 0; i < s.process.caches; i++)
		s.caches.push_back(*mempool_view_cache(&view, i));
	return s;
}

mempool_view_error no_error()
{
	mempool_view_error error = {};
	error.size = sizeof(error);
	return error;
}

} // namespace

double snapshot::age_s() const
{
	return static_cast<double>(tools::now_ns() - process.taken_ns) / 1e9;
}

void processes::open(pid_t pid)
{
	if (views_.count(pid) != 0)
		return;
	mempool_view *made = nullptr;
	mempool_view_error error = no_error();
	if (mempool_view_open(pid, &made, &error) == 0)
		views_[pid] = view(made);
	else
		problem_ = error.text;
}

void processes::find()
{
	if (only_ != 0)
		return open(only_);
	mempool_view_each(
		[](pid_t pid, void *self) {
			static_cast<processes *>(self)->open(pid);
			return 0;
		},
		this);
}

std::vector<snapshot> processes::look(uint64_t timeout_ns)
{
	std::vector<snapshot> all;
	find();
	for (auto at = views_.begin(); at != views_.end();) {
		mempool_view_error error = no_error();
		const int result = mempool_view_refresh(at->second.get(), timeout_ns, &error);
		if (result != 0)
			problem_ = error.text;
		const bool has_one =
			result == 0 || (result == -ETIMEDOUT && mempool_view_process(at->second.get())->snapshot != 0);
		if (has_one) {
			all.push_back(copy_of(*at->second));
			all.back().problem = result == 0 ? "" : error.text;
		}
		at = has_one || result == -ETIMEDOUT ? std::next(at) : views_.erase(at);
	}
	return all;
}

std::string verdict(const mempool_published_pool &pool)
{
	struct word {
		unsigned doubt;
		const char *text;
	};
	// What weighs most comes first.
	static constexpr word words[] = {
		{MEMPOOL_DOUBT_CHILD, "left out"},      {MEMPOOL_DOUBT_SIZE, "not asked"},
		{MEMPOOL_DOUBT_BACKING, "as backed"},   {MEMPOOL_DOUBT_MISSING, "missing"},
		{MEMPOOL_DOUBT_UNLOCKED, "unlocked"},   {MEMPOOL_DOUBT_STRUCTURES, "structures"},
		{MEMPOOL_DOUBT_ADOPTED, "adopted"},     {MEMPOOL_DOUBT_LEVEL, "below min"},
		{MEMPOOL_DOUBT_CGROUP, "other cgroup"},
	};
	if (pool.certified == 0)
		return "not yet";
	if (pool.cert.guaranteed != 0)
		return "guaranteed";
	for (const word &w : words)
		if ((pool.cert.doubts & w.doubt) != 0)
			return w.text;
	return "doubtful";
}

} // namespace live
