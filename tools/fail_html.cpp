// SPDX-License-Identifier: MIT
//
// fail_html.cpp - see fail_report.hpp: one page that needs nothing else. All of
// it is there without scripts; the script moves along the bar with the keys.
#include "tools/fail_report.hpp"
#include "tools/fail_token.hpp"
#include "tools/pages.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <tuple>

namespace fail {
namespace {

using pages::escaped;

constexpr size_t most_cells = 600; // of the bar; more runs share one

constexpr char style[] = R"(
:root{color-scheme:light dark;--back:#fff;--ink:#1a1a1a;--soft:#666;--line:#d8d8d8;--box:#f6f6f6;--focus:#0b57d0;
--same:#c9d7c9;--refused:#7fb58a;--silent:#b5b56a;--wrong:#d08a1d;--leak:#a77bca;--hang:#3f7fbf;--sanitizer:#b0479a;
--misuse:#d0552a;--abort:#c0392b;--crash:#8b0000;--unreached:#e8e8e8}
@media (prefers-color-scheme:dark){:root{--back:#16181a;--ink:#e6e6e6;--soft:#9a9a9a;--line:#3a3d40;--box:#202326;
--focus:#8ab4f8;--same:#3d4a3f;--refused:#3f7d50;--silent:#77772f;--unreached:#2a2d30;--crash:#ff5252;--abort:#ff7f6e;
--hang:#64a9ea;--leak:#bf9be0;--wrong:#eaa43c}}
body{background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;
overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:0}code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{overflow-x:auto;background:var(--box);border:1px solid var(--line);padding:.5rem;margin:.4rem 0}
.soft{color:var(--soft)}table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0}td:first-child{text-align:right}
.bar{display:grid;grid-template-columns:repeat(auto-fill,minmax(var(--cell),1fr));gap:1px;margin:.5rem 0}
.bar a{height:30px;display:block}
.bar a:focus,summary:focus-visible{outline:3px solid var(--focus);outline-offset:1px}
.key{display:inline-block;width:.8em;height:.8em;margin-right:.4em}
details{border:1px solid var(--line);border-radius:4px;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer;font-weight:600}details:target{border-color:var(--focus)}
.words{white-space:pre-wrap}#now{min-height:3em}.known>summary{color:var(--soft);font-weight:normal}
)";

constexpr char script[] = R"(
const cells=[...document.querySelectorAll('.bar a')],now=document.getElementById('now');
const tell=c=>{now.textContent=c.title};
cells.forEach((c,i)=>{c.tabIndex=i?-1:0;c.onfocus=()=>tell(c);c.onmouseenter=()=>tell(c);
c.onclick=()=>{const d=document.querySelector(c.getAttribute('href'));if(d&&d.tagName=='DETAILS')d.open=true}});
document.querySelectorAll('.bar').forEach(b=>b.onkeydown=e=>{let i=cells.indexOf(document.activeElement);if(i<0)return;
const bad=(from,by)=>{for(let k=from+by;k>=0&&k<cells.length;k+=by)if(cells[k].dataset.f)return k;return from};
const to={ArrowRight:i+1,ArrowLeft:i-1,Home:0,End:cells.length-1,n:bad(i,1),p:bad(i,-1)}[e.key];
if(to===undefined||!cells[to])return;e.preventDefault();cells[i].tabIndex=-1;cells[to].tabIndex=0;cells[to].focus()});
if(location.hash){const d=document.querySelector(location.hash);if(d)d.open=true}
)";

std::string colour_of(verdict v)
{
	return std::string("var(--") + name_of(v) + ")";
}

/// Some runs that stand beside each other, as one cell: the worst shows.
std::string cell(std::vector<mark>::const_iterator from, std::vector<mark>::const_iterator to)
{
	const auto worst = std::max_element(from, to, [](const mark &a, const mark &b) { return a.what < b.what; });
	std::string tells = "n = " + std::to_string(worst->n);
	if (worst->process > 1)
		tells += " of process " + std::to_string(worst->process);
	tells += std::string(": ") + title_of(worst->what) + (worst->site.empty() ? "" : ", failed in " + worst->site) +
		 (worst->why.empty() ? "" : ". " + worst->why);
	if (to - from > 1)
		tells += " (the worst of " + std::to_string(to - from) + " runs)";
	const bool found = worst->finding != findings::none;
	return "<a href=\"#" + (found ? "f" + std::to_string(worst->finding + 1) : std::string("now")) + "\"" +
	       (found ? " data-f=\"1\"" : "") + " style=\"background:" + colour_of(worst->what) + "\" title=\"" +
	       escaped(tells) + "\" aria-label=\"" + escaped(tells) + "\"></a>";
}

/// So wide that the bar fits on a screen, as far as a cell can still be pointed at.
int cell_px(size_t cells)
{
	if (cells <= 40)
		return 26;
	return cells <= 150 ? 12 : 6;
}

std::string bar(std::vector<mark> marks)
{
	std::stable_sort(marks.begin(), marks.end(), [](const mark &a, const mark &b) {
		return std::tie(a.process, a.n) < std::tie(b.process, b.n);
	});
	const size_t each = std::max<size_t>(1, (marks.size() + most_cells - 1) / most_cells);
	const size_t cells = (marks.size() + each - 1) / each;
	std::string all = "<div class=\"bar\" style=\"--cell:" + std::to_string(cell_px(cells)) +
			  "px\" role=\"group\" aria-label=\"runs by the number of the failed allocation\">";
	for (size_t at = 0; at < marks.size(); at += each)
		all += cell(marks.begin() + static_cast<ptrdiff_t>(at),
			    marks.begin() + static_cast<ptrdiff_t>(std::min(at + each, marks.size())));
	return all + "</div>\n";
}

std::string stack(const call_stack &calls, symbols &names)
{
	std::string all = "<pre>";
	for (size_t i = 0; i < calls.size(); i++) {
		const symbol &s = names.find(calls[i]);
		all += tools::text("#%-2zu ", i) + escaped(names.describe(calls[i]));
		if (!s.file.empty())
			all += "  <span class=\"soft\">" + escaped(s.file) + "</span>";
		all += "\n";
	}
	return all + "</pre>\n";
}

std::string entry(const finding &f, size_t number, const account &a)
{
	std::string all = "<details id=\"f" + std::to_string(number) + "\"" + (f.known ? " class=\"known\"" : "") +
			  (number == 1 ? " open" : "") +
			  "><summary><span class=\"key\" style=\"background:" + colour_of(f.what) + "\"></span>" +
			  std::to_string(number) + ". " + escaped(f.title) + (f.known ? " (known)" : "") +
			  "</summary>\n<p>" + escaped(f.why) + "<br><span class=\"soft\">" +
			  tools::counted(f.runs, "run") + "; fingerprint " + f.fingerprint + "</span></p>\n";
	if (!f.shown.calls.empty())
		all += "<p>" + escaped(f.shown.where) + "</p>" + stack(f.shown.calls, a.names);
	for (size_t i = 0; i < f.failed.size(); i++)
		all += std::string("<p>") + (i == 0 ? "Failed: " : "And then: ") + escaped(describe(f.failed[i])) +
		       ", number " + tools::grouped(f.failed[i].n) + (f.failed[i].thread.empty() ? "" : ", thread ") +
		       escaped(f.failed[i].thread) + "</p>" + stack(f.failed[i].calls, a.names);
	return all + "<p>Show it again:</p><pre class=\"words\">" + escaped(replay_command(f.token, a.wanted)) +
	       "</pre></details>\n";
}

std::string legend(const account &a)
{
	std::string all = "<table>";
	for (size_t v = 0; v < verdict_count; v++) {
		const auto one = static_cast<verdict>(v);
		if (a.found.count(one) > 0)
			all += "<tr><td>" + tools::grouped(a.found.count(one)) +
			       "</td><td><span class=\"key\" style=\"background:" + colour_of(one) + "\"></span>" +
			       title_of(one) + "</td></tr>";
	}
	return all + "</table>\n";
}

} // namespace

std::string as_html(const account &a)
{
	std::string words;
	for (const std::string &word : a.wanted.command)
		words += (words.empty() ? "" : " ") + word;
	const trial &unharmed = a.known.unharmed();
	std::string all = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
			  "content=\"width=device-width, initial-scale=1\">\n<title>mempool fail: " +
			  escaped(words) + "</title>\n<style>" + style +
			  "</style></head><body>\n<h1>mempool fail: " + found_in_short(a) +
			  "</h1>\n<pre class=\"words\">" + escaped(words) + "</pre>\n";
	all += "<p>" + tools::counted(a.found.runs(), "run") + " in " + tools::duration(a.done.took_ns) +
	       "; when nothing fails, " + tools::counted(unharmed.seen.allocations(), "allocation") + " from " +
	       tools::counted(unharmed.seen.sites.size(), "call stack") + " in " + tools::duration(unharmed.took_ns) +
	       ".</p>\n";
	for (const std::string &note : a.known.notes())
		all += "<p class=\"soft\">" + escaped(note) + "</p>\n";
	if (a.done.lost_sight > 0)
		all += "<p class=\"soft\">" + escaped(lost_in_short(a.done)) + "</p>\n";
	if (a.wanted.shards > 1)
		all += "<p>This is part " + std::to_string(a.wanted.shard) + " of " + std::to_string(a.wanted.shards) +
		       ".</p>\n";
	if (const std::string left = left_in_short(a.done); !left.empty())
		all += "<p id=\"left\"><b>" + left + "</b></p>\n";
	all += legend(a) + "<h2>Runs, by the number of the allocation that failed</h2>\n" + bar(a.done.marks);
	all += "<p id=\"now\" aria-live=\"polite\" class=\"soft\">Tab to the bar, then the arrow keys, Home and End "
	       "move along "
	       "it; n and p go to the next and the previous finding, Enter to its stacks.</p>\n<h2>Findings</h2>\n";
	for (size_t i = 0; i < a.found.all().size(); i++)
		all += entry(a.found.all()[i], i + 1, a);
	if (a.found.all().empty())
		all += "<p>None.</p>\n";
	return all + "<script>" + script + "</script>\n</body></html>\n";
}

} // namespace fail
