// SPDX-License-Identifier: MIT
//
// picture.mjs - a picture of a lesson's page at the end of one of its steps, for `make pictures`:
//
//   node picture.mjs PLAYWRIGHT CHROMIUM PAGE STEP PNG
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {createRequire} from "node:module";

const [playwright, executablePath, from, step, to] = process.argv.slice(2);
const {chromium} = createRequire(import.meta.url)(path.resolve(playwright));
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "lab-picture-"));
const browser = await chromium.launchPersistentContext(profile, {
	executablePath, viewport: {width: 1180, height: 690}, colorScheme: "light",
	args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync"],
});
const page = browser.pages()[0] || (await browser.newPage());
await page.goto("file://" + path.resolve(from));
for (let s = 0; s < Number(step); s++)
	await page.keyboard.press("PageDown");
await page.screenshot({path: to});
await browser.close();
fs.rmSync(profile, {recursive: true, force: true});
