// SPDX-License-Identifier: MIT
//
// test_rseq.cpp - restartable sequences under signals and migrations, and a
// control: the same sections, of which the kernel is not told, lose entries.
#include "rseq_stretched.hpp"
#include "support.hpp"

#include "reserve/base/cpu.hpp"
#include "reserve/base/platform.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <pthread.h>
#include <sched.h>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

constexpr unsigned entries = 64;

/// A stack for each CPU, and the entries that go round in them.
class stacks {
      public:
	explicit stacks(unsigned room) : count_(base::cpu_count()), room_(room)
	{
		const size_t words = sizeof(base::rseq_stack) / 8 + room;
		memory_ = std::make_unique<uint64_t[]>(count_ * words);
		parts_ = std::make_unique<part[]>(count_);
		for (unsigned i = 0; i < count_; i++) {
			parts_[i].main = reinterpret_cast<base::rseq_stack *>(&memory_[i * words]);
			parts_[i].main->capacity = room;
		}
		cpus = {parts_.get(), count_};
	}

	unsigned held() const
	{
		unsigned total = 0;
		for (unsigned i = 0; i < count_; i++)
			total += static_cast<uint16_t>(parts_[i].main->word);
		return total;
	}

	uint64_t popped() const
	{
		uint64_t total = 0;
		for (unsigned i = 0; i < count_; i++)
			total += parts_[i].main->word >> 16;
		return total;
	}

	base::rseq_cpus cpus;

      private:
	struct alignas(base::rseq_cpu_bytes) part : base::rseq_pair {};
	unsigned count_;
	unsigned room_;
	std::unique_ptr<uint64_t[]> memory_;
	std::unique_ptr<part[]> parts_;
};

constinit std::atomic<unsigned long> signals_seen{0};

void on_signal(int)
{
	signals_seen.fetch_add(1, std::memory_order_relaxed);
}

void go_to_cpu(unsigned cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/// What went wrong, and what was counted.
struct outcome {
	unsigned doubled = 0; // entries that two threads had at the same time
	unsigned lost = 0;
	uint64_t pops = 0;
	uint64_t pops_in_words = 0;
	uint64_t counted = 0;
};

/// Passes the entries around among threads that are interrupted and moved until
/// `enough` says so.
template <class Enough> outcome disturb(const stack_sections &sections, Enough enough)
{
	constexpr int threads = 4;
	stacks shared(entries);
	std::vector<std::atomic<int>> owned(entries);
	base::rseq_cpus &cpus = shared.cpus;
	const unsigned cpu_count = base::cpu_count();
	std::vector<uint64_t> counters(size_t{cpu_count} * 8);
	std::atomic<bool> stop{false};
	std::atomic<unsigned> doubled{0};
	std::atomic<unsigned> kept{0};
	std::atomic<uint64_t> pops{0};
	std::vector<pthread_t> ids(threads);
	std::atomic<int> started{0};

	const auto pass_around = [&](int number) {
		ids[static_cast<size_t>(number)] = pthread_self();
		started++;
		std::vector<std::atomic<int> *> mine;
		for (unsigned i = static_cast<unsigned>(number); i < entries; i += threads)
			mine.push_back(&owned[i]);
		uint64_t popped = 0;
		for (unsigned round = 0; !stop; round++) {
			if (round % 64 == 0)
				go_to_cpu((round / 64 + static_cast<unsigned>(number)) % cpu_count);
			if (!mine.empty() && sections.push(cpus, mine.back()))
				mine.pop_back();
			auto *entry = static_cast<std::atomic<int> *>(sections.pop(cpus));
			if (entry == nullptr)
				continue;
			popped++;
			while (!sections.add(counters.data(), 6, cpu_count, 1)) {}
			doubled += entry->exchange(1) != 0 ? 1 : 0;
			sched_yield();
			entry->store(0);
			mine.push_back(entry);
		}
		kept += static_cast<unsigned>(mine.size());
		pops += popped;
	};

	crew workers;
	workers.start(threads, pass_around);
	eventually([&] { return started == threads; });
	while (!enough(doubled.load())) {
		for (const pthread_t id : ids)
			pthread_kill(id, SIGUSR1);
		sched_yield();
	}
	stop = true;
	workers.join();

	outcome result;
	result.doubled = doubled;
	result.lost = entries - std::min(entries, kept + shared.held());
	result.pops = pops;
	result.pops_in_words = shared.popped();
	for (unsigned i = 0; i < cpu_count; i++)
		result.counted += counters[size_t{i} * 8];
	return result;
}

/// Signals that every round of the test wants to have seen.
constexpr unsigned long enough_signals = 20'000;

void sections_start_over_when_they_are_cut_short(void **)
{
	signals_seen = 0;
	const outcome o = disturb(announced, [](unsigned) { return signals_seen > enough_signals; });
	assert_true(o.pops > 1000);
	assert_int_equal(o.doubled, 0);
	assert_int_equal(o.lost, 0);
	assert_int_equal(o.pops, o.pops_in_words);
	assert_int_equal(o.pops, o.counted);
}

void the_test_would_notice_sections_that_do_not(void **)
{
	signals_seen = 0;
	const uint64_t deadline_ns = patient();
	const outcome o = disturb(unannounced, [&](unsigned doubled) {
		return (doubled > 0 && signals_seen > enough_signals) || base::now_ns() > deadline_ns;
	});
	assert_true(o.doubled > 0 || o.lost > 0 || o.pops != o.pops_in_words || o.pops != o.counted);
}

void a_stack_gives_the_newest_and_refuses_when_full(void **)
{
	go_to_cpu(0);
	stacks s(2);
	int a = 0;
	int b = 0;
	assert_null(base::rseq_pop(s.cpus));
	assert_true(base::rseq_push(s.cpus, &a));
	assert_true(base::rseq_push(s.cpus, &b));
	assert_false(base::rseq_push(s.cpus, &b));
	assert_ptr_equal(base::rseq_pop(s.cpus), &b);
	assert_ptr_equal(base::rseq_pop(s.cpus), &a);
	assert_null(base::rseq_pop(s.cpus));
	assert_int_equal(s.popped(), 2);
}

void a_cpu_beyond_those_known_is_not_served(void **)
{
	stacks s(2);
	s.cpus.count = 0;
	uint64_t counter = 0;
	assert_false(base::rseq_push(s.cpus, &s));
	assert_null(base::rseq_pop(s.cpus));
	assert_false(base::rseq_add(&counter, 6, 0, 1));
	assert_false(base::rseq_swap<true>(s.cpus));
	assert_false(base::rseq_swap<false>(s.cpus));
	assert_false(base::rseq_replace(s.cpus, 0, s.cpus.base, nullptr, nullptr));
	assert_int_equal(counter, 0);
}

void a_part_is_replaced_where_it_is_as_expected(void **)
{
	go_to_cpu(0);
	stacks s(2);
	auto &part = *static_cast<base::rseq_pair *>(s.cpus.base);
	base::rseq_stack first = {};
	base::rseq_stack other = {};
	part.either[1] = &first;
	constexpr size_t at = offsetof(base::rseq_pair, either) + sizeof(void *);
	assert_false(base::rseq_replace(s.cpus, at, &s, &first, &other)); // another base
	assert_false(base::rseq_replace(s.cpus, at, s.cpus.base, &other, &other));
	assert_ptr_equal(part.either[1], &first);
	assert_true(base::rseq_replace(s.cpus, at, s.cpus.base, &first, &other));
	assert_ptr_equal(part.either[1], &other);
	part.main = &other;
	assert_false(base::rseq_replace(s.cpus, at, s.cpus.base, &other, &first)); // not the main one
	assert_ptr_equal(part.either[1], &other);
	assert_true(base::rseq_fence());
}

void the_spare_becomes_the_main_one_where_that_helps(void **)
{
	go_to_cpu(0);
	stacks s(2);
	auto &part = *static_cast<base::rseq_pair *>(s.cpus.base);
	base::rseq_stack *const main = part.main;
	base::rseq_stack spare = {};
	spare.capacity = 1;
	for (unsigned which = 0; which < 2; which++) { // wherever the main one is
		part.main = main;
		part.either[which] = main;
		part.either[1 - which] = nullptr;
		assert_false(base::rseq_swap<true>(s.cpus));
		assert_false(base::rseq_swap<false>(s.cpus));
		part.either[1 - which] = &spare;
		spare.word = 0;
		assert_false(base::rseq_swap<true>(s.cpus)); // nothing to pop
		assert_ptr_equal(part.main, main);
		assert_true(base::rseq_swap<false>(s.cpus));
		assert_ptr_equal(part.main, &spare);
		part.main = main;
		spare.word = 1;
		assert_false(base::rseq_swap<false>(s.cpus)); // no room
		assert_ptr_equal(part.main, main);
		assert_true(base::rseq_swap<true>(s.cpus));
		assert_ptr_equal(part.main, &spare);
	}
}

int catch_signals(void **)
{
	struct sigaction action = {};
	action.sa_handler = on_signal;
	action.sa_flags = SA_RESTART;
	return sigaction(SIGUSR1, &action, nullptr);
}

} // namespace

int main()
{
	if (!base::rseq_usable()) {
		print_message("no restartable sequences here: only that the sections fail is tested\n");
		const CMUnitTest tests[] = {cmocka_unit_test(a_cpu_beyond_those_known_is_not_served)};
		return cmocka_run_group_tests_name("rseq", tests, nullptr, nullptr);
	}
	const CMUnitTest tests[] = {
		cmocka_unit_test(sections_start_over_when_they_are_cut_short),
		cmocka_unit_test(the_test_would_notice_sections_that_do_not),
		cmocka_unit_test(a_stack_gives_the_newest_and_refuses_when_full),
		cmocka_unit_test(a_cpu_beyond_those_known_is_not_served),
		cmocka_unit_test(a_part_is_replaced_where_it_is_as_expected),
		cmocka_unit_test(the_spare_becomes_the_main_one_where_that_helps),
	};
	return cmocka_run_group_tests_name("rseq", tests, catch_signals, nullptr);
}
