// The overview's figures: asked for every two seconds while the page is seen, drawn as they come.
import { Chart } from "./charts.js";

const EVERY_MS = 2_000;
const KEPT = 450; // samples, as many as the console keeps
const LANES = [{ label: "HIGH", colour: "--high" }, { label: "LOW", colour: "--low" }];

const NUMBER = new Intl.NumberFormat();
const number = (value) => NUMBER.format(Math.round(value * 10) / 10);
const percent = (share) => (share == null ? "–" : `${(share * 100).toFixed(share < 1 && share > 0.995 ? 2 : 1)} %`);
const byId = (id) => document.getElementById(id);

// The table's order from below: the last one of it stands on top.
const STACKED = [...document.querySelectorAll("#channels [data-channel]")].map((row) => row.dataset.channel).reverse();

function length(seconds) {
  if (seconds < 1) return seconds === 0 ? "0" : `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 3600) return `${Math.round(seconds / 6) / 10} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}

const charts = {
  depth: new Chart(byId("depth-chart"), LANES, { format: number }),
  age: new Chart(byId("age-chart"), LANES, { format: length }),
  hours: new Chart(
    byId("hours-chart"),
    STACKED.map((channel) => ({ label: channel, colour: `--${channel.toLowerCase()}` })),
    { kind: "bars", format: number },
  ),
  retries: new Chart(byId("retries-chart"), [{ label: "RETRYING", colour: "--warn" }], { format: number }),
};

const history = { time: [], due_HIGH: [], due_LOW: [], age_HIGH: [], age_LOW: [], retrying: [], accepted: [] };

function remember(fresh) {
  for (const [name, column] of Object.entries(history)) {
    column.push(...fresh[name]);
    column.splice(0, column.length - KEPT);
  }
}

function drawHistory() {
  charts.depth.show([history.time, history.due_HIGH, history.due_LOW]);
  charts.age.show([history.time, history.age_HIGH, history.age_LOW]);
  charts.retries.show([history.time, history.retrying]);
}

// Bars stand on each other: the first series is drawn first and is the whole, so that the next ones cover its foot.
function drawHours({ start, channels }) {
  const own = STACKED.map((channel) => channels[channel]);
  const standing = own.map((_counts, from) => start.map((_hour, at) => sum(own.slice(from), at)));
  charts.hours.show([start, ...standing], [start, ...own]);
}

function fill(row, figures, shown = number) {
  for (const cell of row.querySelectorAll("[data-figure]")) {
    const value = figures[cell.dataset.figure];
    if (value !== undefined) cell.textContent = shown(value, cell.dataset.figure);
  }
}

const sum = (rows, name) => rows.reduce((total, row) => total + row[name], 0);

function showTiles({ channels, lanes, average_retry_attempts: attempts }) {
  const [arrived, failed] = [sum(channels, "arrived"), sum(channels, "failed")];
  byId("accepted").textContent = number(sum(channels, "accepted"));
  byId("rate").textContent = `${number(history.accepted.at(-1) ?? 0)} in the last minute`;
  byId("success").textContent = percent(arrived + failed ? arrived / (arrived + failed) : null);
  byId("failed").textContent = `${number(failed)} failed`;
  byId("due").textContent = number(sum(lanes, "due"));
  byId("sending").textContent = `${number(sum(lanes, "sending"))} with workers, ${number(sum(lanes, "waiting"))} for later`;
  byId("retrying").textContent = number(sum(channels, "retrying"));
  byId("attempts").textContent = attempts ? `${number(attempts)} attempts so far, on average` : "nothing is tried again";
}

function showTally(row, tally) {
  fill(row, tally, (value, name) => (name === "success_rate" ? percent(value) : number(value)));
  const meter = row.querySelector("meter");
  meter.value = tally.success_rate ?? 0;
  meter.classList.toggle("none", tally.success_rate == null);
}

function providerRow(table, { provider, channel }) {
  const row = document.querySelector(`#${table} template`).content.firstElementChild.cloneNode(true);
  row.querySelector("[data-name]").textContent = provider;
  const name = row.querySelector("[data-channel-name]");
  name.textContent = channel;
  name.classList.add(channel.toLowerCase());
  return row;
}

function showProviders(providers) {
  const rows = providers.map((tally) => {
    const row = providerRow("providers", tally);
    showTally(row, tally);
    return row;
  });
  document.querySelector("#providers tbody").replaceChildren(...rows);
  byId("providers").hidden = rows.length === 0;
}

function showCosts(costs) {
  const rows = costs.map((cost) => {
    const row = providerRow("costs", cost);
    fill(row, cost, (value, name) => (name === "count" ? number(value) : value));
    return row;
  });
  document.querySelector("#costs tbody").replaceChildren(...rows);
  byId("costs").hidden = rows.length === 0;
}

/** The row of a lane or channel. What only another release of Pulse knows has none until it is there: then it gets one. */
function rowOf(kind, name) {
  const rows = [...document.querySelectorAll(`tr[data-${kind}]`)];
  const found = rows.find((row) => row.dataset[kind] === name);
  if (found) return found;
  const made = rows.at(-1).cloneNode(true);
  made.dataset[kind] = name;
  made.querySelector("th").textContent = name;
  rows.at(-1).after(made);
  return made;
}

function showTables({ channels, providers, lanes, costs }) {
  for (const channel of channels) showTally(rowOf("channel", channel.channel), channel);
  showProviders(providers);
  showCosts(costs ?? []);
  for (const lane of lanes) {
    fill(rowOf("lane", lane.lane), lane, (value, name) =>
      name === "age" ? length(value) : number(value),
    );
  }
}

function showError(error) {
  const place = byId("errors");
  place.replaceChildren();
  if (!error) return;
  const line = Object.assign(document.createElement("p"), { className: "error" });
  line.append(Object.assign(document.createElement("strong"), { textContent: error.reason }), ` ${error.message}`);
  if (error.hint) line.append(" ", Object.assign(document.createElement("span"), { className: "hint", textContent: error.hint }));
  place.append(line);
}

async function refresh() {
  const after = history.time.at(-1) ?? 0;
  const answer = await fetch(`/console/overview.json?after=${after}`, { headers: { Accept: "application/json" } });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(`the console answered ${answer.status}`);
  const { error, history: fresh, figures } = await answer.json();
  remember(fresh);
  showError(error);
  if (figures) {
    drawHistory();
    drawHours(figures.hours);
    showTiles(figures);
    showTables(figures);
  }
  byId("live").textContent = error ? "figures stand still" : "live";
  byId("live").className = error ? "quiet" : "quiet live";
}

async function poll() {
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    showError({ reason: "CONSOLE_UNREACHABLE", message: error.message });
    byId("live").textContent = "figures stand still";
  }
  setTimeout(poll, EVERY_MS);
}

poll();
