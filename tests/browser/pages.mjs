// SPDX-License-Identifier: MIT
//
// pages.mjs - the pages of `mempool fail --html` and `mempool trace --to html` in a real browser:
//
//   node pages.mjs PLAYWRIGHT CHROMIUM SHOTS PAGE...
//
// PAGE is a path without .html, beside which stands what the page is compared
// with: the .json of the same sweep, or the .csv of the same recordings. Nothing
// may be fetched, and nothing may be said on the console. Screenshots at three widths go to SHOTS.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import {openBrowser, widths} from "./browser.mjs";

const [playwright, executablePath, shots, ...pages] = process.argv.slice(2);
const most_cells = 600; // of the bar; more runs share one
const most_rows = 300; // of the table of events
// A canvas that is read again and again is the test's doing, not the page's.
const {page, complaints, close} = await openBrowser(playwright, executablePath, (text) => text.includes("willReadFrequently"));

const base = (file) => file.slice(file.lastIndexOf("/") + 1);

/// A frame's line, without its number, as far as the JSON tells it.
function frameFits(line, frame)
{
	if (frame.file)
		return line.startsWith(`${frame.function} (${base(frame.file)}:${frame.line})`) && line.endsWith(frame.file);
	if (frame.function)
		return line.startsWith(frame.function + "+0x") && line.endsWith(` (${base(frame.module)})`);
	return line === `${frame.module}${frame.module ? "+" : ""}0x${frame.offset.toString(16)}`;
}

function checkStack(shown, frames, at)
{
	const lines = shown.trimEnd().split("\n");
	assert.equal(lines.length, frames.length, `${at}: ${shown}`);
	frames.forEach((frame, i) => {
		assert.match(lines[i], new RegExp(`^#${i} +`), at);
		assert.ok(frameFits(lines[i].replace(/^#\d+ +/, ""), frame), `${at}: '${lines[i]}' of ${JSON.stringify(frame)}`);
	});
}

async function checkFindings(told, name)
{
	const shown = await page.locator("details").evaluateAll((all) => all.map((d) => ({
		id: d.id, known: d.classList.contains("known"), title: d.querySelector("summary").textContent,
		says: [...d.querySelectorAll("p")].map((p) => p.textContent), blocks: [...d.querySelectorAll("pre")].map((p) => p.textContent),
	})));
	assert.equal(shown.length, told.findings.length, `${name}: findings`);
	told.findings.forEach((f, i) => {
		const at = `${name}, finding ${i + 1}`, seen = shown[i];
		assert.equal(seen.id, `f${i + 1}`, at);
		assert.equal(seen.title, `${i + 1}. ${f.title}${f.known ? " (known)" : ""}`, at);
		assert.equal(seen.known, f.known, at);
		assert.equal(seen.says[0], `${f.why}${f.runs} ${f.runs === 1 ? "run" : "runs"}; fingerprint ${f.fingerprint}`, at);
		const stacks = [...(f.stack.length ? [f.stack] : []), ...f.failed.map((one) => one.stack)];
		assert.equal(seen.blocks.length, stacks.length + 1, at);
		stacks.forEach((frames, s) => checkStack(seen.blocks[s], frames, `${at}, stack ${s + 1}`));
		assert.equal(seen.blocks.at(-1), f.replay, at);
		assert.ok(f.replay.includes(f.token), at);
		const failed = seen.says.filter((p) => /^(Failed|And then): /.test(p));
		assert.deepEqual(failed.map((p) => p.match(/: (.*?) of .*, number (\d[\d,]*\d|\d)/).slice(1)),
			f.failed.map((one) => [one.call, one.n.toLocaleString("en")]), at);
	});
	const figures = await page.locator("table tr").evaluateAll((all) => all.map((r) =>
		[r.querySelector(".key").style.background, Number(r.cells[0].textContent.replaceAll(",", ""))]));
	assert.deepEqual(figures, Object.entries(told.verdicts).filter(([, n]) => n > 0).map(([v, n]) => [`var(--${v})`, n]), name);
}

/// The bar: a cell for each run, in the order of what failed; of very many, one for some that stand together, the worst.
async function checkBar(told, name)
{
	const rank = Object.keys(told.verdicts);
	const runs = told.all_runs.map((r, i) => ({...r, i})).sort((a, b) => a.process - b.process || a.n - b.n || a.i - b.i);
	assert.equal(runs.length, told.runs, `${name}: runs`);
	const each = Math.max(1, Math.ceil(runs.length / most_cells));
	const wanted = [];
	for (let from = 0; from < runs.length; from += each)
		wanted.push(runs.slice(from, from + each).reduce((a, b) => (rank.indexOf(b.verdict) > rank.indexOf(a.verdict) ? b : a)));
	const cells = await page.locator(".bar a").evaluateAll((all) => all.map((c) => {
		const box = c.getBoundingClientRect(), probe = document.createElement("i");
		probe.style.color = "var(--back)";
		document.body.append(probe);
		const back = getComputedStyle(probe).color;
		probe.remove();
		return {look: c.style.background, title: c.title, name: c.getAttribute("aria-label"), to: c.getAttribute("href"),
			seen: box.width >= 5 && box.height >= 20 && ![back, "rgba(0, 0, 0, 0)"].includes(getComputedStyle(c).backgroundColor)};
	}));
	assert.equal(cells.length, wanted.length, `${name}: cells of the bar`);
	wanted.forEach((run, i) => {
		const cell = cells[i], at = `${name}, cell ${i + 1}`;
		assert.ok(cell.seen, `${at}: cannot be seen: ${JSON.stringify(cell)}`);
		assert.equal(cell.look, `var(--${run.verdict})`, at);
		assert.equal(cell.name, cell.title, at);
		assert.match(cell.title, new RegExp(`^n = ${run.n}${run.process > 1 ? ` of process ${run.process}` : ""}: `), at);
		for (const part of [run.why, run.site])
			assert.ok(cell.title.includes(part), `${at}: '${cell.title}' without '${part}'`);
		const finding = cell.to.match(/^#f(\d+)$/);
		if (finding)
			assert.equal(told.findings[finding[1] - 1].verdict, run.verdict, at);
		else
			assert.equal(cell.to, "#now", at);
	});
	const led = new Set(cells.map((c) => c.to));
	if (each === 1)
		told.findings.forEach((f, i) => assert.ok(led.has(`#f${i + 1}`), `${name}: no cell leads to finding ${i + 1}`));
}

/// Which cell has the focus, and what is told of it.
const focused = () => page.evaluate(() => ({
	cell: [...document.querySelectorAll(".bar a")].indexOf(document.activeElement),
	title: document.activeElement.title, now: document.getElementById("now").textContent,
}));

/// Tab to the bar, and along it as the page says.
async function checkKeys(name)
{
	const cells = await page.locator(".bar a").evaluateAll((all) => all.map((c) => c.dataset.f === "1"));
	await page.keyboard.press("Tab");
	const step = async (key, to) => {
		if (key)
			await page.keyboard.press(key);
		const at = await focused();
		assert.equal(at.cell, to, `${name}: ${key || "Tab"}`);
		assert.equal(at.now, at.title, `${name}: ${key || "Tab"}`);
	};
	await step("", 0);
	await step("End", cells.length - 1);
	await step("ArrowRight", cells.length - 1);
	await step("Home", 0);
	const far = Math.min(cells.length, 50);
	for (let i = 1; i < far; i++)
		await step("ArrowRight", i);
	for (let i = far - 2; i >= 0; i--)
		await step("ArrowLeft", i);
	const found = cells.flatMap((f, i) => (f && i > 0 ? [i] : []));
	for (const i of found)
		await step("n", i);
	for (const i of found.slice(0, -1).reverse())
		await step("p", i);
	if (found.length === 0)
		return;
	const to = await page.locator(".bar a").nth(found[0]).getAttribute("href");
	await page.locator("details").evaluateAll((all) => all.forEach((d) => (d.open = false)));
	await page.keyboard.press("Enter");
	assert.deepEqual(await page.locator("details[open]").evaluateAll((all) => all.map((d) => "#" + d.id)), [to], `${name}: Enter`);
	assert.ok(await page.locator(to).evaluate((d) => d.getBoundingClientRect().top < innerHeight), `${name}: Enter leads nowhere`);
}

async function checkNames(name)
{
	const nameless = await page.evaluate(() => [...document.querySelectorAll("button, input, a, svg, summary, [role]")]
		.filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim())).map((e) => e.outerHTML.slice(0, 80)));
	assert.deepEqual(nameless, [], `${name}: without a name`);
	assert.equal(await page.locator("h1").count(), 1, name);
}

async function shoot(name)
{
	await page.locator("details").evaluateAll((all) => all.forEach((d) => (d.open = true)));
	for (const width of widths) {
		await page.setViewportSize({width, height: 900});
		await page.emulateMedia({colorScheme: width === widths[1] ? "dark" : "light"});
		await page.screenshot({path: path.join(shots, `${name}-${width}.png`), fullPage: true});
		const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		assert.ok(over <= 0, `${name}: ${over} pixels wider than ${width}`);
		const broken = await page.locator("#rows td:nth-child(4)").evaluateAll((all) => all.filter((cell) => {
			const words = document.createRange();
			words.selectNodeContents(cell);
			return words.getClientRects().length > 1;
		}).map((cell) => cell.textContent));
		assert.deepEqual(broken, [], `${name}: words in pieces, ${width} pixels wide`);
	}
	await page.setViewportSize({width: widths[2], height: 900});
}

async function checkFail(file, name)
{
	const told = JSON.parse(fs.readFileSync(file + ".json", "utf8"));
	assert.equal(await page.title(), "mempool fail: " + told.command.join(" "), name);
	assert.equal(await page.locator("h1 + pre").textContent(), told.command.join(" "), name);
	const many = told.left === 1 ? "run or more is" : "runs or more are";
	const left = told.left > 0 || told.interrupted ?
		[`${told.interrupted ? "It was interrupted" : "The budget is spent"}: ${told.left.toLocaleString("en")} ${many} left.`] : [];
	const known = told.findings.filter((f) => f.known).length, more = ` (${known} known, ${told.findings.length - known} new)`;
	assert.equal((await page.locator("h1").textContent()).endsWith(more), known > 0, `${name}: the title does not say${more}`);
	if (told.findings.length === 0)
		assert.equal(await page.locator("h1").textContent(), `mempool fail: nothing found${left.length ? " so far" : ""}`, name);
	assert.deepEqual(await page.locator("#left").allTextContents(), left, name);
	const part = told.shard[1] > 1 ? [`This is part ${told.shard[0]} of ${told.shard[1]}.`] : [];
	assert.deepEqual((await page.locator("p").allTextContents()).filter((p) => p.startsWith("This is part")), part, name);
	await checkFindings(told, name);
	await checkBar(told, name);
	await checkKeys(name);
	return `${told.runs} runs, ${told.findings.length} findings, ${known} of them known` +
		(told.left > 0 ? `, ${told.left} left` : "");
}

/// Lines of comma-separated values as objects; fields may be quoted (RFC 4180).
function readCsv(text)
{
	const lines = [...text.matchAll(/((?:"(?:[^"]|"")*"|[^,\n"]*)(?:,(?:"(?:[^"]|"")*"|[^,\n"]*))*)\n/g)].map((line) =>
		[...("," + line[1]).matchAll(/,(?:"((?:[^"]|"")*)"|([^,"]*))/g)].map((f) => (f[1] ?? f[2]).replaceAll('""', '"')));
	return lines.slice(1).map((line) => Object.fromEntries(lines[0].map((name, i) => [name, line[i]])));
}

/// A duration as it is told, in nanoseconds.
const duration = (text) => parseFloat(text) * {ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9}[text.split(" ")[1]];

/// The figures that an event has in both; a mask or an address is written in another way here, and a duration rounded.
function checkDetails(details, row, at)
{
	for (const [column, value] of Object.entries(row)) {
		const name = column.match(/^arg_(.*)$/)?.[1];
		if (name === "waited" && value !== "")
			assert.ok(Math.abs(duration(details.match(/waited (\S+ \w+)/)[1]) - value) <= value / 10, `${at}: '${details}' of ${value}`);
		else if (name && value !== "")
			assert.ok(details.includes(`${name} ${value.startsWith("0x") ? "" : value}`), `${at}: '${details}' without ${name} ${value}`);
	}
}

const traceRows = () => page.locator("#rows tr").evaluateAll((all) => all.map((r) => [...r.cells].map((c) => c.textContent)));

/// The events of the page in time, thread, pool and kind, and the levels: those of the recording.
async function checkEvents(told, name)
{
	const data = JSON.parse(await page.locator("#data").textContent());
	const threads = [...new Set(told.map((r) => `${r.pid} ${r.tid}`))];
	assert.equal(data.threads.length, threads.length, `${name}: threads`);
	assert.equal(await page.locator("#verdict").textContent(), `${told.length} events of ${threads.length} threads; none lost`);
	assert.equal(data.events.length, told.length, `${name}: events`);
	const zero = told[0].time_ns - data.events[0][0];
	const rows = await traceRows();
	assert.equal(rows.length, Math.min(told.length, most_rows), `${name}: rows`);
	told.forEach((row, i) => {
		const [time, thread, pool, kind, details] = data.events[i], at = `${name}, event ${i + 1}`;
		assert.equal(time + zero, Number(row.time_ns), at);
		assert.equal(data.threads[thread].label, `${row.thread_name} ${row.tid}`, at);
		assert.deepEqual([pool, kind], [row.pool, row.event], at);
		checkDetails(details, row, at);
		if (i < rows.length)
			assert.deepEqual(rows[i].slice(1), [`${row.thread_name} ${row.tid}`, row.pool, row.event, details], at);
	});
	const levels = {};
	for (const row of told.filter((r) => r.pool && r.arg_level !== ""))
		(levels[`${row.pool} of ${row.pid}`] ??= []).push([row.time_ns - zero, Number(row.arg_level)]);
	const many = new Set(told.map((r) => r.pid)).size > 1;
	const labels = data.pools.map((p) => (many ? p.label : `${p.label} of ${told[0].pid}`));
	assert.deepEqual(labels.sort(), Object.keys(levels).sort(), `${name}: pools`);
	for (const pool of data.pools) {
		const last = (levels[pool.label] || levels[`${pool.label} of ${told[0].pid}`]).at(-1);
		assert.deepEqual(pool.levels.at(-1), last, `${name}: the last level of ${pool.label}`);
	}
	return data;
}

/// What is drawn, of each pool and each thread: how many pixels, how many of them in the colour of sleep, and of its name.
function drawn(data)
{
	return page.evaluate(([pools, threads]) => {
		const canvas = document.getElementById("chart"), ctx = canvas.getContext("2d");
		const style = getComputedStyle(document.documentElement), probe = document.createElement("i");
		probe.style.color = style.getPropertyValue("--asleep");
		document.body.append(probe);
		const asleep = getComputedStyle(probe).color.match(/\d+/g).slice(0, 3).map(Number);
		probe.remove();
		const {width, data} = ctx.getImageData(0, 0, canvas.width, canvas.height);
		const used = (x, y, w, h) => {
			let some = 0, sleeps = 0;
			for (let line = y; line < y + h; line++)
				for (let i = (line * width + x) * 4; i < (line * width + x + w) * 4; i += 4) {
					some += data[i + 3] > 0;
					sleeps += data[i + 3] === 255 && asleep.every((c, k) => data[i + k] === c);
				}
			return {some, sleeps};
		};
		const lanes = [...Array(pools).fill(level_height), ...Array(threads).fill(row_height)];
		let y = 0;
		return lanes.map((height) => {
			const lane = {...used(name_width + 1, y, canvas.width - name_width - 1, height), edge: used(name_width - 5, y, 4, height).some,
				name: used(0, y, name_width - 5, height).some};
			y += height;
			return lane;
		});
	}, [data.pools.length, data.threads.length]);
}

/// Something is drawn for each, right of the names, which do not reach into it; and a sleep, looked at closely, in its colour.
async function checkChart(data, name)
{
	const seen = await drawn(data);
	seen.forEach((lane, i) => assert.ok(lane.some > 0 && lane.name > 0 && lane.edge === 0, `${name}, lane ${i + 1}: ${JSON.stringify(lane)}`));
	for (const [i, thread] of data.threads.entries()) {
		const sleep = thread.spans.find((s) => s.kind === "sleep");
		if (!sleep)
			continue;
		await page.evaluate((s) => look(s.begin - (s.end - s.begin), s.end + (s.end - s.begin)), sleep);
		assert.ok((await drawn(data))[data.pools.length + i].sleeps > 100, `${name}: no sleep of ${thread.label} is drawn`);
	}
	await page.keyboard.press("0");
}

/// Buttons and keys: the events in the table are those between the ends that are told.
async function checkZoom(data, name)
{
	const ends = () => page.evaluate(() => [from, to]);
	const check = async (at) => {
		const [from, to] = await ends();
		const inside = data.events.filter((e) => e[0] >= from && e[0] <= to).length;
		assert.equal(await page.locator("#shown").textContent(),
			inside > most_rows ? `The first ${most_rows} of ${inside} events` : `${inside} events`, `${name}: ${at}`);
		assert.equal((await traceRows()).length, Math.min(inside, most_rows), `${name}: ${at}`);
		return to - from;
	};
	const whole = await check("all");
	assert.ok(whole >= data.events.at(-1)[0], `${name}: not all is shown`);
	await page.locator("#in").click();
	assert.equal(await check("in"), whole / 2);
	await page.keyboard.press("+");
	assert.equal(await check("+"), whole / 4);
	const [middle] = await ends();
	await page.keyboard.press("ArrowLeft");
	await check("ArrowLeft");
	assert.ok((await ends())[0] < middle, `${name}: ArrowLeft`);
	await page.locator("#right").click();
	assert.deepEqual((await ends())[0], middle, `${name}: Later`);
	await page.keyboard.press("-");
	assert.equal(await check("-"), whole / 2);
	await page.keyboard.press("0");
	assert.equal(await check("0"), whole);
}

async function checkTrace(file, name)
{
	// There one recording comes after the other.
	const told = readCsv(fs.readFileSync(file + ".csv", "utf8")).sort((a, b) => a.time_ns - b.time_ns);
	const data = await checkEvents(told, name);
	await checkChart(data, name);
	await checkZoom(data, name);
	return `${told.length} events of ${data.threads.length} threads`;
}

let failed = 0;
try {
	for (const file of pages) {
		const name = path.basename(file);
		await page.goto("file://" + path.resolve(file + ".html"));
		await checkNames(name);
		const seen = await (fs.existsSync(file + ".json") ? checkFail : checkTrace)(file, name);
		await shoot(name);
		assert.deepEqual(complaints, [], name);
		console.log(`${name}: ${seen}`);
	}
} catch (e) {
	console.error(e);
	failed = 1;
} finally {
	await close();
}
process.exit(failed);
