// SPDX-License-Identifier: MIT
//
// model_sequence.cpp - see model_sequence.hpp: the frame of a sequence, and the
// comparison of what is left behind.
#include "tests/harness/model_sequence.hpp"

#include "tests/harness/model_judge.hpp"

#include <mempool/mempool-debug.h>

#include <cerrno>

namespace model {
namespace {

template <class T> T pick_family(dice &random)
{
	static constexpr T families[] = {T::scripted_arena, T::scripted_arena, T::scripted_library, T::ready_made};
	return random.pick(families);
}

/// Debug options must change nothing but reports.
unsigned pick_debug_flags(dice &random)
{
	static constexpr unsigned choices[] = {0,
					       0,
					       0,
					       MEMPOOL_DEBUG_POISON,
					       MEMPOOL_DEBUG_TRACK,
					       MEMPOOL_DEBUG_POISON | MEMPOOL_DEBUG_REDZONE,
					       MEMPOOL_DEBUG_ALL};
	return random.pick(choices);
}

/// Before the source is made: what a cache checks is settled then.
unsigned set_debug_flags(unsigned flags)
{
	judge::compare("mempool_debug_set()", 0, mempool_debug_set(flags));
	return flags;
}

} // namespace

sequence::sequence(dice random, unsigned ops)
	: random_(random), ops_(ops), family_(pick_family<family>(random_)),
	  source_((debug_flags_ = set_debug_flags(pick_debug_flags(random_)),
		   family_ == family::scripted_arena ? make_arena(random_) : make_library_source(random_))),
	  player_(*source_, random_, family_ != family::ready_made), model_(player_)
{
	judge::describe((family_ == family::ready_made ? "ready-made " : "scripted callbacks over ") + source_->name +
			" of " + std::to_string(source_->size_bytes) + " bytes, debug flags " +
			std::to_string(debug_flags_));
}

sequence::~sequence()
{
	mempool_debug_set(0);
}

void sequence::run()
{
	for (unsigned i = 0; i < ops_ && !random_.at_end(); i++) {
		if (random_.chance(3))
			player_.change_mood();
		if (random_.chance(2))
			take_percent_ = random_.between(10, 90);
		operate();
	}
	if (model_.initialised())
		op_end();
	for (void *element : out_)
		player_.put_back(element);
	player_.check_end();
}

/// After each operation.
void sequence::check_state(unsigned reports)
{
	judge::compare_reports(reports);
	if (!model_.initialised())
		return check_no_pool();
	judge::compare("mempool_initialized()", true, mempool_initialized(pool_));
	judge::compare("min_nr", model_.min_nr(), pool_->min_nr);
	judge::compare("mempool_curr_nr()", model_.curr_nr(), mempool_curr_nr(pool_));
	judge::compare("mempool_is_saturated()", model_.saturated(), mempool_is_saturated(pool_));
	judge::compare("alloc unchanged", true, pool_->alloc == player_.alloc_fn());
	judge::compare("free unchanged", true, pool_->free == player_.free_fn());
	judge::compare_pointers("pool_data", player_.pool_data(), pool_->pool_data);
	if (!name_.empty() && name_ != mempool_name(pool_))
		judge::mismatch("mempool_name()", name_, mempool_name(pool_));
	check_figures();
}

void sequence::check_figures()
{
	const struct mempool_statistics &expected = model_.stats();
	struct mempool_statistics got = {};
	got.size = sizeof(got);
	judge::compare("mempool_stats()", 0, mempool_stats(pool_, &got));
	judge::compare("stats.size", sizeof(got), static_cast<long long>(got.size));
	judge::compare("stats.min_nr", expected.min_nr, got.min_nr);
	judge::compare("stats.curr_nr", expected.curr_nr, got.curr_nr);
	judge::compare("stats.lowest_nr", expected.lowest_nr, got.lowest_nr);
	judge::compare("stats.waiters", 0, got.waiters);

	using figure = uint64_t mempool_statistics::*;
	static constexpr std::pair<const char *, figure> figures[] = {
		{"stats.allocs", &mempool_statistics::allocs},
		{"stats.frees", &mempool_statistics::frees},
		{"stats.from_reserve", &mempool_statistics::from_reserve},
		{"stats.to_reserve", &mempool_statistics::to_reserve},
		{"stats.backing_failures", &mempool_statistics::backing_failures},
		{"stats.failures", &mempool_statistics::failures},
		{"stats.sleeps", &mempool_statistics::sleeps},
		{"stats.wakes", &mempool_statistics::wakes},
		{"stats.timeouts", &mempool_statistics::timeouts},
		{"stats.wait_total_ns", &mempool_statistics::wait_total_ns},
		{"stats.wait_longest_ns", &mempool_statistics::wait_longest_ns},
	};
	for (const auto &[name, member] : figures)
		judge::compare(name, static_cast<long long>(expected.*member), static_cast<long long>(got.*member));
}

gfp_t sequence::random_mask()
{
	static constexpr gfp_t usual[] = {GFP_KERNEL,
					  GFP_KERNEL,
					  GFP_NOIO,
					  GFP_NOFS,
					  GFP_NOWAIT,
					  GFP_ATOMIC,
					  GFP_ATOMIC | __GFP_IO,
					  GFP_ATOMIC | __GFP_FS,
					  GFP_NOWAIT | __GFP_NOMEMALLOC | __GFP_NORETRY,
					  __GFP_DIRECT_RECLAIM,
					  0};
	if (random_.chance(75))
		return random_.pick(usual);
	// __GFP_ZERO is reported once in a process, and then as good as any other.
	const gfp_t any = random_.below(__GFP_BITS_MASK + 1);
	return random_.chance(5) ? any : any & ~__GFP_ZERO;
}

unsigned sequence::random_min_nr()
{
	return random_.chance(70) ? random_.below(5) : random_.below(33);
}

/// An element that is out stops being so.
void *sequence::pull_out(size_t index)
{
	void *element = out_[index];
	out_[index] = out_.back();
	out_.pop_back();
	left_.erase(element);
	return element;
}

bool sequence::all_left() const
{
	return left_.size() == out_.size();
}

} // namespace model
