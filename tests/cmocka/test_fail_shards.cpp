// SPDX-License-Identifier: MIT
//
// test_fail_shards.cpp - which shard of a sweep tries what is only seen after a
// failure: random programs, whose failures lead to stacks at random, swept in
// one and in parts, with runs that end in any order.
#include "support.hpp"

#include "tools/fail_discovery.hpp"

#include <algorithm>
#include <set>

#include "cmocka_cpp.hpp"

using namespace mp::test;
using fail::call_stack;
using fail::discovery;
using fail::outcome;
using fail::plan;

namespace {

/// A failure of a stack that is there when nothing fails, and what comes of it.
struct failure {
	plan planned;
	call_stack calls;
	outcome comes;
};

using program = std::vector<failure>;

/// A stack with few places to come from, so that several share their outer calls. Its hash is its number.
call_stack random_calls(random_source &random)
{
	call_stack calls;
	const int depth = 1 + random.below(5);
	for (int i = 0; i < depth; i++)
		calls.push_back({random.below(4) == 0 ? "/lib/libsome.so" : "/bin/program",
				 static_cast<uint64_t>(0x1000 + random.below(4))});
	return calls;
}

plan failing(uint64_t stack, uint64_t occurrence)
{
	plan p;
	p.kind = plan::first::stack;
	p.stack = stack;
	p.occurrence = occurrence;
	return p;
}

program random_program(random_source &random)
{
	const int stacks = 1 + random.below(30);
	const int hidden = random.below(12);
	std::vector<fail::site> behind(static_cast<size_t>(hidden));
	for (fail::site &s : behind) {
		s.digest = 0x100000 + static_cast<uint64_t>(random.below(1 << 30));
		s.calls = random_calls(random);
	}
	program all;
	for (int i = 0; i < stacks; i++) {
		failure f;
		f.planned = failing(1 + static_cast<uint64_t>(i) * 7919, 1);
		f.calls = random_calls(random);
		f.comes.planned = f.planned;
		f.comes.judged = {{random.below(8) == 0 ? fail::verdict::crash : fail::verdict::refused, "", {}, ""}};
		f.comes.failed.emplace_back();
		f.comes.failed.front().process = 1;
		f.comes.failed.front().n = static_cast<uint64_t>(i) + 1;
		for (size_t k = 0; k < behind.size(); k++) {
			if (random.below(4) != 0)
				continue;
			fail::site s = behind[k];
			s.process = random.below(8) == 0 ? 2 : 1;
			s.n = 1 + k * 50 + static_cast<uint64_t>(random.below(50)); // no two have the same
			f.comes.sites.push_back(std::move(s));
		}
		all.push_back(f);
		if (random.below(8) == 0) { // of a realloc, the second time
			f.planned.occurrence = f.comes.planned.occurrence = 2;
			all.push_back(std::move(f));
		}
	}
	return all;
}

/// What a run is, in order to compare.
using name = std::vector<uint64_t>;

name name_of(const plan &p)
{
	return {p.stack, p.occurrence, p.process, static_cast<uint64_t>(p.then), p.second};
}

struct swept {
	std::vector<name> found; // what is tried after a failure
	size_t foreign = 0;
	bool led = false; // a failure of ours led somewhere
};

/// One shard's sweep, with some runs under way at a time.
swept sweep(const program &of, uint64_t shard, uint64_t shards, random_source &random)
{
	discovery found;
	swept result;
	std::vector<plan> waiting;
	for (const failure &f : of) {
		const bool ours = f.planned.stack % shards == shard;
		found.add(f.planned, f.calls, ours);
		result.led = result.led || (ours && f.comes.goes_on() && !f.comes.sites.empty());
		if (ours)
			waiting.push_back(f.planned);
	}
	std::vector<plan> under_way;
	for (;;) {
		plan p;
		while (under_way.size() < 3 && !waiting.empty()) {
			under_way.push_back(waiting.back());
			waiting.pop_back();
		}
		while (waiting.empty() && under_way.size() < 3 && found.next_foreign(p)) {
			assert_true(found.is_foreign(p));
			result.foreign++;
			under_way.push_back(p);
		}
		if (under_way.empty())
			break;
		std::swap(under_way.back(),
			  under_way[static_cast<size_t>(random.below(static_cast<int>(under_way.size())))]);
		const auto run = std::find_if(of.begin(), of.end(),
					      [&](const failure &f) { return f.planned == under_way.back(); });
		under_way.pop_back();
		assert_true(run != of.end());
		found.learn(run->comes);
		while (found.next_found(p))
			result.found.push_back(name_of(p));
	}
	assert_int_equal(found.undecided(), 0);
	std::sort(result.found.begin(), result.found.end());
	return result;
}

void parts_are_disjoint_and_the_whole(void **)
{
	random_source random("parts_are_disjoint_and_the_whole");
	size_t tried = 0;
	for (int round = 0; round < rounds(2000); round++) {
		const program of = random_program(random);
		const swept whole = sweep(of, 0, 1, random);
		assert_int_equal(whole.foreign, 0);
		assert_true(std::adjacent_find(whole.found.begin(), whole.found.end()) == whole.found.end());
		const uint64_t shards = 2 + static_cast<uint64_t>(random.below(6));
		std::vector<name> all;
		for (uint64_t shard = 0; shard < shards; shard++) {
			const swept part = sweep(of, shard, shards, random);
			all.insert(all.end(), part.found.begin(), part.found.end());
			assert_true(part.led || part.foreign == 0); // who has nothing to decide looks at nothing
		}
		std::sort(all.begin(), all.end());
		assert_true(all == whole.found);
		tried += all.size();
	}
	assert_true(tried > 0);
}

/// Each stack behind a failure that the program gets over is tried, once.
void the_whole_is_all_that_is_led_to(void **)
{
	random_source random("the_whole_is_all_that_is_led_to");
	for (int round = 0; round < rounds(500); round++) {
		const program of = random_program(random);
		std::set<uint64_t> led;
		for (const failure &f : of)
			for (const fail::site &s : f.comes.sites)
				if (f.comes.goes_on())
					led.insert(s.digest);
		assert_int_equal(sweep(of, 0, 1, random).found.size(), led.size());
	}
}

failure leading_to(uint64_t stack, call_stack calls, const std::vector<fail::site> &sites)
{
	failure f;
	f.planned = failing(stack, 1);
	f.calls = std::move(calls);
	f.comes.planned = f.planned;
	f.comes.judged = {{fail::verdict::refused, "", {}, ""}};
	f.comes.failed.emplace_back();
	f.comes.failed.front().process = 1;
	f.comes.failed.front().n = 1;
	f.comes.sites = sites;
	return f;
}

/// Nothing but what is closer is looked at: here one of two stacks of the other shard, in the function of the error
/// path.
void what_is_farther_away_is_not_run(void **)
{
	random_source random("what_is_farther_away_is_not_run");
	fail::site behind;
	behind.digest = 1000;
	behind.process = 1;
	behind.n = 5;
	behind.calls = {{"/bin/program", 0x150}, {"/bin/program", 0x900}}; // the innermost call first
	const program of = {leading_to(2, {{"/bin/program", 0x140}, {"/bin/program", 0x900}}, {}),
			    leading_to(3, {{"/bin/program", 0x130}, {"/bin/program", 0x900}}, {behind}),
			    leading_to(4, {{"/bin/program", 0x120}, {"/bin/program", 0x900}}, {behind}),
			    leading_to(6, {{"/bin/program", 0x150}, {"/bin/program", 0x800}}, {behind})};
	const swept odd = sweep(of, 1, 2, random);
	assert_int_equal(odd.foreign, 1);
	assert_int_equal(odd.found.size(), 1);
	assert_int_equal(odd.found[0][0], 3);
	const swept even = sweep(of, 0, 2, random);
	assert_int_equal(even.foreign, 1); // that one leads there, and is closer than 4 and 6
	assert_int_equal(even.found.size(), 0);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_disjoint_and_the_whole),
		cmocka_unit_test(the_whole_is_all_that_is_led_to),
		cmocka_unit_test(what_is_farther_away_is_not_run),
	};
	return cmocka_run_group_tests_name("fail_shards", tests, nullptr, nullptr);
}
