// SPDX-License-Identifier: MIT
//
// model_main.cpp - the library against the sequential model: random sequences
// of operations, compared step by step.
//
//   OPS=n              operations in all (default 100,000)
//   SEED=n             repeats a run; the seed is printed at the start
//   STRESS_SECONDS=n   as many sequences as fit in this time, unless OPS is set
//
// Ends with `N passed, N failed`, counted in sequences, or at the first mismatch.
#include "tests/harness/model_judge.hpp"
#include "tests/harness/model_sequence.hpp"
#include "tests/harness/settings.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sched.h>

namespace {

constexpr unsigned sequence_ops = 1000;

} // namespace

int main()
{
	using clock = std::chrono::steady_clock;
	// Short, so that it is easily typed.
	const uint64_t seed = harness::number_from("SEED", std::random_device()() % 1'000'000'000);
	const uint64_t seconds = harness::number_from("STRESS_SECONDS", 0);
	const bool by_time = seconds > 0 && getenv("OPS") == nullptr;
	const uint64_t ops = by_time ? UINT64_MAX : harness::number_from("OPS", 100'000);
	const auto end = clock::now() + std::chrono::seconds(seconds);
	printf("model: seed %llu (SEED=%llu repeats this run)\n", static_cast<unsigned long long>(seed),
	       static_cast<unsigned long long>(seed));
	fflush(stdout);

	// Where one CPU works alone, either store hands out the newest element first.
	cpu_set_t here;
	CPU_ZERO(&here);
	CPU_SET(static_cast<size_t>(sched_getcpu()), &here);
	sched_setaffinity(0, sizeof(here), &here);

	model::judge::init();
	unsigned passed = 0;
	uint64_t done = 0;
	while (by_time ? clock::now() < end : done < ops) {
		const unsigned now = static_cast<unsigned>(std::min<uint64_t>(sequence_ops, ops - done));
		model::judge::begin_sequence(seed + passed, now);
		model::sequence(model::dice(seed + passed), now).run();
		passed = model::judge::sequence_passed();
		done += now;
	}
	printf("model: %llu operations\n%u passed, 0 failed\n", static_cast<unsigned long long>(done), passed);
	return 0;
}
