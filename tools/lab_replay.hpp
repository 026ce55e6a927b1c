// SPDX-License-Identifier: MIT
//
// lab_replay.hpp - recorded events, one after the other, as what they did: which
// element lies in which place of a reserve, what each thread does, in words.
//
// The library does not say which place an element has. Here one that comes takes
// the first that is free; who is there, and how many, is as it was recorded.
//
// Owner of the state: the stage. Race table: one thread.
#pragma once

#include "tools/lab_model.hpp"

#include <deque>
#include <map>
#include <mempool/mempool-trace.h>
#include <set>
#include <string>
#include <vector>

namespace lab {

/// What events do not tell of a pool.
struct pool_facts {
	bool has_home = false;                    // its reserve is made of memory of its own
	std::vector<const void *> first_elements; // that its backing gave when it was made
	bool fresh = false;                       // its backing never gives an address twice
};

class replay {
      public:
	void know_lane(uint32_t thread, const std::string &name);
	void know_pool(uint32_t number, const std::string &name, const pool_facts &facts);
	/// A thread's next allocation has this mask.
	void know_mask(uint32_t thread, gfp_t callers) { lanes_[thread].masks.push_back(callers); }
	/// A thread's bulk has these elements: events of bulks name none.
	void know_bulk(uint32_t thread, void *const *elements, unsigned count);

	/// What happens next. Passes of allocations are added to `passes`.
	event apply(const mempool_trace_event &recorded, uint64_t began_ns, std::vector<pass> &passes);

	/// A thread's job has ended, or it waits for one.
	void rest(uint32_t thread);

	std::vector<pool_state> pools() const;
	std::vector<lane> lanes() const;
	/// An element's name; "-" for NULL.
	std::string name(const void *element) { return name(reinterpret_cast<uintptr_t>(element)); }

      private:
	struct place {
		uint64_t element = 0; // its address; 0: nothing, or one that is not known yet
		slot shown;
		uint64_t since = 0; // counts; the newest has the highest
	};
	struct tracked_pool {
		std::string name;
		pool_facts facts;
		int min_nr = 0;
		std::vector<place> places;
		std::set<uint64_t> early;  // taken by one thread before the giver's event said that they came
		std::set<uint64_t> guests; // made by the backing
		std::set<uint64_t> freed;  // that went back there, and must not come again
		bool gone = false;

		int level() const;
		place &free_place();
	};
	struct tracked_lane {
		std::string name;
		doing now = doing::idle;
		std::string text;
		std::vector<uint64_t> holds;
		std::deque<gfp_t> masks;
		gfp_t callers = 0;
		std::vector<uint64_t> bulk;
		bool from_reserve = false; // what its call gives it
	};

	std::string name(uint64_t element);
	std::string words(const mempool_trace_event &e, const argument &a, char kind);
	std::vector<argument> arguments(const mempool_trace_event &e);
	void moved(const mempool_trace_event &e, tracked_pool &pool, tracked_lane &who);
	static void show_slots(const tracked_pool &pool, event &told);
	void dismissed(tracked_pool &pool, uint64_t element);
	void enters(tracked_pool &pool, uint64_t element);
	void leaves(tracked_pool &pool, uint64_t element);
	void bulk_leaves(tracked_pool &pool, const tracked_lane &who, int count);
	void holds_no_longer(uint64_t element);
	static void resized(tracked_pool &pool, int min_nr, int level);
	void created(tracked_pool &pool, int min_nr, int level);
	void does(const mempool_trace_event &e, const event &told, tracked_lane &who);
	void note_pass(const mempool_trace_event &e, const std::string &pool, tracked_lane &who,
		       std::vector<pass> &passes);

	std::map<uint32_t, tracked_pool> pools_;
	std::map<uint32_t, tracked_lane> lanes_;
	std::vector<uint32_t> lane_order_;
	std::map<uint64_t, std::string> names_;
	uint64_t count_ = 0;
};

} // namespace lab
