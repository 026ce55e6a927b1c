// SPDX-License-Identifier: MIT
//
// lab_html.cpp - see lab_html.hpp. What the pages show, and how, is in tools/lab/.
#include "tools/lab_html.hpp"

#include "tools/lab_json.hpp"
#include "tools/output.hpp"
#include "tools/pages.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

namespace lab {

std::string to_html(const run &lesson, const std::string &before, const std::string &after)
{
	std::string data = to_json({lesson});
	if (!before.empty() || !after.empty()) {
		const nlohmann::ordered_json links = {{"before", before}, {"after", after}};
		data.insert(data.find('{') + 1, "\"links\":" + links.dump() + ",");
	}
	return pages::filled(pages::lesson(), {{"@TITLE@", pages::escaped(lesson.title + " - mempool lab")},
					       {"@STYLE@", pages::style()},
					       {"@DATA@", pages::for_script(std::move(data))},
					       {"@SCRIPT@", pages::script()}});
}

std::string to_index(const std::vector<run> &runs)
{
	std::string list;
	for (const run &r : runs) {
		const size_t failed = r.failed().size();
		list += "\t\t<li><p><a href=\"" + r.name + ".html\">" + pages::escaped(r.name) + "</a><br>" +
			pages::escaped(r.title) + "<br><small" + (failed != 0 ? " class=\"bad\">" : ">") +
			std::to_string(r.steps.size()) + " steps" +
			(failed != 0 ? ", " + std::to_string(failed) + " claims do not hold" : "") +
			"</small></p></li>\n";
	}
	return pages::filled(pages::index(), {{"@STYLE@", pages::style()}, {"@DATA@", list}});
}

void write_pages(const std::string &path, const std::vector<run> &runs, bool all)
{
	if (!all)
		return tools::write_output(path, to_html(runs.front()));
	std::error_code error;
	std::filesystem::create_directories(path, error);
	if (!std::filesystem::is_directory(path))
		throw std::system_error(error ? error : std::make_error_code(std::errc::not_a_directory), path);
	for (size_t i = 0; i < runs.size(); i++)
		tools::write_output(
			path + "/" + runs[i].name + ".html",
			to_html(runs[i], i > 0 ? runs[i - 1].name : "", i + 1 < runs.size() ? runs[i + 1].name : ""));
	tools::write_output(path + "/index.html", to_index(runs));
}

} // namespace lab
