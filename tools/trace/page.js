// SPDX-License-Identifier: MIT
//
// page.js - draws recordings that `mempool trace --to html` put into page.html:
// each reserve's level, each thread's calls and sleeps, and who woke whom.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const most_rows = 300;
const row_height = 26, level_height = 64, name_width = 130;
let from = 0, to = data.end_ns;

const clock = (ns) => (ns < 1e9 ? (ns / 1e6).toFixed(3) + " ms" : (ns / 1e9).toFixed(4) + " s");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

function text(ctx, what, x, y, name)
{
	ctx.fillStyle = colour(name);
	ctx.fillText(what, x, y);
}

// A name, left of the picture. Where it finds no room it is cut before its last word, which is a thread's number.
function named(ctx, what, y)
{
	const last = Math.max(what.lastIndexOf(" "), 0) || what.length;
	let shown = what;
	for (let kept = last - 1; kept > 0 && ctx.measureText(shown).width > name_width - 8; kept--)
		shown = what.slice(0, kept) + "\u2026" + what.slice(last);
	text(ctx, shown, 0, y, "ink");
}

// A reserve's level as steps, from 0 to the highest.
function drawLevel(ctx, pool, y, x)
{
	const base = y + level_height - 14, high = base - y - 8;
	const most = pool.levels.reduce((so_far, l) => Math.max(so_far, l[1]), 1);
	named(ctx, pool.label, y + 14);
	text(ctx, `reserve, 0 to ${most}`, 0, y + 30, "soft");
	ctx.beginPath();
	let last = null;
	for (const [time, level] of pool.levels) {
		if (last !== null)
			ctx.lineTo(x(time), base - (last * high) / most);
		ctx.lineTo(x(time), base - (level * high) / most);
		last = level;
	}
	if (last !== null)
		ctx.lineTo(x(data.end_ns), base - (last * high) / most);
	ctx.strokeStyle = colour("full-edge");
	ctx.lineWidth = 2;
	ctx.stroke();
}

const looks = {alloc: "running", pass: "backing", sleep: "asleep", free: "woken", wake: "woken"};

function drawSpans(ctx, thread, y, x)
{
	for (const s of thread.spans) {
		if (s.end < from || s.begin > to)
			continue;
		const inset = Math.min(s.depth, 3) * 3;
		ctx.fillStyle = colour(looks[s.kind]);
		ctx.fillRect(x(s.begin), y + 4 + inset, Math.max(1, x(s.end) - x(s.begin)), row_height - 8 - 2 * inset);
	}
}

function drawArrows(ctx, top, x)
{
	ctx.strokeStyle = colour("woken");
	ctx.lineWidth = 1.5;
	for (const a of data.arrows) {
		if (a.to_ns < from || a.from_ns > to)
			continue;
		ctx.beginPath();
		ctx.moveTo(x(a.from_ns), top + (a.from + 0.5) * row_height);
		ctx.lineTo(x(a.to_ns), top + (a.to + 0.5) * row_height);
		ctx.stroke();
	}
}

function draw()
{
	const canvas = byId("chart");
	const width = canvas.clientWidth, height = data.pools.length * level_height + data.threads.length * row_height + 20;
	canvas.width = width * devicePixelRatio;
	canvas.height = height * devicePixelRatio;
	canvas.style.height = height + "px";
	const ctx = canvas.getContext("2d");
	ctx.scale(devicePixelRatio, devicePixelRatio);
	ctx.font = "12px system-ui, 'DejaVu Sans', sans-serif";
	const x = (time) => name_width + ((time - from) / Math.max(to - from, 1)) * (width - name_width);
	const top = data.pools.length * level_height;
	const clipped = (what) => {
		ctx.save();
		ctx.beginPath();
		ctx.rect(name_width, 0, width, height);
		ctx.clip();
		what();
		ctx.restore();
	};
	data.pools.forEach((p, i) => drawLevel(ctx, p, i * level_height, (t) => Math.min(Math.max(x(t), name_width), width)));
	data.threads.forEach((t, i) => {
		named(ctx, t.label, top + i * row_height + 17);
		clipped(() => drawSpans(ctx, t, top + i * row_height, x));
	});
	clipped(() => drawArrows(ctx, top, x));
	text(ctx, clock(from), name_width, height - 4, "soft");
	ctx.textAlign = "right";
	text(ctx, clock(to), width, height - 4, "soft");
	byId("range").textContent = `${clock(from)} to ${clock(to)}`;
}

function list()
{
	const inside = data.events.filter((e) => e[0] >= from && e[0] <= to);
	byId("shown").textContent = inside.length > most_rows ? `The first ${most_rows} of ${inside.length} events` : `${inside.length} events`;
	byId("rows").replaceChildren(...inside.slice(0, most_rows).map((e) => {
		const row = document.createElement("tr");
		for (const cell of [clock(e[0]), data.threads[e[1]].label, e[2], e[3], e[4]])
			row.insertCell().textContent = cell;
		return row;
	}));
}

function look(begin, end)
{
	const length = Math.min(Math.max(end - begin, 1000), data.end_ns);
	from = Math.min(Math.max(begin, 0), data.end_ns - length);
	to = from + length;
	draw();
	list();
}

const zoom = (by, at) => look(at - (at - from) * by, at + (to - at) * by);
const middle = () => (from + to) / 2;
const shift = (by) => look(from + (to - from) * by, to + (to - from) * by);
const ways = {in: () => zoom(0.5, middle()), out: () => zoom(2, middle()), left: () => shift(-0.5), right: () => shift(0.5), all: () => look(0, data.end_ns)};
for (const [id, way] of Object.entries(ways))
	byId(id).addEventListener("click", way);
const keys = {"+": ways.in, "-": ways.out, ArrowLeft: ways.left, ArrowRight: ways.right, 0: ways.all};
document.addEventListener("keydown", (e) => !e.ctrlKey && !e.metaKey && !e.altKey && keys[e.key] && keys[e.key]());
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

byId("title").textContent = data.title;
byId("verdict").textContent = `${data.events.length} events of ${data.threads.length} threads; ` + (data.lost ? `${data.lost} events are lost` : "none lost");
byId("verdict").classList.toggle("bad", data.lost > 0);
look(0, data.end_ns);
