// SPDX-License-Identifier: MIT
//
// machine.cpp - on what it was measured. No state.
#include "crew.hpp"
#include "report.hpp"
#include "rseq_stack.hpp"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <gnu/libc-version.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace bench {

namespace {

std::string cpu_name()
{
	std::ifstream file("/proc/cpuinfo");
	for (std::string line; std::getline(file, line);)
		if (line.starts_with("model name"))
			return line.substr(line.find(':') + 2);
	return "unknown";
}

std::string today()
{
	const time_t now = time(nullptr);
	tm parts;
	gmtime_r(&now, &parts);
	char text[32];
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &parts);
	return text;
}

} // namespace

double neighbours::busy_seconds()
{
	std::ifstream file("/proc/stat");
	std::string name;
	// user, nice, system, idle, iowait, irq, softirq, steal
	double ticks[8] = {};
	file >> name;
	for (double &t : ticks)
		file >> t;
	return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) /
	       static_cast<double>(sysconf(_SC_CLK_TCK));
}

double neighbours::own_seconds()
{
	double sum = 0;
	for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
		rusage usage;
		getrusage(who, &usage);
		for (const timeval &t : {usage.ru_utime, usage.ru_stime})
			sum += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
	}
	return sum;
}

double neighbours::uptime_seconds()
{
	return static_cast<double>(now_ns()) / 1e9;
}

double neighbours::cpus() const
{
	const double passed = uptime_seconds() - start_;
	return passed > 0 ? std::max(0.0, (busy_seconds() - own_seconds() - busy_) / passed) : 0;
}

machine describe_machine()
{
	machine m;
	m.cpu = cpu_name();
	m.cpus = usable_cpus();
	utsname system;
	if (uname(&system) == 0)
		m.kernel = std::string(system.sysname) + " " + system.release + " " + system.machine;
#if defined(__clang__)
	m.compiler = "clang " __clang_version__;
#else
	m.compiler = "g++ " __VERSION__;
#endif
	m.libc = std::string("glibc ") + gnu_get_libc_version();
	m.date = today();
	m.rseq = rseq_works();
	return m;
}

} // namespace bench
