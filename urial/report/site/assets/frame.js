/* The common frame of every page: building of elements, theme, keys with their help, state in the address.
   Loaded in the head, before anything is drawn, so that the chosen theme never flashes. Text of models reaches the page
   through textContent alone. */
"use strict";
window.urial = window.urial || {};

(function (urial) {
  const SVG = "http://www.w3.org/2000/svg";
  const KEY_NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", " ": "Space" };
  const THEMES = ["system", "light", "dark"];

  // ---- elements

  function append(node, children) {
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false) continue;
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return node;
  }

  function assign(node, name, value) {
    if (value === null || value === undefined || value === false) return;
    if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), value);
    // Through the object model: a style attribute is forbidden by the content-security policy.
    else if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else if (/^on|^srcdoc$/i.test(name)) throw new TypeError(`${name} takes a function`);
    else node.setAttribute(name, value === true ? "" : String(value));
  }

  function build(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) assign(node, name, value);
    return append(node, children);
  }

  /** An element with attributes (a function is a listener, style an object) and children: nodes, texts, lists of them. */
  urial.element = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);

  /** The same of an SVG. */
  urial.svg = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

  /** Puts children in the place of those that a node has. */
  urial.fill = (node, ...children) => {
    node.replaceChildren();
    return append(node, children);
  };

  // ---- scripts with data: all that the page may load later. Without trusted types (older browsers) the pattern still holds.

  const DATA_FILE = /^data\/[a-z]+(-[0-9]+)?(\/[0-9]+)?\.js$/;

  function dataFile(path) {
    if (!DATA_FILE.test(path)) throw new TypeError(`not a data file: ${path}`);
    return path;
  }

  const policy = window.trustedTypes ? window.trustedTypes.createPolicy("urial", { createScriptURL: dataFile }) : { createScriptURL: dataFile };

  /** The address of a data file, as the src of a script element takes it: the pages' policy allows no other. */
  urial.scriptURL = (path) => policy.createScriptURL(path);

  // ---- what the browser remembers; where it may not, every visit begins anew

  function remember(name, value) {
    try {
      window.localStorage.setItem(`urial.${name}`, value);
    } catch {
      // Storage is switched off, or full.
    }
  }

  function recall(name) {
    try {
      return window.localStorage.getItem(`urial.${name}`);
    } catch {
      return null;
    }
  }

  // ---- theme

  let theme = THEMES.includes(recall("theme")) ? recall("theme") : "system";

  function applyTheme() {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      button.textContent = { system: "◐", light: "☀", dark: "☾" }[theme];
      button.setAttribute("aria-label", `Theme: ${theme}. Change it`);
      button.title = `Theme: ${theme}`;
    }
    document.dispatchEvent(new CustomEvent("urial:theme"));
  }

  function nextTheme() {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remember("theme", theme);
    applyTheme();
    announce(`Theme: ${theme}`);
  }

  // ---- keys

  const registered = new Map();
  let single = recall("keys") !== "off";

  /** Registers keys by the name of KeyboardEvent.key: {"j": {label, run}}. ``run`` gets the event; false leaves it to the browser. */
  function keys(table) {
    for (const [key, entry] of Object.entries(table)) registered.set(key, entry);
  }

  function isTyping(target) {
    return target instanceof Element && (target.isContentEditable || target.matches("input, textarea, select"));
  }

  function onKey(event) {
    const help = document.getElementById("help");
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || (help && help.open)) return;
    if (isTyping(event.target) && event.key !== "Escape") return;
    const entry = registered.get(event.key);
    if (!entry || (!single && event.key.length === 1 && event.key !== "?")) return;
    if (entry.run(event) !== false) event.preventDefault();
  }

  function keyName(key) {
    return KEY_NAMES[key] || key;
  }

  /** One row a label: keys that do the same stand together. */
  function keyRows() {
    const byLabel = new Map();
    for (const [key, entry] of registered) byLabel.set(entry.label, [...(byLabel.get(entry.label) || []), key]);
    return [...byLabel].map(([label, names]) =>
      urial.element("tr", null,
        urial.element("td", null, names.map((name, index) => [index ? " " : null, urial.element("kbd", null, keyName(name))])),
        urial.element("td", null, label)));
  }

  /** Single letters as commands get in the way of some ways to speak or type to a computer: they can be switched off. */
  function keySwitch() {
    const box = urial.element("input", { type: "checkbox", onchange: () => {
      single = box.checked;
      remember("keys", single ? "on" : "off");
    } });
    box.checked = single;
    return urial.element("p", null, urial.element("label", null, box, " Single letters are commands"));
  }

  function help() {
    let dialog = document.getElementById("help");
    if (!dialog) {
      dialog = urial.element("dialog", { id: "help", "aria-labelledby": "help-title" });
      document.body.append(dialog);
    }
    urial.fill(dialog,
      urial.element("h2", { id: "help-title" }, "Keys"),
      urial.element("table", null, urial.element("tbody", null, keyRows())),
      keySwitch(),
      urial.element("button", { type: "button", onclick: () => dialog.close() }, "Close"));
    if (!dialog.open) dialog.showModal();
  }

  // ---- state in the address: PAGE#name=value&…

  /** The state that the address carries, as an object of texts. */
  function read() {
    return Object.fromEntries(new URLSearchParams(window.location.hash.slice(1)));
  }

  /** Puts a state into the address, without a new entry in the history; links to the other pages keep its instruction. */
  function write(state) {
    const fragment = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) {
      if (value !== null && value !== undefined && value !== "") fragment.set(name, String(value));
    }
    window.history.replaceState(null, "", `#${fragment}`);
    for (const link of document.querySelectorAll("a[data-keeps-instruction]")) {
      const [page] = link.getAttribute("href").split("#");
      link.setAttribute("href", state.id ? `${page}#${new URLSearchParams({ id: state.id })}` : page);
    }
  }

  // ---- what all pages say and do alike

  /** Tells readers of screens what has changed. */
  function announce(text) {
    const region = document.getElementById("announced");
    if (region) region.textContent = text;
  }

  /** Copies a text, and says so. */
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Not every browser allows that from the file system: the older way, from a field.
      const field = urial.element("textarea", { class: "visually-hidden" });
      field.value = text;
      (document.querySelector("dialog[open]") || document.body).append(field);
      field.select();
      const copied = document.execCommand("copy");
      field.remove();
      if (!copied) {
        announce("Not copied: the browser does not allow it");
        return false;
      }
    }
    announce("Copied");
    return true;
  }

  function start() {
    const themeButton = urial.element("button", { type: "button", id: "theme", onclick: nextTheme });
    const helpButton = urial.element("button", { type: "button", "aria-label": "Keys and help", title: "Keys and help (?)", onclick: help }, "?");
    const place = document.getElementById("tools");
    if (place) place.append(themeButton, helpButton);
    document.body.append(urial.element("div", { id: "announced", class: "visually-hidden", role: "status" }));
    document.addEventListener("keydown", onKey);
    applyTheme();
  }

  urial.frame = { keys, help, remember, recall, announce, copy, fragment: { read, write } };
  applyTheme();
  keys({ "?": { label: "this help", run: help } });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})(window.urial);
