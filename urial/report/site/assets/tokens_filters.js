/* Which answers the list has, and in what order. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.filters = (() => {
  const { element } = urial;
  const { text } = urial.tokens;

  /** The numbers of the answers that a view wants, in its order. ``texts`` is data/search.js, null while nothing is searched. */
  function apply(view, index, texts) {
    const { category, tasks, topics } = index.instructions;
    const words = view.q.toLowerCase().split(/\s+/).filter((word) => word !== "");
    const asked = ["kind", "label", "part", "move"].filter((name) => view[name] !== "")
      .map((name) => [`${name}s`, index[`${name}s`].indexOf(view[name])]);
    const shifts = [view.above, view.below].filter((name) => name !== null).map((name) => index.shift[name]);
    const hasShifted = (number, masks, bit) => shifts.some((shift) => (shift[masks][number] >> bit) & 1);
    const numbers = [];
    for (let number = 0; number < category.length; number += 1) {
      if (view.category !== "" && category[number] !== view.category) continue;
      if (view.task !== "" && !tasks[number].includes(view.task)) continue;
      if (view.topic !== "" && !topics[number].includes(view.topic)) continue;
      if (!asked.every(([masks, bit]) => hasShifted(number, masks, bit))) continue;
      if (texts !== null && !words.every((word) => texts[number].includes(word))) continue;
      numbers.push(number);
    }
    return sorted(numbers, view.sort, index);
  }

  // Highest first, and of the first divergence the earliest; answers without the figure stand at the end, equal ones in the run's
  // order.
  function sorted(numbers, sort, index) {
    const [measure, context] = split(sort);
    const shift = index.shift[context];
    if (!shift) return numbers;
    const value = (number) => {
      if (measure === "kl") return shift.kl[number] ?? -1;
      // -1: never within the answer.
      if (measure === "parted") return shift.parted[number] === null ? -Infinity : shift.parted[number] < 0 ? -1e9 : -shift.parted[number];
      return shift.positions[number] ? shift.shifted[number] / shift.positions[number] : -1;
    };
    return numbers.map((number) => [number, value(number)]).sort((one, other) => other[1] - one[1] || one[0] - other[0]).map(([number]) => number);
  }

  function split(sort) {
    const colon = sort.indexOf(":");
    return [sort.slice(0, colon), sort.slice(colon + 1)];
  }

  /** The form. ``change({name: value})`` is called with what a reader changes, ``leave()`` when the search is finished. */
  function draw(view, index, change, leave) {
    const { category, tasks, topics } = index.instructions;
    const search = element("input", { type: "search", name: "q", id: "search", placeholder: "words of instruction or answer", autocomplete: "off" });
    search.value = view.q;
    search.addEventListener("input", () => change({ q: search.value.trim() }));
    const sorts = index.contexts.flatMap((name) => [[`shifted:${name}`, `share shifted under ${name}`], [`kl:${name}`, `mean KL under ${name}`],
      [`parted:${name}`, `first divergence under ${name}`]]);
    return element("form", { class: "filters", role: "search", "aria-label": "Answers", onsubmit: (event) => { event.preventDefault(); leave(); } },
      field("Search", search),
      choice("Category", "category", distinct(category), view, change),
      choice("Task", "task", distinct(tasks.flat()), view, change),
      choice("Topic", "topic", distinct(topics.flat()), view, change),
      choice("Shifted tokens of kind", "kind", found("kinds", index), view, change),
      choice("Shifted tokens of label", "label", found("labels", index), view, change),
      choice("Shifted tokens in part", "part", found("parts", index), view, change),
      choice("Shifted tokens of move", "move", found("moves", index), view, change),
      choice("Order", "sort", sorts, view, change, "of the run"),
      element("button", { type: "button", onclick: () => clear(change) }, "Clear"));
  }

  function clear(change) {
    change(Object.fromEntries(urial.tokens.state.FILTERS.map((name) => [name, ""])));
  }

  // The kinds or labels that any shifted token has: where no truth is known, no token has a kind.
  function found(name, index) {
    const masks = Object.values(index.shift).flatMap((shift) => shift[name]);
    const all = masks.reduce((bits, mask) => bits | mask, 0);
    return index[name].filter((_, bit) => (all >> bit) & 1);
  }

  function distinct(values) {
    return [...new Set(values)].sort();
  }

  function field(label, control) {
    return element("label", { class: `field field-${control.name}` }, element("span", null, label), control);
  }

  // A choice that offers one value, or none, would choose nothing.
  function choice(label, name, values, view, change, usual = "any") {
    if (values.length < 2 && !values.includes(view[name])) return null;
    const control = element("select", { name, onchange: () => change({ [name]: control.value }) },
      element("option", { value: "" }, usual),
      values.map((value) => {
        const [key, shown] = Array.isArray(value) ? value : [value, text.spaced(value)];
        return element("option", { value: key }, shown);
      }));
    // What an address asks for and the run does not have is still said.
    if (view[name] !== "" && ![...control.options].some((option) => option.value === view[name])) {
      control.append(element("option", { value: view[name] }, `${view[name]} (not in this run)`));
    }
    control.value = view[name];
    return field(label, control);
  }

  /** Puts a view's values into the form, where they were changed elsewhere. */
  function show(form, view) {
    for (const name of urial.tokens.state.FILTERS) {
      const control = form.elements.namedItem(name);
      if (control && control.value.trim() !== view[name]) control.value = view[name];
    }
  }

  return { apply, draw, show };
})();
