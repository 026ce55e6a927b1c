// SPDX-License-Identifier: MIT
//
// trace_csv.cpp - recordings as comma-separated values, see trace_convert.hpp.
//
// Lines end in LF; a field with a comma, a quote or a line's end is quoted, its
// quotes doubled (RFC 4180). Numbers are as they were recorded, masks and
// addresses in hexadecimal.
#include "tools/trace_convert.hpp"

#include <algorithm>
#include <cinttypes>

namespace trace {
namespace {

std::string field(const std::string &text)
{
	if (text.find_first_of(",\"\r\n") == std::string::npos)
		return text;
	std::string quoted = "\"";
	for (const char c : text)
		quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
	return quoted + "\"";
}

std::string hexadecimal(uint64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return text;
}

std::string value_of(const recording &r, const event &e, unsigned arg)
{
	switch (r.kinds[e.kind].args[arg].kind) {
	case 't':
		return field(argument_text(r, e, arg));
	case 'p':
	case 'g':
		return hexadecimal(e.args[arg]);
	default:
		return std::to_string(static_cast<int64_t>(e.args[arg]));
	}
}

/// The arguments of all kinds of events, each name once.
std::vector<std::string> columns_of(const std::vector<recording> &recordings)
{
	std::vector<std::string> columns = {"events_lost"};
	for (const recording &r : recordings)
		for (const event_kind &kind : r.kinds)
			for (const argument &a : kind.args)
				if (std::find(columns.begin(), columns.end(), a.name) == columns.end())
					columns.push_back(a.name);
	return columns;
}

/// Where an address was: the file's name and the offset in it, for addr2line.
std::string place_of(const recording &r, uint64_t pc)
{
	size_t start = 0;
	while (start < r.maps.size()) {
		const size_t end = std::min(r.maps.find('\n', start), r.maps.size());
		const std::string line = r.maps.substr(start, end - start);
		uint64_t from = 0;
		uint64_t to = 0;
		uint64_t offset = 0;
		int path_at = 0;
		if (sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &from, &to, &offset,
			   &path_at) == 3 && // NOLINT(cert-err34-c)
		    pc >= from &&
		    pc < to)
			return line.substr(static_cast<size_t>(path_at)) + "+" + hexadecimal(pc - from + offset);
		start = end + 1;
	}
	return hexadecimal(pc);
}

std::string stack_of(const recording &r, uint32_t stack)
{
	std::string text;
	if (stack == 0 || stack > r.stacks.size())
		return text;
	for (const uint64_t pc : r.stacks[stack - 1])
		text += (text.empty() ? "" : ";") + place_of(r, pc);
	return text;
}

class writer {
      public:
	writer(tools::output &to, std::vector<std::string> columns) : to_(to), columns_(std::move(columns))
	{
		std::string line = "time_ns,pid,tid,thread_name,cpu,pool_number,pool,event,stack";
		for (const std::string &column : columns_)
			line += ",arg_" + column;
		to_.write(line + "\n");
	}

	void write(const recording &r)
	{
		stacks_.clear();
		for (uint32_t n = 1; n <= r.stacks.size(); n++)
			stacks_.push_back(field(stack_of(r, n)));
		std::vector<gap> gaps = r.gaps;
		for (const event &e : r.events) {
			const auto lost = std::find_if(gaps.begin(), gaps.end(), [&](const gap &g) {
				return g.thread == e.thread && g.until_ns == e.time_ns;
			});
			if (lost != gaps.end()) {
				line(r, e, "lost", {std::to_string(lost->events)});
				gaps.erase(lost);
			}
			std::vector<std::string> values(columns_.size());
			const std::vector<argument> &args = r.kinds[e.kind].args;
			for (unsigned a = 0; a < args.size(); a++)
				values[column_of(args[a].name)] = value_of(r, e, a);
			line(r, e, r.kinds[e.kind].name, values);
		}
		event nobody;
		nobody.time_ns = r.end_ns;
		if (const uint64_t lost = r.lost.unplaced + r.lost.unfinished; lost > 0)
			line(r, nobody, "lost", {std::to_string(lost)}); // of threads that are not known
	}

      private:
	size_t column_of(const std::string &name) const
	{
		return static_cast<size_t>(std::find(columns_.begin(), columns_.end(), name) - columns_.begin());
	}

	void line(const recording &r, const event &e, const std::string &what, std::vector<std::string> values)
	{
		values.resize(columns_.size());
		const auto name = r.threads.find(e.thread);
		std::string text = std::to_string(e.time_ns) + "," + std::to_string(r.pid) + "," +
				   std::to_string(e.thread) + "," +
				   (name == r.threads.end() ? "" : field(name->second)) + "," + std::to_string(e.cpu) +
				   "," + (e.pool == 0 ? "" : std::to_string(e.pool)) + "," +
				   (e.pool == 0 ? "" : field(pool_label(r, e.pool))) + "," + what + "," +
				   (e.stack == 0 || e.stack > stacks_.size() ? "" : stacks_[e.stack - 1]);
		for (const std::string &value : values)
			text += "," + value;
		to_.write(text + "\n");
	}

	tools::output &to_;
	std::vector<std::string> columns_;
	std::vector<std::string> stacks_;
};

} // namespace

void write_csv(const std::vector<recording> &recordings, tools::output &to)
{
	writer w(to, columns_of(recordings));
	for (const recording &r : recordings)
		w.write(r);
}

} // namespace trace
