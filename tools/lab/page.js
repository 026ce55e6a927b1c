// SPDX-License-Identifier: MIT
//
// page.js - shows a lesson that was recorded: `mempool lab NAME --html FILE` puts it
// into page.html. A moment is a step's beginning, or one of its events; all
// that is shown at a moment follows from the recorded events up to it.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const lesson = data.lessons[0];
const byId = (id) => document.getElementById(id);

function element(name, attributes, ...children)
{
	const svg = ["svg", "line", "circle", "path", "text", "rect", "g", "title"].includes(name);
	const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
	for (const [key, value] of Object.entries(attributes || {}))
		if (value !== false && value !== undefined)
			made.setAttribute(key, value);
	made.append(...children.filter((c) => c !== null && c !== undefined));
	return made;
}

function duration(ns)
{
	const units = ["ns", "µs", "ms", "s"];
	let unit = 0;
	for (; ns >= 1000 && unit < 3; unit++)
		ns /= 1000;
	return (ns < 10 && unit > 0 ? ns.toFixed(1) : Math.round(ns)) + " " + units[unit];
}

/// A moment: to the microsecond, as events follow each other in less than one.
const clock = (ns) => (ns < 1e9 ? (ns / 1e6).toFixed(3) + " ms" : (ns / 1e9).toFixed(3) + " s");
/// Masks may break behind a flag.
const breakable = (text) => text.replaceAll("|", "|\u200b");

// The moments, and how things stood at each.
const moments = [];
{
	let pools = new Map();
	let lanes = new Map();
	lesson.steps.forEach((step, s) => {
		for (const lane of step.lanes)
			if (!lanes.has(lane.name))
				lanes.set(lane.name, {...lane, now: "idle", text: "", holds: []});
		const snapshot = (event, at) => moments.push({step: s, event, at, pools: new Map(pools), lanes: new Map(lanes)});
		const settle = () => {
			pools = new Map(step.pools.map((p) => [p.name, p]));
			for (const lane of step.lanes)
				lanes.set(lane.name, lane);
			moments[moments.length - 1].pools = new Map(pools);
			moments[moments.length - 1].lanes = new Map(lanes);
		};
		snapshot(null, -1);
		step.events.forEach((event, i) => {
			if (event.lane && lanes.has(event.lane))
				lanes.set(event.lane, {...lanes.get(event.lane), now: event.now, text: event.text});
			if (event.pool && event.level >= 0) {
				const known = pools.get(event.pool) || step.pools.find((p) => p.name === event.pool) || {name: event.pool};
				pools.set(event.pool, {...known, level: event.level, slots: event.slots});
			}
			snapshot(event, i);
		});
		settle();
	});
}
const laneNames = [...new Set(lesson.steps.flatMap((s) => s.lanes.map((l) => l.name)))];
const lastOf = (step) => moments.findLastIndex((m) => m.step === step);
let here = 0;
let playing = 0;

// Threads as lanes: events at even distances, the time of each written below.
const lane = {height: 40, gap: 34, left: 12};
const x = (i) => lane.left + i * lane.gap;
const y = (name) => laneNames.indexOf(name) * lane.height + lane.height / 2;

function drawTracks(svg)
{
	for (const name of laneNames) {
		for (let i = 0; i + 1 < moments.length; i++) {
			const state = moments[i].lanes.get(name);
			if (!state)
				continue;
			svg.append(element("line", {class: "track " + state.now, x1: x(i), x2: x(i + 1), y1: y(name), y2: y(name), "data-from": i}));
		}
	}
}

// From whoever wakes a thread to where that goes on.
function drawWakes(svg)
{
	moments.forEach((m, i) => {
		if (!m.event || m.event.kind !== "wake")
			return;
		const thread = m.event.args.find((a) => a.name === "thread");
		const woken = [...m.lanes.values()].find((l) => thread && String(l.thread) === thread.value);
		const to = woken && moments.findIndex((o, k) => k > i && o.event && o.event.lane === woken.name && o.event.kind === "wait_end");
		if (!woken || to < 0)
			return;
		const [x1, y1, x2, y2] = [x(i), y(m.event.lane), x(to) - 7, y(woken.name)];
		svg.append(element("path", {class: "wake", d: `M${x1} ${y1} C${x1 + 14} ${y2} ${x2 - 20} ${y2} ${x2} ${y2}`, "data-from": i}));
		svg.append(element("path", {class: "wake-head", d: `M${x2 + 1} ${y2} l-8 -5 v10 z`, "data-from": i}));
	});
}

function drawTimes(svg, height)
{
	let last = null;
	moments.forEach((m, i) => {
		if (!m.event)
			return;
		const since = last === null ? m.event.time_ns : m.event.time_ns - last;
		last = m.event.time_ns;
		if (since >= 1e6 || i % 4 === 1)
			svg.append(element("text", {x: x(i), y: height - 4, "text-anchor": "middle"}, since >= 1e6 ? "+" + duration(since) : clock(m.event.time_ns)));
	});
}

function drawLanes()
{
	const height = laneNames.length * lane.height + 22;
	const svg = element("svg", {width: x(moments.length - 1) + 30, height, role: "img",
		"aria-label": `${laneNames.length} threads over ${moments.length} moments; the list below says the same in words`});
	lesson.steps.forEach((step, s) => {
		const first = moments.findIndex((m) => m.step === s);
		if (s % 2 === 0)
			svg.append(element("rect", {class: "band", x: x(first) - lane.gap / 2, y: 0, width: (lastOf(s) - first + 1) * lane.gap, height: height - 18}));
	});
	drawTracks(svg);
	drawWakes(svg);
	svg.append(element("line", {class: "cursor", id: "cursor", y1: 0, y2: height - 18}));
	moments.forEach((m, i) => {
		if (!m.event || !laneNames.includes(m.event.lane))
			return;
		const dot = element("circle", {class: "dot", cx: x(i), cy: y(m.event.lane), r: 6, "data-moment": i},
			element("title", {}, `${m.event.lane}: ${m.event.text}`));
		dot.addEventListener("click", () => go(i));
		svg.append(dot);
	});
	drawTimes(svg, height);
	byId("lanes").replaceChildren(svg);
	const states = [...new Set(moments.flatMap((m) => [...m.lanes.values()].map((l) => l.now)))];
	byId("legend").replaceChildren(...states.map((s) => element("span", {class: "state " + s}, s)));
	byId("lane-names").replaceChildren(...laneNames.map((name) => element("div", {}, name)));
}

function slotItem(slot, number, before)
{
	const notes = [slot.pinned && "pinned", slot.guest && "guest", slot.poisoned && "poisoned"].filter(Boolean);
	const classes = [slot.element ? "" : "empty", slot.guest ? "guest" : "", before !== undefined && before !== slot.element ? "changed" : ""];
	return element("li", {class: classes.join(" ").trim(), "data-element": slot.element,
		"aria-label": `slot ${number + 1}: ${slot.element ? slot.element + notes.map((n) => ", " + n).join("") : "empty"}`},
		slot.element || "–", notes.length ? element("small", {}, notes.join(" ")) : null);
}

function showPools(moment, before)
{
	byId("pools").replaceChildren(...[...moment.pools.values()].map((pool) => {
		const old = before && before.pools.get(pool.name);
		const changed = (i) => old && old.slots.length === pool.slots.length ? old.slots[i].element : undefined;
		return element("div", {class: "pool", "data-pool": pool.name, "data-level": pool.level},
			element("div", {class: "pool-head"}, element("strong", {}, pool.name),
				element("span", {}, `${pool.level} of ${Math.max(pool.min_nr, 1)} in reserve`),
				pool.sleepers ? element("span", {}, `${pool.sleepers} asleep`) : null,
				pool.backing ? element("span", {class: /fail/.test(pool.backing) ? "fails" : ""}, "backing " + pool.backing) : null),
			element("ol", {class: "slots", "aria-label": "Slots of the reserve of " + pool.name}, ...pool.slots.map((s, i) => slotItem(s, i, changed(i)))));
	}));
}

function showLanes(moment)
{
	byId("lane-states").replaceChildren(...[...moment.lanes.values()].map((l) =>
		element("li", {"data-lane": l.name, "data-now": l.now}, element("strong", {}, l.name), element("span", {class: "badge " + l.now}, l.now),
			element("span", {}, breakable(l.text)), l.holds.length ? element("span", {class: "holds"}, "holds " + l.holds.join(", ")) : null)));
	document.querySelectorAll("#lanes [data-from]").forEach((t) => t.classList.toggle("later", Number(t.dataset.from) >= here));
	document.querySelectorAll("#lanes .dot").forEach((d) => {
		d.classList.toggle("now", Number(d.dataset.moment) === here);
		d.classList.toggle("later", Number(d.dataset.moment) > here);
	});
	byId("cursor").setAttribute("x1", x(here));
	byId("cursor").setAttribute("x2", x(here));
	const box = byId("lanes");
	box.scrollLeft = Math.max(0, x(here) - box.clientWidth / 2);
}

const flags = (text, tag) => (text ? text.split("|").map((f) => element(tag, {}, f)) : []);
const section = (title, children) => (children.length ? [element("h3", {}, title), ...children] : []);

// An allocation's caller is known when its call came back; until then only the pass itself is.
function passItem(p)
{
	const added = new Set(p.added ? p.added.split("|") : []);
	return element("div", {class: "pass", "data-pass": p.number},
		element("p", {}, element("strong", {}, p.number === 1 ? "First pass" : "Second pass"), ` of ${p.lane}: the backing of ${p.pool} is asked with`),
		element("p", {class: "flags", "data-mask": p.mask}, ...(p.text ? p.text.split("|") : ["0"]).map((f) => element(added.has(f) ? "ins" : "code", {}, f))),
		p.callers ? element("p", {class: "flags"}, "the caller gave ", ...flags(p.callers, "code"), p.added ? " and the pool added " : null, ...flags(p.added, "ins"),
			p.removed ? " and took away " : null, ...flags(p.removed, "del")) : null);
}

function claimItem(c)
{
	return element("details", {class: "claim", "data-holds": String(c.holds), open: c.holds ? false : ""},
		element("summary", {}, element("span", {class: c.holds ? "yes" : "no"}, c.holds ? "✓ " : "✗ "), c.text, element("span", {class: c.holds ? "yes" : "no"}, c.holds ? "" : " does not hold")),
		element("dl", {}, element("dt", {}, "expected"), element("dd", {}, c.expected), element("dt", {}, "recorded"), element("dd", {}, c.observed)));
}

function showStep(step, s)
{
	byId("where").textContent = `Step ${s + 1} of ${lesson.steps.length}`;
	byId("step-title").textContent = step.title;
	byId("narration").replaceChildren(...step.narration.split(/\n\n+/).filter(Boolean).map((t) => element("p", {}, t)));
	byId("passes").replaceChildren(...section("What each pass may do", step.passes.map(passItem)));
	const first = moments.findIndex((m) => m.step === s);
	byId("events").replaceChildren(...section("What was recorded", step.events.length ? [element("ol", {}, ...step.events.map((e, i) => {
		const button = element("button", {type: "button", "data-moment": first + 1 + i}, element("time", {}, clock(e.time_ns)),
			element("span", {}, element("strong", {}, e.lane), " ", breakable(e.text)));
		button.addEventListener("click", () => go(first + 1 + i));
		return element("li", {}, button);
	}))] : []));
	byId("facts").replaceChildren(...section("The rule", step.facts.map((f) =>
		element("div", {class: "fact"}, element("span", {class: "par"}, f.par ? "PAR-" + f.par : "ours"), element("span", {}, f.text)))));
	byId("sources").replaceChildren(...section("In our source", step.sources.map((f) =>
		element("div", {class: "source"}, element("span", {}, f.file + (f.line ? ":" + f.line : "")), element("code", {}, f.text.trim())))));
	byId("claims").replaceChildren(...section("Checked against the recording", step.claims.map(claimItem)));
}

let shownStep = -1;
function show()
{
	const moment = moments[here];
	const step = lesson.steps[moment.step];
	if (shownStep !== moment.step)
		showStep(step, moment.step);
	shownStep = moment.step;
	showPools(moment, moments[here - 1]);
	showLanes(moment);
	document.querySelectorAll("#events button").forEach((b) => {
		const at = Number(b.dataset.moment);
		b.toggleAttribute("aria-current", at === here);
		b.classList.toggle("later", at > here);
	});
	byId("now").replaceChildren(...(moment.event ? [element("time", {}, clock(moment.event.time_ns)), breakable(`${moment.event.lane}: ${moment.event.text}`)] : [step.title]));
	const scrub = byId("scrub");
	scrub.value = here;
	scrub.setAttribute("aria-valuetext", `step ${moment.step + 1} of ${lesson.steps.length}` + (moment.event ? `, ${moment.event.lane}: ${moment.event.text}` : ""));
	byId("back").disabled = here === 0;
	byId("next").disabled = here === moments.length - 1;
	document.body.dataset.moment = here;
	document.body.dataset.step = moment.step;
}

function go(to)
{
	here = Math.min(Math.max(to, 0), moments.length - 1);
	show();
}

// A step is shown as it ended; going back, too.
const nextStep = () => go(here < lastOf(moments[here].step) ? lastOf(moments[here].step) : lastOf(Math.min(moments[here].step + 1, lesson.steps.length - 1)));
const previousStep = () => go(moments[here].step === 0 ? 0 : lastOf(moments[here].step - 1));

function play(on)
{
	clearInterval(playing);
	playing = on ? setInterval(() => (here + 1 < moments.length ? go(here + 1) : play(false)), 900) : 0;
	byId("play").textContent = on ? "Pause" : "Play";
	byId("play").setAttribute("aria-pressed", String(Boolean(on)));
}

const keys = {
	ArrowRight: () => go(here + 1), ArrowLeft: () => go(here - 1), PageDown: nextStep, PageUp: previousStep, n: nextStep, b: previousStep,
	Home: () => go(0), End: () => go(moments.length - 1), Enter: nextStep, " ": () => play(!playing),
};
document.addEventListener("keydown", (e) => {
	const onControl = /^(BUTTON|SUMMARY|A|INPUT)$/.test(e.target.tagName);
	if (e.ctrlKey || e.altKey || e.metaKey || !keys[e.key] || (onControl && (e.key === "Enter" || e.key === " ")) ||
	    (e.target.tagName === "INPUT" && e.key !== "n" && e.key !== "b"))
		return;
	e.preventDefault();
	keys[e.key]();
});
byId("next").addEventListener("click", nextStep);
byId("back").addEventListener("click", previousStep);
byId("play").addEventListener("click", () => play(!playing));
byId("scrub").addEventListener("input", (e) => go(Number(e.target.value)));
byId("theme").addEventListener("click", () => {
	const root = document.documentElement;
	const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
	root.dataset.theme = dark ? "light" : "dark";
});

byId("title").textContent = lesson.title[0].toUpperCase() + lesson.title.slice(1);
byId("verdict").textContent = lesson.failed ? `${lesson.failed} of this lesson's claims do not hold in this run`
	: `All ${lesson.steps.flatMap((s) => s.claims).length} claims of this lesson hold in this run`;
byId("verdict").classList.toggle("bad", lesson.failed > 0);
if (data.links) {
	const link = (name, text) => (name ? element("a", {href: name + ".html"}, text) : null);
	byId("lessons").append(...[link("index", "All lessons"), link(data.links.before, "← " + data.links.before), link(data.links.after, data.links.after + " →")].filter(Boolean));
}
byId("scrub").max = moments.length - 1;
drawLanes();
go(0);
