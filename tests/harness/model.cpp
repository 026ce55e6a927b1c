// SPDX-License-Identifier: MIT
//
// model.cpp - see model.hpp. Written from docs/parity.md alone.
#include "tests/harness/model.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace model {
namespace {

/// PAR-8: in every pass of an allocation.
gfp_t full_mask(gfp_t callers)
{
	return callers | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
}

/// PAR-9: in the first one, besides.
gfp_t first_mask(gfp_t callers)
{
	return full_mask(callers) & ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
}

} // namespace

std::string to_text(const backing_call &call)
{
	char text[160];
	if (call.what == backing_call::kind::alloc)
		snprintf(text, sizeof(text), "alloc_fn(mask %#06x) -> %p, with curr_nr %d, min_nr %d", call.mask,
			 call.element, call.curr_nr, call.min_nr);
	else
		snprintf(text, sizeof(text), "free_fn(%p), with curr_nr %d, min_nr %d", call.element, call.curr_nr,
			 call.min_nr);
	return text;
}

void *pool::ask_backing(gfp_t mask, bool may_refuse)
{
	void *element = backing_.supply(mask, may_refuse);
	calls_.push_back({backing_call::kind::alloc, mask, element, quiet_ ? -1 : curr_nr(), min_nr_});
	return element;
}

void pool::give_to_backing(void *element)
{
	calls_.push_back({backing_call::kind::free, 0, element, quiet_ ? -1 : curr_nr(), min_nr_});
}

void *pool::take()
{
	void *newest = reserve_.back();
	reserve_.pop_back();
	return newest;
}

void pool::update_levels()
{
	stats_.min_nr = min_nr_;
	stats_.curr_nr = curr_nr();
	stats_.lowest_nr = std::min(stats_.lowest_nr, stats_.curr_nr);
}

int pool::init(int min_nr, gfp_t gfp_mask)
{
	calls_.clear();
	quiet_ = true;
	min_nr_ = min_nr;
	while (curr_nr() < wanted()) {
		void *element = ask_backing(gfp_mask, true);
		if (element == nullptr) {
			drain();
			return -ENOMEM;
		}
		reserve_.push_back(element);
	}
	quiet_ = false;
	initialised_ = true;
	stats_ = {};
	stats_.size = sizeof(stats_);
	stats_.lowest_nr = wanted();
	update_levels();
	return 0;
}

void pool::drain()
{
	while (!reserve_.empty())
		give_to_backing(take());
	initialised_ = false;
	min_nr_ = 0;
}

void pool::exit()
{
	calls_.clear();
	quiet_ = true;
	drain();
}

bool pool::pass(gfp_t mask, outcome &result)
{
	result.element = ask_backing(mask, true);
	if (result.element != nullptr)
		return true;
	stats_.backing_failures++;
	if (reserve_.empty())
		return false;
	result.element = take();
	stats_.from_reserve++;
	return true;
}

outcome pool::alloc(gfp_t gfp_mask)
{
	calls_.clear();
	const gfp_t first = first_mask(gfp_mask);
	const gfp_t full = full_mask(gfp_mask);
	outcome result;
	if (pass(first, result) || (first != full && pass(full, result))) {
		stats_.allocs++;
	} else {
		stats_.failures++;
		result.would_sleep = gfpflags_allow_blocking(gfp_mask);
	}
	update_levels();
	return result;
}

void *pool::alloc_preallocated()
{
	calls_.clear();
	if (reserve_.empty()) {
		stats_.failures++;
		return nullptr;
	}
	void *element = take();
	stats_.allocs++;
	stats_.from_reserve++;
	update_levels();
	return element;
}

bool pool::bulk_pass(gfp_t mask, std::span<void *> elements, bool last)
{
	auto missing = std::count(elements.begin(), elements.end(), nullptr);
	for (void *&slot : elements) {
		if (slot != nullptr)
			continue;
		slot = ask_backing(mask, !last || curr_nr() >= missing);
		if (slot == nullptr) {
			stats_.backing_failures++;
			break;
		}
		missing--;
	}
	if (curr_nr() < missing)
		return false; // all or nothing
	for (void *&slot : elements) {
		if (slot == nullptr) {
			slot = take();
			stats_.from_reserve++;
		}
	}
	return true;
}

void pool::alloc_bulk(std::span<void *> elements)
{
	calls_.clear();
	stats_.allocs += static_cast<uint64_t>(std::count(elements.begin(), elements.end(), nullptr));
	if (!bulk_pass(first_mask(GFP_KERNEL), elements, false))
		bulk_pass(full_mask(GFP_KERNEL), elements, true);
	update_levels();
}

void pool::free(void *element)
{
	calls_.clear();
	if (element == nullptr)
		return;
	stats_.frees++;
	if (curr_nr() < wanted()) {
		reserve_.push_back(element);
		stats_.to_reserve++;
	} else {
		give_to_backing(element);
	}
	update_levels();
}

unsigned pool::free_bulk(std::span<void *const> elements, size_t must)
{
	calls_.clear();
	unsigned taken = 0;
	for (; taken < elements.size() && (taken < must || curr_nr() < wanted()); taken++) {
		if (curr_nr() < wanted()) {
			reserve_.push_back(elements[taken]);
			stats_.to_reserve++;
		} else {
			give_to_backing(elements[taken]);
		}
	}
	stats_.frees += taken;
	update_levels();
	return taken;
}

void pool::resize(int new_min_nr)
{
	calls_.clear();
	if (new_min_nr <= min_nr_) {
		while (curr_nr() > new_min_nr)
			give_to_backing(take());
		min_nr_ = new_min_nr; // only now
	} else {
		min_nr_ = new_min_nr;
		while (curr_nr() < min_nr_) {
			void *element = ask_backing(GFP_KERNEL, true);
			if (element == nullptr)
				break;
			reserve_.push_back(element);
		}
	}
	update_levels();
}

void pool::note_timed_out_sleep(uint64_t waited_ns)
{
	stats_.sleeps++;
	stats_.timeouts++;
	stats_.wait_total_ns += waited_ns;
	stats_.wait_longest_ns = std::max(stats_.wait_longest_ns, waited_ns);
}

} // namespace model
