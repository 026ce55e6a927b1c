// SPDX-License-Identifier: MIT
//
// machine.cpp - on what it was measured. No state.
#include "crew.hpp"
#include "report.hpp"
#include "rseq_stack.hpp"

#include <ctime>
#include <fstream>
#include <gnu/libc-version.h>
#include <sys/utsname.h>

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
