"use strict";
let key = "";
const made = (tag, text, name) => { const one = document.createElement(tag); if (text !== undefined) one.textContent = text; if (name) one.className = name; return one; };
const headers = () => key ? { "Authorization": "Bearer " + key } : {};
const shown = (value) => typeof value === "number" ? String(Number(value.toPrecision(5))).replace("-", "\u2212") : String(value);

function box(name, told, several) {
  const inside = told.in_domain, one = made("div", undefined, "told " + (inside ? "in" : "out")), unit = told.unit ? " " + told.unit.replace(/^u(?=[A-Z])/, "\u00b5") : "";
  if (several) one.append(made("p", name, "muted"));
  one.append(made("p", shown(told.value) + (told.classes.length ? "" : unit), "big num"));
  if (told.classes.length) {
    const parts = Object.entries(told.proba || {}).sort((a, b) => b[1] - a[1]).slice(0, 5);
    one.append(made("p", parts.map(([word, share]) => word + " " + Math.round(100 * share) + " %").join(", "), "num"));
    if (told.may_be) one.append(made("p", "Cannot be ruled out: " + (told.may_be.join(", ") || "none"), "small"));
  } else if (told.low !== null && told.high !== null) {
    const wide = (told.high - told.low) || 1, bar = made("div", undefined, "bar"), range = made("i"), point = made("b");
    range.style.left = "10%"; range.style.right = "10%";
    point.style.left = Math.min(99, Math.max(0, 10 + 80 * (told.value - told.low) / wide)) + "%";
    bar.append(range, point);
    one.append(bar, made("p", Math.round(100 * told.level) + " % of such rows lie between " + shown(told.low) + " and " + shown(told.high) + unit, "num small"));
  }
  one.append(made("p", inside ? "In the domain of the model." : "Outside the domain: " + told.reason));
  return one;
}

async function ask(form, out) {
  const inputs = {};
  for (const cell of form.elements) {
    if (!cell.name) continue;
    const text = cell.value.trim();
    inputs[cell.name] = text === "" ? null : cell.dataset.kind === "number" && isFinite(Number(text)) ? Number(text) : cell.value;
  }
  const started = performance.now();
  try {
    const found = await fetch("/v1/models/" + encodeURIComponent(form.dataset.model) + "/predict", { method: "POST", headers: { "Content-Type": "application/json", ...headers() }, body: JSON.stringify({ inputs }) });
    const told = await found.json();
    if (!found.ok) throw new Error(told.error.detail);
    const names = Object.entries(told.predictions);
    out.replaceChildren(...names.map(([name, one]) => box(name, one, names.length > 1)), made("p", "Request " + told.request_id + ", " + Math.round(performance.now() - started) + " ms", "small muted"));
  } catch (error) {
    const one = made("div", undefined, "told no");
    one.append(made("p", error.message));
    out.replaceChildren(one);
  }
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.id !== "key") { await ask(form, form.nextElementSibling); return; }
  key = form.elements.key.value.trim();
  const found = await fetch("/", { headers: headers() });
  const page = new DOMParser().parseFromString(await found.text(), "text/html");
  if (!found.ok || page.getElementById("key")) {
    document.getElementById("keysaid").textContent = "This key is not good for it.";
    return;
  }
  document.title = page.title;
  document.getElementById("frame").replaceWith(page.getElementById("frame"));
});
