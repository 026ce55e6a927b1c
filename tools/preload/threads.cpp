// SPDX-License-Identifier: MIT
//
// threads.cpp - see threads.hpp. Stands before pthread_create().
#include "tools/preload/threads.hpp"
#include "tools/preload/next.hpp"

#include "mempool/watch/fault_decision.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace mp::preload {
namespace {

constexpr size_t signal_stack_bytes = size_t{32} << 10;
constexpr size_t large_stack_bytes = size_t{256} << 10; // a thread's that can spare so much

/// What a new thread is to be; on its way from its creator.
struct start_note {
	void *(*routine)(void *);
	void *arg;
	char path[sizeof(thread_state::path)];
};
constinit std::array<start_note, 256> notes = {};
constinit std::array<std::atomic<bool>, 256> notes_taken = {};

start_note *take_note()
{
	for (size_t i = 0; i < notes.size(); i++)
		// acquire: pairs with the release in give_back()
		if (!notes_taken[i].load(std::memory_order_relaxed) &&
		    !notes_taken[i].exchange(true, std::memory_order_acquire))
			return &notes[i];
	return nullptr;
}

void give_back(start_note *note)
{
	// release: pairs with the acquire in take_note()
	notes_taken[static_cast<size_t>(note - notes.data())].store(false, std::memory_order_release);
}

void enter_thread(std::string_view path)
{
	copy_text(mine.path, path);
	mine.identity = watch::fault_hash(path);
	mine.children = 0;
	mine.draws = 0;
	mine.record = 0;
	thread_record *record = claim(shared->answers.threads);
	if (record == nullptr)
		return;
	record->process = self_number;
	record->tid = gettid();
	copy_text(record->path, path);
	prctl(PR_GET_NAME, record->name);
	record->ready.set();
	mine.record = static_cast<uint32_t>(record - shared->answers.threads.at + 1);
}

void leave_thread()
{
	if (mine.record != 0) // it may have been named only now
		prctl(PR_GET_NAME, shared->answers.threads.at[mine.record - 1].name);
}

void *run(start_note *note)
{
	void *(*routine)(void *) = note->routine;
	void *arg = note->arg;
	enter_thread(text(note->path));
	give_back(note);
	void *result = routine(arg);
	leave_thread();
	return result;
}

void *start_small(void *note)
{
	return run(static_cast<start_note *>(note));
}

/// The signal stack is the outer end of the thread's own, which an overflow does not reach.
void *start_with_signal_stack(void *note)
{
	alignas(16) char outer_end[signal_stack_bytes];
	use_signal_stack(outer_end, sizeof(outer_end));
	void *result = run(static_cast<start_note *>(note));
	use_signal_stack(nullptr, 0);
	return result;
}

bool has_large_stack(const pthread_attr_t *attributes)
{
	size_t bytes = 0;
	return attributes == nullptr ||
	       (pthread_attr_getstacksize(attributes, &bytes) == 0 && bytes >= large_stack_bytes);
}

} // namespace

void name_main_thread()
{
	enter_thread("main");
}

void use_signal_stack(void *memory, size_t bytes)
{
	stack_t stack = {};
	stack.ss_sp = memory;
	stack.ss_size = bytes;
	stack.ss_flags = memory == nullptr ? SS_DISABLE : 0;
	sigaltstack(&stack, nullptr);
}

} // namespace mp::preload

using namespace mp::preload;

PRELOAD_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
				  void *arg)
{
	if (!can_go_on() || next.pthread_create == nullptr)
		return EAGAIN;
	start_note *note = is_active() ? take_note() : nullptr;
	if (note == nullptr)
		return next.pthread_create(thread, attributes, routine, arg);
	note->routine = routine;
	note->arg = arg;
	snprintf(note->path, sizeof(note->path), "%.20s.%u", mine.path, ++mine.children);
	const bool signal_stack = orders_here.orders->catch_crashes != 0 && has_large_stack(attributes);
	const int error =
		next.pthread_create(thread, attributes, signal_stack ? start_with_signal_stack : start_small, note);
	if (error != 0)
		give_back(note);
	else
		self->threads.fetch_add(1, std::memory_order_relaxed);
	return error;
}
