// SPDX-License-Identifier: MIT
//
// browser.mjs - a browser of the test's own, which tells what a page complains of
// and what it fetches.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {createRequire} from "node:module";

/// The widths that pages are looked at: a phone, a tablet, a desk.
export const widths = [390, 820, 1280];

/// Opens one, whose only page is `page`. `complaints` grows; `isTheTests(message)`
/// says which messages of the console are of the test's doing. close() ends it.
export async function openBrowser(playwright, executablePath, isTheTests = () => false)
{
	const {chromium} = createRequire(import.meta.url)(path.resolve(playwright));
	const profile = fs.mkdtempSync(path.join(os.tmpdir(), "mempool-browser-"));
	const browser = await chromium.launchPersistentContext(profile, {
		executablePath, viewport: {width: widths[2], height: 900}, timeout: 60000,
		args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync"],
	});
	const page = browser.pages()[0] || (await browser.newPage());
	page.setDefaultTimeout(30000);
	const complaints = [];
	page.on("console", (m) => ["error", "warning"].includes(m.type()) && !isTheTests(m.text()) && complaints.push(m.text()));
	page.on("pageerror", (e) => complaints.push(String(e)));
	page.on("request", (r) => /^(file|data):/.test(r.url()) || complaints.push("fetches " + r.url()));
	const close = async () => {
		await browser.close();
		fs.rmSync(profile, {recursive: true, force: true});
	};
	return {page, complaints, close};
}
