// SPDX-License-Identifier: MIT
//
// deadlock.cpp - see deadlock.hpp. What is said of it: deadlock_report.cpp.
#include "mempool/watch/deadlock.hpp"

#include "mempool/watch/deadlock_report.hpp"
#include "mempool/watch/debug.hpp"

#include "reserve/base/counted_lock.hpp"

#include <algorithm>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

namespace mp::watch {
namespace {

constinit base::counted_lock search_lock;
constinit contended_sleep *sleepers = nullptr;            // under search_lock
constinit thread_local inside_call *this_calls = nullptr; // the innermost first

/// How many of these, from the innermost outwards, are for this pool.
int count_calls(const inside_call *innermost, const contended_pool &pool)
{
	int count = 0;
	for (const inside_call *c = innermost; c != nullptr; c = c->outer())
		count += c->pool() == &pool;
	return count;
}

template <class Visit> void each_stuck(Visit visit)
{
	for (contended_sleep *s = sleepers; s != nullptr; s = s->next)
		if (s->stuck)
			visit(*s);
}

/// Calls of threads that sleep and would not go on: their elements do not come by themselves.
int calls_of_stuck(const contended_pool &pool)
{
	int calls = 0;
	each_stuck([&](const contended_sleep &s) { calls += s.calls_of(pool); });
	return calls;
}

/// How many elements the pool may still get, other than by the backing or from threads that are stuck.
int within_reach(contended_pool &pool)
{
	constexpr int tries = 64;
	for (int i = 0; i < tries; i++) {
		const unsigned before = pool.moves.load(); // seq_cst, as all of these: ORD-36
		int held = 0;
		tracker::holding h = pool.elements->held_by(0);
		each_stuck([&](const contended_sleep &s) {
			held += static_cast<int>(pool.elements->held_by(s.thread).count);
		});
		const int out = static_cast<int>(h.all);
		const int moving = std::max(0, pool.inside.load() - calls_of_stuck(pool));
		const int level = pool.level(pool.pool);
		const int unknown = std::max(0, pool.target(pool.pool) - level - out - moving);
		if (pool.moves.load() == before)
			return level + (out - held) + moving + unknown;
	}
	return pool.target(pool.pool); // it is busy: somebody is at work
}

/// Leaves `stuck` set for those who would sleep for ever. Was `newest` one of them?
bool search(const contended_sleep &newest)
{
	for (contended_sleep *s = sleepers; s != nullptr; s = s->next)
		s->stuck = true;
	for (bool changed = true; changed;) {
		changed = false;
		each_stuck([&](contended_sleep &s) {
			if (within_reach(*s.pool) < s.need)
				return;
			s.stuck = false;
			changed = true;
		});
	}
	return newest.stuck;
}

/// Does `s` wait for something of `other`?
bool waits_for(const contended_sleep &s, const contended_sleep &other)
{
	return s.pool == other.pool || other.calls_of(*s.pool) > 0 || s.pool->elements->held_by(other.thread).count > 0;
}

/// Marks those of the stuck that `newest` has to do with.
void mark_involved(contended_sleep &newest)
{
	each_stuck([](contended_sleep &s) { s.involved = false; });
	newest.involved = true;
	for (bool changed = true; changed;) {
		changed = false;
		each_stuck([&](contended_sleep &s) {
			each_stuck([&](contended_sleep &other) {
				if (!s.involved || other.involved || !waits_for(s, other))
					return;
				other.involved = true;
				changed = true;
			});
		});
	}
}

/// Are these all the threads that there are? Each is a folder, and so a link, of this one.
bool are_all_threads(size_t stuck)
{
	struct stat tasks = {};
	return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == stuck + 2;
}

verdict judge()
{
	size_t stuck = 0;
	bool known = true;
	bool owned = true;
	each_stuck([&](const contended_sleep &s) {
		stuck++;
		known = known && !s.pool->freed_by_handler.load() && s.pool->elements->held_by(0).complete;
		owned = owned && s.pool->thread_owned.load();
	});
	return known && (owned || are_all_threads(stuck)) ? verdict::certain : verdict::possible;
}

find describe(const contended_sleep &newest)
{
	find f;
	f.judged = judge();
	f.one_pool = true;
	each_stuck([&](const contended_sleep &s) {
		if (!s.involved)
			return;
		if (f.threads == find::most_threads) {
			f.more_threads++;
			return;
		}
		involved_thread &t = f.thread[f.threads++];
		t = {s.tid, s.pool->name, s.need, s.where, nullptr, {}};
		// What others wait for comes first, what the thread holds of its own pool last.
		for (const contended_sleep *other = sleepers; other != nullptr; other = other->next) {
			if (!other->stuck || !other->involved || (t.holds_of != nullptr && other->pool == s.pool))
				continue;
			const tracker::holding h = other->pool->elements->held_by(s.thread);
			if (h.count == 0)
				continue;
			t.holds_of = other->pool->name;
			t.holds = h;
		}
		f.one_pool = f.one_pool && s.pool == newest.pool;
	});
	return f;
}

/// A thread sleeps for a pool of which it has elements already, though it is not stuck now.
bool nests(const contended_sleep &s, find &f)
{
	const tracker::holding h = s.pool->elements->held_by(s.thread);
	if (h.count == 0)
		return false;
	f.judged = verdict::possible;
	f.one_pool = true;
	f.not_yet = true;
	f.threads = 1;
	f.thread[0] = {s.tid, s.pool->name, s.need, s.where, s.pool->name, h};
	return true;
}

/// Was a sleep that begins here reported before? Those beyond what is remembered are.
bool is_told(contended_pool &pool, const base::stack_trace &where, bool not_yet)
{
	uintptr_t key = not_yet ? 1 : 2;
	for (unsigned i = 0; i < where.depth; i++)
		key = key * 31 + reinterpret_cast<uintptr_t>(where.pc[i]);
	for (auto &told : pool.told) {
		uintptr_t empty = 0;
		if (told.compare_exchange_strong(empty, key))
			return false;
		if (empty == key)
			return true;
	}
	return true;
}

} // namespace

void inside_call::enter()
{
	outer_ = this_calls;
	this_calls = this;
	pool_->inside.fetch_add(1); // seq_cst: before an element moves, ORD-36
	pool_->moves.fetch_add(1);
}

void inside_call::leave()
{
	pool_->inside.fetch_sub(1);
	this_calls = outer_;
}

int contended_sleep::calls_of(const contended_pool &other) const
{
	return count_calls(calls, other);
}

contended_sleep::contended_sleep(contended_pool *p, int how_many)
	: pool(p), need(how_many), thread(0), tid(0), calls(this_calls)
{
	if (pool == nullptr) [[likely]]
		return;
	thread = this_thread_number();
	tid = gettid();
	where = base::stack_trace::here(1);
	find f;
	bool found = false;
	{
		const std::lock_guard guard(search_lock);
		next = sleepers;
		if (next != nullptr)
			next->previous = this;
		sleepers = this;
		if (search(*this)) {
			mark_involved(*this);
			f = describe(*this);
			found = true;
		} else {
			found = nests(*this, f);
		}
		found = found && !is_told(*pool, where, f.not_yet);
	}
	if (found)
		report(f, debug_on(MEMPOOL_DEBUG_DEADLOCK_ABORT) && !f.not_yet);
}

contended_sleep::~contended_sleep()
{
	if (pool == nullptr) [[likely]]
		return;
	const std::lock_guard guard(search_lock);
	(previous != nullptr ? previous->next : sleepers) = next;
	if (next != nullptr)
		next->previous = previous;
}

void check_owner(contended_pool &pool, const void *element)
{
	if (base::in_signal_handler())
		pool.freed_by_handler.store(true);
	if (pool.thread_owned.load() && pool.elements->is_others(element) && pool.thread_owned.exchange(false))
		report_broken_promise(pool.name, element);
}

void forget_other_threads(contended_pool &pool)
{
	pool.inside.store(count_calls(this_calls, pool));
}

void deadlock_freeze()
{
	search_lock.lock();
}

void deadlock_thaw()
{
	search_lock.unlock();
}

void deadlock_thaw_in_child()
{
	sleepers = nullptr;
	search_lock.reset_in_child();
}

} // namespace mp::watch
