// SPDX-License-Identifier: MIT
//
// stacks.cpp - see stacks.hpp.
#include "tools/preload/stacks.hpp"

#include "mempool/watch/fault_decision.hpp"
#include "tools/preload/state.hpp"

#include <array>
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>
#include <unwind.h>

namespace mp::preload {
namespace {

constexpr size_t cache_slots = 1024; // a power of two
constinit std::array<std::atomic<known_module *>, cache_slots> cache = {};
constinit std::array<known_module, max_modules * 2> known = {};
constinit std::atomic<size_t> known_used{0};

/// This library itself lies from here to there.
constinit std::atomic<uintptr_t> own_start{0};
constinit std::atomic<uintptr_t> own_end{0};

void find_ourselves()
{
	dl_find_object found = {};
	if (_dl_find_object(reinterpret_cast<void *>(&find_ourselves), &found) != 0)
		return;
	own_end.store(reinterpret_cast<uintptr_t>(found.dlfo_map_end), std::memory_order_relaxed);
	own_start.store(reinterpret_cast<uintptr_t>(found.dlfo_map_start), std::memory_order_relaxed);
}

struct collector {
	raw_stack *into;
	bool skip_to_signal; // nothing counts before the frame that a signal interrupted
};

_Unwind_Reason_Code collect(_Unwind_Context *context, void *arg)
{
	auto *to = static_cast<collector *>(arg);
	int before_instruction = 0;
	uintptr_t pc = _Unwind_GetIPInfo(context, &before_instruction);
	if (pc == 0)
		return _URC_END_OF_STACK;
	if (to->skip_to_signal && before_instruction == 0)
		return _URC_NO_REASON;
	to->skip_to_signal = false;
	if (before_instruction == 0)
		pc--;
	if (pc >= own_start.load(std::memory_order_relaxed) && pc < own_end.load(std::memory_order_relaxed))
		return _URC_NO_REASON;
	if (to->into->depth == max_frames) {
		to->into->truncated = 1;
		return _URC_END_OF_STACK;
	}
	const uintptr_t at = _Unwind_GetCFA(context) - sizeof(uintptr_t);
	to->into->steady = to->into->steady && before_instruction == 0 && *reinterpret_cast<uintptr_t *>(at) == pc + 1;
	to->into->at[to->into->depth] = at;
	to->into->pc[to->into->depth++] = pc;
	return _URC_NO_REASON;
}

std::string_view last_part(std::string_view path)
{
	const size_t slash = path.rfind('/');
	if (slash != std::string_view::npos)
		path.remove_prefix(slash + 1);
	return path;
}

/// Its index in the page, where each path stands once; max_modules: there was no room.
uint32_t index_of(std::string_view path)
{
	const uint64_t hash = watch::fault_hash(path) | 1;
	auto &modules = shared->answers.modules;
	for (uint32_t i = 0; i < max_modules; i++) {
		module_record &at = modules.at[i];
		uint64_t was = at.claim.load(std::memory_order_relaxed);
		if (was == 0 && at.claim.compare_exchange_strong(was, hash, std::memory_order_relaxed)) {
			copy_text(at.path, path);
			at.ready.set();
			modules.counted.fetch_add(1, std::memory_order_relaxed);
			return i;
		}
		if (was == hash)
			return i;
	}
	return max_modules;
}

known_module *learn(const dl_find_object &found)
{
	const size_t number = known_used.fetch_add(1, std::memory_order_relaxed);
	if (number >= known.size())
		return nullptr;
	const link_map &map = *found.dlfo_link_map;
	known_module &made = known[number];
	made.link_map = &map;
	made.start = reinterpret_cast<uintptr_t>(found.dlfo_map_start);
	made.bias = map.l_addr;
	if (map.l_name != nullptr && map.l_name[0] != 0)
		copy_text(made.path, map.l_name);
	else if (readlink("/proc/self/exe", made.path, sizeof(made.path) - 1) < 0)
		copy_text(made.path, "?");
	const std::string_view path = text(made.path);
	made.hash = watch::fault_hash(last_part(path));
	made.index = index_of(path);
	return &made;
}

} // namespace

__attribute__((noinline)) void take_stack(raw_stack &into, bool from_signal)
{
	if (own_start.load(std::memory_order_relaxed) == 0)
		find_ourselves();
	into.depth = 0;
	into.truncated = 0;
	into.steady = true;
	collector to{.into = &into, .skip_to_signal = from_signal};
	_Unwind_Backtrace(collect, &to);
}

known_module *module_at(uintptr_t pc)
{
	dl_find_object found = {};
	if (_dl_find_object(reinterpret_cast<void *>(pc), &found) != 0 || found.dlfo_link_map == nullptr)
		return nullptr;
	const auto start = reinterpret_cast<uintptr_t>(found.dlfo_map_start);
	const size_t first = (start >> 12) * 0x9e3779b97f4a7c15 >> 54;
	static_assert(cache_slots == 1 << 10);
	for (size_t i = 0; i < 16; i++) {
		std::atomic<known_module *> &slot = cache[(first + i) % cache_slots];
		// acquire: pairs with the release below
		known_module *cached = slot.load(std::memory_order_acquire);
		if (cached != nullptr && cached->start == start && cached->link_map == found.dlfo_link_map)
			return cached;
		// A module that was closed leaves its place to another.
		if (cached == nullptr || cached->start == start) {
			cached = learn(found);
			if (cached != nullptr)
				slot.store(cached, std::memory_order_release); // release: pairs with the acquire above
			return cached;
		}
	}
	return nullptr;
}

void describe(const raw_stack &from, uint32_t hashed, stack_trace &into)
{
	uint64_t hash = 0x6d656d706f6f6c;
	into.depth = from.depth;
	into.truncated = from.truncated;
	for (uint32_t i = 0; i < from.depth; i++) {
		const known_module *module = module_at(from.pc[i]);
		if (module == nullptr || module->index >= max_modules) {
			into.frames[i] = from.pc[i] & ((place{1} << place_bits) - 1);
			continue;
		}
		const uint64_t offset = (from.pc[i] - module->bias) & ((place{1} << place_bits) - 1);
		into.frames[i] = place{module->index + 1} << place_bits | offset;
		if (i < hashed) {
			hash ^= module->hash + offset;
			hash *= 0x9e3779b97f4a7c15;
			hash ^= hash >> 29;
		}
	}
	into.hash = hash != 0 ? hash : 1;
}

uint32_t note_stack(const stack_trace &seen, const sighting &of)
{
	auto &stacks = shared->answers.stacks;
	for (size_t i = 0; i < 256; i++) {
		const size_t index = (seen.hash + i) % max_stacks;
		stack_entry &at = stacks.at[index];
		uint64_t was = at.claim.load(std::memory_order_relaxed);
		if (was == 0 && at.claim.compare_exchange_strong(was, seen.hash, std::memory_order_relaxed)) {
			at.call = of.call;
			at.n = of.n;
			at.size = of.size;
			at.process = self_number;
			at.thread = mine.record;
			at.stack.hash = seen.hash;
			at.stack.depth = seen.depth;
			at.stack.truncated = seen.truncated;
			memcpy(at.stack.frames, seen.frames, seen.depth * sizeof(place));
			if (of.call != call_kind::count) { // a free is no candidate; it is kept for reports alone
				at.ready.set();
				stacks.counted.fetch_add(1, std::memory_order_relaxed);
			}
			was = seen.hash;
		}
		if (was == seen.hash) {
			at.count.fetch_add(1, std::memory_order_relaxed);
			return static_cast<uint32_t>(index + 1);
		}
	}
	shared->answers.stacks_dropped.fetch_add(1, std::memory_order_relaxed);
	return 0;
}

} // namespace mp::preload
