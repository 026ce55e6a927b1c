// SPDX-License-Identifier: MIT
//
// svg.hpp - the little of SVG that the charts need. No state.
#pragma once

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

inline std::string svg_text(double x, double y, const std::string &classes, const std::string &text)
{
	return "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" class=\"" + classes + "\">" + escaped(text) + "</text>\n";
}

/// The opening, with colours that follow the reader's light or dark theme.
inline std::string svg_open(double width, double height, const std::string &title)
{
	return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + px(width) + " " + px(height) +
	       "\" width=\"" + px(width) + "\" height=\"" + px(height) + "\" role=\"img\">\n<title>" + escaped(title) +
	       "</title>\n<style>\n"
	       "svg{--bg:#fff;--ink:#1c2024;--faint:#6b7280;--grid:#e3e6ea;--ours:#0969da;--peer:#9aa4b1;--limit:#"
	       "2da44e;"
	       "--c0:#0969da;--c1:#d9480f;--c2:#7048e8;--c3:#c2255c;--c4:#868e96;--c5:#2da44e}\n"
	       "@media(prefers-color-scheme:dark){svg{--bg:#0f1419;--ink:#e6edf3;--faint:#8b949e;--grid:#2a313a;"
	       "--ours:#58a6ff;--peer:#6e7681;--limit:#3fb950;--c0:#58a6ff;--c1:#ff922b;--c2:#b197fc;--c3:#f783ac;"
	       "--c4:#adb5bd;--c5:#3fb950}}\n"
	       ".bg{fill:var(--bg)}text{fill:var(--ink);font:12px system-ui,sans-serif}.faint{fill:var(--faint)}"
	       ".head{font-weight:600;font-size:13px}.title{font-weight:600;font-size:17px}.end{text-anchor:end}"
	       ".mid{text-anchor:middle}.ours{fill:var(--ours)}.peer{fill:var(--peer)}.limit{fill:var(--limit)}"
	       ".grid{stroke:var(--grid);stroke-width:1}.bold{font-weight:600}\n</style>\n"
	       "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n";
}

} // namespace bench
