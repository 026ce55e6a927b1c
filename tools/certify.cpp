// SPDX-License-Identifier: MIT
//
// certify.cpp - see certify.hpp.
#include "tools/certify.hpp"

#include "tools/certify_pools.hpp"
#include "tools/certify_report.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

namespace certify {
namespace {

bool has(const std::vector<std::string> &names, const char *name)
{
	return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

const std::vector<std::string> &backing_names()
{
	static const std::vector<std::string> names = {"slab", "kmalloc", "kvmalloc", "pages", "own"};
	return names;
}

// Each at the place that its value of the enumeration in mempool.h names.
const std::vector<std::string> &at_fork_names()
{
	static const std::vector<std::string> names = {"copy", "parent-only", "wipe"};
	return names;
}
const std::vector<std::string> &residency_names()
{
	static const std::vector<std::string> names = {"default", "best-effort", "required", "none"};
	return names;
}

std::string refusal(const options &wanted)
{
	if (!has(wanted.at_fork, "parent-only") && !has(wanted.at_fork, "wipe"))
		return "";
	if (has(wanted.backings, "own"))
		return "--at-fork: elements of --backing own are always copied, as they lie where its callbacks put "
		       "them";
	if (wanted.residency == "none")
		return "--at-fork: with --residency none elements are always copied, as they lie where the backing put "
		       "them";
	return "";
}

int run(const options &wanted)
{
	std::string of =
		"reserves of " + std::to_string(wanted.min_nr) + " x " + std::to_string(wanted.size_bytes) + " bytes";
	nlohmann::ordered_json about = {
		{"min_nr", wanted.min_nr}, {"size_bytes", wanted.size_bytes}, {"residency", wanted.residency}};
	std::vector<finding> found;
	if (wanted.pid != 0) {
		std::string whose;
		found = look_at_process(wanted.pid, whose);
		of = "reserves of " + whose + " (" + std::to_string(wanted.pid) + ")";
		about = {{"pid", wanted.pid}, {"program", whose}};
	} else {
		found = look(wanted);
	}
	const std::string report = wanted.json ? report_as_json(of, about, found) : report_for_people(of, found);
	if (fwrite(report.data(), 1, report.size(), stdout) != report.size() || fflush(stdout) != 0)
		throw std::system_error(errno, std::generic_category(), "the report cannot be written");
	return std::all_of(found.begin(), found.end(), [](const finding &f) { return f.kept(); }) ? 0 : 1;
}

} // namespace certify
