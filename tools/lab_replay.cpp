// SPDX-License-Identifier: MIT
//
// lab_replay.cpp - see lab_replay.hpp.
#include "tools/lab_replay.hpp"

#include "tools/lab_words.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cstring>
#include <mempool/mempool-debug.h>

namespace lab {
namespace {

bool has_room(const slot &s)
{
	return s.element.empty();
}

constexpr const char *wake_reasons[] = {"woken", "by the clock", "there was no need for it"};

} // namespace

int replay::tracked_pool::level() const
{
	return static_cast<int>(
		std::count_if(places.begin(), places.end(), [](const place &p) { return !has_room(p.shown); }));
}

replay::place &replay::tracked_pool::free_place()
{
	const auto at = std::find_if(places.begin(), places.end(), [](const place &p) { return has_room(p.shown); });
	return at != places.end() ? *at : places.emplace_back();
}

void replay::know_lane(uint32_t thread, const std::string &name)
{
	lanes_[thread].name = name;
	if (std::find(lane_order_.begin(), lane_order_.end(), thread) == lane_order_.end())
		lane_order_.push_back(thread);
}

void replay::know_pool(uint32_t number, const std::string &name, const pool_facts &facts)
{
	pools_[number].name = name;
	pools_[number].facts = facts;
}

void replay::know_bulk(uint32_t thread, void *const *elements, unsigned count)
{
	std::vector<uint64_t> &bulk = lanes_[thread].bulk;
	for (unsigned i = 0; i < count; i++)
		bulk.push_back(reinterpret_cast<uintptr_t>(elements[i]));
}

std::string replay::name(uint64_t element)
{
	if (element == 0)
		return "-";
	std::string &known = names_[element];
	if (known.empty())
		known = "e" + std::to_string(names_.size());
	return known;
}

std::string replay::words(const mempool_trace_event &e, const argument &a, char kind)
{
	if (kind == 'p')
		return a.value == 0 ? std::to_string(e.args[2]) + " elements" : name(a.value); // of a bulk
	if (kind == 'g')
		return mask_text(static_cast<gfp_t>(a.value));
	if (kind == 'n')
		return tools::duration(a.value);
	if (a.name == "how" && a.value < std::size(wake_reasons))
		return wake_reasons[a.value];
	if (a.name == "thread" && lanes_.contains(static_cast<uint32_t>(a.value)))
		return lanes_[static_cast<uint32_t>(a.value)].name;
	if (a.name == "error")
		if (const char *known = strerrorname_np(static_cast<int>(a.value)))
			return known;
	return std::to_string(static_cast<int64_t>(a.value));
}

std::vector<argument> replay::arguments(const mempool_trace_event &e)
{
	std::vector<argument> all;
	const std::string spec = mempool_trace_event_args(e.event);
	for (size_t at = 0; at < spec.size() && all.size() < MEMPOOL_TRACE_ARGS;) {
		const size_t end = std::min(spec.find(' ', at), spec.size());
		const size_t colon = spec.find(':', at);
		argument a;
		a.name = spec.substr(at, colon - at);
		const char kind = spec[colon + 1];
		const size_t i = all.size();
		a.value = e.args[i];
		if (kind == 't') {
			const auto *text = reinterpret_cast<const char *>(e.args + i);
			a.text.assign(text, strnlen(text, sizeof(e.args) - i * sizeof(e.args[0])));
		} else {
			a.text = words(e, a, kind);
		}
		all.push_back(a);
		at = end + 1;
	}
	return all;
}

void replay::holds_no_longer(uint64_t element)
{
	for (auto &[thread, who] : lanes_)
		std::erase(who.holds, element);
}

void replay::enters(tracked_pool &pool, uint64_t element)
{
	holds_no_longer(element);
	if (pool.early.erase(element) != 0 || pool.freed.contains(element))
		return;
	place &p = pool.free_place();
	p.element = element;
	p.since = ++count_;
	p.shown.element = name(element);
	p.shown.guest = pool.facts.has_home && pool.guests.contains(element);
	p.shown.pinned = pool.facts.has_home && !p.shown.guest;
	p.shown.poisoned = (mempool_debug_get() & MEMPOOL_DEBUG_POISON) != 0;
}

void replay::leaves(tracked_pool &pool, uint64_t element)
{
	const auto at = std::find_if(pool.places.begin(), pool.places.end(),
				     [&](const place &p) { return p.element == element; });
	if (at == pool.places.end())
		pool.early.insert(element);
	else
		*at = place{};
}

/// To the backing; straight from the reserve, when that is made smaller.
void replay::dismissed(tracked_pool &pool, uint64_t element)
{
	holds_no_longer(element);
	for (place &p : pool.places)
		if (p.element == element)
			p = place{};
	if (pool.facts.fresh) // the event of its entry may be later than this one
		pool.freed.insert(element);
}

/// Its event names no element: those of the bulk that are here, or are told of later to have come.
void replay::bulk_leaves(tracked_pool &pool, const tracked_lane &who, int count)
{
	std::vector<uint64_t> elsewhere;
	for (const uint64_t element : who.bulk) {
		const auto at = std::find_if(pool.places.begin(), pool.places.end(),
					     [&](const place &p) { return p.element == element; });
		if (at == pool.places.end())
			elsewhere.push_back(element);
		else if (count-- > 0)
			*at = place{};
	}
	for (const uint64_t element : elsewhere)
		if (count > 0 && names_.contains(element)) {
			pool.early.insert(element);
			count--;
		}
}

void replay::resized(tracked_pool &pool, int min_nr, int level)
{
	pool.min_nr = min_nr;
	const auto wanted = static_cast<size_t>(std::max(min_nr, 1));
	const auto newest_last = [](const place &a, const place &b) { return a.since < b.since; };
	if (wanted < pool.places.size()) {
		std::sort(pool.places.begin(), pool.places.end(), [&](const place &a, const place &b) {
			return has_room(a.shown) != has_room(b.shown) ? has_room(b.shown) : newest_last(a, b);
		});
		while (pool.level() > std::max(level, 0) && !pool.places.empty())
			pool.places.erase(std::prev(std::find_if(pool.places.begin(), pool.places.end(),
								 [](const place &p) { return has_room(p.shown); })));
	}
	if (pool.level() <= static_cast<int>(wanted))
		pool.places.resize(wanted);
}

void replay::created(tracked_pool &pool, int min_nr, int level)
{
	pool.min_nr = min_nr;
	for (const void *element : pool.facts.first_elements)
		if (pool.level() < level)
			enters(pool, reinterpret_cast<uintptr_t>(element));
	pool.places.resize(std::max(pool.places.size(), static_cast<size_t>(std::max(min_nr, 1))));
}

/// What an event does to the reserve, and to what threads hold.
void replay::moved(const mempool_trace_event &e, tracked_pool &pool, tracked_lane &who)
{
	switch (e.event) {
	case MEMPOOL_TRACE_CREATE:
	case MEMPOOL_TRACE_PRESENT:
		return created(pool, static_cast<int>(e.args[0]), static_cast<int>(e.args[1]));
	case MEMPOOL_TRACE_DESTROY:
		pool.gone = true;
		return;
	case MEMPOOL_TRACE_RESERVE_TAKE:
		who.from_reserve = true;
		return e.args[0] == 0 ? bulk_leaves(pool, who, static_cast<int>(e.args[2])) : leaves(pool, e.args[0]);
	case MEMPOOL_TRACE_RESERVE_GIVE:
		return enters(pool, e.args[0]);
	case MEMPOOL_TRACE_BACKING_FREE:
		return dismissed(pool, e.args[0]);
	case MEMPOOL_TRACE_REPLACE:
		leaves(pool, e.args[1]);
		return enters(pool, e.args[0]);
	case MEMPOOL_TRACE_RESIZE:
		return resized(pool, static_cast<int>(e.args[1]), static_cast<int>(e.args[2]));
	case MEMPOOL_TRACE_ALLOC:
		if (!who.from_reserve)
			pool.guests.insert(e.args[0]);
		[[fallthrough]];
	case MEMPOOL_TRACE_PREALLOCATED:
		who.holds.push_back(e.args[0]);
		return;
	case MEMPOOL_TRACE_ALLOC_BULK:
		who.holds.insert(who.holds.end(), who.bulk.begin(), who.bulk.end());
		who.bulk.clear();
		return;
	case MEMPOOL_TRACE_FREE:
		return holds_no_longer(e.args[0]);
	default:
		return;
	}
}

/// What an event says of the thread that did it.
void replay::does(const mempool_trace_event &e, const event &told, tracked_lane &who)
{
	const auto set = [&](doing now, const std::string &text) {
		who.now = now;
		who.text = text;
	};
	switch (e.event) {
	case MEMPOOL_TRACE_PASS_BEGIN:
		return set(doing::backing, "asks the backing of '" + told.pool + "'");
	case MEMPOOL_TRACE_WAIT_BEGIN:
		return set(doing::asleep, "asleep in '" + told.pool + "'");
	case MEMPOOL_TRACE_WAIT_END:
		return set(doing::woken, "awake, and starts over");
	case MEMPOOL_TRACE_ALLOC:
	case MEMPOOL_TRACE_PREALLOCATED:
		return set(doing::done, "got " + name(e.args[0]));
	case MEMPOOL_TRACE_ALLOC_BULK:
		return set(doing::done, "got all " + std::to_string(e.args[0]));
	case MEMPOOL_TRACE_ALLOC_FAIL:
		return set(doing::failed, "got NULL");
	case MEMPOOL_TRACE_FREE:
		return set(doing::running, "gave " + name(e.args[0]) + " back");
	case MEMPOOL_TRACE_CREATE:
		return set(doing::running, "made the pool '" + told.pool + "'");
	case MEMPOOL_TRACE_BACKING_FREE:
	case MEMPOOL_TRACE_WAKE:
	case MEMPOOL_TRACE_ADOPT:
	case MEMPOOL_TRACE_RESERVE_GIVE:
	case MEMPOOL_TRACE_RESERVE_FILL: // parts of what it said before
		return set(doing::running, who.text);
	case MEMPOOL_TRACE_THREAD:
	case MEMPOOL_TRACE_PRESENT:
		return;
	default:
		return set(doing::running, told.text);
	}
}

void replay::note_pass(const mempool_trace_event &e, const std::string &pool, tracked_lane &who,
		       std::vector<pass> &passes)
{
	pass p;
	p.lane = who.name;
	p.pool = pool;
	p.number = static_cast<int>(e.args[0]);
	p.mask = static_cast<gfp_t>(e.args[1]);
	p.text = mask_text(p.mask);
	if (p.number == 1 && !who.masks.empty()) {
		who.callers = who.masks.front();
		who.masks.pop_front();
	}
	p.callers = mask_text(who.callers);
	if (const gfp_t added = p.mask & ~who.callers; added != 0)
		p.added = mask_text(added);
	if (const gfp_t removed = who.callers & ~p.mask; removed != 0)
		p.removed = mask_text(removed);
	passes.push_back(p);
}

void replay::show_slots(const tracked_pool &pool, event &told)
{
	told.pool = pool.name;
	told.level = pool.level();
	for (const place &p : pool.places)
		told.slots.push_back(p.shown);
}

event replay::apply(const mempool_trace_event &recorded, uint64_t began_ns, std::vector<pass> &passes)
{
	tracked_lane &who = lanes_[recorded.thread];
	event e;
	e.time_ns = recorded.time_ns > began_ns ? recorded.time_ns - began_ns : 0;
	e.kind = mempool_trace_event_name(recorded.event);
	if (recorded.event == MEMPOOL_TRACE_PASS_BEGIN && recorded.args[0] == 1)
		who.from_reserve = false;
	const auto pool = recorded.pool != 0 ? pools_.find(recorded.pool) : pools_.end();
	if (pool != pools_.end()) {
		e.pool = pool->second.name;
		if (recorded.event == MEMPOOL_TRACE_PASS_BEGIN)
			note_pass(recorded, e.pool, who, passes);
		moved(recorded, pool->second, who);
		show_slots(pool->second, e);
	}
	e.args = arguments(recorded);
	e.text = event_text(e.kind, e.args);
	does(recorded, e, who);
	e.lane = who.name.empty() ? "thread " + std::to_string(recorded.thread) : who.name;
	e.now = who.now;
	return e;
}

void replay::rest(uint32_t thread)
{
	tracked_lane &who = lanes_[thread];
	if (who.now != doing::done && who.now != doing::failed && who.now != doing::idle)
		who.now = doing::done;
}

std::vector<pool_state> replay::pools() const
{
	std::vector<pool_state> all;
	for (const auto &[number, pool] : pools_) {
		if (pool.gone)
			continue;
		pool_state &state = all.emplace_back();
		state.number = number;
		state.name = pool.name;
		state.min_nr = pool.min_nr;
		state.level = pool.level();
		for (const place &p : pool.places)
			state.slots.push_back(p.shown);
	}
	return all;
}

std::vector<lane> replay::lanes() const
{
	std::vector<lane> all;
	for (const uint32_t thread : lane_order_) {
		const tracked_lane &who = lanes_.at(thread);
		lane &shown = all.emplace_back();
		shown.name = who.name;
		shown.thread = thread;
		shown.now = who.now;
		shown.text = who.text.empty() ? "waits for its part" : who.text;
		for (const uint64_t element : who.holds)
			shown.holds.push_back(names_.at(element));
	}
	return all;
}

} // namespace lab
