// SPDX-License-Identifier: MIT
//
// fault_order.cpp - the attributes of fault injection, in the order in which they
// are asked.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

#include <mempool/fault-inject.h>

namespace lab {
namespace {

/// A point of one's own that always fails, silently, if nothing holds it back.
fault_attr always()
{
	fault_attr attr = FAULT_ATTR_INITIALIZER;
	attr.probability = 100;
	attr.times = -1;
	attr.verbose = 0;
	return attr;
}

/// So many decisions about something of size 1: 'F' failed, '-' passed.
std::string decisions(actor &who, fault_attr &attr, int count)
{
	std::string all;
	who.call([&] {
		for (int i = 0; i < count; i++)
			all += should_fail(&attr, 1) ? 'F' : '-';
	});
	return all;
}

/// How a point is set, in the order of the kernel's text.
std::string settings(const fault_attr &attr)
{
	return std::to_string(attr.interval) + "," + std::to_string(attr.probability) + "," +
	       std::to_string(attr.space) + "," + std::to_string(attr.times);
}

/// The same of a point of the library's that nothing was said of but its name; "unknown": there is none.
std::string defaults_of(const char *point)
{
	struct search {
		const char *name;
		std::string found = "unknown";
	} look = {point, {}};
	mempool_fault_apply(0, (std::string(point) + ":verbose=2").c_str(), nullptr);
	mempool_fault_each(
		0,
		[](const mempool_fault_point *p, void *arg) {
			auto *at = static_cast<search *>(arg);
			if (std::string(at->name) != p->name)
				return 0;
			at->found = std::to_string(p->interval) + "," + std::to_string(p->probability) + "," +
				    std::to_string(p->space) + "," + std::to_string(p->times);
			return 1;
		},
		&look);
	return look.found;
}

void four_numbers(stage &s, actor &tester)
{
	s.begin("The kernel's four numbers", R"(
A point is set by a text: interval, probability, space, times, as on the kernel's command line. Here:
every second, of those that come past a space of 2, with 100 percent, 3 times. All four are needed, and
a text that is wrong changes nothing.)");
	s.cite(37).show(anchor::four_numbers);
	fault_attr attr = FAULT_ATTR_INITIALIZER;
	char text[] = "2,100,2,3";
	s.claim("setup_fault_attr() takes them", 1, setup_fault_attr(&attr, text));
	s.claim("the point is set so", "2,100,2,3", settings(attr));
	attr.verbose = 0;
	s.claim("and fails so", "--F-F-F--", decisions(tester, attr, 9));
	char three[] = "5,50,5";
	s.claim("three numbers are refused", 0, setup_fault_attr(&attr, three));
	s.claim("with a report", 1, static_cast<int64_t>(s.reports().size()));
	s.claim("and nothing is changed but what was used up", "2,100,1,0", settings(attr));
	s.claim("a point of which nothing was said", "1,0,0,1", defaults_of("fail_mempool_alloc@lab-defaults"));
}

void nth_first(stage &s, actor &tester)
{
	s.begin("1. fail-nth, before all else", R"(
A thread may ask that its n-th decision from now on fails. While that counts, nothing else is looked
at, not even a probability of 0.)");
	s.cite(36).show(anchor::decide_nth).show(anchor::fault_decide);
	fault_attr off = always();
	off.probability = 0;
	tester.call([] { mempool_fault_set_nth(3); });
	s.claim("probability 0, and yet the third fails", "--F--", decisions(tester, off, 5));

	s.begin("2. probability 0: off", R"(
Without fail-nth the probability decides whether the point is on at all. With 0 nothing below is
touched: no count, no budget.)");
	s.cite(36).cite(37).show(anchor::fault_decide);
	off.space = 2;
	s.claim("nothing fails", "----", decisions(tester, off, 4));
	s.claim("the space is not used up", 2, off.space);
}

void filter_and_times(stage &s, actor &tester)
{
	s.begin("3. task-filter, 4. times", R"(
With the task filter only threads that were marked may fail (the kernel's make-it-fail). Then times:
how many failures are left. Both come before the space, which they leave alone.)");
	s.cite(36).show(anchor::fault_decide);
	fault_attr filtered = always();
	filtered.task_filter = true;
	filtered.space = 2;
	s.claim("a thread that is not marked passes", "---", decisions(tester, filtered, 3));
	s.claim("its space is not used up", 2, filtered.space);
	filtered.space = 0;
	tester.call([] { mempool_fault_set_make_it_fail(true); });
	s.claim("the same thread, marked, fails", "FFF", decisions(tester, filtered, 3));
	tester.call([] { mempool_fault_set_make_it_fail(false); });
	fault_attr twice = always();
	twice.times = 2;
	s.claim("times 2: two failures, then none", "FF---", decisions(tester, twice, 5));
	twice.space = 2;
	s.claim("and with no times left", "---", decisions(tester, twice, 3));
	s.claim("the space is not used up", 2, twice.space);
}

void space_and_interval(stage &s, actor &tester)
{
	s.begin("5. space, 6. interval", R"(
While space is larger than the size asked for, the size is subtracted and the call passes: so a fault
can wait until so much was allocated. Only what comes past it is counted by interval, every so
many-th of which fails. (Between times and space stands the stack filter, which looks who called.)
Were the two asked the other way round, the sixth would be the first to fail.)");
	s.cite(36).show(anchor::fits).show(anchor::fault_interval);
	fault_attr attr = always();
	attr.space = 3;
	attr.interval = 2;
	s.claim("space 3, interval 2", "---F-F-F", decisions(tester, attr, 8));

	s.begin("7. chance, last", R"(
Only now is a number drawn, below the probability or not. In this library draws follow from a seed,
the point, the thread's name, and how often it came here, and from nothing else: a run that failed can
be repeated, however its threads are scheduled.)");
	s.cite(36).show(anchor::fault_chance);
	fault_attr half = always();
	half.probability = 50;
	mempool_fault_set_seed(6);
	tester.call([] { mempool_fault_set_thread("tester"); });
	const std::string first = decisions(tester, half, 32);
	half = always();
	half.probability = 50;
	tester.call([] { mempool_fault_set_thread("tester"); });
	s.claim("the same draws again", first, decisions(tester, half, 32));
	s.claim("some failed, some did not",
		first.find('F') != std::string::npos && first.find('-') != std::string::npos);
}

void in_a_pool(stage &s, actor &tester, pool &requests)
{
	s.begin("In a pool: every pass asks", R"(
fail_mempool_alloc stands before the backing, in every pass. A hit sends the caller to the reserve,
as if the backing had failed. Here it is set for this pool alone, for three hits.)");
	s.cite(38).show(anchor::ask_backing_in_pass);
	mempool_fault_apply(0, "fail_mempool_alloc@requests:probability=100,times=3,verbose=0", nullptr);
	void *first = s.alloc(tester, requests, GFP_KERNEL);
	void *second = s.alloc(tester, requests, GFP_ATOMIC | __GFP_IO);
	s.claim("hit once: the reserve served; hit in both passes: NULL",
		"pass_begin fault_injected backing_fail reserve_take alloc "
		"pass_begin fault_injected backing_fail pass_begin fault_injected backing_fail alloc_fail",
		s.story(tester));
	s.say("The second allocation found the reserve empty. Its second pass asked the point again, which took the "
	      "last of the three times; and its mask does not let it sleep. The backing never failed.");
	s.claim("three faults", 3, s.count("fault_injected"));
	s.claim("and a second allocation without an element", "-", s.name(second));
	s.free(tester, requests, first);
}

} // namespace

void fault_order(stage &s)
{
	scripted_backing &backing = s.make_backing();
	actor &tester = s.thread("tester");
	s.begin("Failures on purpose", R"(
The kernel can make allocations fail: each place that can has attributes, and each decision goes
through them in one order. Who knows the order can say which allocation will fail.)");
	pool &requests = s.make_pool("requests", 1, backing);
	s.cite(36).cite(37).show(anchor::fault_decide);
	fault_attr attr = FAULT_ATTR_INITIALIZER;
	s.claim("with the defaults nothing fails", "----", decisions(tester, attr, 4));
	four_numbers(s, tester);
	nth_first(s, tester);
	filter_and_times(s, tester);
	space_and_interval(s, tester);
	in_a_pool(s, tester, requests);
}

} // namespace lab
