// SPDX-License-Identifier: MIT
//
// live.hpp - the processes that publish their pools and caches, as `mempool stat`
// and `mempool top` look at them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mempool/mempool-publish.h>
#include <string>
#include <vector>

namespace live {

/// One process at one moment.
struct snapshot {
	mempool_published process{};
	std::vector<mempool_published_pool> pools;
	std::vector<mempool_published_cache> caches;
	std::string problem; // why it is not a new one; empty: it is

	double age_s() const;
};

struct close_view {
	void operator()(mempool_view *view) const { mempool_view_close(view); }
};

class processes {
      public:
	/// All of this user (0), or one.
	explicit processes(pid_t only) : only_(only) {}

	/// A snapshot of each. Waits so long for one of them at most. Processes that
	/// have ended are gone from then on; why the wanted one is, problem() says.
	std::vector<snapshot> look(uint64_t timeout_ns);
	/// Why the wanted process cannot be looked at, or the last that could not.
	const std::string &problem() const { return problem_; }

      private:
	using view = std::unique_ptr<mempool_view, close_view>;

	void find();
	void open(pid_t pid);

	pid_t only_;
	std::map<pid_t, view> views_;
	std::string problem_;
};

/// 1 for the oldest pool or cache of its name in a process, 2 for the next: what a snapshot lists is newest first.
template <class Named> unsigned nth_of_name(const std::vector<Named> &all, size_t i)
{
	unsigned nth = 1;
	for (size_t later = i + 1; later < all.size(); later++)
		nth += std::string_view(all[later].name) == all[i].name ? 1 : 0;
	return nth;
}

/// "guaranteed", or why not, in a word.
std::string verdict(const mempool_published_pool &pool);

} // namespace live
