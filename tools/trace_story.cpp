// SPDX-License-Identifier: MIT
//
// trace_story.cpp - see trace_story.hpp.
//
// Each thread has a stack of what it is in. A handler that interrupts a call
// begins and ends its own above it; what began before the oldest event that is
// kept is not known, and ends without a beginning.
#include "tools/trace_story.hpp"

#include "tools/trace_levels.hpp"

#include <algorithm>
#include <map>

namespace trace {
namespace {

constexpr size_t most_open = 32; // calls that a longjmp() or a cancellation left pile up

/// What one thread is in the middle of.
struct thread_view {
	std::vector<size_t> open; // in story::spans
	uint64_t last_ns = 0;
};

struct pending_wake {
	uint32_t thread = 0;
	uint64_t time_ns = 0;
};

class teller {
      public:
	explicit teller(const recording &r) : r_(r) {}

	story tell()
	{
		for (size_t i = 0; i < r_.events.size(); i++)
			take(i);
		for (auto &[thread, view] : threads_) {
			end_brief(view, UINT64_MAX, false);
			while (!view.open.empty())
				close_top(view, std::max(r_.end_ns, view.last_ns), true);
		}
		std::stable_sort(told_.spans.begin(), told_.spans.end(), [](const span &a, const span &b) {
			return a.begin_ns != b.begin_ns ? a.begin_ns < b.begin_ns : a.depth < b.depth;
		});
		told_.levels = levels_of(r_);
		return std::move(told_);
	}

      private:
	using handler = void (teller::*)(const event &, thread_view &);

	span &open(thread_view &view, const event &e, span_kind kind, std::string title)
	{
		if (view.open.size() >= most_open)
			while (!view.open.empty())
				close_top(view, e.time_ns, true);
		span s;
		s.kind = kind;
		s.thread = e.thread;
		s.pool = e.pool;
		s.begin_ns = e.time_ns;
		s.depth = static_cast<unsigned>(view.open.size());
		s.title = std::move(title);
		view.open.push_back(told_.spans.size());
		told_.spans.push_back(std::move(s));
		return told_.spans.back();
	}

	void close_top(thread_view &view, uint64_t end_ns, bool unfinished = false)
	{
		span &s = told_.spans[view.open.back()];
		s.end_ns = std::max(s.begin_ns, end_ns);
		s.unfinished = unfinished;
		view.open.pop_back();
	}

	span *top(thread_view &view) { return view.open.empty() ? nullptr : &told_.spans[view.open.back()]; }

	/// The innermost that is open of this kind and pool; what is above it is over.
	span *close(thread_view &view, const event &e, span_kind kind)
	{
		for (size_t i = view.open.size(); i > 0; i--) {
			const size_t found = view.open[i - 1];
			if (told_.spans[found].kind != kind || told_.spans[found].pool != e.pool)
				continue;
			while (view.open.size() >= i)
				close_top(view, e.time_ns);
			return &told_.spans[found];
		}
		return nullptr;
	}

	std::string value(const event &e, const char *name) const
	{
		const std::vector<argument> &args = r_.kinds[e.kind].args;
		for (unsigned i = 0; i < args.size(); i++)
			if (args[i].name == name)
				return argument_text(r_, e, i);
		return "";
	}

	void detail(span &s, const event &e, const char *name) const { s.details.emplace_back(name, value(e, name)); }

	/// A wake-up is told when it is done, and takes no time; a free lasts as long as
	/// its thread tells of nothing else. Both end with what they told last.
	void end_brief(thread_view &view, uint64_t now_ns, bool of_a_free)
	{
		const auto is = [&](span_kind kind) { return top(view) != nullptr && top(view)->kind == kind; };
		if (is(span_kind::wake))
			close_top(view, std::min(view.last_ns + 1, now_ns));
		if (!of_a_free && is(span_kind::free))
			close_top(view, std::min(view.last_ns + 1, now_ns));
	}

	static bool is_of_a_free(const std::string &name)
	{
		static const std::vector<std::string> names = {"reserve_give", "reserve_fill", "adopt",
							       "replace",      "wake",         "backing_free"};
		return std::find(names.begin(), names.end(), name) != names.end();
	}

	void pass_begin(const event &e, thread_view &view)
	{
		const int64_t pass = argument_of(r_, e, "pass", 1);
		if (const span *s = top(view);
		    s != nullptr && s->kind == span_kind::pass && s->pool == e.pool && pass > 1)
			close_top(view, e.time_ns);
		const span *around = top(view);
		if (pass == 1 || around == nullptr || around->kind != span_kind::alloc || around->pool != e.pool)
			open(view, e, span_kind::alloc, "alloc " + pool_label(r_, e.pool));
		span &s = open(view, e, span_kind::pass, pass == 1 ? "first pass" : "second pass");
		detail(s, e, "gfp");
	}

	void backing_fail(const event &e, thread_view &view)
	{
		if (span *s = close(view, e, span_kind::pass))
			s->details.emplace_back("backing", "NULL");
		note(e);
	}

	void alloc_end(const event &e, thread_view &view)
	{
		span *s = close(view, e, span_kind::alloc);
		if (s == nullptr)
			return note(e);
		s->details.emplace_back("result", r_.kinds[e.kind].name);
		for (const argument &a : r_.kinds[e.kind].args)
			detail(*s, e, a.name.c_str());
		if (r_.kinds[e.kind].name == "alloc_fail")
			s->title = "alloc fails " + pool_label(r_, e.pool);
	}

	void wait_begin(const event &e, thread_view &view)
	{
		span &s = open(view, e, span_kind::sleep, "asleep in " + pool_label(r_, e.pool));
		detail(s, e, "need");
	}

	/// Its beginning may be among what was overwritten; how long it was is told.
	void wait_end(const event &e, thread_view &view)
	{
		const auto waited = static_cast<uint64_t>(argument_of(r_, e, "waited", 0));
		span *s = close(view, e, span_kind::sleep);
		if (s == nullptr && view.open.empty()) {
			s = &open(view, e, span_kind::sleep, "asleep in " + pool_label(r_, e.pool));
			s->begin_ns = std::max(e.time_ns - std::min(waited, e.time_ns), view.last_ns);
			close_top(view, e.time_ns);
			s = &told_.spans.back();
		}
		const int64_t how = argument_of(r_, e, "how", 0);
		if (s != nullptr)
			s->details.emplace_back("ended", how == 0   ? "woken"
							 : how == 1 ? "by the clock"
								    : "had no need to sleep");
		join(e, how);
	}

	void join(const event &e, int64_t how)
	{
		const auto found = wakes_.find({e.thread, e.pool});
		if (found == wakes_.end())
			return;
		if (how == 0)
			told_.arrows.push_back(
				{e.pool, found->second.thread, found->second.time_ns, e.thread, e.time_ns});
		wakes_.erase(found);
	}

	void free_begin(const event &e, thread_view &view)
	{
		span &s = open(view, e, span_kind::free, "free " + pool_label(r_, e.pool));
		detail(s, e, "element");
	}

	void wake(const event &e, thread_view &view)
	{
		span &s = open(view, e, span_kind::wake, "wakes " + value(e, "thread"));
		detail(s, e, "need");
		wakes_[{static_cast<uint32_t>(argument_of(r_, e, "thread", 0)), e.pool}] = {e.thread, e.time_ns};
	}

	void note(const event &e) { told_.instants.push_back({e.thread, e.pool, e.time_ns, now_}); }
	void note_only(const event &e, thread_view &) { note(e); }

	void take(size_t i)
	{
		static const std::map<std::string, handler> handlers = {
			{"pass_begin", &teller::pass_begin},
			{"backing_fail", &teller::backing_fail},
			{"alloc", &teller::alloc_end},
			{"alloc_fail", &teller::alloc_end},
			{"alloc_bulk", &teller::alloc_end},
			{"wait_begin", &teller::wait_begin},
			{"wait_end", &teller::wait_end},
			{"free", &teller::free_begin},
			{"wake", &teller::wake},
		};
		const event &e = r_.events[i];
		now_ = i;
		thread_view &view = threads_[e.thread];
		end_brief(view, e.time_ns, is_of_a_free(r_.kinds[e.kind].name));
		const auto found = handlers.find(r_.kinds[e.kind].name);
		(this->*(found == handlers.end() ? &teller::note_only : found->second))(e, view);
		view.last_ns = e.time_ns;
	}

	const recording &r_;
	story told_;
	size_t now_ = 0;
	std::map<uint32_t, thread_view> threads_;
	std::map<std::pair<uint32_t, uint32_t>, pending_wake> wakes_;
};

} // namespace

const char *name_of(span_kind kind)
{
	switch (kind) {
	case span_kind::alloc:
		return "alloc";
	case span_kind::pass:
		return "pass";
	case span_kind::sleep:
		return "sleep";
	case span_kind::free:
		return "free";
	case span_kind::wake:
		return "wake";
	}
	return "";
}

story tell(const recording &r)
{
	return teller(r).tell();
}

} // namespace trace
