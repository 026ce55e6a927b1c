// SPDX-License-Identifier: MIT
//
// fail_discovery.hpp - whose turn it is to try a call stack that allocates only
// once another one has failed. Several failures may lead to it, and each of them
// may be another shard's; yet one shard is to try it, and all are to agree which.
//
// The rule: it belongs to the closest of all stacks whose failure leads to it,
// and so to that one's shard. Closest is what shares most of the outer calls with
// it; of those, what parts from it at the nearest place; of those, what a hash of
// the two puts first. All of this is the same in each run and in each process:
// module and offset of each call, no address, no number of an allocation.
//
// So a shard that saw such a stack must know that no stack of another shard is
// closer and leads to it as well. It runs those that are closer, the closest
// first, and until one does, only in order to see where they lead: such a run is
// not reported. An error path is mostly close to what fails, so they are few; but
// when a stack that hardly anything leads to is far from what does, they can be as
// many as all of the other shards' together. A shard that sees no such stack runs none.
#pragma once

#include "tools/fail_outcome.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fail {

/// One thread at a time may use it.
class discovery {
      public:
	/// A run in which a stack of the unharmed run fails; `ours`: by this shard.
	void add(const plan &p, const call_stack &calls, bool ours);
	/// A run has ended; those that were not added say nothing.
	void learn(const outcome &o);
	/// What was found to be ours: how to try it. False when there is nothing new.
	bool next_found(plan &into);
	/// A run of another shard's that must be known first. False when none must.
	bool next_foreign(plan &into);
	/// Whether that is a run of another shard's.
	bool is_foreign(const plan &p) const;
	/// How many stacks may be ours, as far as is known.
	size_t undecided() const;

      private:
	using frames = std::vector<std::pair<unsigned, uint64_t>>; // module and offset, the outermost call first
	struct seen {
		unsigned process;
		uint64_t n;
	};
	/// The failure of a stack of the unharmed run.
	struct first {
		plan planned;
		frames calls;
		bool ours;
		bool given = false; // to be run, though it is another's
		bool done = false;
		seen failed = {};
		std::map<uint64_t, seen> leads_to;
	};
	/// A stack that is only seen after a failure.
	struct candidate {
		uint64_t digest;
		std::vector<size_t> order; // of firsts_, the closest first, as far as one that leads to it
		size_t at = 0;             // none before leads to it
		size_t ours = SIZE_MAX;    // where the closest of ours is that is known to lead to it
		bool decided = false;
	};
	static std::pair<uint64_t, uint64_t> name_of(const plan &p) { return {p.stack, p.occurrence}; }
	frames frames_of(const call_stack &calls);
	void see(size_t from, const site &s);
	void decide(candidate &c);
	plan trial_of(const first &leader, uint64_t stack, seen at) const;

	std::map<std::string, unsigned> modules_;
	std::vector<first> firsts_;
	std::map<std::pair<uint64_t, uint64_t>, size_t> by_name_;
	std::map<uint64_t, candidate> candidates_;
	std::deque<plan> found_;
};

} // namespace fail
