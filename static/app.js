// SPDX-License-Identifier: MIT
// Espalier's pages are complete without this file; it only makes them livelier.
// Each behaviour is asked for by an attribute in the page.

/** Runs `action` for every element of `root` (itself included) that matches. */
function each(root, selector, action) {
  if (root instanceof Element && root.matches(selector)) action(root);
  root.querySelectorAll(selector).forEach(action);
}

/** `time[data-ago]`: keeps "3 min ago" true while the page stays open. */
export function ago(seconds) {
  const future = seconds < 0;
  const s = Math.abs(seconds);
  if (s < 5) return "just now";
  const [n, unit] =
    s < 60 ? [s, "s"]
    : s < 3600 ? [s / 60, "min"]
    : s < 48 * 3600 ? [s / 3600, "h"]
    : s < 90 * 86400 ? [s / 86400, "days"]
    : s < 63_115_200 ? [s / 2_630_016, "months"]
    : [s / 31_557_600, "years"];
  const text = `${Math.floor(n)} ${unit}`;
  return future ? `in ${text}` : `${text} ago`;
}

function refreshTimes() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = ago(Math.round((now - Date.parse(time.dateTime)) / 1000));
    if (time.textContent !== text) time.textContent = text;
  }
}

/** `data-refresh="10" data-fragment="name"`: asks for the same page's fragment and replaces the element. */
function refresh(element) {
  let current = element;
  let timer;
  // The page says each time when to ask again: every other second while bytes flow.
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(tick, (Number(current.dataset.refresh) || 10) * 1000);
  };
  document.addEventListener("espalier:settled", () => {
    clearTimeout(timer);
    tick();
  });
  async function tick() {
    if (!current.isConnected) return;
    const busy = current.contains(document.activeElement) || edited(current) || document.querySelector("dialog[open]");
    if (document.hidden || busy) return later();
    try {
      const url = new URL(location.href);
      url.searchParams.set("fragment", current.dataset.fragment);
      url.hash = "";
      const answer = await fetch(url, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const fresh = parse(await answer.text());
        if (fresh) {
          keepOpen(current, fresh);
          const same = plain(current) === plain(fresh);
          const settled = "busy" in current.dataset && !("busy" in fresh.dataset);
          if (!same || settled) {
            current.replaceWith(fresh);
            current = fresh;
            enliven(fresh, false);
            document.querySelectorAll("input[data-filter]").forEach((input) => input.dispatchEvent(new Event("input")));
            // What was being sent has come to its end: the rest of the page wants to know.
            if (settled) return document.dispatchEvent(new Event("espalier:settled"));
          }
        }
      }
    } catch {
      // The server may be restarting; the next tick tries again.
    }
    later();
  }
  later();
}

/** Whether somebody has typed, ticked or chosen something in it that a refresh would lose. */
function edited(root) {
  return [...root.querySelectorAll("input, textarea, select")].some((field) => {
    if (field instanceof HTMLSelectElement) {
      const usual = [...field.options].findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(usual, 0);
    }
    return field.checked !== field.defaultChecked || field.value !== field.defaultValue;
  });
}

/** What an element says, its running times aside. */
function plain(element) {
  const copy = element.cloneNode(true);
  copy.querySelectorAll("time[data-ago]").forEach((time) => (time.textContent = ""));
  copy.querySelectorAll("[data-copy]").forEach((button) => button.remove());
  return copy.innerHTML;
}

function keepOpen(old, fresh) {
  const open = [...old.querySelectorAll("details")].map((details) => details.open);
  fresh.querySelectorAll("details").forEach((details, i) => (details.open = open[i] ?? details.open));
}

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

/** `a[data-confirm]`: shows the confirmation page in a dialog instead of going there. */
function confirmInDialog(link) {
  link.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    try {
      const url = new URL(link.href);
      url.searchParams.set("fragment", "confirm");
      const answer = await fetch(url);
      const body = answer.ok && parse(await answer.text());
      if (!body) throw new Error("no confirmation to show");
      const dialog = document.createElement("dialog");
      dialog.setAttribute("aria-labelledby", "confirm-title");
      body.classList.remove("card");
      dialog.append(body);
      dialog.addEventListener("close", () => dialog.remove());
      dialog.querySelector("[data-cancel]")?.addEventListener("click", (click) => {
        click.preventDefault();
        dialog.close();
      });
      document.body.append(dialog);
      dialog.showModal();
    } catch {
      location.href = link.href;
    }
  });
}

/** `[data-copy]`: copies the text of the `<pre>` beside it. */
function copy(button) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = button.parentElement.querySelector("pre, code, .hash").textContent;
    const label = button.querySelector("span");
    try {
      await writeText(text);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Press Ctrl+C";
      getSelection().selectAllChildren(button.parentElement.querySelector("pre, code, .hash"));
    }
    setTimeout(() => (label.textContent = "Copy"), 2000);
  });
}

/** The clipboard API needs https; most home servers have none, so fall back to a selection. */
async function writeText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copying was refused");
}

/** `input[data-filter="table-id"]`: hides the rows that do not hold every typed word. */
function filterRows(input) {
  input.addEventListener("input", () => {
    const table = document.getElementById(input.dataset.filter);
    if (!table) return;
    const none = document.querySelector(`[data-filter-none="${input.dataset.filter}"]`);
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown += 1;
    }
    if (none) none.hidden = shown > 0;
  });
}

/** `[data-all="name"]`: one box ticks all boxes of that name. */
function tickAll(box) {
  box.closest("[hidden]")?.removeAttribute("hidden");
  box.addEventListener("change", () => {
    const boxes = [...box.form.elements].filter((other) => other.name === box.dataset.all);
    boxes.forEach((other) => (other.checked = box.checked));
  });
}

/** `select[data-submit]`: a filter that acts when it changes; its button stays for those without script. */
function submitOnChange(select) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

/** `[data-types="id"]`: typing in a text field chooses the radio button it belongs to. */
function typesChoice(input) {
  input.addEventListener("input", () => {
    const radio = document.getElementById(input.dataset.types);
    if (radio) radio.checked = true;
  });
}

/** `[data-puts="id"]`: a button that fills a text field with its value. */
function putsValue(button) {
  button.closest("[hidden]")?.removeAttribute("hidden");
  button.addEventListener("click", () => {
    const field = document.getElementById(button.dataset.puts);
    field.value = button.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
}

/** `data-preview="/path" data-form="id"`: shows what would come of the form, as it is filled in. */
function preview(element) {
  const form = document.getElementById(element.dataset.form);
  if (!form) return;
  form.querySelectorAll('button[name="action"][value="preview"]').forEach((button) => button.remove());
  let [timer, asked] = [0, 0];
  async function show() {
    const fields = new URLSearchParams(new FormData(form));
    ["csrf", "notes", "sure"].forEach((name) => fields.delete(name));
    fields.set("fragment", "preview");
    const turn = ++asked;
    try {
      const answer = await fetch(`${element.dataset.preview}?${fields}`, { headers: { accept: "text/html" } });
      const fresh = answer.ok && parse(await answer.text());
      if (!fresh || turn !== asked) return;
      const open = new Set([...element.querySelectorAll("details[open] summary span")].map((label) => label.textContent));
      fresh.querySelectorAll("details").forEach((details) => (details.open = open.has(details.querySelector("summary span").textContent)));
      element.replaceChildren(fresh);
    } catch {
      // The next change tries again.
    }
  }
  const later = () => {
    clearTimeout(timer);
    // Who saves before the new one is there has not seen it.
    element.querySelector('[name="sure"]')?.remove();
    timer = setTimeout(show, 400);
  };
  form.addEventListener("input", later);
  form.addEventListener("change", later);
}

/** A changing form is sent once, however often its button is pressed. */
function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 3000);
  });
}

/** Gives the attributes of `root` their behaviour; `timers` is false inside a refreshed fragment. */
export function enliven(root, timers = true) {
  if (timers) each(root, "[data-refresh]", refresh);
  each(root, "a[data-confirm]", confirmInDialog);
  each(root, "button[data-copy]", copy);
  each(root, "input[data-filter]", filterRows);
  each(root, "input[data-all]", tickAll);
  each(root, "select[data-submit]", submitOnChange);
  each(root, "[data-types]", typesChoice);
  each(root, "button[data-puts]", putsValue);
  each(root, "[data-preview]", preview);
  each(root, 'form[method="post"]:not([data-upload])', sendOnce);
}

enliven(document);
refreshTimes();
setInterval(refreshTimes, 10_000);
document.addEventListener("visibilitychange", () => document.hidden || refreshTimes());
