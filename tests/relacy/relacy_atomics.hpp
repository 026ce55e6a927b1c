// SPDX-License-Identifier: MIT
//
// relacy_atomics.hpp - the lock-free structures on relacy's atomics. Relacy
// runs a few threads again and again, in another interleaving each time, and
// lets each load return whatever the memory orders permit, not only what this
// processor would. The orders are those of the code. A policy can weaken one
// kind: then relacy must find something wrong, or the tests would show nothing.
//
// Not simulated: signals and futexes. A lock here has the orders of
// base::adaptive_lock, and yields where that one sleeps.
#pragma once

// Before relacy, which turns the names of memory orders into macros.
#include "reserve/element_reserve.hpp"
#include "reserve/spread_store_parts.hpp"
#include "reserve/wait_queue_parts.hpp"

#include <cstdio>
#include <new>
#include <sstream>
#include <utility>

enum class order { relaxed, acquire, release, acq_rel, seq_cst };
constexpr order order_of(std::memory_order o)
{
	switch (o) {
	case std::memory_order_relaxed:
		return order::relaxed;
	case std::memory_order_consume:
	case std::memory_order_acquire:
		return order::acquire;
	case std::memory_order_release:
		return order::release;
	case std::memory_order_acq_rel:
		return order::acq_rel;
	default:
		return order::seq_cst;
	}
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wshadow"
#include <relacy/relacy.hpp>
#pragma GCC diagnostic pop
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno

namespace mp::test {

/// What a policy makes weaker than the code has it.
enum class weaken {
	nothing,
	seq_cst, // of loads, stores and exchanges, to acquire and release
	release, // of exchanges, to acquire; and of stores and fences, to nothing
};

/// The library never destroys what it makes in memory that it was brought; relacy
/// wants that. So those that are made in a room are noted.
struct in_room {
	struct atomic {
		void *at;
		void (*destroy)(void *);
	};
	// Not a container: relacy has its own operator new.
	static inline atomic made[128];
	static inline int count = 0;
	static inline char *from = nullptr;
	static inline char *to = nullptr;
	static void note(void *atomic, void (*destroy)(void *))
	{
		if (atomic >= from && atomic < to)
			made[count++] = {atomic, destroy};
	}
	static void leave()
	{
		while (count > 0) {
			count--;
			made[count].destroy(made[count].at);
		}
		from = to = nullptr;
	}
};

template <weaken what> struct relacy_atomics {
	enum class access { load, store, exchange, fence };
	static rl::memory_order order_for(std::memory_order written, access a)
	{
		order o = order_of(written);
		if (o == order::seq_cst && a != access::fence && what == weaken::seq_cst)
			o = order::acq_rel;
		if (what == weaken::release && a != access::load)
			o = a == access::exchange ? order::acquire : order::relaxed;
		if (a == access::load && o == order::acq_rel)
			return rl::mo_acquire;
		if (a == access::store && o == order::acq_rel)
			return rl::mo_release;
		constexpr rl::memory_order orders[] = {rl::mo_relaxed, rl::mo_acquire, rl::mo_release, rl::mo_acq_rel,
						       rl::mo_seq_cst};
		return orders[static_cast<int>(o)];
	}
	/// Relacy takes none that is stronger than that of success, and fails for ever.
	static rl::memory_order on_failure(std::memory_order written)
	{
		const rl::memory_order o = order_for(written, access::load);
		return what == weaken::release && o == rl::mo_seq_cst ? rl::mo_acquire : o;
	}

	template <class T> class atomic {
	      public:
		atomic() : atomic(T{}) {}
		explicit atomic(T value)
		{
			of_.store(value, rl::mo_relaxed, $);
			in_room::note(this, [](void *a) { static_cast<atomic *>(a)->~atomic(); });
		}
		T load(std::memory_order o) const { return of_.load(order_for(o, access::load), $); }
		void store(T value, std::memory_order o) { of_.store(value, order_for(o, access::store), $); }
		T exchange(T value, std::memory_order o)
		{
			return of_.exchange(value, order_for(o, access::exchange), $);
		}
		T fetch_add(T n, std::memory_order o) { return of_.fetch_add(n, order_for(o, access::exchange), $); }
		T fetch_or(T bits, std::memory_order o)
		{
			return of_.fetch_or(bits, order_for(o, access::exchange), $);
		}
		T fetch_and(T bits, std::memory_order o)
		{
			return of_.fetch_and(bits, order_for(o, access::exchange), $);
		}
		bool compare_exchange_strong(T &expected, T desired, std::memory_order o, std::memory_order failure)
		{
			return of_.compare_exchange_strong(expected, desired, order_for(o, access::exchange), $,
							   on_failure(failure), $);
		}
		bool compare_exchange_weak(T &expected, T desired, std::memory_order o, std::memory_order failure)
		{
			// Without failures for no reason: they only repeat what the loop does.
			return compare_exchange_strong(expected, desired, o, failure);
		}

	      private:
		rl::atomic<T> of_;
	};
	static void fence(std::memory_order o) { rl::atomic_thread_fence(order_for(o, access::fence), $); }

	class spin_lock {
	      public:
		bool try_lock()
		{
			uint32_t expected = 0;
			return state_.compare_exchange_strong(expected, 1, std::memory_order(__ATOMIC_ACQUIRE),
							      std::memory_order(__ATOMIC_RELAXED));
		}
		void lock()
		{
			while (!try_lock())
				rl::yield(1, $);
		}
		void unlock() { state_.exchange(0, std::memory_order(__ATOMIC_RELEASE)); }
		void reset_in_child() {}

	      private:
		atomic<uint32_t> state_;
	};

	using lock = spin_lock;

	using futex_word = atomic<uint32_t>;
	static base::futex_result futex_wait(futex_word &word, uint32_t expected, uint64_t)
	{
		sleeping().lock($);
		if (word.load(std::memory_order(__ATOMIC_RELAXED)) == expected)
			woken().wait(sleeping(), $);
		sleeping().unlock($);
		return base::futex_result::woken;
	}
	static void futex_wake(futex_word *, int)
	{
		sleeping().lock($);
		woken().notify_all($);
		sleeping().unlock($);
	}
	/// The kernel's side; a test that sleeps has one.
	struct kernel {
		rl::mutex sleeping;
		rl::condition_variable_any woken;
	};
	static inline kernel *now = nullptr;
	static rl::mutex &sleeping() { return now->sleeping; }
	static rl::condition_variable_any &woken() { return now->woken; }

	static inline unsigned cpu_count = 1;
	static unsigned cpu() { return static_cast<unsigned>(rl::ctx().threadx_->index_) % cpu_count; }
	static unsigned cpus() { return cpu_count; }

	class counters {
	      public:
		static size_t bytes_for() { return 0; }
		void init(void *) {}
		void add(unsigned field, uint64_t n)
		{
			fields_[field].fetch_add(n, std::memory_order(__ATOMIC_RELAXED));
		}
		uint64_t sum(unsigned field) const { return fields_[field].load(std::memory_order(__ATOMIC_RELAXED)); }

	      private:
		atomic<uint64_t> fields_[2];
	};

	static constexpr size_t group_slots = 2;
	static constexpr unsigned mark_shift = 63;
	static void at(reserve::step) {}
};

/// A store of relacy's atomics in memory of its own, and elements whose content
/// is a race for relacy when they are handed over without ordering.
template <class Atomics, int target> class element_room {
      public:
	using store_t = reserve::basic_spread_store<Atomics>;

	~element_room() { in_room::leave(); }
	void *memory()
	{
		RL_ASSERT(store_t::bytes_for(target) <= sizeof(memory_));
		in_room::count = 0; // those of an iteration that failed are gone
		in_room::from = memory_;
		in_room::to = memory_ + sizeof(memory_);
		return memory_;
	}

	void *entry(int n) { return &content_[n]; }
	void clear()
	{
		for (rl::var<int> &content : content_)
			content($) = 0;
	}
	static void use(void *entry)
	{
		auto &content = *static_cast<rl::var<int> *>(entry);
		content($) = content($) + 1;
	}

      private:
	alignas(64) char memory_[16384];
	rl::var<int> content_[4];
};

/// Runs a suite; says when it did not end as its parameters expect.
/// `also`: as good as that, where it is a matter of the seed what comes first of two failures.
template <class Suite, rl::test_result_e also = Suite::params::expected_result> int simulate(rl::iteration_t iterations)
{
	std::ostringstream output;
	rl::test_params params;
	params.iteration_count = iterations;
	params.output_stream = &output;
	params.progress_stream = &output;
	params.output_history = true;
	bool as_expected = rl::simulate<Suite>(params);
	if constexpr (also != Suite::params::expected_result)
		as_expected = as_expected || params.test_result == also;
	printf("%-40s %s after %lu: %s\n", Suite::title, as_expected ? "ok" : "FAILED",
	       static_cast<unsigned long>(params.stop_iteration), rl::test_result_str(params.test_result));
	if (!as_expected)
		fputs(output.str().c_str(), stdout);
	return as_expected ? 0 : 1;
}

} // namespace mp::test
