// SPDX-License-Identifier: MIT
//
// lab_stage.hpp - where a lesson takes place: its threads and pools, what the
// library records meanwhile, and the steps that become of it.
//
//   pool &requests = s.make_pool("requests", 4, backing);
//   actor &writer = s.thread("writer");
//   s.begin("The backing has an element", "What is to be seen, in sentences.");
//   s.cite(10).show(anchor::ordinary_day);
//   void *element = s.alloc(writer, requests, GFP_KERNEL);
//   s.claim("the reserve was not touched", 4, requests.level());
//
// A step lasts until the next begins. What is claimed is compared with what was
// recorded up to there: nothing may be on its way then, but for what is asleep.
//
// Owner of the state: the lesson. Race table: calls are for the thread that
// directs the lesson; pools, and what an actor does by itself, as the library's.
#pragma once

#include "tools/lab_actor.hpp"
#include "tools/lab_backing.hpp"
#include "tools/lab_replay.hpp"
#include "tools/lab_sources.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <mempool/mempool-debug.h>
#include <mempool/mempool-stats.h>
#include <mempool/mempool.h>
#include <string>
#include <vector>

namespace lab {

/// A pool of the lesson; it is destroyed with the stage, unless somebody is stuck in it.
class pool {
      public:
	explicit pool(mempool_t *made, scripted_backing *backing) : pool_(made), backing_(backing) {}
	pool(const pool &) = delete;
	pool &operator=(const pool &) = delete;

	mempool_t *get() const { return pool_; }
	int level() const { return mempool_curr_nr(pool_); }
	int sleepers() const { return static_cast<int>(stats().waiters); }
	mempool_statistics stats() const;
	const scripted_backing *backing() const { return backing_; }
	void destroy();

      private:
	mempool_t *pool_;
	scripted_backing *backing_;
};

class stage {
      public:
	stage(std::string name, std::string title);
	stage(const stage &) = delete;
	stage &operator=(const stage &) = delete;
	~stage();

	/// Is a thread stuck in a call? Then the stage must stay for ever.
	bool anybody_busy() const;

	// The cast.
	actor &thread(const char *name);
	scripted_backing &make_backing(size_t element_bytes = 64) { return backings_.emplace_back(element_bytes); }
	/// The kernel's store by default, which hands out its newest element first in any thread.
	pool &make_pool(const char *name, int min_nr, scripted_backing &backing,
			mempool_store store = MEMPOOL_STORE_LOCKED);
	/// A pool that the lesson made by itself, destroyed with the stage.
	pool &adopt_pool(mempool_t *made);

	/// To be done when all pools are gone, the last one first.
	void at_end(std::function<void()> what) { at_end_.push_back(std::move(what)); }

	// Steps.
	void begin(const std::string &title, const std::string &narration);
	void say(const std::string &more); // another paragraph of the step's narration
	stage &cite(int par);
	stage &cite(const std::string &text); // a rule that is not the kernel's
	stage &show(anchor line);

	// What actors do. The first two wait for its end. An allocation that sleeps, though
	// it was not to, is left asleep; its element is named so, and is not freed.
	void *alloc(actor &who, pool &from, gfp_t gfp_mask);
	void free(actor &who, pool &to, void *element);
	void alloc_bulk(actor &who, pool &from, void **elements, unsigned count);
	/// Takes all of the reserve, without the backing.
	std::vector<void *> drain(actor &who, pool &of);
	/// errno after a thread's last allocation, set to 0 before it.
	int error(const actor &who) { return got_[&who].error; }
	/// Begins an allocation, no more.
	void begin_alloc(actor &who, pool &from, gfp_t gfp_mask);
	/// Begins an allocation that is to sleep, and waits until it does.
	void alloc_asleep(actor &who, pool &from, gfp_t gfp_mask);
	/// Waits for its end. What it got.
	void *wake_up(actor &who);

	/// The same for a bulk.
	void bulk_asleep(actor &who, pool &from, void **elements, unsigned count);
	void bulk_awake(actor &who, void **elements, unsigned count);

	// Claims.
	void claim(const std::string &text, const std::string &expected, const std::string &observed);
	void claim(const std::string &text, const char *expected, const std::string &observed)
	{
		claim(text, std::string(expected), observed);
	}
	void claim(const std::string &text, int64_t expected, int64_t observed);
	void claim(const std::string &text, bool holds); // yes or no

	// What was recorded in this step.
	const std::vector<event> &events();
	/// The kinds of a thread's events, as "pass_begin backing_fail"; all threads': count().
	std::string story(const actor &who);
	int count(const std::string &kind);
	/// The masks that a thread's passes handed to the backing, as "A then B".
	std::string masks(const actor &who);
	/// What the library reported in this step.
	std::vector<std::string> reports() const;
	/// From now on, called once, by the thread that the library's next report is told to.
	void on_report(std::function<void()> hook);
	std::string name(const void *element)
	{
		return element == &asleep_ ? "nothing: it sleeps" : replay_.name(element);
	}

	/// What the lesson became. Nothing more can be done on the stage.
	run finish();
	/// The same, where it could not be played to its end.
	run give_up(const std::string &why);

	/// Runs something that is too much to be recorded.
	void quietly(const std::function<void()> &what);

	/// How things stand in a step that is a model's, and what happened there.
	void tell(std::vector<pool_state> pools, std::vector<lane> lanes, std::vector<event> events);
	step &current() { return run_.steps.back(); }
	uint64_t began_ns() const { return began_ns_; }

      private:
	void claim_as(const std::string &number, const std::string &text, const std::string &expected,
		      const std::string &observed);
	static void keep_report(mempool_report_kind kind, const char *text, size_t length, void *arg);
	void look();
	void close_step();
	void check_level(pool_state &state, const pool &of);
	run run_;
	uint64_t began_ns_ = 0;
	uint64_t lost_before_ = 0;
	bool recording_ = false; // ours; else somebody's who records all
	int claims_ = 0;
	bool told_ = false; // the step is a model's
	mutable std::mutex reports_lock_;
	std::vector<std::string> reports_;
	std::function<void()> on_report_;
	std::deque<std::function<void()>> at_end_;
	replay replay_;
	std::map<uint32_t, uint64_t> seen_; // events of each thread that were looked at
	std::deque<scripted_backing> backings_;
	std::deque<std::unique_ptr<actor>> actors_;
	std::deque<pool> pools_;
	struct result {
		void *element = nullptr;
		int error = 0;
	};
	std::map<const actor *, result> got_;
	char asleep_ = 0; // its address stands for an element that did not come
};

} // namespace lab
