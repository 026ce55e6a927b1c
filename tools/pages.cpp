// SPDX-License-Identifier: MIT
//
// pages.cpp - see pages.hpp. The Makefile says on which files this one depends.
#include "tools/pages.hpp"

// The compiler runs at the root of the source.
#define PAGE_SOURCE(name, file)                                                                             \
	asm(".pushsection .rodata\n"                                                                        \
	    ".globl page_" #name "_begin, page_" #name "_end\n"                                             \
	    "page_" #name "_begin:\n.incbin \"" file "\"\n"                                                 \
	    "page_" #name "_end:\n.byte 0\n"                                                                \
	    ".popsection\n");                                                                               \
	extern "C" const char page_##name##_begin[];                                                        \
	extern "C" const char page_##name##_end[];                                                          \
	std::string_view pages::name()                                                                      \
	{                                                                                                   \
		return {page_##name##_begin, static_cast<size_t>(page_##name##_end - page_##name##_begin)}; \
	}

PAGE_SOURCE(lesson, "tools/lab/page.html")
PAGE_SOURCE(style, "tools/lab/page.css")
PAGE_SOURCE(script, "tools/lab/page.js")
PAGE_SOURCE(index, "tools/lab/index.html")
PAGE_SOURCE(trace, "tools/trace/page.html")
PAGE_SOURCE(trace_script, "tools/trace/page.js")

namespace pages {

std::string filled(std::string_view page, const std::vector<filling> &with)
{
	std::string made;
	for (const auto &[name, content] : with) {
		const size_t at = page.find(name);
		if (at == std::string_view::npos)
			continue;
		made.append(page.substr(0, at)).append(content);
		page.remove_prefix(at + name.size());
	}
	return made.append(page);
}

std::string escaped(std::string_view text)
{
	std::string made;
	for (const char c : text)
		switch (c) {
		case '&':
			made += "&amp;";
			break;
		case '<':
			made += "&lt;";
			break;
		case '>':
			made += "&gt;";
			break;
		case '"':
			made += "&quot;";
			break;
		default:
			made += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
		}
	return made;
}

std::string for_script(std::string json)
{
	for (size_t at = 0; (at = json.find('<', at)) != std::string::npos; at += 6)
		json.replace(at, 1, "\\u003c");
	return json;
}

} // namespace pages
