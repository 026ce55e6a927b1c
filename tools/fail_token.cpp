// SPDX-License-Identifier: MIT
//
// fail_token.cpp - see fail_token.hpp. Keys: p process, n, s stack, o
// occurrence, t then, r seed, R attributes, x stack that was seen, v verdict;
// the filters have two letters.
#include "tools/fail_token.hpp"

#include "tools/text.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <functional>
#include <map>
#include <utility>

namespace fail {
namespace {

constexpr char head[] = "mf1";

/// Only what needs no quotes in a shell, and no colon.
std::string encoded(const std::string &text)
{
	std::string safe;
	for (const char c : text) {
		if (isalnum(static_cast<unsigned char>(c)) != 0 ||
		    (c != '\0' && std::string("._+-/@,").find(c) != std::string::npos))
			safe += c;
		else
			safe += tools::text("%%%02x", static_cast<unsigned char>(c));
	}
	return safe;
}

[[noreturn]] void refuse(const std::string &token, const std::string &why)
{
	throw failure("--replay '" + token + "': " + why, wrong_usage);
}

uint64_t number(const std::string &token, const std::string &text, int base = 10)
{
	uint64_t value = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
	if (error != std::errc() || end != text.data() + text.size())
		refuse(token, "'" + text + "' is no number");
	return value;
}

std::string decoded(const std::string &token, const std::string &text)
{
	std::string plain;
	for (size_t i = 0; i < text.size(); i++) {
		if (text[i] != '%') {
			plain += text[i];
			continue;
		}
		if (i + 2 >= text.size())
			refuse(token, "it ends in the middle of a character");
		plain += static_cast<char>(number(token, text.substr(i + 1, 2), 16));
		i += 2;
	}
	return plain;
}

std::vector<std::string> split(const std::string &text, char at)
{
	std::vector<std::string> parts;
	size_t begin = 0;
	for (size_t end = 0; (end = text.find(at, begin)) != std::string::npos; begin = end + 1)
		parts.push_back(text.substr(begin, end - begin));
	parts.push_back(text.substr(begin));
	return parts;
}

std::string filter_text(const filters &f)
{
	std::string all;
	const std::pair<const char *, const std::vector<std::string> *> lists[] = {{":om=", &f.only_modules},
										   {":nm=", &f.not_modules},
										   {":of=", &f.only_functions},
										   {":nf=", &f.not_functions}};
	for (const auto &[key, values] : lists)
		for (const std::string &value : *values)
			all += key + encoded(value);
	const std::pair<const char *, const std::string *> words[] = {
		{":sz=", &f.size}, {":th=", &f.thread}, {":ex=", &f.executable}};
	for (const auto &[key, value] : words)
		if (!value->empty())
			all += key + encoded(*value);
	if (f.filter_depth != 0)
		all += ":fd=" + std::to_string(f.filter_depth);
	return all + (f.after_main ? ":am=1" : "") + (f.mmap ? ":mm=1" : "");
}

void take_attributes(const std::string &token, const std::string &value, random_attributes &into)
{
	const std::vector<std::string> parts = split(value, '.');
	if (parts.size() != 4)
		refuse(token, "R needs four numbers");
	into.probability = static_cast<unsigned>(number(token, parts[0]));
	into.interval = static_cast<unsigned>(number(token, parts[1]));
	into.times = parts[2] == "-1" ? -1 : static_cast<int>(number(token, parts[2]));
	into.space = number(token, parts[3]);
}

using taker = std::function<void(const std::string &)>;

std::map<std::string, taker> takers(const std::string &token, told &all, options &wanted)
{
	plan &p = all.planned;
	filters &f = wanted.filters;
	const auto word = [&token](std::string &into) {
		return [&token, &into](const std::string &v) { into = decoded(token, v); };
	};
	const auto list = [&token](std::vector<std::string> &into) {
		return [&token, &into](const std::string &v) { into.push_back(decoded(token, v)); };
	};
	return {
		{"p", [&](const std::string &v) { p.process = static_cast<unsigned>(number(token, v)); }},
		{"n", [&](const std::string &v) { p.kind = plan::first::nth, p.n = number(token, v); }},
		{"s", [&](const std::string &v) { p.kind = plan::first::stack, p.stack = number(token, v, 16); }},
		{"o", [&](const std::string &v) { p.occurrence = number(token, v); }},
		{"t",
		 [&](const std::string &v) {
			 p.then = v == "all" ? plan::more::all : plan::more::second;
			 p.second = v == "all" ? 0 : number(token, v);
		 }},
		{"r", [&](const std::string &v) { p.kind = plan::first::random, p.seed = number(token, v); }},
		{"R", [&](const std::string &v) { take_attributes(token, v, wanted.random); }},
		{"x", [&](const std::string &v) { all.seen = number(token, v, 16); }},
		{"v",
		 [&](const std::string &v) {
			 if (!verdict_of(v, all.what))
				 refuse(token, "there is no verdict '" + v + "'");
		 }},
		{"om", list(f.only_modules)},
		{"nm", list(f.not_modules)},
		{"of", list(f.only_functions)},
		{"nf", list(f.not_functions)},
		{"sz", word(f.size)},
		{"th", word(f.thread)},
		{"ex", word(f.executable)},
		{"fd", [&](const std::string &v) { f.filter_depth = static_cast<unsigned>(number(token, v)); }},
		{"am", [&](const std::string &) { f.after_main = true; }},
		{"mm", [&](const std::string &) { f.mmap = true; }},
	};
}

} // namespace

std::string hexadecimal(uint64_t number)
{
	return tools::text("%016llx", static_cast<unsigned long long>(number));
}

std::string token_of(const plan &planned, const options &wanted, uint64_t seen, verdict what)
{
	std::string all = head;
	const auto add = [&all](const char *key, const std::string &value) {
		all += std::string(":") + key + "=" + value;
	};
	switch (planned.kind) {
	case plan::first::nth:
		add("n", std::to_string(planned.n));
		break;
	case plan::first::stack:
		add("s", hexadecimal(planned.stack));
		if (planned.occurrence != 1)
			add("o", std::to_string(planned.occurrence));
		break;
	case plan::first::random:
		add("r", std::to_string(planned.seed));
		add("R", std::to_string(wanted.random.probability) + "." + std::to_string(wanted.random.interval) +
				 "." + std::to_string(wanted.random.times) + "." + std::to_string(wanted.random.space));
		break;
	default:
		break;
	}
	if (planned.process != 0)
		add("p", std::to_string(planned.process));
	if (planned.then != plan::more::nothing)
		add("t", planned.then == plan::more::all ? "all" : std::to_string(planned.second));
	if (seen != 0 && planned.kind == plan::first::nth)
		add("x", hexadecimal(seen));
	add("v", name_of(what));
	return all + filter_text(wanted.filters);
}

told read_token(const std::string &token, options &wanted)
{
	told all;
	const std::map<std::string, taker> known = takers(token, all, wanted);
	const std::vector<std::string> parts = split(token, ':');
	if (parts[0] != head)
		refuse(token, std::string("a token begins with ") + head + ":");
	for (size_t i = 1; i < parts.size(); i++) {
		const size_t equals = parts[i].find('=');
		const auto found = known.find(parts[i].substr(0, equals));
		if (equals == std::string::npos || found == known.end())
			refuse(token, "'" + parts[i] + "' is not understood");
		found->second(parts[i].substr(equals + 1));
	}
	const plan &p = all.planned;
	if (p.kind == plan::first::nothing || (p.kind == plan::first::nth && p.n == 0))
		refuse(token, "it does not say what fails");
	if (p.then == plan::more::second && p.second == 0)
		refuse(token, "it does not say which other one fails");
	return all;
}

} // namespace fail
