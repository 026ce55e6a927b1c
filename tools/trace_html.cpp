// SPDX-License-Identifier: MIT
//
// trace_html.cpp - recordings as one page, see trace_convert.hpp. What it shows,
// and how, is in tools/trace/.
#include "tools/pages.hpp"
#include "tools/trace_convert.hpp"
#include "tools/trace_story.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace trace {
namespace {

using json = nlohmann::ordered_json;

class collector {
      public:
	explicit collector(uint64_t zero_ns) : zero_ns_(zero_ns) {}

	void take(const recording &r, bool alone)
	{
		const story told = tell(r);
		std::map<uint32_t, size_t> places;
		for (const auto &[thread, name] : r.threads) {
			places[thread] = threads_.size();
			threads_.push_back({{"label", (name.empty() ? r.program : name) + " " + std::to_string(thread)},
					    {"spans", json::array()}});
		}
		for (const span &s : told.spans)
			threads_[places[s.thread]]["spans"].push_back({{"kind", name_of(s.kind)},
								       {"begin", at(s.begin_ns)},
								       {"end", at(s.end_ns)},
								       {"depth", s.depth}});
		for (const arrow &a : told.arrows)
			arrows_.push_back({{"from", places[a.from_thread]},
					   {"from_ns", at(a.from_ns)},
					   {"to", places[a.to_thread]},
					   {"to_ns", at(a.to_ns)}});
		take_levels(r, told, alone);
		for (const event &e : r.events)
			events_.push_back({at(e.time_ns), places[e.thread], e.pool == 0 ? "" : pool_label(r, e.pool),
					   r.kinds[e.kind].name, details(r, e)});
		lost_ += r.lost.events();
		end_ns_ = std::max(end_ns_, at(r.end_ns));
	}

	json result(const std::string &title)
	{
		std::stable_sort(events_.begin(), events_.end(),
				 [](const json &a, const json &b) { return a[0] < b[0]; });
		return {{"title", title},   {"end_ns", std::max<uint64_t>(end_ns_, 1000)},
			{"lost", lost_},    {"threads", threads_},
			{"pools", pools_},  {"arrows", arrows_},
			{"events", events_}};
	}

      private:
	uint64_t at(uint64_t time_ns) const { return std::max(time_ns, zero_ns_) - zero_ns_; }

	void take_levels(const recording &r, const story &told, bool alone)
	{
		std::map<uint32_t, json> levels;
		for (const level &l : told.levels)
			levels.try_emplace(l.pool, json::array()).first->second.push_back({at(l.time_ns), l.elements});
		for (auto &[pool, steps] : levels)
			pools_.push_back(
				{{"label", pool_label(r, pool) + (alone ? "" : " of " + std::to_string(r.pid))},
				 {"levels", std::move(steps)}});
	}

	static std::string details(const recording &r, const event &e)
	{
		std::string text;
		const std::vector<argument> &args = r.kinds[e.kind].args;
		for (unsigned a = 0; a < args.size(); a++)
			text += (text.empty() ? "" : ", ") + args[a].name + " " + argument_text(r, e, a);
		return text;
	}

	uint64_t zero_ns_;
	uint64_t end_ns_ = 0;
	uint64_t lost_ = 0;
	std::vector<json> threads_;
	std::vector<json> pools_;
	std::vector<json> arrows_;
	std::vector<json> events_;
};

} // namespace

void write_html(const std::vector<recording> &recordings, tools::output &to)
{
	uint64_t zero_ns = UINT64_MAX;
	std::string title;
	for (const recording &r : recordings) {
		zero_ns = std::min(zero_ns, r.start_ns);
		title += (title.empty() ? "" : ", ") + r.program + " (" + std::to_string(r.pid) + ")";
	}
	collector all(zero_ns);
	for (const recording &r : recordings)
		all.take(r, recordings.size() == 1);
	const std::string data = all.result(title).dump(-1, ' ', false, json::error_handler_t::replace);
	to.write(pages::filled(pages::trace(), {{"@TITLE@", pages::escaped(title + " - mempool trace")},
						{"@STYLE@", pages::style()},
						{"@DATA@", pages::for_script(data)},
						{"@SCRIPT@", pages::trace_script()}}));
}

} // namespace trace
