// SPDX-License-Identifier: MIT
//
// fail_outcome.cpp - see fail_outcome.hpp.
#include "tools/fail_outcome.hpp"

#include "tools/fail_token.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace fail {
namespace {

using json = nlohmann::ordered_json;

json to_json(const plan &p)
{
	return {{"first", static_cast<int>(p.kind)},
		{"then", static_cast<int>(p.then)},
		{"process", p.process},
		{"n", p.n},
		{"stack", hexadecimal(p.stack)},
		{"occurrence", p.occurrence},
		{"second", p.second},
		{"seed", p.seed}};
}

uint64_t digest_from(const json &j)
{
	return std::stoull(j.get<std::string>(), nullptr, 16);
}

call_stack stack_from(const json &j)
{
	call_stack calls;
	for (const json &entry : j)
		calls.push_back({entry.at(0).get<std::string>(), entry.at(1).get<uint64_t>()});
	return calls;
}

plan plan_from(const json &j)
{
	plan p;
	const int first = j.at("first").get<int>();
	const int then = j.at("then").get<int>();
	p.kind = static_cast<plan::first>(first >= 0 && first <= static_cast<int>(plan::first::random) ? first : 0);
	p.then = static_cast<plan::more>(then >= 0 && then <= static_cast<int>(plan::more::second) ? then : 0);
	p.process = j.at("process").get<unsigned>();
	p.n = j.at("n").get<uint64_t>();
	p.stack = digest_from(j.at("stack"));
	p.occurrence = j.at("occurrence").get<uint64_t>();
	p.second = j.at("second").get<uint64_t>();
	p.seed = j.at("seed").get<uint64_t>();
	return p;
}

injection injection_from(const json &j)
{
	injection i;
	i.process = j.at("process").get<unsigned>();
	i.n = j.at("n").get<uint64_t>();
	i.stack = digest_from(j.at("stack"));
	i.occurrence = j.at("occurrence").get<uint64_t>();
	i.bytes = j.at("bytes").get<uint64_t>();
	i.function = j.at("function").get<std::string>();
	i.thread = j.at("thread").get<std::string>();
	i.calls = stack_from(j.at("calls"));
	return i;
}

judgement judgement_from(const json &j)
{
	judgement one;
	if (!verdict_of(j.at("verdict").get<std::string>(), one.what))
		throw std::invalid_argument("verdict");
	one.why = j.at("why").get<std::string>();
	one.calls = stack_from(j.at("calls"));
	one.where = j.at("where").get<std::string>();
	return one;
}

} // namespace

outcome outcome_of(const trial &t, const reference &known)
{
	outcome o;
	o.planned = t.planned;
	o.judged = known.judge(t);
	o.failures = t.seen.failed();
	o.took_ns = t.took_ns;
	o.lost_sight = t.seen.lost_sight;
	for (const injection &i : t.seen.injections)
		if (o.failed.size() < 2)
			o.failed.push_back(i);
	if (const size_t nr = o.failed.empty() ? 0 : o.failed.front().process; nr >= 1 && nr <= t.seen.processes.size())
		o.allocations = t.seen.processes[nr - 1].allocations;
	for (const site &s : t.seen.sites)
		if (!known.knows(s.digest))
			o.sites.push_back(s);
	return o;
}

json to_json(const call_stack &calls)
{
	json all = json::array();
	for (const place &p : calls)
		all.push_back({p.module, p.offset});
	return all;
}

json to_json(const injection &failed)
{
	return {{"process", failed.process},
		{"n", failed.n},
		{"stack", hexadecimal(failed.stack)},
		{"occurrence", failed.occurrence},
		{"bytes", failed.bytes},
		{"function", failed.function},
		{"thread", failed.thread},
		{"calls", to_json(failed.calls)}};
}

json to_json(const outcome &o)
{
	json j;
	j["plan"] = to_json(o.planned);
	j["judged"] = json::array();
	for (const judgement &one : o.judged)
		j["judged"].push_back({{"verdict", name_of(one.what)},
				       {"why", one.why},
				       {"calls", to_json(one.calls)},
				       {"where", one.where}});
	j["failed"] = json::array();
	for (const injection &i : o.failed)
		j["failed"].push_back(to_json(i));
	j["failures"] = o.failures;
	j["allocations"] = o.allocations;
	j["took_ns"] = o.took_ns;
	if (o.lost_sight)
		j["lost_sight"] = true;
	// Whose turn it may be next. One without calls has them elsewhere.
	j["sites"] = json::array();
	for (const site &s : o.sites) {
		j["sites"].push_back({hexadecimal(s.digest), s.process, s.n});
		if (!s.calls.empty())
			j["sites"].back().push_back(to_json(s.calls));
	}
	return j;
}

outcome outcome_from(const json &j)
{
	outcome o;
	o.planned = plan_from(j.at("plan"));
	for (const json &one : j.at("judged"))
		o.judged.push_back(judgement_from(one));
	for (const json &one : j.at("failed"))
		o.failed.push_back(injection_from(one));
	o.failures = j.at("failures").get<uint64_t>();
	o.allocations = j.at("allocations").get<uint64_t>();
	o.took_ns = j.at("took_ns").get<uint64_t>();
	o.lost_sight = j.value("lost_sight", false);
	for (const json &one : j.at("sites")) {
		site s;
		s.digest = digest_from(one.at(0));
		s.process = one.at(1).get<unsigned>();
		s.n = one.at(2).get<uint64_t>();
		if (one.size() > 3)
			s.calls = stack_from(one.at(3));
		o.sites.push_back(std::move(s));
	}
	return o;
}

} // namespace fail
