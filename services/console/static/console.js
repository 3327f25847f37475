// What every page does by itself: local times, the theme's toggle, confirmations, picking rows.

const TIME = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});

function localiseTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) time.textContent = TIME.format(new Date(time.dateTime));
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("pulse-theme", theme);
  document.dispatchEvent(new CustomEvent("pulse:theme"));
}

function showPicked(form) {
  const boxes = [...form.querySelectorAll("input[name=notification_id]")];
  const picked = boxes.filter((box) => box.checked).length;
  const all = form.querySelector("[data-pick-all]");
  all.checked = picked === boxes.length;
  all.indeterminate = picked > 0 && picked < boxes.length;
  form.querySelector("[data-needs-pick]").disabled = picked === 0;
  form.querySelector("[data-picked]").textContent = picked ? `${picked} selected` : "";
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-toggle]")) toggleTheme();
});

// What the chosen kind means, and whether its subject has one.
function showHint(select) {
  const { hint, subject } = select.selectedOptions[0].dataset;
  document.querySelector(select.dataset.hints).textContent = hint;
  const field = select.form.elements.subject;
  field.placeholder = subject || "none";
  field.readOnly = !subject && !field.value;
}

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (event.target.matches("[data-hints]")) showHint(event.target);
  if (event.target.matches("[data-submit-on-change]")) form.submit();
  if (event.target.matches("[data-pick-all]")) {
    for (const box of form.querySelectorAll("input[name=notification_id]")) box.checked = event.target.checked;
  }
  if (form?.querySelector("[data-pick-all]")) showPicked(form);
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

document.addEventListener("htmx:configRequest", (event) => {
  // Addresses stay short: a filter that is not set is not in them.
  if (event.target.matches(".filters")) {
    const given = [...new FormData(event.target)].filter(([, value]) => value !== "");
    event.detail.parameters = Object.fromEntries(given);
  }
});

document.addEventListener("htmx:afterSettle", () => localiseTimes(document));
localiseTimes(document);
// On a narrow screen the pages stand in a row that is longer than the screen.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
for (const select of document.querySelectorAll("[data-hints]")) showHint(select);
