// The inbox: asks the sandbox's own API, and writes everything it shows as text, never as markup.

const PAGE_SIZE = 100;
const SHOWN_AT_MOST = 2000;
const POLL_MS = 1000;

const byId = (id) => document.getElementById(id);
const list = byId("receipts");
const filter = byId("filter");
const inbox = { newest: null, next: null, chosen: null, generation: 0 };

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

async function ask(parameters) {
  const chosen = new FormData(filter);
  const query = new URLSearchParams({ ...parameters, channel: chosen.get("channel"), to_contains: chosen.get("recipient").trim() });
  const answer = await fetch(`api/receipts?${query}`);
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`);
  return answer.json();
}

function row(receipt) {
  const button = element("button", "", "");
  button.type = "button";
  const time = element("time", "", new Date(receipt.received_at).toLocaleTimeString());
  time.dateTime = receipt.received_at;
  time.title = new Date(receipt.received_at).toLocaleString();
  button.append(
    element("span", `channel ${receipt.channel}`, receipt.channel),
    element("span", "to", receipt.to),
    time,
    element("span", "gist", receipt.subject || receipt.body),
  );
  button.addEventListener("click", () => choose(receipt, button));
  const entry = document.createElement("li");
  entry.append(button);
  return entry;
}

function choose(receipt, button) {
  inbox.chosen?.removeAttribute("aria-current");
  inbox.chosen = button;
  button.setAttribute("aria-current", "true");
  byId("subject").textContent = receipt.subject || `${receipt.channel.toUpperCase()} to ${receipt.to}`;
  const facts = {
    To: receipt.to,
    Received: new Date(receipt.received_at).toLocaleString(),
    Provider: `${receipt.provider} (${receipt.provider_id})`,
    Notification: receipt.notification_id || "none named",
    ...Object.fromEntries(Object.entries(receipt.data).map(([name, value]) => [`data.${name}`, value])),
  };
  byId("facts").replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]),
  );
  byId("text").textContent = receipt.body;
  if (receipt.html_body) byId("html").src = `api/receipts/${receipt.id}/html`;
  byId("views").hidden = !receipt.html_body;
  show(receipt.html_body ? "html" : "text");
  byId("detail").hidden = false;
  document.querySelector("main").classList.add("reading");
  byId("detail").focus();
}

function show(view) {
  byId("text").hidden = view !== "text";
  byId("html").hidden = view !== "html";
  for (const button of document.querySelectorAll("#views button")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }
}

function back() {
  document.querySelector("main").classList.remove("reading");
  inbox.chosen?.focus();
}

function settle() {
  byId("empty").hidden = list.children.length > 0;
  byId("older").hidden = inbox.next === null;
}

async function reload() {
  const generation = ++inbox.generation;
  const page = await ask({ order: "newest", limit: PAGE_SIZE });
  if (generation !== inbox.generation) return; // a later filter has overtaken this answer
  list.replaceChildren(...page.receipts.map(row));
  inbox.newest = page.receipts[0]?.id ?? "0";
  inbox.next = page.next;
  settle();
}

async function older() {
  const generation = inbox.generation;
  const page = await ask({ order: "newest", limit: PAGE_SIZE, after: inbox.next });
  if (generation !== inbox.generation) return;
  list.append(...page.receipts.map(row));
  inbox.next = page.next;
  settle();
}

async function poll() {
  const counted = await (await fetch("api/receipts:count")).json();
  say(`${counted.count.toLocaleString()} received`);
  if (inbox.newest === null || counted.count < inbox.counted) await reload();
  else if (counted.count !== inbox.counted) await newer();
  inbox.counted = counted.count;
}

async function newer() {
  const generation = inbox.generation;
  const page = await ask({ after: inbox.newest, limit: PAGE_SIZE });
  if (generation !== inbox.generation || page.receipts.length === 0) return;
  if (page.next !== null) return reload(); // more came than a page holds: begin again at the newest
  list.prepend(...page.receipts.reverse().map(row));
  inbox.newest = page.receipts[0].id;
  while (list.children.length > SHOWN_AT_MOST) list.lastElementChild.remove();
  settle();
}

function say(text) {
  // The line is read out by screen readers when it changes, so it is left alone when it does not.
  if (byId("state").textContent !== text) byId("state").textContent = text;
}

async function guarded(work) {
  try {
    await work();
  } catch {
    say("The sandbox does not answer");
  }
}

async function watch() {
  if (!document.hidden) await guarded(poll);
  setTimeout(watch, POLL_MS);
}

filter.addEventListener("submit", (event) => event.preventDefault());
filter.addEventListener("input", () => guarded(reload));
byId("older").addEventListener("click", () => guarded(older));
byId("back").addEventListener("click", back);
byId("clear").addEventListener("click", () => {
  if (!confirm("Delete everything that was received?")) return;
  byId("detail").hidden = true;
  back();
  guarded(async () => { await fetch("api/receipts", { method: "DELETE" }); await reload(); });
});
for (const button of document.querySelectorAll("#views button")) {
  button.addEventListener("click", () => show(button.dataset.view));
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && byId("detail").contains(document.activeElement)) back();
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const current = document.activeElement?.closest?.("#receipts li");
  const target = event.key === "ArrowDown" ? current?.nextElementSibling : current?.previousElementSibling;
  if (target) {
    event.preventDefault();
    target.firstElementChild.focus();
  }
});
watch();
