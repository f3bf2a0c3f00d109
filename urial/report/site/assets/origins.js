/* Where a number is from. Every number of report.json on a page is an element with its JSON Pointer; here it becomes a button
   that opens a panel. A table or a paragraph is one stop of the Tab key: arrow keys go from number to number within it. */
"use strict";

(function (urial) {
  const GROUPS = "table, p, dl, figure";
  let panel = null;
  let opener = null;

  function numbersOf(group) {
    return [...group.querySelectorAll("[data-pointer]")];
  }

  function groupOf(number) {
    return number.closest(GROUPS) || document.getElementById("main");
  }

  function makeReachable() {
    const seen = new Set();
    for (const number of document.querySelectorAll("[data-pointer]")) {
      const group = groupOf(number);
      number.setAttribute("role", "button");
      number.setAttribute("aria-haspopup", "dialog");
      number.removeAttribute("title");
      number.tabIndex = seen.has(group) ? -1 : 0;
      seen.add(group);
    }
  }

  function focus(number) {
    for (const other of numbersOf(groupOf(number))) other.tabIndex = -1;
    number.tabIndex = 0;
    number.focus();
  }

  /** The number that a step leads to; up and down are the number at the same place of the row above or below. */
  function neighbor(number, key) {
    const all = numbersOf(groupOf(number));
    const place = all.indexOf(number);
    if (key === "ArrowLeft" || key === "ArrowRight") return all[place + (key === "ArrowRight" ? 1 : -1)];
    const row = number.closest("tr");
    if (!row) return null;
    const column = number.closest("td, th").cellIndex;
    const within = numbersOf(number.closest("td, th")).indexOf(number);
    let next = row;
    while ((next = key === "ArrowDown" ? next.nextElementSibling : next.previousElementSibling)) {
      const found = next.cells[column] ? numbersOf(next.cells[column]) : [];
      if (found.length) return found[Math.min(within, found.length - 1)];
    }
    return null;
  }

  function onKey(event) {
    const number = event.target instanceof Element && event.target.closest("[data-pointer]");
    if (!number || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(number);
    } else if (event.key.startsWith("Arrow")) {
      const next = neighbor(number, event.key);
      if (!next) return;
      event.preventDefault();
      focus(next);
    }
  }

  // ---- the panel

  function shell(text) {
    return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
  }

  function row(name, ...content) {
    return [urial.element("dt", null, name), urial.element("dd", null, content)];
  }

  /** An origin with its texts: a number in the data is the place of a text. */
  function readable(value, texts) {
    if (typeof value === "number") return texts[value];
    if (Array.isArray(value)) return value.map((part) => readable(part, texts));
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, readable(part, texts)]));
  }

  function files(data, origin) {
    const lines = origin.files.map((name) => urial.element("li", null,
      urial.element("code", null, name), data.files[name] ? [" ", urial.element("code", { class: "quiet" }, data.files[name])] : null));
    return urial.element("ul", null, lines);
  }

  function contents(data, number) {
    const { pointer } = number.dataset;
    const origin = readable(data.origins[data.numbers[pointer]], data.texts);
    const command = `urial trace ${shell(pointer)}`;
    const copy = urial.element("button", { type: "button", onclick: async () => {
      copy.textContent = (await urial.frame.copy(command)) ? "Copied" : "Not copied";
    } }, "Copy");
    return [
      urial.element("p", { class: "value" }, urial.element("strong", null, number.textContent), " ",
        urial.element("code", { class: "quiet" }, number.getAttribute("value"))),
      urial.element("p", null, origin.meaning),
      urial.element("dl", null,
        row("how", origin.how),
        origin.rows ? row("of", origin.rows, origin.link ? [" · ", urial.element("a", { href: origin.link.href }, origin.link.label)] : null) : null,
        origin.judge ? row("judge", origin.judge) : null,
        origin.prompts && origin.prompts.length ? row("prompt", urial.element("ul", null, origin.prompts.map((text) => urial.element("li", null, text)))) : null,
        row("function", urial.element("code", null, origin.function)),
        row("files, MD5", files(data, origin)),
        row("report.json", urial.element("code", null, pointer)),
        row("every row", urial.element("code", null, command), " ", copy)),
    ];
  }

  function failed(error) {
    return urial.element("p", null, `Where this number is from cannot be read: ${error.message}`);
  }

  function close() {
    if (!panel || !panel.open) return;
    panel.close();
    if (opener) opener.classList.remove("traced");
    if (opener) opener.focus();
    opener = null;
  }

  async function open(number) {
    if (!panel) {
      panel = urial.element("dialog", { id: "origin", "aria-labelledby": "origin-title" });
      document.body.append(panel);
    }
    if (opener) opener.classList.remove("traced");
    opener = number;
    number.classList.add("traced");
    const closing = urial.element("button", { type: "button", onclick: close, "aria-label": "Close" }, "×");
    const heading = urial.element("header", null, urial.element("h2", { id: "origin-title" }, "Where this number is from"), closing);
    const body = await urial.load("origins").then((data) => contents(data, number), failed);
    if (opener !== number) return;
    urial.fill(panel, heading, body);
    // Not modal: the number that it is about stays in view, and another one can be chosen.
    if (!panel.open) panel.show();
    closing.focus();
  }

  document.addEventListener("click", (event) => {
    const number = event.target instanceof Element && event.target.closest("[data-pointer]");
    if (!number) return;
    focus(number);
    open(number);
  });
  document.addEventListener("keydown", onKey);
  urial.frame.keys({
    Enter: { label: "at a number: where it is from", run: () => false },
    ArrowLeft: { label: "at a number: the one before, behind, above, below", run: () => false },
    ArrowRight: { label: "at a number: the one before, behind, above, below", run: () => false },
    ArrowUp: { label: "at a number: the one before, behind, above, below", run: () => false },
    ArrowDown: { label: "at a number: the one before, behind, above, below", run: () => false },
    Escape: { label: "close the panel", run: () => { close(); return false; } },
  });
  makeReachable();
})(window.urial);
