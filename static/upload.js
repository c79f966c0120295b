// SPDX-License-Identifier: MIT
// `form[data-upload]`: drag and drop, one request and one progress bar per file, cancel.
// Without this file the same form sends all files at once and the server answers with a page.

const KB = 1000;

function size(bytes) {
  if (bytes < KB) return `${bytes} B`;
  if (bytes < KB * KB) return `${Math.round(bytes / KB)} KB`;
  return `${(bytes / KB / KB).toFixed(bytes < 10 * KB * KB ? 2 : 1)} MB`;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** One line of the list: name, bytes, bar, cancel, and in the end what the server said. */
class Row {
  constructor(list, file) {
    this.item = element("li");
    this.name = element("strong", "break", file.name);
    this.cancel = element("button", "button small", "Cancel");
    this.cancel.type = "button";
    this.bar = element("progress");
    this.bar.max = 1;
    this.bar.value = 0;
    this.bar.setAttribute("aria-label", `Upload of ${file.name}`);
    this.said = element("div", "said small muted", `${size(file.size)}, waiting`);
    this.item.append(this.name, this.cancel, this.bar, this.said);
    list.append(this.item);
  }

  progress(sent, total, speed) {
    this.bar.value = total ? sent / total : 0;
    this.said.textContent = sent < total
      ? `${size(sent)} of ${size(total)} · ${size(speed)}/s`
      : `${size(total)} sent, the server is reading the image…`;
  }

  end(tone, { sentence, parts = [], url: link }, label) {
    this.bar.remove();
    this.cancel.remove();
    this.said.className = `said tone ${tone}`;
    this.said.textContent = sentence;
    if (parts.length > 0) {
      const inside = element("ul", "said inside small muted");
      inside.append(...parts.map((part) => element("li", "", part)));
      this.item.append(element("p", "said small", "Its partition table lists:"), inside);
    }
    if (!link) return;
    const anchor = element("a", "button small", label);
    anchor.href = link;
    this.item.insertBefore(anchor, this.said);
  }
}

/** Sends one file; resolves to the server's outcome for it. */
function send(form, file, row) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const started = performance.now();
    const body = new FormData();
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string") body.append(name, value);
    }
    body.append("file", file, file.name);
    request.upload.addEventListener("progress", (event) => {
      const seconds = Math.max((performance.now() - started) / 1000, 0.001);
      row.progress(event.loaded, event.total, Math.round(event.loaded / seconds));
    });
    request.addEventListener("load", () => resolve(read(request)));
    request.addEventListener("error", () => resolve(lost()));
    request.addEventListener("abort", () => resolve({ state: "cancelled", sentence: "Cancelled; nothing was kept." }));
    row.cancel.addEventListener("click", () => request.abort());
    request.open("POST", form.action);
    request.setRequestHeader("accept", "application/json");
    request.send(body);
  });
}

function lost() {
  return { state: "refused", sentence: "The connection ended before the server answered. Is it still running? Try again." };
}

function read(request) {
  try {
    const outcome = JSON.parse(request.responseText).files?.[0];
    if (outcome) return outcome;
  } catch {
    // Not JSON: a proxy or an error page answered.
  }
  if (request.status === 401 || request.status === 403) {
    const what = request.status === 401 ? "You are not signed in any more" : "This page is out of date, or your role does not allow it";
    return { state: "refused", sentence: `${what}. Sign in in another tab, reload this page, and try again; nothing was kept.` };
  }
  const too = request.status === 413 ? " The file is larger than the server, or a proxy before it, allows." : "";
  return { state: "refused", sentence: `The server answered ${request.status}.${too}` };
}

const TONES = { published: "good", draft: "warn", existing: "wait", refused: "bad", cancelled: "" };
const LABELS = { published: "Open the release", draft: "Open the report card", existing: "Open the release" };

async function upload(form, files, list, status) {
  const outcomes = [];
  const queue = [...files].map((file) => [file, new Row(list, file)]);
  const cancelled = new Set();
  for (const [file, row] of queue) row.cancel.addEventListener("click", () => cancelled.add(file));
  for (const [file, row] of queue) {
    const outcome = cancelled.has(file)
      ? { state: "cancelled", sentence: "Cancelled before it began." }
      : await send(form, file, row);
    row.end(TONES[outcome.state] ?? "", outcome, LABELS[outcome.state] ?? "Open");
    outcomes.push(outcome);
  }
  const [only] = outcomes;
  if (outcomes.length === 1 && only.url && only.state !== "existing") {
    location.href = only.url;
    return;
  }
  const kept = outcomes.filter((outcome) => outcome.url && outcome.state !== "existing").length;
  const word = outcomes.length === 1 ? "file" : "files";
  status.textContent = `${kept} of ${outcomes.length} ${word} added.`;
}

function enliven(form) {
  const input = form.querySelector('input[type="file"]');
  const drop = form.querySelector(".drop");
  const list = form.querySelector(".uploads");
  const status = form.querySelector("[data-upload-status]");
  let depth = 0;

  const start = (files) => {
    if (files.length === 0) return;
    upload(form, files, list, status);
    input.value = "";
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start([...input.files]);
  });
  drop.addEventListener("dragenter", (event) => {
    event.preventDefault();
    depth += 1;
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) drop.classList.remove("over");
  });
  // A file dropped beside the field must not replace the page.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    drop.classList.remove("over");
    start([...(event.dataTransfer?.files ?? [])]);
  });
}

document.querySelectorAll("form[data-upload]").forEach(enliven);
