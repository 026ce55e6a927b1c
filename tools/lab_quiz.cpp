// SPDX-License-Identifier: MIT
//
// lab_quiz.cpp - see lab_quiz.hpp.
#include "tools/lab_quiz.hpp"

#include "tools/lab_print.hpp"
#include "tools/lab_questions.hpp"
#include "tools/lab_stage.hpp"

#include <iostream>
#include <memory>
#include <optional>

namespace lab {
namespace {

std::string letter(size_t choice)
{
	return std::string(1, static_cast<char>('a' + choice));
}

std::string letters(size_t choices)
{
	std::string all;
	for (size_t i = 0; i < choices; i++)
		all += (i == 0 ? "" : i + 1 == choices ? " or " : ", ") + letter(i);
	return all;
}

std::string question_text(const question &q, size_t number, const look &how)
{
	std::string all =
		"\n" + painted(how, ink::bold, wrapped(how, std::to_string(number + 1) + ". " + q.text, "", "   "));
	for (size_t i = 0; i < q.choices.size(); i++)
		all += wrapped(how, letter(i) + ") " + q.choices[i], "   ", "      ");
	return all;
}

/// One of the choices; nothing at the end of the input, or for q.
std::optional<size_t> answer(size_t choices)
{
	for (;;) {
		print(letters(choices) + "? (q ends) ");
		std::string line;
		if (!std::getline(std::cin, line) || line == "q" || line == "quit")
			return std::nullopt;
		while (!line.empty() && (line.back() == ' ' || line.back() == ')' || line.back() == '\r'))
			line.pop_back();
		if (line.size() == 1) {
			const auto choice = static_cast<size_t>((line[0] | 0x20) - 'a');
			if (choice < choices)
				return choice;
		}
		print("'" + line + "' is none of them\n");
	}
}

struct sight {
	size_t choice;
	run what;
};

/// Does it, and looks.
sight see(const question &q)
{
	auto s = std::make_unique<stage>("quiz", "");
	try {
		const size_t choice = q.see(*s);
		return {choice, s->finish()};
	} catch (const stuck &e) {
		run ended = s->give_up(e.what());
		if (s->anybody_busy())
			static_cast<void>(s.release()); // a thread is still in a call, with the pool and all
		return {q.choices.size(), std::move(ended)};
	}
}

std::string seen_text(const run &what, const look &how)
{
	constexpr size_t most = 12;
	std::string all;
	size_t told = 0;
	for (const event &e : what.steps.back().events)
		if (told++ < most)
			all += wrapped(how, e.lane + "  " + e.text, "   ", "     ");
	return all;
}

} // namespace

int quiz()
{
	const look how = terminal_look(true);
	size_t asked = 0;
	size_t right = 0;
	bool astray = false;
	for (const question &q : questions()) {
		print(question_text(q, asked, how));
		const std::optional<size_t> said = answer(q.choices.size());
		if (!said)
			break;
		asked++;
		const sight seen = see(q);
		const bool is_right = seen.choice == *said;
		right += is_right ? 1 : 0;
		astray = astray || seen.choice != q.right;
		print(painted(how, is_right ? ink::green : ink::red, is_right ? "Right." : "No.") + " The library:\n" +
		      seen_text(seen.what, how));
		if (seen.choice < q.choices.size())
			print(wrapped(how, "So: " + letter(seen.choice) + ") " + q.choices[seen.choice], "", "   "));
		if (seen.choice != q.right)
			print(wrapped(how, "This is not what the rule says. Please report it.", "", ""));
		const fact why = rule(q.par);
		print(wrapped(how, "PAR-" + std::to_string(why.par) + "  " + why.text, "", "  "));
	}
	print("\nquiz: " + std::to_string(right) + " of " + std::to_string(asked) + " right\n");
	return astray ? 1 : 0;
}

} // namespace lab
