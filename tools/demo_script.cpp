// SPDX-License-Identifier: MIT
//
// demo_script.cpp - see demo_script.hpp.
#include "tools/demo_script.hpp"

#include "tools/text.hpp"

#include <charconv>

namespace demo {

using tools::text;

namespace {

constexpr const char *host_name = "demo-host";
constexpr unsigned priorities = 192;

constexpr const char *facility_names[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
					  "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
					  "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
					  "local2", "local3", "local4", "local5", "local6",   "local7"};
constexpr const char *severity_names[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};

/// Takes `expected` off the front of `rest`.
bool take(std::string_view &rest, std::string_view expected)
{
	if (rest.substr(0, expected.size()) != expected)
		return false;
	rest.remove_prefix(expected.size());
	return true;
}

template <class Number> bool take_number(std::string_view &rest, Number &number)
{
	const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
	if (error != std::errc{})
		return false;
	rest.remove_prefix(static_cast<size_t>(end - rest.data()));
	return true;
}

} // namespace

std::string escaped(std::string_view raw)
{
	std::string clean;
	clean.reserve(raw.size());
	for (const char c : raw) {
		const auto byte = static_cast<unsigned char>(c);
		if ((byte < 0x20 && c != '\t') || byte == 0x7f)
			clean += text("#%03o", byte);
		else
			clean += c;
	}
	return clean;
}

/// What stands before the text.
struct script::head {
	bool ietf; // RFC 5424, else RFC 3164
	unsigned priority;
	char timestamp[48];
};

script::script(corpus lines, uint64_t messages, unsigned senders)
	: corpus_(std::move(lines)), messages_(messages), senders_(senders), began_(time(nullptr))
{
}

uint64_t script::messages_of(unsigned sender) const
{
	return messages_ / senders_ + (sender < messages_ % senders_ ? 1 : 0);
}

const std::string &script::line_of(unsigned sender, uint64_t number) const
{
	return corpus_.lines[(number * senders_ + sender) % corpus_.lines.size()];
}

script::head script::head_of(unsigned sender, uint64_t number) const
{
	const uint64_t turn = number * senders_ + sender;
	head h{};
	h.ietf = number % 2 == 1;
	h.priority = static_cast<unsigned>(turn % priorities);
	const time_t second = began_ + static_cast<time_t>(turn / 1000);
	tm parts{};
	gmtime_r(&second, &parts);
	const char *format = h.ietf ? "%Y-%m-%dT%H:%M:%S" : "%b %e %H:%M:%S";
	const size_t length = strftime(h.timestamp, sizeof(h.timestamp), format, &parts);
	if (h.ietf)
		snprintf(h.timestamp + length, sizeof(h.timestamp) - length, ".%03uZ",
			 static_cast<unsigned>(turn % 1000));
	return h;
}

void script::frame(unsigned sender, uint64_t number, std::string &datagram) const
{
	const head h = head_of(sender, number);
	const auto n = static_cast<unsigned long long>(number);
	datagram = h.ietf ? text("<%u>1 %s %s sender%u %llu - - ", h.priority, h.timestamp, host_name, sender, n)
			  : text("<%u>%s %s sender%u[%llu]: ", h.priority, h.timestamp, host_name, sender, n);
	datagram += line_of(sender, number);
}

void script::expected(unsigned sender, uint64_t number, std::string &line) const
{
	const head h = head_of(sender, number);
	line = text("%s %s %s.%s sender%u[%llu]: ", h.timestamp, host_name, facility_names[h.priority / 8],
		    severity_names[h.priority % 8], sender, static_cast<unsigned long long>(number));
	line += escaped(line_of(sender, number));
}

bool script::identify(std::string_view line, unsigned &sender, uint64_t &number) const
{
	const size_t at = line.find(" sender");
	if (at == std::string_view::npos)
		return false;
	line.remove_prefix(at);
	return take(line, " sender") && take_number(line, sender) && take(line, "[") && take_number(line, number) &&
	       take(line, "]: ") && sender < senders_ && number < messages_of(sender);
}

} // namespace demo
