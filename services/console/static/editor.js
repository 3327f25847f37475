// The editors of templates and fragments: texts and rows come and go, and what was typed is not lost.

const editor = document.getElementById("editor");
const kept = document.getElementById("kept-draft");
const key = `pulse-draft:${editor.getAttribute("action")}`;
let textNumber = Date.now() % 1_000_000;
let isDirty = !("fresh" in editor.dataset);

const told = (element, type) => element.dispatchEvent(new Event(type, { bubbles: true }));

function touched() {
  isDirty = true;
  document.querySelector("[data-unsaved]").textContent = "not saved yet";
}

// Choosing what the preview shows changes nothing.
const isOfPreview = (field) => field.closest(".preview") && field.name !== "context";

editor.addEventListener("input", (event) => { if (!isOfPreview(event.target)) touched(); });

document.addEventListener("click", (event) => {
  const locale = event.target.closest("[data-locale]");
  if (locale) {
    const field = editor.elements.preview_locale;
    field.value = locale.dataset.locale;
    told(field, "change");
  }
  const removal = event.target.closest("[data-remove-text]");
  if (removal) {
    event.preventDefault();
    if (document.querySelectorAll("#texts .text").length > 1) removal.closest(".text").remove();
    touched();
    told(editor, "change");
  }
  // A place that an error names may lie in what is folded away.
  const place = event.target.closest(".faults a");
  if (place) {
    const field = document.getElementById(place.hash.slice(1));
    field?.closest("details")?.setAttribute("open", "");
    if (field?.matches("input, select, textarea")) { event.preventDefault(); field.focus(); }
  }
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.matches("[data-add-text]")) event.detail.parameters = { number: String(++textNumber) };
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "context-field") told(document.getElementById("context"), "change");
});

// What is saved may be refused by a login that is over: until the saved version is seen, what was typed is kept here.
editor.addEventListener("submit", (event) => {
  const saves = !event.submitter?.hasAttribute("formaction");
  if (saves) {
    const fields = [...new FormData(editor)].filter(([name]) => name !== "form_token");
    sessionStorage.setItem(key, JSON.stringify({ base: editor.dataset.base, fields }));
  }
  if (event.submitter?.getAttribute("formtarget") === null) isDirty = false;
});

addEventListener("beforeunload", (event) => { if (isDirty) event.preventDefault(); });

function restore(fields) {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: editor.dataset.again ?? "/console/editor", hidden: true });
  for (const [name, value] of [...fields, ["form_token", editor.elements.form_token.value]]) {
    const field = document.createElement("textarea");
    Object.assign(field, { name, value });
    form.append(field);
  }
  document.body.append(form);
  isDirty = false;
  form.submit();
}

const read = (name) => JSON.parse(sessionStorage.getItem(name) ?? "null");

const draft = read(key);
sessionStorage.removeItem(key);
// A new one that is shown here by its name has been saved.
const newOne = `pulse-draft:${editor.getAttribute("action").replace(/\/[^/]*$/, "")}`;
const newName = read(newOne)?.fields.find(([name]) => name === "name")?.[1];
if (editor.dataset.base !== "0" && newName === editor.elements.name.value) sessionStorage.removeItem(newOne);
if (draft && "fresh" in editor.dataset && draft.base === editor.dataset.base) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Bring it back" });
  button.addEventListener("click", () => restore(draft.fields));
  kept.append("What you typed last was not saved. ", button);
  kept.hidden = false;
}
