// SPDX-License-Identifier: MIT
//
// fail_discovery.cpp - see fail_discovery.hpp.
#include "tools/fail_discovery.hpp"

#include <algorithm>
#include <filesystem>
#include <tuple>

namespace fail {
namespace {

/// How far one stack is from another: by the calls that they do not share, then by the code between the places where
/// they part. What is left is a matter of chance, but the same for all who ask.
using distance = std::tuple<size_t, uint64_t, uint64_t, uint64_t>;

template <class Frames>
distance distance_between(const plan &from, const Frames &calls, uint64_t to, const Frames &other)
{
	const size_t most = std::min(calls.size(), other.size());
	size_t shared = 0;
	while (shared < most && calls[shared] == other[shared])
		shared++;
	uint64_t apart = UINT64_MAX;
	if (shared < most && calls[shared].first == other[shared].first)
		apart = std::max(calls[shared].second, other[shared].second) -
			std::min(calls[shared].second, other[shared].second);
	const uint64_t both[] = {from.stack, to};
	const uint64_t chance = digest_of({reinterpret_cast<const char *>(both), sizeof(both)});
	return {SIZE_MAX - shared, apart, chance, from.occurrence};
}

} // namespace

discovery::frames discovery::frames_of(const call_stack &calls)
{
	frames all;
	for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
		if (call->module.empty())
			continue; // code made at run time, which is elsewhere the next time
		const std::string name = std::filesystem::path(call->module).filename().string();
		all.emplace_back(modules_.emplace(name, modules_.size()).first->second, call->offset);
	}
	return all;
}

void discovery::add(const plan &p, const call_stack &calls, bool ours)
{
	by_name_.emplace(name_of(p), firsts_.size());
	first f;
	f.planned = p;
	f.calls = frames_of(calls);
	f.ours = ours;
	firsts_.push_back(std::move(f));
}

/// A run of `from` came to a stack that is not there when nothing fails.
void discovery::see(size_t from, const site &s)
{
	firsts_[from].leads_to.emplace(s.digest, seen{s.process, s.n});
	const auto [entry, is_new] = candidates_.try_emplace(s.digest);
	candidate &c = entry->second;
	if (is_new) {
		c.digest = s.digest;
		const frames calls = frames_of(s.calls);
		const auto far = [&](const first &f) { return distance_between(f.planned, f.calls, s.digest, calls); };
		const distance reached = far(firsts_[from]);
		std::vector<std::pair<distance, size_t>> closer;
		for (size_t i = 0; i < firsts_.size(); i++)
			if (const distance d = far(firsts_[i]); d <= reached)
				closer.emplace_back(d, i);
		std::sort(closer.begin(), closer.end());
		for (const auto &[d, index] : closer)
			c.order.push_back(index);
	}
	if (!firsts_[from].ours)
		return;
	const auto found = std::find(c.order.begin(), c.order.end(), from);
	if (found != c.order.end())
		c.ours = std::min(c.ours, static_cast<size_t>(found - c.order.begin()));
}

plan discovery::trial_of(const first &leader, uint64_t stack, seen at) const
{
	plan p = leader.planned;
	if (at.process == leader.failed.process && at.n > leader.failed.n) {
		p.process = at.process; // n counts in one process
		p.then = plan::more::second;
		p.second = at.n;
	} else {
		p.stack = stack; // another process, or it was no matter of the failure
		p.occurrence = 1;
	}
	return p;
}

void discovery::decide(candidate &c)
{
	for (; !c.decided && c.at < c.order.size() && firsts_[c.order[c.at]].done; c.at++) {
		const first &leader = firsts_[c.order[c.at]];
		const auto led = leader.leads_to.find(c.digest);
		if (led == leader.leads_to.end())
			continue;
		c.decided = true;
		if (leader.ours)
			found_.push_back(trial_of(leader, c.digest, led->second));
	}
}

void discovery::learn(const outcome &o)
{
	const auto entry = by_name_.find(name_of(o.planned));
	if (o.planned.kind != plan::first::stack || o.planned.then != plan::more::nothing || entry == by_name_.end())
		return;
	first &f = firsts_[entry->second];
	f.done = true;
	if (!o.failed.empty() && o.goes_on()) {
		f.failed = {o.failed.front().process, o.failed.front().n};
		for (const site &s : o.sites)
			if (s.digest != 0)
				see(entry->second, s);
	}
	for (auto &[digest, c] : candidates_)
		decide(c);
}

bool discovery::next_found(plan &into)
{
	if (found_.empty())
		return false;
	into = found_.front();
	found_.pop_front();
	return true;
}

bool discovery::next_foreign(plan &into)
{
	const auto give = [&](const candidate &c, size_t at) {
		first &f = firsts_[c.order[at]];
		if (f.ours || f.given || f.done)
			return false;
		f.given = true;
		into = f.planned;
		return true;
	};
	// First what is needed for certain, then what is, unless a run that is under way says otherwise.
	for (const auto &[digest, c] : candidates_)
		if (!c.decided && c.ours != SIZE_MAX && c.at < c.ours && give(c, c.at))
			return true;
	for (const auto &[digest, c] : candidates_)
		for (size_t at = c.at; !c.decided && c.ours != SIZE_MAX && at < c.ours; at++)
			if (give(c, at))
				return true;
	return false;
}

bool discovery::is_foreign(const plan &p) const
{
	const auto entry = by_name_.find(name_of(p));
	return p.kind == plan::first::stack && p.then == plan::more::nothing && entry != by_name_.end() &&
	       !firsts_[entry->second].ours;
}

size_t discovery::undecided() const
{
	return static_cast<size_t>(std::count_if(candidates_.begin(), candidates_.end(), [](const auto &entry) {
		return !entry.second.decided && entry.second.ours != SIZE_MAX;
	}));
}

} // namespace fail
