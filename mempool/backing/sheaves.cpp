// SPDX-License-Identifier: MIT
//
// sheaves.cpp - see sheaves.hpp.
#include "mempool/backing/sheaves.hpp"

#include "mempool/backing/cache.hpp"
#include "mempool/backing/headroom.hpp"

#include "reserve/base/cpu.hpp"
#include "reserve/pinned.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>

namespace mp::backing {
namespace {

// Two stacks that are empty and full at once. A CPU's part begins with the
// first as its main one; the parts that serve nobody while a flush goes on have
// the second, and keep it.
constinit base::rseq_stack absent = {0, 0, {}};
constinit base::rseq_stack stopped = {0, 0, {}};

/// The sheaf that a stack is part of; nullptr when there is none.
sheaf *sheaf_at(base::rseq_stack *stack)
{
	return stack == nullptr || stack == &absent ? nullptr : sheaf::of(stack);
}

constexpr unsigned most_cpus = 1024;

/// CPUs that have a part of their own; others are served from the barn. Asked of
/// the system once, so that it is the same for all caches.
unsigned cpus_served()
{
	static constinit std::atomic<unsigned> served{0};
	unsigned count = served.load(std::memory_order_relaxed);
	if (count != 0)
		return count;
	unsigned none = 0;
	served.compare_exchange_strong(none, std::min(base::cpu_count(), most_cpus), std::memory_order_relaxed);
	return served.load(std::memory_order_relaxed);
}

size_t parts_bytes()
{
	return cpus_served() * sizeof(cpu_sheaves);
}

/// A part for every CPU that serves nobody; made once.
cpu_sheaves *stopped_parts()
{
	static constinit std::atomic<cpu_sheaves *> made{nullptr};
	// acquire: pairs with the release below, ORD-8
	cpu_sheaves *parts = made.load(std::memory_order_acquire);
	if (parts != nullptr)
		return parts;
	auto *fresh = static_cast<cpu_sheaves *>(reserve::pinned_alloc(parts_bytes()));
	if (fresh == nullptr)
		return nullptr;
	for (unsigned i = 0; i < cpus_served(); i++)
		fresh[i].main.store(&stopped, std::memory_order_relaxed);
	// release: pairs with the acquire above, ORD-8
	if (made.compare_exchange_strong(parts, fresh, std::memory_order_acq_rel, std::memory_order_acquire))
		return fresh;
	reserve::pinned_free(fresh, parts_bytes());
	return parts;
}

/// Objects in a sheaf, by the kernel's rule: some pages' worth of small ones.
unsigned capacity_for(size_t slot_bytes)
{
	if (slot_bytes <= 4096 + 64) // a page, and its colour
		return sheaf::capacity_max;
	return slot_bytes <= 8192 ? 28 : 12;
}

} // namespace

struct sheaves::place {
	cpu_sheaves *parts; // the base it was found through; nullptr: nothing may be put here
	unsigned cpu;
	unsigned which;
	base::rseq_stack *stack;
};

bool sheaves::init(kmem_cache &cache)
{
	if (stopped_parts() == nullptr)
		return false;
	parts_ = static_cast<cpu_sheaves *>(reserve::pinned_alloc(parts_bytes()));
	if (parts_ == nullptr)
		return false;
	for (unsigned i = 0; i < cpus_served(); i++)
		parts_[i].clear(&absent);
	cache_ = &cache;
	capacity_ = capacity_for(cache.layout.slot_bytes);
	barn_.init(size_t{capacity_} * cache.layout.slot_bytes);
	cpus_ = {parts_, cpus_served()};
	return true;
}

void sheaves::destroy()
{
	if (!serving())
		return;
	spill_all(detach_all()); // nobody is in a section, so there is nothing to wait for
	// The figures of a cache that is kept go on counting.
	cache_->counters.add(kmem_cache::allocs, allocs());
	cache_->counters.add(kmem_cache::frees, frees());
	sheaf_page *page = pages_.exchange(nullptr, std::memory_order_relaxed);
	while (page != nullptr) {
		sheaf_page *next = page->next;
		reserve::pinned_free(page, sheaf_page::bytes);
		page = next;
	}
	cpus_ = {};
	reserve::pinned_free(parts_, parts_bytes());
	parts_ = nullptr;
}

/// This CPU's spare. Nothing is certain of it until replace() says so.
sheaves::place sheaves::spare() const
{
	const std::atomic_ref base(const_cast<void *&>(cpus_.base));
	// acquire: pairs with the releases in flush(), ORD-13
	auto *parts = static_cast<cpu_sheaves *>(base.load(std::memory_order_acquire));
	const unsigned cpu = base::cpu_number() % cpus_served();
	const cpu_sheaves &part = parts[cpu];
	const unsigned which = part.spare();
	// acquire: pairs with the release in replace(), ORD-13
	base::rseq_stack *stack = part.either[which].load(std::memory_order_acquire);
	return {parts == parts_ ? parts : nullptr, cpu, which, stack};
}

/// Puts `desired` where `at` was seen, if it is still so and this is still its CPU.
bool sheaves::replace(const place &at, sheaf &desired)
{
	if (at.parts == nullptr)
		return false;
	if (base::rseq_usable())
		return base::rseq_replace(cpus_, offsetof(cpu_sheaves, either) + at.which * sizeof(void *), at.parts,
					  at.stack, &desired.stack);
	cpu_sheaves &part = at.parts[at.cpu];
	const std::unique_lock guard(part.lock, std::try_to_lock);
	if (!guard.owns_lock() || part.spare() != at.which ||
	    part.either[at.which].load(std::memory_order_relaxed) != at.stack)
		return false;
	// release: pairs with the acquire in spare(), ORD-13
	part.either[at.which].store(&desired.stack, std::memory_order_release);
	return true;
}

/// A sheaf's objects go to their slabs, the sheaf to the barn.
void sheaves::spill(sheaf &s)
{
	put_objects(*cache_, s.objects());
	s.note_emptied();
	barn_.put_empty(s);
}

/// A sheaf that is ours, and no CPU's, goes to the barn.
void sheaves::put_away(sheaf &s)
{
	if (s.count() == 0)
		barn_.put_empty(s);
	else if (s.count() < s.stack.capacity / 2 || !barn_.put_full(s))
		spill(s);
}

/// Makes a sheaf that is ours this CPU's spare, whose former one goes to the barn.
void sheaves::install(sheaf &s)
{
	const place at = spare();
	if (!replace(at, s))
		put_away(s);
	else if (sheaf *former = sheaf_at(at.stack))
		put_away(*former);
}

namespace {

/// Memory for sheaves, within the watermarks. It works without, too: so nobody is to be killed for it.
sheaf_page *make_page()
{
	const int errno_before = errno;
	headroom &room = process_headroom();
	const bool watched = room.active();
	void *page = nullptr;
	if (!watched || room.ask_pages(sheaf_page::bytes, GFP_NOWAIT)) {
		page = reserve::pinned_alloc(sheaf_page::bytes);
		if (watched)
			room.pages_done(sheaf_page::bytes, 0);
	}
	errno = errno_before;
	return static_cast<sheaf_page *>(page);
}

} // namespace

/// An empty sheaf; nullptr when there is no memory for one.
sheaf *sheaves::make()
{
	if (sheaf *s = barn_.take_empty())
		return s;
	sheaf_page *page = make_page();
	if (page == nullptr)
		return nullptr;
	for (unsigned i = 0; i < sheaf_page::sheaves; i++)
		page->at(i)->stack.capacity = capacity_;
	page->next = pages_.load(std::memory_order_relaxed);
	// release: pairs with the acquire in sum(), ORD-8
	while (!pages_.compare_exchange_weak(page->next, page, std::memory_order_release, std::memory_order_relaxed)) {}
	for (unsigned i = 1; i < sheaf_page::sheaves; i++)
		barn_.put_empty(*page->at(i));
	return page->at(0);
}

/// A sheaf with objects in it: one from the barn, or one filled from the slabs.
sheaf *sheaves::filled(gfp_t gfp_mask)
{
	sheaf *s = barn_.take_full();
	if (s != nullptr)
		return s;
	s = make();
	if (s == nullptr)
		return nullptr;
	const size_t n = take_some_objects(*cache_, gfp_mask, s->room());
	s->note_filled(n);
	if (n > 0)
		return s;
	barn_.put_empty(*s);
	return nullptr;
}

/// Under the CPU's lock: from the main sheaf, or from the spare, which becomes the main one.
void *sheaves::pop_locked()
{
	cpu_sheaves &part = parts_[base::cpu_number() % cpus_served()];
	const std::unique_lock guard(part.lock, std::try_to_lock);
	for (int tries = 0; guard.owns_lock() && tries < 2; tries++) {
		sheaf *main = sheaf_at(part.main.load(std::memory_order_relaxed));
		if (main != nullptr && main->count() > 0)
			return main->pop();
		part.swap();
	}
	return nullptr;
}

bool sheaves::push_locked(void *object)
{
	cpu_sheaves &part = parts_[base::cpu_number() % cpus_served()];
	const std::unique_lock guard(part.lock, std::try_to_lock);
	for (int tries = 0; guard.owns_lock() && tries < 2; tries++) {
		sheaf *main = sheaf_at(part.main.load(std::memory_order_relaxed));
		if (main != nullptr && !main->full()) {
			main->push(object);
			return true;
		}
		part.swap();
	}
	return false;
}

void *sheaves::take_from_spare()
{
	if (!base::rseq_usable())
		return pop_locked();
	return base::rseq_swap<true>(cpus_) ? take() : nullptr;
}

bool sheaves::give_to_spare(void *object)
{
	if (!base::rseq_usable())
		return push_locked(object);
	return base::rseq_swap<false>(cpus_) && give(object);
}

void *sheaves::alloc_slow(gfp_t gfp_mask)
{
	if (void *object = take_from_spare())
		return object;
	if (base::holds_locks()) {
		errno = ENOMEM;
		return nullptr;
	}
	if (sheaf *s = filled(gfp_mask)) {
		void *object = s->pop();
		install(*s);
		return object;
	}
	void *object = nullptr;
	if (take_objects(*cache_, gfp_mask, {&object, 1}) == 1)
		cache_->counters.add(kmem_cache::allocs);
	return object;
}

void sheaves::free_slow(void *object)
{
	if (give_to_spare(object))
		return;
	if (!base::holds_locks()) {
		if (sheaf *s = make()) {
			s->push(object);
			install(*s);
			return;
		}
	}
	cache_->counters.add(kmem_cache::frees);
	put_objects(*cache_, {&object, 1});
}

size_t sheaves::take_run(std::span<void *> out)
{
	size_t taken = 0;
	while (serving() && taken < out.size()) {
		void *object = take();
		if (object == nullptr && (object = take_from_spare()) == nullptr)
			break;
		out[taken++] = object;
	}
	return taken;
}

size_t sheaves::give_run(std::span<void *const> objects)
{
	size_t given = 0;
	while (serving() && given < objects.size() && (give(objects[given]) || give_to_spare(objects[given])))
		given++;
	return given;
}

/// Takes the sheaves off all CPUs, as a chain. No section may be running on them.
sheaf *sheaves::detach_all()
{
	sheaf *chain = nullptr;
	for (unsigned i = 0; i < cpus_served(); i++) {
		const std::lock_guard guard(parts_[i].lock);
		for (std::atomic<base::rseq_stack *> &stack : parts_[i].either)
			if (sheaf *s = sheaf_at(stack.load(std::memory_order_relaxed))) {
				s->next = chain;
				chain = s;
			}
		parts_[i].clear(&absent);
	}
	return chain;
}

/// The objects of a chain of sheaves, and of the barn's full ones, go to their slabs.
void sheaves::spill_all(sheaf *chain)
{
	while (chain != nullptr) {
		sheaf *next = chain->next;
		spill(*chain);
		chain = next;
	}
	while (sheaf *s = barn_.take_full())
		spill(*s);
}

bool sheaves::flush()
{
	if (!serving())
		return true;
	sheaf *detached = nullptr;
	{
		const std::lock_guard guard(flush_lock_);
		const std::atomic_ref base(cpus_.base);
		// release: pairs with the acquire in spare(), ORD-13
		base.store(stopped_parts(), std::memory_order_release);
		// After the fence nobody is in a section on our parts.
		const bool quiet = !base::rseq_usable() || base::rseq_fence();
		if (quiet)
			detached = detach_all();
		// release: pairs with the acquire in spare(), ORD-13
		base.store(parts_, std::memory_order_release);
		if (!quiet)
			return false;
	}
	spill_all(detached);
	return true;
}

template <class Count> uint64_t sheaves::sum(Count count) const
{
	uint64_t total = 0;
	// acquire: pairs with the release in make(), ORD-8
	for (sheaf_page *page = pages_.load(std::memory_order_acquire); page != nullptr; page = page->next)
		for (unsigned i = 0; i < sheaf_page::sheaves; i++)
			total += count(*page->at(i));
	return total;
}

uint64_t sheaves::allocs() const
{
	return sum([](const sheaf &s) { return s.pops(); });
}

uint64_t sheaves::frees() const
{
	// In the middle of a refill the figures of a sheaf do not fit each other.
	const auto total = static_cast<int64_t>(sum([](const sheaf &s) { return s.pushes(); }));
	return total > 0 ? static_cast<uint64_t>(total) : 0;
}

template <class Do> void sheaves::each_part_lock(Do what)
{
	// Sections leave nothing half done for a child to inherit; the locked way might.
	for (unsigned i = 0; serving() && !base::rseq_usable() && i < cpus_served(); i++)
		what(parts_[i].lock);
}

void sheaves::freeze()
{
	flush_lock_.lock();
	each_part_lock([](base::counted_lock &lock) { lock.lock(); });
	barn_.freeze();
}

void sheaves::thaw()
{
	barn_.thaw();
	each_part_lock([](base::counted_lock &lock) { lock.unlock(); });
	flush_lock_.unlock();
}

void sheaves::thaw_in_child()
{
	barn_.thaw_in_child();
	each_part_lock([](base::counted_lock &lock) { lock.reset_in_child(); });
	flush_lock_.reset_in_child();
}

} // namespace mp::backing
