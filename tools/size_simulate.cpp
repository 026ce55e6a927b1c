// SPDX-License-Identifier: MIT
//
// size_simulate.cpp - see size_simulate.hpp.
#include "tools/size_simulate.hpp"

#include <algorithm>
#include <deque>
#include <list>
#include <queue>

namespace size {
namespace {

constexpr uint64_t retry_ns = 5'000'000'000;

class simulation {
      public:
	simulation(const load &l, int64_t min_nr, const std::function<void(const step &)> &look)
		: load_(l), look_(look), target_(std::max<int64_t>(1, min_nr)),
		  level_(std::max<int64_t>(0, target_ - l.missing))
	{
		result_.lowest = level_;
	}

	outcome run()
	{
		while (true) {
			const uint64_t ask_ns = at(load_.demands, next_demand_);
			const uint64_t release_ns = at(load_.releases, next_release_);
			const uint64_t give_ns = gives_.empty() ? never_ns : gives_.top().at_ns;
			const uint64_t rescue_ns = rescues_.empty() ? never_ns : rescues_.top().at_ns;
			const uint64_t now_ns = std::min({ask_ns, release_ns, give_ns, rescue_ns});
			if (now_ns == never_ns)
				break;
			// What comes back at the same time comes back first.
			if (give_ns == now_ns) {
				const size_t from = gives_.top().demand;
				gives_.pop();
				give(now_ns, load_.demands[from].count, from);
			} else if (release_ns == now_ns) {
				give(now_ns, load_.releases[next_release_++].count, step::no_demand);
			} else if (rescue_ns == now_ns) {
				const size_t who = rescues_.top().demand;
				rescues_.pop();
				rescue(who, now_ns);
			} else {
				ask(next_demand_++);
			}
		}
		if (!sleepers_.empty())
			result_.longest_wait_ns = never_ns;
		return result_;
	}

      private:
	struct later {
		uint64_t at_ns;
		size_t order; // of two at the same time
		size_t demand;
		bool operator>(const later &o) const { return at_ns != o.at_ns ? at_ns > o.at_ns : order > o.order; }
	};
	using timetable = std::priority_queue<later, std::vector<later>, std::greater<>>;

	template <class List> static uint64_t at(const List &list, size_t next)
	{
		return next < list.size() ? list[next].at_ns : never_ns;
	}

	void tell(bool is_take, size_t demand, int64_t count, uint64_t at_ns) const
	{
		if (look_)
			look_({is_take, demand, count, at_ns});
	}

	void serve(size_t index, int64_t from_reserve, uint64_t now_ns)
	{
		const demand &d = load_.demands[index];
		level_ -= from_reserve;
		result_.lowest = std::min(result_.lowest, level_);
		tell(true, index, from_reserve, now_ns);
		if (d.hold_ns != never_ns)
			gives_.push({now_ns + d.hold_ns, order_++, index});
	}

	void ask(size_t index)
	{
		const demand &d = load_.demands[index];
		if (d.need <= level_)
			return serve(index, d.need, d.at_ns);
		if (d.has_second_pass())
			return serve(index, 0, d.at_ns);
		if (result_.served_all()) {
			result_.unserved_ns = d.at_ns;
			result_.unserved_thread = d.thread;
		}
		if (!d.may_sleep) {
			result_.failures++;
			return;
		}
		result_.sleeps++;
		sleepers_.push_back(index);
		if (d.backing_ns != never_ns)
			rescues_.push({d.backing_ns, order_++, index});
	}

	void end_sleep(std::list<size_t>::iterator &s, int64_t from_reserve, uint64_t now_ns)
	{
		const size_t index = *s;
		s = sleepers_.erase(s);
		result_.longest_wait_ns = std::max(result_.longest_wait_ns, now_ns - load_.demands[index].at_ns);
		serve(index, from_reserve, now_ns);
	}

	void give(uint64_t now_ns, int64_t count, size_t demand)
	{
		level_ += std::min(count, target_ - level_);
		tell(false, demand, count, now_ns);
		for (auto s = sleepers_.begin(); s != sleepers_.end();) {
			if (const int64_t need = load_.demands[*s].need; need <= level_)
				end_sleep(s, need, now_ns);
			else
				++s;
		}
	}

	/// The backing serves one who sleeps, if it still does.
	void rescue(size_t index, uint64_t now_ns)
	{
		auto s = std::find(sleepers_.begin(), sleepers_.end(), index);
		if (s != sleepers_.end())
			end_sleep(s, 0, now_ns);
	}

	const load &load_;
	const std::function<void(const step &)> &look_;
	const int64_t target_;
	int64_t level_;
	outcome result_;
	size_t next_demand_ = 0;
	size_t next_release_ = 0;
	size_t order_ = 0;
	timetable gives_;
	timetable rescues_;
	std::list<size_t> sleepers_;
};

/// When an outage of this length asks most of the reserve: where the most is
/// taken above the least that was out in the time before, as far as it reaches.
uint64_t worst_moment(const load &l, uint64_t outage_ns)
{
	std::vector<std::pair<uint64_t, int64_t>> changes; // of what is out
	for (const demand &d : l.demands) {
		changes.emplace_back(d.at_ns, d.count);
		if (d.hold_ns != never_ns)
			changes.emplace_back(d.at_ns + d.hold_ns, -d.count);
	}
	for (const release &r : l.releases)
		changes.emplace_back(r.at_ns, -r.count);
	std::sort(changes.begin(), changes.end()); // at the same time what comes back comes first

	struct place {
		uint64_t at_ns;
		int64_t out;
	};
	std::deque<place> lowest; // rising: the front is the least of the time that the outage reaches back
	int64_t out = 0;
	int64_t most = -1;
	uint64_t found_ns = l.start_ns;
	for (const auto &[at_ns, change] : changes) {
		if (change > 0) {
			while (!lowest.empty() && lowest.back().out >= out)
				lowest.pop_back();
			lowest.push_back({at_ns, out});
		}
		out += change;
		while (!lowest.empty() && lowest.front().at_ns + outage_ns < at_ns)
			lowest.pop_front();
		if (change > 0 && !lowest.empty() && out - lowest.front().out > most) {
			most = out - lowest.front().out;
			found_ns = lowest.front().at_ns;
		}
	}
	return found_ns;
}

} // namespace

load changed(const load &recorded, const what_if &other)
{
	load l = recorded;
	const auto pressed = [&](uint64_t &at_ns) {
		if (at_ns == never_ns)
			return;
		const double since_ns = static_cast<double>(at_ns - std::min(at_ns, l.start_ns));
		at_ns = l.start_ns + static_cast<uint64_t>(since_ns / other.rate);
	};
	if (other.rate != 1) {
		for (demand &d : l.demands) {
			pressed(d.at_ns);
			pressed(d.backing_ns);
		}
		for (release &r : l.releases)
			pressed(r.at_ns);
		pressed(l.end_ns);
	}
	if (other.outage_ns == 0)
		return l;
	const uint64_t from_ns =
		other.outage_at_ns != never_ns ? l.start_ns + other.outage_at_ns : worst_moment(l, other.outage_ns);
	const uint64_t until_ns = from_ns + other.outage_ns;
	for (demand &d : l.demands) {
		if (d.at_ns < from_ns || d.at_ns > until_ns)
			continue;
		// Who sleeps asks the backing again each five seconds (PAR-16).
		const uint64_t next_try_ns = d.at_ns + ((until_ns - d.at_ns) / retry_ns + 1) * retry_ns;
		if (d.need == 0)
			d.backing_ns = next_try_ns;
		else if (d.backing_ns != never_ns)
			d.backing_ns = std::max(d.backing_ns, next_try_ns);
		d.need = d.count;
	}
	return l;
}

outcome simulate(const load &l, int64_t min_nr, const std::function<void(const step &)> &look)
{
	return simulation(l, min_nr, look).run();
}

namespace {

/// The smallest from 1 to `enough` that will do, where all above it will do, too.
template <class Does> int64_t smallest(int64_t enough, Does will_do)
{
	int64_t too_few = 0;
	while (enough - too_few > 1) {
		const int64_t middle = too_few + (enough - too_few) / 2;
		(will_do(middle) ? enough : too_few) = middle;
	}
	return enough;
}

} // namespace

int64_t min_nr_without_sleep(const load &l)
{
	constexpr int64_t more_than_enough = int64_t{1} << 62;
	const int64_t enough = std::max<int64_t>(1, more_than_enough - simulate(l, more_than_enough).lowest);
	// Whom a second pass would serve need not have had it from the reserve, and of
	// what the reserve lacked at first a smaller one may have lacked less.
	const bool second_passes = std::any_of(l.demands.begin(), l.demands.end(),
					       [](const demand &d) { return d.need > 0 && d.has_second_pass(); });
	if (!second_passes && l.missing == 0)
		return enough;
	return smallest(enough, [&](int64_t min_nr) { return simulate(l, min_nr).served_all(); });
}

int64_t min_nr_for_wait(const load &l, uint64_t wait_ns, int64_t enough)
{
	return smallest(enough, [&](int64_t min_nr) {
		const outcome o = simulate(l, min_nr);
		return o.failures == 0 && o.longest_wait_ns <= wait_ns;
	});
}

} // namespace size
