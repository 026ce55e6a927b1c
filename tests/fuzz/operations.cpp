// SPDX-License-Identifier: MIT
//
// operations.cpp - the bytes choose calls on a pool and their arguments, and the
// model of tests/harness judges each of them.
#include "tests/fuzz/fuzz.hpp"
#include "tests/harness/model_judge.hpp"
#include "tests/harness/model_sequence.hpp"

#include <climits>
#include <sched.h>

int LLVMFuzzerInitialize(int *, char ***)
{
	// Where one CPU works alone, either store hands out the newest element first.
	cpu_set_t here;
	CPU_ZERO(&here);
	CPU_SET(static_cast<size_t>(sched_getcpu()), &here);
	sched_setaffinity(0, sizeof(here), &here);
	model::judge::init(abort);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	model::judge::begin_sequence(0, 0);
	model::sequence(model::dice(std::span(data, bytes)), UINT_MAX).run();
	static_cast<void>(model::judge::sequence_passed());
	return 0;
}
