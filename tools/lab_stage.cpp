// SPDX-License-Identifier: MIT
//
// lab_stage.cpp - see lab_stage.hpp.
#include "tools/lab_stage.hpp"

#include "tools/lab_words.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mempool/fault-inject.h>
#include <mempool/mempool-certificate.h>
#include <mempool/mempool-debug.h>
#include <mempool/mempool-trace.h>
#include <unistd.h>
#include <utility>

namespace lab {
namespace {

constexpr unsigned events_per_thread = 16384;
constexpr const char *own_lane = "lab"; // of the thread that directs the lesson

/// A lesson begins with nothing switched on, whatever the environment says.
void quiet_library()
{
	mempool_fault_apply(0, "off", nullptr);
	mempool_debug_set(0);
}

bool start_recording()
{
	mempool_trace_options options = {};
	options.size = sizeof(options);
	options.events = events_per_thread;
	options.threads = 16;
	const int error = mempool_trace_start(nullptr, &options);
	if (error != 0 && error != -EBUSY)
		throw std::runtime_error(std::string("events cannot be recorded: ") + strerror(-error));
	return error == 0;
}

/// Lines joined to paragraphs, which empty lines separate.
std::string paragraphs(const std::string &lines)
{
	std::string all;
	for (size_t i = 0; i < lines.size(); i++)
		if (lines[i] != '\n')
			all += lines[i];
		else if (i + 1 < lines.size() && lines[i + 1] == '\n')
			all += "\n\n", i++;
		else if (!all.empty())
			all += ' ';
	return all;
}

int keep_event(const mempool_trace_event *e, void *arg)
{
	static_cast<std::vector<mempool_trace_event> *>(arg)->push_back(*e);
	return 0;
}

} // namespace

mempool_statistics pool::stats() const
{
	mempool_statistics stats = {};
	stats.size = sizeof(stats);
	mempool_stats(pool_, &stats);
	return stats;
}

void pool::destroy()
{
	mempool_destroy(pool_);
	pool_ = nullptr;
}

stage::stage(std::string name, std::string title)
{
	run_.name = std::move(name);
	run_.title = std::move(title);
	quiet_library();
	mempool_set_report_fn(keep_report, this);
	recording_ = start_recording();
	std::vector<mempool_trace_event> before;
	mempool_trace_for_each(0, keep_event, &before);
	for (const mempool_trace_event &e : before)
		seen_[e.thread] = std::max(seen_[e.thread], e.number + 1);
	lost_before_ = mempool_trace_lost(nullptr);
	began_ns_ = tools::now_ns();
	replay_.know_lane(static_cast<uint32_t>(gettid()), own_lane);
}

stage::~stage()
{
	actors_.clear();
	for (pool &p : pools_)
		p.destroy();
	for (auto what = at_end_.rbegin(); what != at_end_.rend(); ++what)
		(*what)();
	quiet_library();
	mempool_set_report_fn(nullptr, nullptr);
	if (recording_)
		mempool_trace_stop();
}

bool stage::anybody_busy() const
{
	return std::any_of(actors_.begin(), actors_.end(), [](const auto &a) { return a->busy(); });
}

actor &stage::thread(const char *name)
{
	actor &made = *actors_.emplace_back(std::make_unique<actor>(name));
	replay_.know_lane(made.thread(), name);
	return made;
}

pool &stage::make_pool(const char *name, int min_nr, scripted_backing &backing, mempool_store store)
{
	mempool_attr attr = MEMPOOL_ATTR_INIT;
	attr.name = name;
	attr.element_size = backing.element_bytes();
	attr.store = store;
	mempool_t *made = mempool_create_attr(min_nr, scripted_backing::alloc, scripted_backing::free, &backing, &attr);
	if (made == nullptr)
		throw std::runtime_error(std::string("the pool cannot be made: ") + strerror(errno));
	replay_.know_pool(mempool_trace_pool(made), name, {false, backing.given(), true});
	return pools_.emplace_back(made, &backing);
}

pool &stage::adopt_pool(mempool_t *made)
{
	if (made == nullptr)
		throw std::runtime_error(std::string("the pool cannot be made: ") + strerror(errno));
	mempool_cert cert = {};
	cert.size = sizeof(cert);
	mempool_certificate(made, &cert);
	replay_.know_pool(mempool_trace_pool(made), mempool_name(made), {cert.pinned + cert.pinned_out > 0, {}, false});
	return pools_.emplace_back(made, nullptr);
}

void stage::begin(const std::string &title, const std::string &narration)
{
	close_step();
	step &s = run_.steps.emplace_back();
	s.title = title;
	s.narration = paragraphs(narration);
	s.begin_ns = tools::now_ns() - began_ns_;
	const std::lock_guard guard(reports_lock_);
	reports_.clear();
}

void stage::say(const std::string &more)
{
	current().narration += "\n\n" + paragraphs(more);
}

stage &stage::cite(int par)
{
	current().facts.push_back(rule(par));
	return *this;
}

stage &stage::cite(const std::string &text)
{
	current().facts.push_back({0, text});
	return *this;
}

stage &stage::show(anchor line)
{
	current().sources.push_back(line_of(line));
	return *this;
}

void stage::begin_alloc(actor &who, pool &from, gfp_t gfp_mask)
{
	replay_.know_mask(who.thread(), gfp_mask);
	result &got = got_[&who];
	got = {};
	who.start([&got, &from, gfp_mask] {
		errno = 0;
		got.element = mempool_alloc(from.get(), gfp_mask);
		got.error = errno;
	});
}

void *stage::alloc(actor &who, pool &from, gfp_t gfp_mask)
{
	const int before = from.sleepers();
	begin_alloc(who, from, gfp_mask);
	wait_until("thread '" + who.name() + "' has an element, or sleeps",
		   [&] { return !who.busy() || from.sleepers() > before; });
	return who.busy() ? &asleep_ : got_[&who].element;
}

void stage::free(actor &who, pool &to, void *element)
{
	if (element != &asleep_)
		who.call([&] { mempool_free(element, to.get()); });
}

void stage::alloc_bulk(actor &who, pool &from, void **elements, unsigned count)
{
	replay_.know_mask(who.thread(), GFP_KERNEL);
	who.call([&] { mempool_alloc_bulk(from.get(), elements, count, 0); });
	replay_.know_bulk(who.thread(), elements, count);
}

std::vector<void *> stage::drain(actor &who, pool &of)
{
	std::vector<void *> all;
	const int level = of.level(); // as long as it is not 0 would be for ever, were it to stay as it is
	who.call([&] {
		for (int left = level; left > 0; left--)
			if (void *element = mempool_alloc_preallocated(of.get()))
				all.push_back(element);
	});
	if (all.empty())
		throw stuck("asked in vain for what is in reserve: " + std::to_string(level) + " elements");
	return all;
}

void stage::alloc_asleep(actor &who, pool &from, gfp_t gfp_mask)
{
	const int before = from.sleepers();
	begin_alloc(who, from, gfp_mask);
	wait_until("thread '" + who.name() + "' sleeps", [&] { return from.sleepers() > before || !who.busy(); });
}

void *stage::wake_up(actor &who)
{
	who.finish();
	return got_[&who].element;
}

void stage::bulk_asleep(actor &who, pool &from, void **elements, unsigned count)
{
	replay_.know_mask(who.thread(), GFP_KERNEL);
	const int before = from.sleepers();
	who.start([=, &from] { mempool_alloc_bulk(from.get(), elements, count, 0); });
	wait_until("thread '" + who.name() + "' sleeps", [&] { return from.sleepers() > before || !who.busy(); });
}

void stage::bulk_awake(actor &who, void **elements, unsigned count)
{
	who.finish();
	replay_.know_bulk(who.thread(), elements, count);
}

void stage::tell(std::vector<pool_state> pools, std::vector<lane> lanes, std::vector<event> events)
{
	step &s = current();
	s.pools = std::move(pools);
	s.lanes = std::move(lanes);
	for (event &e : events) {
		e.time_ns = tools::now_ns() - began_ns_;
		s.events.push_back(std::move(e));
	}
	told_ = true;
}

void stage::claim(const std::string &text, const std::string &expected, const std::string &observed)
{
	claim_as(std::to_string(++claims_), text, expected, observed);
}

/// A claim that only ever stands in a run where it does not hold has a name of its own: it must not shift the numbers.
void stage::claim_as(const std::string &number, const std::string &text, const std::string &expected,
		     const std::string &observed)
{
	look();
	struct claim c;
	c.name = run_.name + "." + number;
	c.text = text;
	c.expected = expected;
	c.observed = observed;
	c.holds = expected == observed;
	current().claims.push_back(c);
}

void stage::claim(const std::string &text, int64_t expected, int64_t observed)
{
	claim(text, std::to_string(expected), std::to_string(observed));
}

void stage::claim(const std::string &text, bool holds)
{
	claim(text, std::string("yes"), holds ? "yes" : "no");
}

void stage::keep_report(mempool_report_kind, const char *text, size_t length, void *arg)
{
	auto *self = static_cast<stage *>(arg);
	std::function<void()> hook;
	{
		const std::lock_guard guard(self->reports_lock_);
		self->reports_.emplace_back(text, length);
		hook = std::exchange(self->on_report_, nullptr);
	}
	if (hook)
		hook();
}

void stage::on_report(std::function<void()> hook)
{
	const std::lock_guard guard(reports_lock_);
	on_report_ = std::move(hook);
}

std::vector<std::string> stage::reports() const
{
	const std::lock_guard guard(reports_lock_);
	return reports_;
}

const std::vector<event> &stage::events()
{
	look();
	return current().events;
}

std::string stage::story(const actor &who)
{
	std::string all;
	for (const event &e : events())
		if (e.lane == who.name() && e.kind != "thread")
			all += (all.empty() ? "" : " ") + e.kind;
	return all;
}

int stage::count(const std::string &kind)
{
	return static_cast<int>(
		std::count_if(events().begin(), events().end(), [&](const event &e) { return e.kind == kind; }));
}

std::string stage::masks(const actor &who)
{
	std::string all;
	look();
	for (const pass &p : current().passes)
		if (p.lane == who.name())
			all += (all.empty() ? "" : " then ") + p.text;
	return all;
}

void stage::quietly(const std::function<void()> &what)
{
	if (!recording_)
		throw std::runtime_error(
			"this lesson does more than a recording can hold: run it without MEMPOOL_TRACE");
	look();
	mempool_trace_stop();
	run_.lost_events += mempool_trace_lost(nullptr) - lost_before_;
	what();
	recording_ = start_recording();
	lost_before_ = mempool_trace_lost(nullptr);
	seen_.clear();
}

/// Reads what was recorded since the last look.
void stage::look()
{
	std::vector<mempool_trace_event> all;
	mempool_trace_for_each(0, keep_event, &all);
	step &s = current();
	for (const mempool_trace_event &e : all) {
		uint64_t &next = seen_[e.thread];
		if (e.number < next)
			continue;
		next = e.number + 1;
		const bool news = e.event != MEMPOOL_TRACE_THREAD && e.event != MEMPOOL_TRACE_PRESENT;
		event told = replay_.apply(e, began_ns_, s.passes);
		if (news)
			s.events.push_back(std::move(told));
	}
	for (const auto &a : actors_)
		if (!a->busy())
			replay_.rest(a->thread());
	replay_.rest(static_cast<uint32_t>(gettid()));
}

/// What the events say must be what the library counts.
void stage::check_level(pool_state &state, const pool &of)
{
	state.sleepers = of.sleepers();
	if (of.backing() != nullptr)
		state.backing = of.backing()->state();
	if (state.level != of.level() || state.min_nr != of.get()->min_nr)
		claim_as("level", "the events of '" + state.name + "' add up to the level that the library counts",
			 std::to_string(of.level()) + " of " + std::to_string(of.get()->min_nr),
			 std::to_string(state.level) + " of " + std::to_string(state.min_nr));
}

void stage::close_step()
{
	if (run_.steps.empty())
		return;
	look();
	step &s = current();
	s.end_ns = tools::now_ns() - began_ns_;
	if (told_) {
		told_ = false;
		return;
	}
	s.pools = replay_.pools();
	s.lanes = replay_.lanes();
	const bool own =
		std::any_of(s.events.begin(), s.events.end(), [](const event &e) { return e.lane == own_lane; });
	std::erase_if(s.lanes, [own](const lane &l) { return l.name == own_lane && !own; });
	for (pool_state &state : s.pools)
		for (const pool &p : pools_)
			if (p.get() != nullptr && mempool_trace_pool(p.get()) == state.number)
				check_level(state, p);
}

run stage::finish()
{
	close_step();
	run_.lost_events += mempool_trace_lost(nullptr) - lost_before_;
	if (run_.lost_events > 0)
		claim_as("events", "no event was lost", "0", std::to_string(run_.lost_events));
	return std::move(run_);
}

run stage::give_up(const std::string &why)
{
	if (run_.steps.empty())
		begin("The lesson cannot begin", "");
	claim_as("end", "the lesson comes to its end", "the end", why);
	return finish();
}

} // namespace lab
