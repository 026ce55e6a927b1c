// SPDX-License-Identifier: MIT
//
// poison.cpp - a write after the free is caught when the element leaves the reserve.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mempool/mempool-debug.h>

namespace lab {
namespace {

constexpr size_t element_bytes = 64;

/// Its first bytes and its last, as "6b 6b .. a5".
std::string bytes_of(const void *element)
{
	if (element == nullptr)
		return "none: there is no element";
	const auto *at = static_cast<const unsigned char *>(element);
	char text[24];
	snprintf(text, sizeof(text), "%02x %02x .. %02x", at[0], at[1], at[element_bytes - 1]);
	return text;
}

/// Which byte of what the events say was written to; -1: of nothing.
int64_t damaged_byte(stage &s)
{
	for (const event &e : s.events())
		if (e.kind == "poison")
			return static_cast<int64_t>(e.args[1].value);
	return -1;
}

/// The lines of a report before its call stack, a paragraph each.
std::string beginning(const std::string &report)
{
	std::string all;
	for (size_t at = 0; at < report.size();) {
		const size_t end = std::min(report.find('\n', at), report.size());
		const std::string line = report.substr(at, end - at);
		if (line.find("call stack") != std::string::npos)
			break;
		all += (all.empty() ? "" : "\n\n") + line;
		at = end + 1;
	}
	return all;
}

void use_after_free(stage &s, actor &writer, pool &requests, void *element)
{
	s.begin("A use after free", R"(
The writer has given the element back, and has kept the pointer. It writes a byte through it. Nothing
happens: the memory is there. This is the kind of mistake that is found weeks later, somewhere
else.)");
	s.cite(30).show(anchor::poison);
	writer.call([&] { static_cast<volatile unsigned char *>(element)[13] = 0; });

	s.begin("Caught at the door", R"(
The next allocation takes it out of the reserve. Every byte is looked at on the way out, and what is
not as it was left is reported: with the pool, the element, and the bytes around the place. The
element is handed out all the same, as it is: an emergency is no time to lose one.)");
	s.cite(30).show(anchor::check_poison);
	void *again = s.alloc(writer, requests, GFP_KERNEL);
	s.claim("it is the same element", s.name(element), s.name(again));
	s.claim("the event names the byte", 13, damaged_byte(s));
	s.claim("one report", 1, static_cast<int64_t>(s.reports().size()));
	const std::string report = s.reports().empty() ? "none" : s.reports().front();
	s.claim("which says what it is", report.find("poison mismatch") != std::string::npos);
	s.say("The report begins:\n\n" + beginning(report));
	s.claim("it was left as it was found", "6b 6b .. a5", bytes_of(again));
	s.free(writer, requests, again);
}

} // namespace

void poison(stage &s)
{
	scripted_backing &backing = s.make_backing(element_bytes);
	actor &writer = s.thread("writer");
	s.begin("Poison", R"(
A debugging kernel fills elements that enter the reserve with 0x6b, and their last byte with 0xa5.
This library does so too, switched on while it runs: with MEMPOOL_DEBUG=poison, or by a call.)");
	pool &requests = s.make_pool("requests", 1, backing);
	backing.fails();
	mempool_debug_set(MEMPOOL_DEBUG_POISON);
	s.cite(30).show(anchor::poison);
	void *element = s.alloc(writer, requests, GFP_KERNEL);
	writer.call([&] { memset(element, 'x', element_bytes); });
	s.free(writer, requests, element);
	s.claim("in the reserve its bytes are", "6b 6b .. a5", bytes_of(element));

	s.begin("A clean one", R"(
When it leaves, every byte is checked. This one is as it was left, so it is filled with 0x5a: who
relies on what is in a fresh element will notice.)");
	s.cite(30).show(anchor::check_poison);
	void *clean = s.alloc(writer, requests, GFP_KERNEL);
	s.claim("its bytes are", "5a 5a .. 5a", bytes_of(clean));
	s.claim("nothing was reported", 0, static_cast<int64_t>(s.reports().size()));
	s.claim("no poison event", -1, damaged_byte(s));
	s.free(writer, requests, clean);

	use_after_free(s, writer, requests, element);
}

} // namespace lab
