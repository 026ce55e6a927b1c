// SPDX-License-Identifier: MIT
//
// fail_sweep.cpp - see fail_sweep.hpp. Each worker has a slot, in which its runs
// have their folder; all that they share is under one lock.
#include "tools/fail_sweep.hpp"

#include "tools/fail_report.hpp"
#include "tools/interrupt.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace fail {
namespace {

constexpr uint64_t ns_per_s = 1000000000;
constexpr uint64_t least_limit_ns = 5 * ns_per_s;
constexpr uint64_t limit_times = 10;              // as long as the unharmed run took
constexpr uint64_t short_grace_ns = ns_per_s / 5; // for those that leave processes behind anyhow

class workers {
      public:
	workers(const options &wanted, const runner &runs, const reference &known, findings &found, symbols &names,
		progress &shown)
		: wanted_(wanted), runs_(runs), known_(known), found_(found), names_(names), shown_(shown),
		  earlier_(wanted), plans_(wanted, known), limit_ns_(limit_of(wanted, known.unharmed())),
		  began_ns_(tools::now_ns())
	{
	}

	result work()
	{
		std::vector<std::thread> threads;
		for (unsigned slot = 0; slot < wanted_.jobs; slot++)
			threads.emplace_back([this, slot] { be_worker(slot); });
		for (std::thread &thread : threads)
			thread.join();
		shown_.clear();
		if (broken_)
			std::rethrow_exception(broken_);
		result_.interrupted = tools::interrupted() != 0;
		result_.left = plans_.total() - done_;
		result_.took_ns = tools::now_ns() - began_ns_;
		return std::move(result_);
	}

      private:
	bool is_over() const
	{
		const bool spent = (wanted_.budget.runs != 0 && started_ >= wanted_.budget.runs) ||
				   (wanted_.budget.ns != 0 && tools::now_ns() - began_ns_ >= wanted_.budget.ns);
		return spent || broken_ || tools::interrupted() != 0;
	}

	/// The next run to do, once there is one; what was done earlier is taken as it was.
	bool next(std::unique_lock<std::mutex> &locked, plan &into)
	{
		for (;;) {
			if (is_over())
				return false;
			if (plans_.next(into)) {
				const bool foreign = plans_.is_foreign(into);
				const outcome *before = foreign ? earlier_.find_anywhere(into) : earlier_.find(into);
				if (before == nullptr)
					break;
				result_.resumed += foreign ? 0 : 1;
				take(*before);
				continue;
			}
			if (under_way_ == 0)
				return false;
			changed_.wait_for(locked, std::chrono::milliseconds(100)); // another may lead to more
		}
		started_++;
		under_way_++;
		return true;
	}

	void be_worker(unsigned slot)
	{
		std::unique_lock locked(lock_);
		plan p;
		while (next(locked, p)) {
			locked.unlock();
			try {
				const outcome o = run_one(runs_, known_, p, slot, limit_ns_);
				locked.lock();
				// One that was ended in the middle says nothing.
				if (tools::interrupted() == 0) {
					result_.foreign += plans_.is_foreign(p) ? 1 : 0;
					earlier_.add(o);
					take(o);
				}
			} catch (...) {
				if (!locked.owns_lock())
					locked.lock();
				broken_ = broken_ ? broken_ : std::current_exception();
			}
			under_way_--;
			changed_.notify_all();
		}
		changed_.notify_all();
	}

	/// Under the lock.
	void take(const outcome &o)
	{
		done_++;
		plans_.learn(o);
		if (plans_.is_foreign(o.planned)) {
			shown_.update(done_, std::max(plans_.total(), done_), found_in_short(found_));
			return;
		}
		result_.lost_sight += o.lost_sight ? 1 : 0;
		const findings::sorted in = found_.add(o);
		for (const size_t index : in.fresh)
			if (!wanted_.quiet || !found_.all()[index].known)
				shown_.print(text_of(found_.all()[index], index + 1, names_));
		if (wanted_.verbose)
			shown_.print(text_of(o, wanted_, names_));
		mark m;
		m.planned = o.planned;
		m.what = o.what();
		m.why = o.judged.empty() ? "" : o.judged.front().why;
		m.n = o.planned.n;
		m.finding = in.worst;
		if (!o.failed.empty()) {
			m.n = o.failed.front().n;
			m.process = o.failed.front().process;
			m.site = site_of(o.failed.front().calls, names_);
		}
		result_.marks.push_back(std::move(m));
		shown_.update(done_, std::max(plans_.total(), done_), found_in_short(found_));
	}

	const options &wanted_;
	const runner &runs_;
	const reference &known_;
	findings &found_;
	symbols &names_;
	progress &shown_;
	journal earlier_;
	planner plans_;
	uint64_t limit_ns_;
	uint64_t began_ns_;

	std::mutex lock_;
	std::condition_variable changed_;
	uint64_t started_ = 0;
	uint64_t done_ = 0;
	unsigned under_way_ = 0;
	std::exception_ptr broken_;
	result result_;
};

} // namespace

uint64_t limit_of(const options &wanted, const trial &unharmed)
{
	if (wanted.timeout_s > 0)
		return static_cast<uint64_t>(wanted.timeout_s * static_cast<double>(ns_per_s));
	return std::max(least_limit_ns, limit_times * unharmed.took_ns);
}

uint64_t grace_of(const trial &unharmed, uint64_t limit_ns)
{
	return unharmed.left_over ? short_grace_ns : limit_ns;
}

outcome run_one(const runner &runs, const reference &known, const plan &planned, unsigned slot, uint64_t limit_ns)
{
	trial t = runs.run(planned, slot, limit_ns, grace_of(known.unharmed(), limit_ns));
	const bool late = t.timed_out || (t.left_over && !known.unharmed().left_over);
	if (late && !t.interrupted)
		t = runs.run(planned, slot, 2 * limit_ns, grace_of(known.unharmed(), 2 * limit_ns));
	return outcome_of(t, known);
}

result sweep(const options &wanted, const runner &runs, const reference &known, findings &found, symbols &names,
	     progress &shown)
{
	return workers(wanted, runs, known, found, names, shown).work();
}

} // namespace fail
