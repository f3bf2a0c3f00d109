/* The list of answers. Only the rows in sight are in the document, however many answers there are. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.list = (() => {
  const { element } = urial;
  const { text } = urial.tokens;
  const ROW_HEIGHT = 76;
  // Rows beyond each edge, so that scrolling shows no gap.
  const BEYOND = 4;

  /** A list in a box; ``open(number)`` is called with the answer that a reader chooses. */
  function create(index, box, open) {
    const room = element("div", { class: "room" });
    box.append(room);
    const list = { box, room, index, numbers: [], view: null };
    box.addEventListener("scroll", () => drawRows(list), { passive: true });
    box.addEventListener("click", (event) => {
      const row = event.target.closest("[data-number]");
      if (row) open(Number(row.dataset.number));
    });
    box.addEventListener("keydown", (event) => onKey(event, list, open));
    new ResizeObserver(() => drawRows(list)).observe(box);
    return list;
  }

  function onKey(event, list, open) {
    const place = list.numbers.indexOf(list.view.number);
    const last = list.numbers.length - 1;
    const page = Math.max(1, Math.floor(list.box.clientHeight / ROW_HEIGHT) - 1);
    const target = {
      ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: last, PageDown: place + page, PageUp: place - page,
    }[event.key];
    if (target === undefined || last < 0) return;
    event.preventDefault();
    open(list.numbers[Math.max(0, Math.min(last, target))]);
  }

  /** Shows these answers, the current one in sight. */
  function show(list, numbers, view) {
    Object.assign(list, { numbers, view });
    list.room.style.height = `${numbers.length * ROW_HEIGHT}px`;
    reveal(list);
    drawRows(list);
  }

  function reveal(list) {
    const place = list.numbers.indexOf(list.view.number);
    const top = place * ROW_HEIGHT;
    const { scrollTop, clientHeight } = list.box;
    if (place < 0 || clientHeight === 0) return;
    if (top < scrollTop) list.box.scrollTop = top;
    else if (top + ROW_HEIGHT > scrollTop + clientHeight) list.box.scrollTop = top + ROW_HEIGHT - clientHeight;
  }

  function drawRows(list) {
    if (list.view === null) return;
    const first = Math.max(0, Math.floor(list.box.scrollTop / ROW_HEIGHT) - BEYOND);
    const last = Math.min(list.numbers.length, Math.ceil((list.box.scrollTop + list.box.clientHeight) / ROW_HEIGHT) + BEYOND);
    urial.fill(list.room, list.numbers.slice(first, last).map((number, place) => row(list, number, first + place)));
    const current = list.numbers.includes(list.view.number) ? rowId(list.view.number) : null;
    // Out of sight, the current row is not in the document.
    if (current && document.getElementById(current)) list.box.setAttribute("aria-activedescendant", current);
    else list.box.removeAttribute("aria-activedescendant");
  }

  function rowId(number) {
    return `answer-${number}`;
  }

  function row(list, number, place) {
    const { excerpt, id } = list.index.instructions;
    const isCurrent = number === list.view.number;
    return element("div", {
      class: "row", id: rowId(number), role: "option", "data-number": number, style: { top: `${place * ROW_HEIGHT}px` },
      "aria-selected": String(isCurrent), "aria-posinset": place + 1, "aria-setsize": list.numbers.length,
    },
      element("span", { class: "excerpt", dir: "auto" }, excerpt[number]),
      element("span", { class: "row-figures" },
        element("span", { class: "mono row-id" }, id[number]),
        [list.view.above, list.view.below].filter((name) => name !== null).map((name) => share(list.index.shift[name], name, number))));
  }

  // The share of shifted tokens under a context as a small bar of all categories, and in figures.
  function share(shift, name, number) {
    const total = shift.positions[number];
    if (!total) return element("span", { class: "row-share missing", title: name }, "not measured");
    const part = (category) => element("span", { class: `part ${category}`, style: { width: `${(100 * shift[category][number]) / total}%` } });
    return element("span", { class: "row-share", title: `shifted under ${name}` },
      element("span", { class: "stack", "aria-hidden": "true" }, ["shifted", "marginal", "unshifted"].map(part)),
      element("span", { class: "visually-hidden" }, `shifted under ${name}: `),
      text.percent(shift.shifted[number], total));
  }

  return { create, show };
})();
