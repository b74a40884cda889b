"use strict";

// Asks how the proxy does, once a second, and shows the answer.
//
// 1. The token of viewers comes in the fragment of the address, which no browser sends and no server logs. It leaves
//    the address at once, and is kept for this tab alone. The admin token, where somebody types it, is kept nowhere.
// 2. Names come from the traffic: they are written as text, never as HTML.
// 3. One question at a time, and none while nobody looks.

const LIVE_PATH = "/_earthwire/live";
const PERIOD_MS = 1000;
const PATIENCE_MS = 5000;
const RATE_SECONDS = 5;
const STALE_MS = 5000;
const TOKEN_KEY = "earthwire-viewer-token";
const SVG = "http://www.w3.org/2000/svg";

// As `earthwire.pages.drawing` has them.
const LEFT = 44;
const RIGHT = 348;
const TOP = 8;
const BOTTOM = 128;

const byId = (id) => document.getElementById(id);

// How values are written.

function secondsText(value) {
  if (value === null) return "–";
  if (value >= 1) return value < 100 ? `${value.toPrecision(3)} s` : `${Math.round(value)} s`;
  if (value >= 0.1) return `${Math.round(value * 1000)} ms`;
  return `${Number((value * 1000).toPrecision(2))} ms`;
}

function percentText(share) {
  if (share === 0) return "0 %";
  return share >= 0.001 ? `${(100 * share).toFixed(1)} %` : "<0.1 %";
}

const countText = (count) => count.toLocaleString("en-US");
const clockText = (unixSeconds) => new Date(unixSeconds * 1000).toLocaleTimeString();

// Drawing.

function shape(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function roundTicks(highest) {
  const rough = highest / 4;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * decade).find((candidate) => candidate >= rough);
  const count = Math.ceil(highest / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

function line(series, places, told) {
  const group = shape("g", { class: series });
  const points = places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  group.append(shape("title", {}, told), shape("polyline", { class: "line", points }));
  return group;
}

function drawAxis(ticks, place, text) {
  const axis = shape("g", { class: "axis", "aria-hidden": "true" });
  for (const tick of ticks) {
    const y = place(tick);
    axis.append(
      shape("line", { x1: LEFT, x2: RIGHT, y1: y, y2: y }),
      shape("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, text(tick)),
    );
  }
  return axis;
}

// Draw values a second: each series is [look, name, value of a moment].
function drawTimes(chart, moments, series, text) {
  const values = moments.flatMap((moment) => series.map(([, , value]) => value(moment)));
  const ticks = roundTicks(Math.max(...values) || 1);
  const high = ticks[ticks.length - 1];
  const place = (value) => BOTTOM - ((BOTTOM - TOP) * value) / high;
  const last = moments[moments.length - 1].unix_s;
  const span = Math.max(last - moments[0].unix_s, 1);
  const x = (moment) => RIGHT - ((RIGHT - LEFT) * (last - moment.unix_s)) / span;
  const lines = series.map(([look, name, value]) =>
    line(look, moments.map((moment) => [x(moment), place(value(moment))]), name),
  );
  const now = series.map(([, name, value]) => `${name} ${text(value(moments[moments.length - 1]))}`).join(", ");
  const ends = shape("g", { "aria-hidden": "true" });
  ends.append(
    shape("text", { x: LEFT, y: BOTTOM + 16 }, `${span} s ago`),
    shape("text", { x: RIGHT, y: BOTTOM + 16, "text-anchor": "end" }, "now"),
  );
  chart.setAttribute("aria-label", now);
  chart.replaceChildren(shape("title", {}, now), drawAxis(ticks, place, text), ends, ...lines);
}

// Return the first and the last bucket that any of these durations fell into; null if none did.
function filledRange(all) {
  const filled = all.flatMap(({ counts }) => counts.flatMap((count, index) => (count ? [index] : [])));
  return filled.length ? [Math.min(...filled), Math.max(...filled)] : null;
}

function drawShares(chart, latency, bounds) {
  const range = filledRange([latency.intended, latency.achieved]);
  if (range === null) {
    chart.replaceChildren(shape("text", { x: LEFT, y: 60 }, "No call in this time."));
    return;
  }
  const [first, last] = [Math.max(range[0] - 1, 0), Math.min(range[1], bounds.length - 1)];
  const x = (index) => LEFT + ((RIGHT - LEFT) * (index - first)) / Math.max(last - first, 1);
  const place = (share) => BOTTOM - (BOTTOM - TOP) * share;
  const drawn = (look, name, { counts }) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    let below = counts.slice(0, first).reduce((sum, count) => sum + count, 0);
    const places = [];
    for (let index = first; total && index <= last; index += 1) {
      below += counts[index];
      places.push([x(index), place(below / total)]);
    }
    return line(look, places, name);
  };
  const ends = shape("g", { "aria-hidden": "true" });
  const middle = Math.round((first + last) / 2);
  for (const [index, anchor] of [[first, "start"], [middle, "middle"], [last, "end"]]) {
    ends.append(shape("text", { x: x(index), y: BOTTOM + 16, "text-anchor": anchor }, secondsText(bounds[index])));
  }
  const told = `planned p50 ${secondsText(latency.intended.p50_s)}, achieved p50 ${secondsText(latency.achieved.p50_s)}`;
  chart.setAttribute("aria-label", told);
  chart.replaceChildren(
    shape("title", {}, told),
    drawAxis([0, 0.5, 1], place, (share) => `${100 * share} %`),
    ends,
    drawn("real", "achieved", latency.achieved),
    drawn("simulated", "planned", latency.intended),
  );
}

function bar(share, look) {
  const chart = shape("svg", { class: `mini ${look}`, viewBox: "0 0 120 20", "aria-hidden": "true" });
  chart.append(shape("rect", { class: "bar", x: 0, y: 4, width: (120 * share).toFixed(1), height: 12 }));
  return chart;
}

function bars(counts, [first, last]) {
  const chart = shape("svg", { class: "mini real", viewBox: "0 0 120 20", "aria-hidden": "true" });
  const shown = counts.slice(first, last + 1);
  const highest = Math.max(...shown) || 1;
  const width = 120 / shown.length;
  shown.forEach((count, index) => {
    const height = count ? Math.max((18 * count) / highest, 1) : 0;
    const box = { x: index * width, y: 19 - height, width: width * 0.85, height };
    chart.append(shape("rect", { class: "bar", ...box }));
  });
  return chart;
}

// Tables: the first cell of a row names it.
function fillTable(id, rows, none) {
  const made = (rows.length ? rows : [[none]]).map((cells) => {
    const row = document.createElement("tr");
    cells.forEach((content, index) => {
      const cell = document.createElement(index ? "td" : "th");
      if (!index) cell.scope = "row";
      cell.append(content);
      row.append(cell);
    });
    return row;
  });
  byId(id).replaceChildren(...made);
}

// What is shown.

function showFigures(state) {
  const lately = state.moments.slice(-RATE_SECONDS);
  const sum = (value) => lately.reduce((total, moment) => total + value(moment), 0);
  const [calls, faults] = [sum((moment) => moment.calls), sum((moment) => moment.faults)];
  byId("rate").textContent = countText(Number((calls / Math.max(lately.length, 1)).toPrecision(3)));
  byId("fault-share").textContent = calls ? percentText(faults / calls) : "–";
  byId("inflight").textContent = countText(state.workers.reduce((total, one) => total + one.inflight, 0));
  byId("lag").textContent = secondsText(Math.max(...state.workers.map((one) => one.lag_s)));
  const error = state.latency.delay_error;
  byId("error").textContent = `${secondsText(error.p50_s)} / ${secondsText(error.p99_s)}`;
  byId("calls").textContent = countText(state.calls);
}

function showCharts(state) {
  if (state.moments.length) {
    const faults = ["simulated", "faults", (moment) => moment.faults];
    drawTimes(byId("rate-chart"), state.moments, [["real", "calls", (moment) => moment.calls], faults], countText);
    drawTimes(byId("inflight-chart"), state.moments, [["real", "calls", (moment) => moment.inflight]], countText);
    drawTimes(byId("lag-chart"), state.moments, [["real", "lag", (moment) => moment.lag_s]], secondsText);
  }
  drawShares(byId("latency-chart"), state.latency, state.bounds_s);
  const row = (name, { counts, p50_s, p99_s }) => {
    const count = counts.reduce((total, one) => total + one, 0);
    return [name, countText(count), secondsText(p50_s), secondsText(p99_s)];
  };
  const { intended, achieved, delay_error } = state.latency;
  fillTable("latency", [row("planned", intended), row("achieved", achieved), row("delay error", delay_error)], "");
}

function showTables(state) {
  const { kinds, by_layer, injected } = state.faults;
  const layers = Object.entries(by_layer).map(([layer, count]) => `${layer} ${countText(count)}`);
  byId("faults-note").textContent = layers.length ? `${layers.join(", ")}; ${countText(injected)} injected.` : "";
  fillTable("kinds", kinds.map(({ kind, layer, calls }) => [
    kind, layer ?? "–", countText(calls), percentText(calls / state.calls), bar(calls / kinds[0].calls, "simulated"),
  ]), "None.");
  const range = filledRange(state.tools.map((tool) => tool.achieved)) ?? [0, 0];
  fillTable("tools", state.tools.map((tool) => [
    tool.tool, countText(tool.calls), percentText(tool.faults / tool.calls), secondsText(tool.achieved.p50_s),
    secondsText(tool.achieved.p99_s), bars(tool.achieved.counts, range),
  ]), "No call yet.");
  fillTable("episodes", state.episodes.map((one) => [
    one.id, String(one.worker), clockText(one.started_unix_s), String(one.seed ?? "–"), one.clock,
    countText(one.calls), countText(one.faults), secondsText(one.latency_s),
    one.cost === null ? "–" : one.cost.toPrecision(4),
  ]), "None is declared; other episodes are counted with their tools.");
  byId("tools-note").textContent = `${state.tools.length} of ${state.tool_count}, the busiest first.`;
  byId("episodes-note").textContent = `${state.episodes.length} of ${state.episode_count}, the newest first.`;
}

function showStatus(state) {
  const words = state.workers.map((one) => (one.status === "ok" ? "" : `worker ${one.index} is ${one.status}`));
  words.push(...state.silent_workers.map((index) => `worker ${index} does not answer`));
  if (state.early) words.push(`${state.early} calls ended before they were due`);
  const problems = words.filter((word) => word);
  const workers = state.workers.length > 1 ? `${state.workers.length} workers, ` : "";
  say(problems.length ? `${workers}${problems.join(", ")}` : `${workers}all is well`, problems.length ? "bad" : "quiet");
}

function say(text, look) {
  const status = byId("status");
  status.textContent = text;
  status.className = look;
}

function show(state) {
  byId("figures").hidden = false;
  byId("ask").hidden = true;
  showStatus(state);
  showFigures(state);
  showCharts(state);
  showTables(state);
}

// Asking.

let token = null;
let lastAnswerMs = Date.now();
let isAsking = false;

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("view");
  if (given !== null) {
    sessionStorage.setItem(TOKEN_KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  token = sessionStorage.getItem(TOKEN_KEY);
}

function askForToken(text) {
  say(text, "unsure");
  byId("figures").hidden = true;
  byId("ask").hidden = false;
}

async function ask() {
  if (token === null) {
    askForToken("The figures are shown to those who have the token.");
    return;
  }
  const response = await fetch(LIVE_PATH, {
    headers: { Authorization: `Bearer ${token}` },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (response.status === 401) {
    sessionStorage.removeItem(TOKEN_KEY);
    token = null;
    askForToken("This token is not, or no longer, that of the proxy: each start makes a new one.");
    return;
  }
  if (!response.ok) throw new Error(`status ${response.status}`);
  show(await response.json());
}

async function askInTurn() {
  if (isAsking || document.hidden) return;
  isAsking = true;
  try {
    await ask();
    lastAnswerMs = Date.now();
  } catch (error) {
    if (Date.now() - lastAnswerMs > STALE_MS) say(`no answer since ${clockText(lastAnswerMs / 1000)}: ${error.message}`, "bad");
  } finally {
    isAsking = false;
  }
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  byId("token").value = "";
  askInTurn();
});
addEventListener("hashchange", () => { takeToken(); askInTurn(); });
document.addEventListener("visibilitychange", askInTurn);
takeToken();
askInTurn();
setInterval(askInTurn, PERIOD_MS);
