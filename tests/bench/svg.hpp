// SPDX-License-Identifier: MIT
//
// svg.hpp - the little of SVG that the charts need. No state.
#pragma once

#include "results.hpp"

#include <array>
#include <string>

namespace bench {

inline std::string escaped(const std::string &text)
{
	std::string out;
	for (const char c : text)
		switch (c) {
		case '&':
			out += "&amp;";
			break;
		case '<':
			out += "&lt;";
			break;
		case '>':
			out += "&gt;";
			break;
		case '"':
			out += "&quot;";
			break;
		default:
			out += c;
		}
	return out;
}

/// One decimal is enough on a screen.
inline std::string px(double value)
{
	const std::string text = std::to_string(value);
	return text.substr(0, text.find('.') + 2);
}

/// A whole number on an axis: 1,000.
inline std::string axis_label(double value)
{
	const std::string text = figure(value);
	return text.substr(0, text.find('.'));
}

inline std::string svg_text(double x, double y, const std::string &classes, const std::string &text)
{
	return "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" class=\"" + classes + "\">" + escaped(text) + "</text>\n";
}

/// The lines' colours: class l0 to l5 for lines, f0 to f5 for what is filled. Not by CSS variables, which not every
/// viewer of SVG has.
inline std::string svg_colours(const std::array<const char *, 6> &colours)
{
	std::string out;
	for (size_t i = 0; i < colours.size(); i++) {
		const std::string number = std::to_string(i);
		out += ".l" + number + "{stroke:" + colours[i] + "}.f" + number + "{fill:" + colours[i] + "}";
	}
	return out + "\n";
}

/// The opening, with colours that follow the reader's light or dark theme.
inline std::string svg_open(double width, double height, const std::string &title)
{
	return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + px(width) + " " + px(height) +
	       "\" width=\"" + px(width) + "\" height=\"" + px(height) + "\" role=\"img\">\n<title>" + escaped(title) +
	       "</title>\n<style>\n"
	       ".bg{fill:#fff}.grid{stroke:#e3e6ea;stroke-width:1}.line{fill:none;stroke-width:1.5}"
	       ".ours{fill:#0969da}.peer{fill:#9aa4b1}.limit{fill:#2da44e}text{font:12px system-ui,sans-serif}"
	       ".ink{fill:#1c2024}.faint{fill:#6b7280}.head{font-weight:600;font-size:13px}"
	       ".title{font-weight:600;font-size:17px}.end{text-anchor:end}.mid{text-anchor:middle}"
	       ".bold{font-weight:600}\n" +
	       svg_colours({"#0969da", "#d9480f", "#7048e8", "#c2255c", "#868e96", "#2da44e"}) +
	       "@media(prefers-color-scheme:dark){.bg{fill:#0f1419}.grid{stroke:#2a313a}.ours{fill:#58a6ff}"
	       ".peer{fill:#6e7681}.limit{fill:#3fb950}.ink{fill:#e6edf3}.faint{fill:#8b949e}\n" +
	       svg_colours({"#58a6ff", "#ff922b", "#b197fc", "#f783ac", "#adb5bd", "#3fb950"}) +
	       "}\n</style>\n"
	       "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n";
}

} // namespace bench
