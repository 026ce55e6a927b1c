// SPDX-License-Identifier: MIT
//
// workload.hpp - what is done with an allocator while it is measured.
//
// No state; a lane is one measurement's, made and used by one thread that runs
// the crews.
#pragma once

#include "crew.hpp"
#include "peer.hpp"
#include "results.hpp"

#include <string>

namespace bench {

enum class shape {
	batch, ///< allocate some, free them in random order; a batch of 1 is a pair
	pipe,  ///< one thread allocates, another frees
};

struct workload {
	std::string key = {};
	std::string title = {};
	shape form = shape::batch;
	size_t size = 64;
	unsigned threads = 1;
	unsigned batch = 1;
	unsigned live = 0;              ///< elements that each thread keeps besides
	unsigned roles = role_ordinary; ///< peers with one of these take part
	unsigned reserve = 0;           ///< elements that there are; 0: as many as are wanted
	bool with_one_thread = false;   ///< measure ours with one thread, too, for comparison
};

/// May this peer take part?
bool takes_part(const peer &p, const workload &w);

/// One peer at one workload.
class lane {
      public:
	/// `tabled`: every call goes through the table of functions.
	lane(const peer &p, const workload &w, bool tabled);
	lane(const lane &) = delete;
	lane &operator=(const lane &) = delete;
	~lane();

	/// False: the peer does not do this.
	bool exists() const { return context_ != nullptr; }
	const peer &who() const { return peer_; }

	/// One turn.
	crew_result run(unsigned slice_ms) const;
	/// One turn in which each operation is timed, in ticks.
	crew_result run_timed(unsigned slice_ms, histogram &times) const;

      private:
	static demand demand_of(const workload &w);
	loop_plan plan() const;
	crew_result run_loops(unsigned slice_ms,
			      const std::function<void(worker &, const loops &, void *)> &work) const;
	crew_result run_pipe(unsigned slice_ms) const;

	const peer &peer_;
	workload workload_;
	bool tabled_;
	void *context_;
};

} // namespace bench
