// SPDX-License-Identifier: MIT
//
// model_operations.cpp - see model_sequence.hpp: what is done with a living
// pool (PAR-8 to PAR-28).
#include "tests/harness/model_judge.hpp"
#include "tests/harness/model_sequence.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>

namespace model {
namespace {

constexpr size_t out_max = 200; // elements that may be out at the same time

// Some reports come once in a process.
bool zero_reported;
bool long_bulk_reported;

unsigned once(bool &reported)
{
	const unsigned now = reported ? 0 : 1;
	reported = true;
	return now;
}

} // namespace

void sequence::operate()
{
	if (!model_.initialised())
		return random_.chance(80) ? op_start() : random_.chance(50) ? op_end_of_nothing() : op_bad_init();

	const unsigned rare = random_.below(1000);
	if (rare < 8)
		return op_end();
	if (rare < 14)
		return op_init_again();
	if (rare < 20)
		return op_bad_init();
	if (rare < 28)
		return op_bad_resize();
	if (rare < 36)
		return op_free_null();
	if (rare < 90)
		return op_resize();

	const unsigned kind = random_.below(100);
	if (out_.size() < out_max && random_.chance(take_percent_))
		return kind < 65 ? op_alloc() : kind < 80 ? op_alloc_preallocated() : op_alloc_bulk();
	if (kind < 5 && !tracked_)
		return op_free_foreign();
	return kind < 20 || out_.empty() ? op_free_bulk() : op_free();
}

/// Where the kernel would sleep, the library is given no time, or very little.
void sequence::op_alloc()
{
	const gfp_t mask = random_mask();
	const outcome expected = model_.alloc(mask);
	const bool timed = expected.would_sleep || random_.chance(20);
	const uint64_t longest_ns = !expected.would_sleep ? UINT64_MAX : random_.is_fuzzer() ? 1 : 100'000;
	static constexpr uint64_t times_ns[] = {0, 0, 1, 20'000, UINT64_MAX};
	const uint64_t timeout_ns = std::min(random_.pick(times_ns), longest_ns);
	if (timed)
		judge::begin_step("mempool_alloc_timeout(mask %#06x, %llu ns)", mask,
				  static_cast<unsigned long long>(timeout_ns));
	else
		judge::begin_step("mempool_alloc(mask %#06x)", mask);

	player_.expect(model_.calls(), pool_);
	errno = 0;
	void *const got = timed ? mempool_alloc_timeout(pool_, mask, timeout_ns) : mempool_alloc(pool_, mask);
	const int error = errno;
	player_.finish();
	judge::note_result(judge::to_text(got));
	player_.check_handed_out("result", expected.element, got);
	if (got == nullptr)
		judge::compare("errno", expected.would_sleep ? ETIMEDOUT : ENOMEM, error);
	else
		out_.push_back(expected.element);

	// Whether so short a time was still left when it came to sleeping is the clock's business.
	if (expected.would_sleep && timeout_ns > 0) {
		struct mempool_statistics now = {};
		now.size = sizeof(now);
		mempool_stats(pool_, &now);
		if (now.timeouts == model_.stats().timeouts + 1)
			model_.note_timed_out_sleep(now.wait_total_ns - model_.stats().wait_total_ns);
	}
	check_state((mask & __GFP_ZERO) != 0 ? once(zero_reported) : 0);
}

void sequence::op_alloc_preallocated()
{
	judge::begin_step("mempool_alloc_preallocated");
	void *const expected = model_.alloc_preallocated();
	player_.expect(model_.calls(), pool_);
	errno = 0;
	void *const got = mempool_alloc_preallocated(pool_);
	const int error = errno;
	player_.finish();
	judge::note_result(judge::to_text(got));
	player_.check_handed_out("result", expected, got);
	if (got == nullptr)
		judge::compare("errno", ENOMEM, error);
	else
		out_.push_back(expected);
	check_state(0);
}

void sequence::op_alloc_bulk()
{
	const unsigned most = static_cast<unsigned>(model_.min_nr()) + (random_.chance(20) ? 5 : 0);
	const unsigned count = random_.between(0, most);
	std::vector<void *> slots(count);
	unsigned filled = 0;
	if (random_.chance(30)) { // some are filled already, with what is out
		for (size_t i = 0; i < std::min<size_t>(count, out_.size()); i++) {
			if (random_.chance(50) && !left_.contains(out_[i])) {
				slots[i] = out_[i];
				filled++;
			}
		}
		for (size_t i = count; i > 1; i--)
			std::swap(slots[i - 1], slots[random_.below(i)]);
	}
	const bool mistaken = random_.chance(5);
	const unsigned said = mistaken ? filled + (random_.chance(50) ? 1U : ~0U) : filled;
	judge::begin_step("mempool_alloc_bulk(count %u, allocated %u of really %u)", count, said, filled);

	std::vector<void *> expected = slots;
	std::vector<void *> got(count);
	std::transform(slots.begin(), slots.end(), got.begin(),
		       [this](void *slot) { return slot == nullptr ? nullptr : player_.address_of(slot); });
	model_.alloc_bulk(expected);
	player_.expect(model_.calls(), pool_);
	const int result = mempool_alloc_bulk(pool_, got.data(), count, said);
	player_.finish();
	judge::compare("result", 0, result);
	for (size_t i = 0; i < count; i++) {
		if (slots[i] != nullptr) {
			judge::compare_pointers("a slot that was filled before", player_.address_of(slots[i]), got[i]);
			continue;
		}
		judge::note_result(judge::to_text(got[i]));
		player_.check_handed_out("a slot", expected[i], got[i]);
		out_.push_back(expected[i]);
	}
	const bool too_long = count > static_cast<unsigned>(model_.min_nr());
	check_state((mistaken ? 1 : 0) + (too_long ? once(long_bulk_reported) : 0));
}

void sequence::op_free()
{
	// The newest most often, as programs do.
	const size_t index = random_.chance(50) ? out_.size() - 1 : random_.below(out_.size());
	void *const element = pull_out(index);
	void *const address = player_.take_home(element);
	judge::begin_step("mempool_free(%p)", address);
	model_.free(element);
	player_.expect(model_.calls(), pool_);
	mempool_free(address, pool_);
	player_.finish();
	if (pool_->home_bytes != 0)
		player_.forget(element); // another may be in the reserve in its place
	check_state(0);
}

void sequence::op_free_null()
{
	judge::begin_step("mempool_free(NULL)");
	model_.free(nullptr);
	player_.expect(model_.calls(), pool_);
	mempool_free(nullptr, pool_);
	player_.finish();
	check_state(0);
}

/// PAR-21: "whichever it is". Only a tracked pool would know the difference.
void sequence::op_free_foreign()
{
	void *const element = player_.make_foreign();
	void *const address = player_.take_home(element);
	judge::begin_step("mempool_free(%p, which the pool never saw)", address);
	model_.free(element);
	player_.expect(model_.calls(), pool_);
	mempool_free(address, pool_);
	player_.finish();
	if (pool_->home_bytes != 0)
		player_.forget(element);
	check_state(0);
}

void sequence::op_free_bulk()
{
	std::vector<void *> elements;
	const size_t count = random_.below(std::min<size_t>(out_.size(), 12) + 1);
	while (elements.size() < count)
		elements.push_back(pull_out(random_.below(out_.size())));
	std::vector<void *> addresses(count);
	std::transform(elements.begin(), elements.end(), addresses.begin(),
		       [this](void *element) { return player_.take_home(element); });
	const std::vector<void *> before = addresses;

	judge::begin_step("mempool_free_bulk(count %zu)", count);
	// What lies in the pool's own memory never stays with the caller. Which elements do, only the pool knows
	// for certain: where it took more than fits into the reserve, the last one of these must be one of them.
	const bool has_home = pool_->home_bytes != 0;
	unsigned got = has_home ? mempool_free_bulk(pool_, addresses.data(), static_cast<unsigned>(count)) : 0;
	const bool last_at_home = got > 0 && of_home(addresses[got - 1]);
	const unsigned expected = model_.free_bulk(elements, last_at_home ? got : 0);
	player_.expect(model_.calls(), pool_);
	if (!has_home)
		got = mempool_free_bulk(pool_, addresses.data(), static_cast<unsigned>(count));
	player_.finish();
	judge::note_result(std::to_string(got));
	judge::compare("result", expected, got);
	judge::compare("the array left as it was", true, addresses == before);
	if (has_home)
		for (size_t i = 0; i < expected; i++)
			player_.forget(elements[i]); // which one is in the reserve is not the model's business
	for (size_t i = expected; i < count; i++) {  // the rest is still ours
		player_.keep(elements[i]);
		out_.push_back(elements[i]);
		left_.insert(elements[i]);
	}
	check_state(0);
}

void sequence::op_resize()
{
	int new_min_nr = static_cast<int>(random_min_nr()) + 1;
	if (spread_)
		new_min_nr = std::min(new_min_nr, std::max(model_.min_nr(), 1));
	judge::begin_step("mempool_resize(%d -> %d)", model_.min_nr(), new_min_nr);
	model_.resize(new_min_nr);
	player_.expect(model_.calls(), pool_);
	const int got = mempool_resize(pool_, new_min_nr);
	player_.finish();
	judge::compare("result", 0, got);
	check_state(0);
}

void sequence::op_bad_resize()
{
	static constexpr int bad_nr[] = {0, -1, INT_MIN, MEMPOOL_NR_MAX + 1};
	const int new_min_nr = random_.pick(bad_nr);
	judge::begin_step("mempool_resize(%d)", new_min_nr);
	player_.expect_none(pool_);
	const int got = mempool_resize(pool_, new_min_nr);
	player_.finish();
	judge::compare("result", -EINVAL, got);
	check_state(1);
}

} // namespace model
