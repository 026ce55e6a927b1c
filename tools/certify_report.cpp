// SPDX-License-Identifier: MIT
//
// certify_report.cpp - see certify_report.hpp.
#include "tools/certify_report.hpp"

#include "tools/certify_words.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

namespace certify {
namespace {

using tools::text;

std::string name_of(const finding &f)
{
	return f.backing + ", " + f.at_fork + (f.process.empty() ? "" : ", " + f.process);
}

size_t count_kept(const std::vector<finding> &found)
{
	return static_cast<size_t>(
		std::count_if(found.begin(), found.end(), [](const finding &f) { return f.kept(); }));
}

std::string verdict_of(const finding &f)
{
	if (f.error != 0)
		return "not made";
	if (f.first_use_pending)
		return "at first use";
	if (f.cert.guaranteed != 0)
		return "guaranteed";
	return f.left_out() ? "left out" : "not guaranteed";
}

std::string summary(const std::string &of, const std::vector<finding> &found)
{
	const size_t kept = count_kept(found);
	return text("certify: %s: %zu of %zu ", kept == found.size() ? "guaranteed" : "not guaranteed", kept,
		    found.size()) +
	       of;
}

std::string table(const std::vector<finding> &found)
{
	std::string all = text("%-30s %-15s %9s %8s %12s %12s\n", "backing, at fork", "verdict", "elements", "adopted",
			       "memory", "locked");
	for (const finding &f : found) {
		all += text("%-30s %s", name_of(f).c_str(), verdict_of(f).c_str());
		if (f.has_cert())
			all += text("%*s %9d %8d %12s %12s", static_cast<int>(15 - verdict_of(f).size()), "",
				    f.cert.pinned + f.cert.adopted_resident + f.cert.adopted_unknown,
				    f.cert.adopted_resident + f.cert.adopted_unknown,
				    amount(f.cert.reserve_bytes).c_str(), amount(f.cert.locked_bytes).c_str());
		all += '\n';
	}
	return all;
}

/// Each reason once, with whom it concerns and what to do.
std::string reasons(const std::vector<finding> &found)
{
	std::string all;
	const auto add = [&](const std::string &what, const std::string &whom, const std::string &advice) {
		all += "\n" + wrapped("- " + what + " (" + whom + ")", 0, 2) + wrapped(advice, 2, 2);
	};
	for (const unsigned doubt : all_doubts()) {
		std::string whom;
		const finding *first = nullptr;
		for (const finding &f : found) {
			if (!f.has_cert() || (f.cert.doubts & doubt) == 0)
				continue;
			whom += (whom.empty() ? "" : "; ") + name_of(f);
			first = first == nullptr ? &f : first;
		}
		if (first != nullptr)
			add(mempool_doubt_text(doubt), whom, advice_on(doubt, first->cert));
	}
	std::map<int, std::string> not_made;
	for (const finding &f : found)
		if (f.error != 0)
			not_made[f.error] += (not_made[f.error].empty() ? "" : "; ") + name_of(f);
	for (const auto &[error, whom] : not_made)
		add(std::string("the pool cannot be made: ") + strerror(error), whom, advice_on_failure(error));
	return all.empty() ? "" : "\nWhy, and what to do:\n" + all;
}

/// The one to explain: what is wrong is of more interest.
const finding *worth_explaining(const std::vector<finding> &found)
{
	for (const finding &f : found)
		if (f.has_cert() && !f.kept())
			return &f;
	for (const finding &f : found)
		if (f.has_cert())
			return &f;
	return nullptr;
}

nlohmann::ordered_json limit_as_json(size_t bytes)
{
	return bytes == SIZE_MAX ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(bytes);
}

nlohmann::ordered_json cert_as_json(const mempool_cert &cert)
{
	nlohmann::ordered_json j;
	j["min_nr"] = cert.min_nr;
	j["pinned"] = cert.pinned;
	j["pinned_out"] = cert.pinned_out;
	j["adopted_resident"] = cert.adopted_resident;
	j["adopted_unknown"] = cert.adopted_unknown;
	j["element_bytes"] = cert.element_bytes;
	j["reserve_bytes"] = cert.reserve_bytes;
	j["locked_bytes"] = cert.locked_bytes;
	j["missing_pages"] = cert.missing_pages;
	j["unlocked_pages"] = cert.unlocked_pages;
	j["shared_pages"] = cert.shared_pages;
	j["lock_errno"] = cert.lock_errno;
	j["structures_errno"] = cert.structures_errno;
	j["mergeable"] = cert.mergeable != 0;
	j["minor_faults"] = cert.minor_faults;
	j["major_faults"] = cert.major_faults;
	j["memlock_limit_bytes"] = limit_as_json(cert.memlock_limit_bytes);
	j["address_space_limit_bytes"] = limit_as_json(cert.address_space_limit_bytes);
	j["data_limit_bytes"] = limit_as_json(cert.data_limit_bytes);
	j["cgroup"] = cert.cgroup;
	j["cgroup_limit_bytes"] = limit_as_json(cert.cgroup_limit_bytes);
	j["cgroup_used_bytes"] = cert.cgroup_used_bytes;
	return j;
}

} // namespace

std::string report_for_people(const std::string &of, const std::vector<finding> &found)
{
	std::string all = summary(of, found) + "\n\n" + table(found) + reasons(found);
	if (const finding *f = worth_explaining(found)) {
		all += "\nThe certificate of " + name_of(*f) + ", line by line:\n";
		for (const line &l : lines_of(f->cert))
			all += text("\n%-20s %s\n", l.name.c_str(), l.value.c_str()) + wrapped(l.meaning, 4, 4);
	}
	return all;
}

std::string report_as_json(const std::string &of, const nlohmann::ordered_json &about,
			   const std::vector<finding> &found)
{
	nlohmann::ordered_json j;
	j["guaranteed"] = count_kept(found) == found.size();
	j["summary"] = summary(of, found);
	j.update(about);
	j["pools"] = nlohmann::ordered_json::array();
	for (const finding &f : found) {
		nlohmann::ordered_json pool;
		pool["backing"] = f.backing;
		pool["at_fork"] = f.at_fork;
		if (!f.process.empty())
			pool["process"] = f.process;
		pool["verdict"] = verdict_of(f);
		pool["guaranteed"] = f.has_cert() && f.cert.guaranteed != 0;
		pool["doubts"] = nlohmann::ordered_json::array();
		for (const unsigned doubt : all_doubts())
			if (f.has_cert() && (f.cert.doubts & doubt) != 0)
				pool["doubts"].push_back({{"name", doubt_name(doubt)},
							  {"text", mempool_doubt_text(doubt)},
							  {"advice", advice_on(doubt, f.cert)}});
		if (f.error != 0)
			pool["error"] = strerror(f.error);
		else if (f.has_cert())
			pool["certificate"] = cert_as_json(f.cert);
		j["pools"].push_back(pool);
	}
	// A cgroup's name may hold bytes that are not UTF-8: they must not end the program.
	return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace certify
