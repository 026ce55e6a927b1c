// SPDX-License-Identifier: MIT
//
// sheaves.cpp - see sheaves.hpp.
#include "mempool/backing/sheaves.hpp"

#include "mempool/backing/cache.hpp"

#include "reserve/base/cpu.hpp"
#include "reserve/pinned.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>

namespace mp::backing {
namespace {

// Two stacks that are empty and full at once. A CPU's part begins with the
// first, in whose place a sheaf may be put; the parts that serve nobody while a
// flush goes on have the second, and keep it.
constinit base::rseq_stack absent = {0, 0, {}};
constinit base::rseq_stack stopped = {0, 0, {}};

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
	if (slot_bytes <= 512)
		return sheaf::capacity_max;
	return slot_bytes <= 8192 ? 28 : 12;
}

/// Where sheaves themselves come from: a cache that has none.
kmem_cache *sheaf_cache()
{
	static constinit std::atomic<kmem_cache *> made{nullptr};
	// acquire: pairs with the release below, ORD-8
	kmem_cache *cache = made.load(std::memory_order_acquire);
	if (cache != nullptr)
		return cache;
	kmem_cache *fresh = create_plain_cache("sheaf", sizeof(sheaf) + sheaf::capacity_max * sizeof(void *));
	// release: pairs with the acquire above, ORD-8
	if (fresh == nullptr ||
	    made.compare_exchange_strong(cache, fresh, std::memory_order_acq_rel, std::memory_order_acquire))
		return fresh;
	abandon_cache(*fresh);
	return cache;
}

} // namespace

struct sheaves::place {
	cpu_sheaves *parts; // the base it was found through; nullptr: nothing may be put here
	unsigned cpu;
	size_t offset;
	base::rseq_stack *stack;

	sheaf *holds() const { return stack == nullptr || stack == &absent ? nullptr : sheaf::of(stack); }
};

bool sheaves::init(kmem_cache &cache)
{
	if (stopped_parts() == nullptr || sheaf_cache() == nullptr)
		return false;
	parts_ = static_cast<cpu_sheaves *>(reserve::pinned_alloc(parts_bytes()));
	if (parts_ == nullptr)
		return false;
	for (unsigned i = 0; i < cpus_served(); i++)
		parts_[i].main.store(&absent, std::memory_order_relaxed);
	cache_ = &cache;
	capacity_ = capacity_for(cache.layout.slot_bytes);
	cpus_ = {parts_, cpus_served()};
	return true;
}

void sheaves::destroy()
{
	if (!serving())
		return;
	spill_all(detach_all()); // nobody is in a section, so there is nothing to wait for
	for (sheaf *s = made_.load(std::memory_order_relaxed), *next = nullptr; s != nullptr; s = next) {
		next = s->next_made;
		// The figures of a cache that is kept go on counting.
		cache_->counters.add(kmem_cache::allocs, s->pops());
		cache_->counters.add(kmem_cache::frees, s->pushes());
		kmem_cache_free(sheaf_cache(), s);
	}
	made_.store(nullptr, std::memory_order_relaxed);
	cpus_ = {};
	reserve::pinned_free(parts_, parts_bytes());
	parts_ = nullptr;
}

sheaves::place sheaves::look(size_t offset) const
{
	const std::atomic_ref base(const_cast<void *&>(cpus_.base));
	// acquire: pairs with the releases in flush(), ORD-13
	auto *parts = static_cast<cpu_sheaves *>(base.load(std::memory_order_acquire));
	const unsigned cpu = base::cpu_number() % cpus_served();
	const cpu_sheaves &part = parts[cpu];
	base::rseq_stack *stack = (offset == offsetof(cpu_sheaves, main) ? part.main : part.spare)
					  // acquire: pairs with the release in replace(), ORD-13
					  .load(std::memory_order_acquire);
	return {parts == parts_ ? parts : nullptr, cpu, offset, stack};
}

/// Puts `desired` where `at` was seen, if it is still so and this is still its CPU.
bool sheaves::replace(const place &at, sheaf *desired)
{
	base::rseq_stack *stack = desired != nullptr ? &desired->stack : nullptr;
	if (at.parts == nullptr)
		return false;
	if (base::rseq_usable())
		return base::rseq_replace(cpus_, at.offset, at.parts, at.stack, stack);
	cpu_sheaves &part = at.parts[at.cpu];
	const std::unique_lock guard(part.lock, std::try_to_lock);
	std::atomic<base::rseq_stack *> &pointer = at.offset == offsetof(cpu_sheaves, main) ? part.main : part.spare;
	if (!guard.owns_lock() || pointer.load(std::memory_order_relaxed) != at.stack)
		return false;
	// release: pairs with the acquire in look(), ORD-13
	pointer.store(stack, std::memory_order_release);
	return true;
}

sheaf *sheaves::take_spare()
{
	const place at = look(offsetof(cpu_sheaves, spare));
	return at.holds() != nullptr && replace(at, nullptr) ? at.holds() : nullptr;
}

/// A sheaf's objects go to their slabs, the sheaf to the barn.
void sheaves::spill(sheaf &s)
{
	put_objects(*cache_, s.objects());
	s.note_emptied();
	barn_.put_empty(s);
}

/// Finds a place for a sheaf that is ours: as this CPU's spare, or in the barn.
void sheaves::put_away(sheaf &s)
{
	const place at = look(offsetof(cpu_sheaves, spare));
	if (at.stack == nullptr && replace(at, &s))
		return;
	if (s.count() == 0)
		barn_.put_empty(s);
	else if (!barn_.put_full(s))
		spill(s);
}

/// Makes a sheaf the main one of this CPU, whose former one moves on.
void sheaves::install(sheaf &s, bool for_alloc)
{
	const place at = look(offsetof(cpu_sheaves, main));
	sheaf *old = at.holds();
	// Where the CPU has what it wants already (we moved, or others were faster), ours goes elsewhere.
	const bool wanted = old == nullptr || (for_alloc ? old->count() == 0 : old->full());
	if (!wanted || !replace(at, &s))
		put_away(s);
	else if (old != nullptr)
		put_away(*old);
}

/// An empty sheaf; nullptr when there is no memory for one.
sheaf *sheaves::make()
{
	if (sheaf *s = barn_.take_empty())
		return s;
	const int errno_before = errno; // it works without a sheaf, too
	auto *s = static_cast<sheaf *>(kmem_cache_alloc(sheaf_cache(), GFP_NOWAIT | __GFP_ZERO));
	errno = errno_before;
	if (s == nullptr)
		return nullptr;
	s->stack.capacity = capacity_;
	s->next_made = made_.load(std::memory_order_relaxed);
	// release: pairs with the acquire in sum(), ORD-8
	while (!made_.compare_exchange_weak(s->next_made, s, std::memory_order_release, std::memory_order_relaxed)) {}
	return s;
}

/// A sheaf with objects in it: a full one from the barn, or one filled from the slabs.
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

void *sheaves::pop_locked()
{
	cpu_sheaves &part = parts_[base::cpu_number() % cpus_served()];
	const std::unique_lock guard(part.lock, std::try_to_lock);
	if (!guard.owns_lock())
		return nullptr;
	base::rseq_stack *main = part.main.load(std::memory_order_relaxed);
	return main == &absent || sheaf::of(main)->count() == 0 ? nullptr : sheaf::of(main)->pop();
}

bool sheaves::push_locked(void *object)
{
	cpu_sheaves &part = parts_[base::cpu_number() % cpus_served()];
	const std::unique_lock guard(part.lock, std::try_to_lock);
	if (!guard.owns_lock())
		return false;
	base::rseq_stack *main = part.main.load(std::memory_order_relaxed);
	if (main == &absent || sheaf::of(main)->full())
		return false;
	sheaf::of(main)->push(object);
	return true;
}

void *sheaves::alloc_slow(gfp_t gfp_mask)
{
	if (!base::rseq_usable())
		if (void *object = pop_locked())
			return object;
	if (base::holds_locks()) {
		errno = ENOMEM;
		return nullptr;
	}
	sheaf *s = take_spare();
	if (s != nullptr && s->count() == 0) {
		barn_.put_empty(*s);
		s = nullptr;
	}
	if (s == nullptr)
		s = filled(gfp_mask);
	if (s != nullptr) {
		void *object = s->pop();
		install(*s, true);
		return object;
	}
	void *object = nullptr;
	if (take_objects(*cache_, gfp_mask, {&object, 1}) == 1)
		cache_->counters.add(kmem_cache::allocs);
	return object;
}

void sheaves::free_slow(void *object)
{
	if (!base::rseq_usable() && push_locked(object))
		return;
	sheaf *s = nullptr;
	if (!base::holds_locks()) {
		s = take_spare();
		if (s != nullptr && s->full()) {
			if (!barn_.put_full(*s))
				spill(*s);
			s = nullptr;
		}
		if (s == nullptr)
			s = make();
	}
	if (s == nullptr) {
		cache_->counters.add(kmem_cache::frees);
		put_objects(*cache_, {&object, 1});
		return;
	}
	s->push(object);
	install(*s, false);
}

size_t sheaves::take_run(std::span<void *> out)
{
	size_t taken = 0;
	while (taken < out.size()) {
		void *object = base::rseq_usable() || !serving() ? take() : pop_locked();
		if (object == nullptr)
			break;
		out[taken++] = object;
	}
	return taken;
}

size_t sheaves::give_run(std::span<void *const> objects)
{
	size_t given = 0;
	while (given < objects.size() &&
	       (base::rseq_usable() || !serving() ? give(objects[given]) : push_locked(objects[given])))
		given++;
	return given;
}

/// Takes the sheaves off all CPUs, as a chain. No section may be running on them.
sheaf *sheaves::detach_all()
{
	sheaf *chain = nullptr;
	const auto detach = [&chain](std::atomic<base::rseq_stack *> &pointer, base::rseq_stack *leave) {
		base::rseq_stack *stack = pointer.load(std::memory_order_relaxed);
		pointer.store(leave, std::memory_order_relaxed);
		if (stack == nullptr || stack == &absent)
			return;
		sheaf *s = sheaf::of(stack);
		s->next = chain;
		chain = s;
	};
	for (unsigned i = 0; i < cpus_served(); i++) {
		const std::lock_guard guard(parts_[i].lock);
		detach(parts_[i].main, &absent);
		detach(parts_[i].spare, nullptr);
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
		// release: pairs with the acquire in look(), ORD-13
		base.store(stopped_parts(), std::memory_order_release);
		// After the fence nobody is in a section on our parts.
		const bool quiet = !base::rseq_usable() || base::rseq_fence();
		if (quiet)
			detached = detach_all();
		// release: pairs with the acquire in look(), ORD-13
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
	for (const sheaf *s = made_.load(std::memory_order_acquire); s != nullptr; s = s->next_made)
		total += count(*s);
	return total;
}

uint64_t sheaves::allocs() const
{
	return sum([](const sheaf &s) { return s.pops(); });
}

uint64_t sheaves::frees() const
{
	return sum([](const sheaf &s) { return s.pushes(); });
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
