// SPDX-License-Identifier: MIT
//
// lab_explain.cpp - see lab_explain.hpp.
#include "tools/lab_explain.hpp"

#include "tools/lab_near.hpp"
#include "tools/lab_print.hpp"
#include "tools/lab_words.hpp"

#include <algorithm>
#include <cstdio>
#include <mempool/mempool-explain.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lab {
namespace {

using json = nlohmann::ordered_json;
constexpr int usage_error = 2;

struct told_step {
	int kind;
	gfp_t mask;
	std::string fact;
	std::string text;
};

int take_down(const mempool_step *step, void *arg)
{
	static_cast<std::vector<told_step> *>(arg)->push_back({step->kind, step->mask, step->fact, step->text});
	return 0;
}

const char *name_of(int kind)
{
	switch (kind) {
	case MEMPOOL_STEP_FLAG:
		return "flag";
	case MEMPOOL_STEP_WARNING:
		return "warning";
	case MEMPOOL_STEP_MASK:
		return "mask";
	case MEMPOOL_STEP_BACKING:
		return "backing";
	case MEMPOOL_STEP_RESERVE:
		return "reserve";
	case MEMPOOL_STEP_SLEEP:
		return "sleep";
	case MEMPOOL_STEP_ELEMENT:
		return "element";
	case MEMPOOL_STEP_NULL:
		return "null";
	default:
		return "step";
	}
}

/// The names that masks are made of: asked from the library, a bit at a time, and the usual combinations.
std::vector<std::string> mask_names()
{
	std::vector<std::string> all;
	for (gfp_t bit = 1; (bit & __GFP_BITS_MASK) != 0; bit <<= 1)
		all.push_back(mask_text(bit));
	for (const gfp_t mask : {GFP_KERNEL, GFP_NOFS, GFP_NOIO, GFP_NOWAIT, GFP_ATOMIC, GFP_KERNEL_ACCOUNT})
		all.push_back(mask_text(mask));
	return all;
}

void complain_of_mask(const std::string &text, size_t offset)
{
	const size_t end = std::min(text.find('|', offset), text.size());
	std::string word = text.substr(offset, end - offset);
	while (!word.empty() && word.back() == ' ')
		word.pop_back();
	const std::string near = word.empty() ? "" : near_matches(word, mask_names());
	fprintf(stderr, "mempool lab explain: %s at byte %zu of the mask%s\n  %s\n  %*s^\n",
		word.empty() ? "a flag's name is missing" : ("there is no flag '" + word + "'").c_str(), offset,
		near.empty() ? "" : ("; did you mean " + near + "?").c_str(), text.c_str(), static_cast<int>(offset),
		"");
	if (near.empty())
		fprintf(stderr, "flags are named as in gfp(3), with '|' between them\n");
}

std::string as_text(const options &wanted, gfp_t mask, const mempool_situation &s, const std::vector<told_step> &steps)
{
	const look how = terminal_look(true);
	std::string all = wrapped(how,
				  "mempool_alloc(pool, " + mask_text(mask) + "): the backing " + wanted.backing +
					  ", the reserve holds " + std::to_string(s.level) + " of " +
					  std::to_string(std::max(s.min_nr, 1)) + (s.min_nr == 0 ? " (min_nr 0)" : "") +
					  (s.sleepers > 0 ? ", " + std::to_string(s.sleepers) + " asleep" : ""),
				  "", "  ");
	bool flags = false;
	size_t number = 0;
	for (const told_step &step : steps) {
		const std::string fact = step.fact.empty() ? "" : " (" + step.fact + ")";
		if (step.kind == MEMPOOL_STEP_FLAG) {
			all += flags ? "" : painted(how, ink::faint, "\nits flags") + "\n";
			flags = true;
			all += wrapped(how, step.text, "  ", "      ");
			continue;
		}
		if (number == 0)
			all += painted(how, ink::faint, "\nwhat happens") + "\n";
		std::string front = std::to_string(++number) + ". ";
		front.insert(0, front.size() < 5 ? 5 - front.size() : 0, ' ');
		all += wrapped(how, step.text + fact, front, "     ");
		if (step.kind == MEMPOOL_STEP_MASK)
			all += wrapped(how, mask_text(step.mask), "     = ", "       ");
	}
	return all;
}

std::string as_json(const options &wanted, gfp_t mask, const mempool_situation &s, const std::vector<told_step> &steps)
{
	json list = json::array();
	std::string end;
	for (const told_step &step : steps) {
		list.push_back({{"kind", name_of(step.kind)},
				{"mask", mask_text(step.mask)},
				{"fact", step.fact},
				{"text", step.text}});
		if (end.empty() && step.kind >= MEMPOOL_STEP_SLEEP)
			end = name_of(step.kind);
	}
	const json all = {{"mask", mask_text(mask)},
			  {"backing", wanted.backing},
			  {"level", s.level},
			  {"min_nr", s.min_nr},
			  {"sleepers", s.sleepers},
			  {"end", end},
			  {"steps", list}};
	return all.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace

int explain(const options &wanted)
{
	gfp_t mask = 0;
	size_t offset = 0;
	if (mempool_gfp_parse(wanted.mask.c_str(), &mask, &offset) != 0) {
		complain_of_mask(wanted.mask, offset);
		return usage_error;
	}
	mempool_situation s = {};
	s.size = sizeof(s);
	s.backing_works = wanted.backing == "works" ? 1 : 0;
	s.min_nr = wanted.min_nr;
	s.level = wanted.level >= 0 ? wanted.level : std::max(wanted.min_nr, 1);
	s.sleepers = wanted.sleepers;
	std::vector<told_step> steps;
	if (mempool_explain(mask, &s, take_down, &steps) != 0) {
		fprintf(stderr,
			"mempool lab explain: --level %d cannot be: a reserve with --min-nr %d holds 0 to %d "
			"elements\n",
			s.level, s.min_nr, std::max(s.min_nr, 1));
		return usage_error;
	}
	print(wanted.explain_json ? as_json(wanted, mask, s, steps) : as_text(wanted, mask, s, steps));
	return 0;
}

} // namespace lab
