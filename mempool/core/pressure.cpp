// SPDX-License-Identifier: MIT
//
// pressure.cpp - see pressure.hpp and mempool-pressure.h.
#include "mempool/core/pressure.hpp"

#include "mempool/core/control.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/report.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>

namespace mp::core {
namespace {

/// Whose event this thread is telling just now: from there nobody may wait for its end.
constinit thread_local const pressure *telling_here = nullptr;

/// Adds 1 to an eventfd. EAGAIN says that it is readable already, which is all we want.
void signal_fd(int fd)
{
	const int errno_before = errno;
	const uint64_t one = 1;
	[[maybe_unused]] const ssize_t written = write(fd, &one, sizeof(one));
	errno = errno_before;
}

bool same(const mempool_pressure &a, const mempool_pressure &b)
{
	return a.callback == b.callback && a.arg == b.arg && a.fd == b.fd;
}

} // namespace

void pressure::want()
{
	// seq_cst: pairs with the load in note_given(), ORD-20
	signs_.fetch_or(wanted, std::memory_order_seq_cst);
	// seq_cst: pairs with the exchange of the slot in the store's give(), ORD-20
	base::fence(std::memory_order_seq_cst);
}

void pressure::given(mempool_t &pool)
{
	// seq_cst: one of those who find it set does the signalling, ORD-20
	const uint32_t signs = signs_.fetch_and(~wanted, std::memory_order_seq_cst);
	if ((signs & wanted) != 0)
		signal_fd(eventfd_.load(std::memory_order_relaxed));
	if ((signs & listening) != 0)
		look(pool);
}

int pressure::eventfd()
{
	int present = eventfd_.load(std::memory_order_relaxed);
	if (present >= 0)
		return present;
	const int fresh = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fresh < 0)
		return -errno;
	if (eventfd_.compare_exchange_strong(present, fresh, std::memory_order_relaxed))
		return fresh;
	::close(fresh); // another thread was first
	return present;
}

/// Becomes the one who tells; false, and word is left, when there is one.
bool pressure::try_begin()
{
	uint32_t seen = telling_.load(std::memory_order_relaxed);
	// acq_rel: what is left there is seen by the holder, who left what he did, ORD-21
	while (!telling_.compare_exchange_weak(seen, (seen & busy) != 0 ? seen | again : busy,
					       std::memory_order_acq_rel, std::memory_order_relaxed)) {}
	return (seen & busy) == 0;
}

/// As try_begin(), and waits until it may.
void pressure::begin()
{
	for (;;) {
		uint32_t seen = telling_.load(std::memory_order_relaxed);
		const uint32_t next = (seen & busy) != 0 ? seen | awaited : busy;
		// acq_rel: as in try_begin(), ORD-21
		if (!telling_.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed))
			continue;
		if ((seen & busy) == 0)
			return;
		base::futex_wait(telling_, next, base::never_ns);
	}
}

/// Ceases to be the one; false, and stays it, when word was left meanwhile.
bool pressure::end()
{
	uint32_t seen = telling_.load(std::memory_order_relaxed);
	// acq_rel: pairs with those in try_begin() and begin(), ORD-21
	while (!telling_.compare_exchange_weak(seen, (seen & again) != 0 ? seen & ~again : 0, std::memory_order_acq_rel,
					       std::memory_order_relaxed)) {}
	if ((seen & again) != 0)
		return false;
	if ((seen & awaited) != 0)
		base::futex_wake(&telling_, INT_MAX);
	return true;
}

void pressure::end_telling(mempool_t &pool)
{
	while (!end())
		tell_all(pool);
}

void pressure::look(mempool_t &pool)
{
	if (!try_begin())
		return;
	tell_all(pool);
	end_telling(pool);
}

void pressure::tell(mempool_t &pool, const listener &l, mempool_pressure_event event) const
{
	const int errno_before = errno;
	const pressure *outer = telling_here;
	telling_here = this;
	if (l.who.callback != nullptr)
		l.who.callback(&pool, event, l.who.arg);
	telling_here = outer;
	errno = errno_before;
	if (l.who.fd >= 0)
		signal_fd(l.who.fd);
}

/// Brings each listener to where the reserve is now.
void pressure::tell_all(mempool_t &pool)
{
	const auto &store = pool.control->reserve.store();
	for (listener &l : listeners_) {
		if (!l.used.load(std::memory_order_relaxed))
			continue;
		const int level = store.level();
		if (level >= store.target()) {
			if (l.now != phase::calm) {
				l.now = phase::calm;
				tell(pool, l, MEMPOOL_PRESSURE_LEAVE);
			}
			continue;
		}
		if (l.now == phase::calm) {
			l.now = phase::entered;
			tell(pool, l, MEMPOOL_PRESSURE_ENTER);
		}
		if (l.now == phase::entered && level < l.who.level) {
			l.now = phase::below;
			tell(pool, l, MEMPOOL_PRESSURE_BELOW);
		}
	}
}

pressure::listener *pressure::find(const mempool_pressure &p)
{
	auto *found = std::find_if(std::begin(listeners_), std::end(listeners_), [&p](const listener &l) {
		return l.used.load(std::memory_order_relaxed) && same(l.who, p);
	});
	return found != std::end(listeners_) ? found : nullptr;
}

int pressure::add(mempool_t &pool, const mempool_pressure &p)
{
	if (telling_here == this)
		return -EDEADLK;
	begin();
	int error = find(p) != nullptr ? -EEXIST : 0;
	auto *free = std::find_if(std::begin(listeners_), std::end(listeners_),
				  [](const listener &l) { return !l.used.load(std::memory_order_relaxed); });
	if (error == 0 && free == std::end(listeners_))
		error = -ENOSPC;
	if (error == 0) {
		free->who = p;
		free->now = phase::calm;
		free->used.store(true, std::memory_order_release); // for a child that a fork makes just now, ORD-21
		// seq_cst: pairs with the loads in note_taken() and note_given(), ORD-20
		signs_.fetch_or(listening, std::memory_order_seq_cst);
		base::fence(std::memory_order_seq_cst);
		// Who moved an entry before and was not told to look: count() has seen it.
		auto &store = pool.control->reserve.store();
		if (store.count(store.target()) < store.target())
			tell_all(pool);
	}
	end_telling(pool);
	return error;
}

int pressure::remove(mempool_t &pool, const mempool_pressure &p)
{
	if (telling_here == this)
		return -EDEADLK;
	begin();
	listener *l = find(p);
	if (l != nullptr)
		l->used.store(false, std::memory_order_relaxed);
	if (std::none_of(std::begin(listeners_), std::end(listeners_),
			 [](const listener &each) { return each.used.load(std::memory_order_relaxed); }))
		signs_.fetch_and(~listening, std::memory_order_relaxed);
	end_telling(pool);
	return l != nullptr ? 0 : -ENOENT;
}

/// The descriptor's other end is the parent's too, and who was telling does not exist here.
void pressure::thaw_in_child()
{
	close();
	signs_.fetch_and(~wanted, std::memory_order_relaxed);
	telling_.store(0, std::memory_order_relaxed);
}

void pressure::close()
{
	const int fd = eventfd_.exchange(-1, std::memory_order_relaxed);
	if (fd >= 0)
		::close(fd);
}

namespace {

/// The caller's structure, completed; false, after a report, when it makes no sense.
bool read_pressure(const mempool_t &pool, const mempool_pressure *given, const char *caller, mempool_pressure &p)
{
	const char *why = nullptr;
	p = MEMPOOL_PRESSURE_INIT;
	if (given == nullptr)
		why = "there is no mempool_pressure";
	else if (given->size < sizeof(p) || given->size > 4096)
		why = "mempool_pressure.size is wrong";
	else
		memcpy(&p, given, sizeof(p));
	if (why == nullptr && p.callback == nullptr && p.fd < 0)
		why = "neither callback nor fd is given";
	if (why == nullptr && p.level < 0)
		why = "level is negative";
	// A caller of a later version: what we do not know must be off.
	for (size_t i = sizeof(p); why == nullptr && i < given->size; i++)
		if (reinterpret_cast<const char *>(given)[i] != 0)
			why = "it sets options that this version lacks";
	if (why == nullptr)
		return true;
	base::report(base::severity::bug)
		.line("%s: %s", caller, why)
		.line("pool '%s' %p", pool.control->name, static_cast<const void *>(&pool))
		.emit();
	return false;
}

} // namespace
} // namespace mp::core

using namespace mp::core;

extern "C" int mempool_eventfd(mempool_t *pool)
{
	return control_of(pool, "mempool_eventfd").watchers.eventfd();
}

extern "C" int mempool_pressure_register(mempool_t *pool, const struct mempool_pressure *p)
{
	mempool_control &control = control_of(pool, "mempool_pressure_register");
	mempool_pressure who;
	return read_pressure(*pool, p, "mempool_pressure_register", who) ? control.watchers.add(*pool, who) : -EINVAL;
}

extern "C" int mempool_pressure_unregister(mempool_t *pool, const struct mempool_pressure *p)
{
	mempool_control &control = control_of(pool, "mempool_pressure_unregister");
	mempool_pressure who;
	return read_pressure(*pool, p, "mempool_pressure_unregister", who) ? control.watchers.remove(*pool, who)
									   : -EINVAL;
}
