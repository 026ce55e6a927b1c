// SPDX-License-Identifier: MIT
//
// lab.mjs - the pages of `mempool lab --all --html DIR` in a real browser:
//
//   node lab.mjs PLAYWRIGHT CHROMIUM DIR JSON SHOTS
//
// Each lesson is gone through by buttons, by keys, and event by event; what the
// page shows is compared with what was recorded (JSON, of the same run). Nothing
// may be fetched, and nothing may be said on the console. Screenshots go to SHOTS.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import {openBrowser, widths} from "./browser.mjs";

const [playwright, executablePath, folder, recorded, shots] = process.argv.slice(2);
const lessons = JSON.parse(fs.readFileSync(recorded, "utf8")).lessons;
const {page, complaints, close} = await openBrowser(playwright, executablePath);

/// What the page shows now.
const shown = () => page.evaluate(() => ({
	step: Number(document.body.dataset.step),
	moment: Number(document.body.dataset.moment),
	title: document.getElementById("step-title").textContent,
	pools: Object.fromEntries([...document.querySelectorAll("#pools [data-pool]")].map((p) =>
		[p.dataset.pool, {level: Number(p.dataset.level), slots: [...p.querySelectorAll("li")].map((s) => s.dataset.element)}])),
	lanes: Object.fromEntries([...document.querySelectorAll("#lane-states [data-lane]")].map((l) => [l.dataset.lane, l.dataset.now])),
	masks: [...document.querySelectorAll("[data-mask]")].map((m) => [...m.children].map((f) => f.textContent).join("|")),
	pars: [...document.querySelectorAll(".par")].map((p) => p.textContent),
	sources: [...document.querySelectorAll(".source")].map((s) => [s.querySelector("span").textContent, s.querySelector("code").textContent]),
	claims: [...document.querySelectorAll(".claim")].map((c) => c.dataset.holds),
	events: document.querySelectorAll("#events button").length,
}));

const slotsOf = (slots) => slots.map((s) => s.element);

function checkStep(seen, step, s, name)
{
	const at = `${name}, step ${s + 1}`;
	assert.equal(seen.step, s, at);
	assert.equal(seen.title, step.title, at);
	assert.deepEqual(seen.pools, Object.fromEntries(step.pools.map((p) => [p.name, {level: p.level, slots: slotsOf(p.slots)}])), at);
	for (const lane of step.lanes)
		assert.equal(seen.lanes[lane.name], lane.now, `${at}: ${lane.name}`);
	assert.deepEqual(seen.masks, step.passes.map((p) => p.text || "0"), at);
	assert.deepEqual(seen.pars, step.facts.map((f) => (f.par ? `PAR-${f.par}` : "ours")), at);
	assert.deepEqual(seen.sources, step.sources.map((f) => [f.file + (f.line ? ":" + f.line : ""), f.text.trim()]), at);
	assert.deepEqual(seen.claims, step.claims.map((c) => String(c.holds)), at);
	assert.equal(seen.events, step.events.length, at);
}

async function bySteps(lesson, forward)
{
	for (let s = 0; s < lesson.steps.length; s++) {
		const before = await shown();
		if (s > 0 || before.events > 0 || lesson.steps[0].events.length > 0)
			await forward();
		checkStep(await shown(), lesson.steps[s], s, lesson.name);
	}
}

/// Each event; of steps with very many, some of them.
async function byEvents(lesson)
{
	const many = 80;
	let moment = 0;
	await page.keyboard.press("Home");
	for (let s = 0; s < lesson.steps.length; s++, moment++) {
		const step = lesson.steps[s];
		const every = Math.ceil(step.events.length / many);
		for (const [i, event] of step.events.entries()) {
			moment++;
			if (i % every !== 0 && i + 1 < step.events.length)
				continue;
			if (every === 1 && i > 0)
				await page.keyboard.press("ArrowRight");
			else
				await page.locator("#scrub").fill(String(moment));
			const seen = await shown();
			const at = `${lesson.name}, step ${s + 1}, event ${i + 1}, ${event.kind}`;
			assert.deepEqual([seen.step, seen.moment], [s, moment], at);
			if (i + 1 === step.events.length)
				checkStep(seen, step, s, lesson.name);
			else if (event.pool && event.level >= 0)
				assert.deepEqual(seen.pools[event.pool], {level: event.level, slots: slotsOf(event.slots)}, at);
			if (i + 1 < step.events.length && seen.lanes[event.lane] !== undefined)
				assert.equal(seen.lanes[event.lane], event.now, at);
		}
		await page.evaluate(() => document.activeElement.blur());
	}
	await page.keyboard.press("End");
	assert.equal(await page.locator("#next").isDisabled(), true, `${lesson.name}: there is more after the last event`);
}

/// A finger or a mouse: the list of events, and the scrubber.
async function byPointer(lesson)
{
	const total = await page.evaluate(() => Number(document.getElementById("scrub").max));
	assert.equal(total + 1, lesson.steps.reduce((n, s) => n + 1 + s.events.length, 0), `${lesson.name}: moments`);
	await page.locator("#scrub").fill("0");
	assert.equal((await shown()).moment, 0);
	await page.locator("#scrub").fill(String(total));
	assert.equal((await shown()).step, lesson.steps.length - 1);
	const first = page.locator("#events button").first();
	if (await first.count()) {
		await first.click();
		assert.equal(await first.getAttribute("aria-current"), "");
	}
}

async function checkNames(name)
{
	const nameless = await page.evaluate(() => [...document.querySelectorAll("button, input, a, svg, [role]")]
		.filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.[0]?.textContent.trim()))
		.map((e) => e.outerHTML.slice(0, 80)));
	assert.deepEqual(nameless, [], `${name}: without a name`);
	assert.equal(await page.locator("h1").count(), 1, name);
}

async function shoot(lesson)
{
	const middle = lesson.steps.findIndex((s) => s.passes.length > 0);
	for (const width of widths) {
		await page.setViewportSize({width, height: 900});
		await page.emulateMedia({colorScheme: width === widths[1] ? "dark" : "light"});
		await page.keyboard.press("Home");
		for (let s = 0; s <= Math.max(middle, 0); s++)
			await page.keyboard.press("PageDown");
		const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		assert.ok(over <= 0, `${lesson.name}: ${over} pixels wider than ${width}`);
		await page.screenshot({path: path.join(shots, `${lesson.name}-${width}.png`), fullPage: true,
			style: "#controls, #picture { position: static !important; }"});
	}
	await page.setViewportSize({width: widths[2], height: 900});
}

let failed = 0;
try {
	for (const lesson of lessons) {
		await page.goto("file://" + path.resolve(folder, lesson.name + ".html"));
		const embedded = JSON.parse(await page.locator("#data").textContent()).lessons;
		assert.deepEqual(embedded, [lesson], `${lesson.name}: the page holds something else than --json`);
		await checkNames(lesson.name);
		await bySteps(lesson, () => page.locator("#next").click());
		await page.keyboard.press("Home");
		await bySteps(lesson, () => page.keyboard.press("PageDown"));
		await byEvents(lesson);
		await byPointer(lesson);
		await shoot(lesson);
		assert.deepEqual(complaints, [], lesson.name);
	}
	await page.goto("file://" + path.resolve(folder, "index.html"));
	const links = await page.locator(".index a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
	assert.deepEqual(links, lessons.map((l) => l.name + ".html"));
	await page.screenshot({path: path.join(shots, "index-1280.png"), fullPage: true});
	await page.locator(".index a").first().click();
	await page.getByRole("link", {name: "All lessons"}).click();
	assert.deepEqual(complaints, []);
	console.log(`${lessons.length} lessons`);
} catch (e) {
	console.error(e);
	failed = 1;
} finally {
	await close();
}
process.exit(failed);
