// Opens the dashboard in headless Chrome, as a person would, and prints what it shows as JSON.
//
// node dashboard_browser.mjs FOLDER URL TOKEN: FOLDER holds node_modules, URL ends in the fragment with the token of
// viewers, TOKEN is the admin token.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const WAIT_MS = 20_000;
const [folder, url, token] = process.argv.slice(2);
const required = createRequire(`${folder}/`);
const load = async (name) => (await import(pathToFileURL(required.resolve(name)))).default;
const chromium = await load("@sparticuz/chromium");
const puppeteer = await load("puppeteer-core");

const browser = await puppeteer.launch({
  args: chromium.args,
  executablePath: await chromium.executablePath(),
  headless: "shell",
});
const page = await browser.newPage();
page.setDefaultTimeout(WAIT_MS);
const problems = [];
const asked = [];
page.on("pageerror", (error) => problems.push(error.message));
// What is on the wire: no browser sends the fragment.
page.on("request", (request) => asked.push(request.url().split("#")[0], JSON.stringify(request.headers().referer ?? "")));

const textOf = (id) => page.$eval(`#${id}`, (element) => element.textContent);
const rowsOf = (id) => page.$$eval(`#${id} tr`, (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
const figuresAreThere = () => page.waitForFunction(() => !document.getElementById("figures").hidden);

const seen = {};
await page.goto(url);
await figuresAreThere();
seen.address = page.url();
seen.status = await textOf("status");
seen.calls = await textOf("calls");
seen.tools = await rowsOf("tools");
seen.kinds = await rowsOf("kinds");
seen.episodes = await rowsOf("episodes");
seen.latency = await rowsOf("latency");
seen.lines = await page.$$eval("#latency-chart polyline", (lines) => lines.map((line) => line.getAttribute("points")));
seen.injected = await page.$$eval("tbody b, tbody img, tbody script", (elements) => elements.length);

await page.reload();
await figuresAreThere();
seen.afterReload = await textOf("calls");

seen.foreignScriptRan = await page.evaluate(() => {
  const script = document.createElement("script");
  try { script.textContent = "window.ran = true"; } catch { /* Trusted types. */ }
  document.body.append(script);
  return window.ran === true;
});
seen.htmlWasTaken = await page.evaluate(() => {
  try { document.body.insertAdjacentHTML("beforeend", "<i>x</i>"); return true; } catch { return false; }
});

const other = await browser.newPage();
await other.goto(url.split("#")[0]);
await other.waitForFunction(() => !document.getElementById("ask").hidden, { timeout: WAIT_MS });
await other.type("#token", "wrong");
await other.click("button");
await other.waitForFunction(() => document.getElementById("status").textContent.startsWith("This token"), { timeout: WAIT_MS });
await other.type("#token", token);
await other.click("button");
await other.waitForFunction(() => !document.getElementById("figures").hidden, { timeout: WAIT_MS });
seen.kept = await other.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }) + document.cookie);

seen.asked = asked;
seen.problems = problems;
console.log(JSON.stringify(seen));
await browser.close();
