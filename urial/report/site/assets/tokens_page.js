/* The page around the picture: buttons, choice of contexts, the list with its filters. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.page = (() => {
  const { element } = urial;

  /** Puts the parts on the page and gives them by name. ``acts``: what the buttons do, by name. */
  function build(page, view, index, acts) {
    const parts = {
      form: urial.tokens.filters.draw(view, index, acts.change, acts.leaveSearch),
      found: element("p", { class: "found quiet", role: "status" }),
      rows: element("div", { class: "rows", role: "listbox", tabindex: "0", "aria-label": "Answers" }),
      remark: element("p", { class: "remark", role: "status" }, view.problem),
      place: element("span", { class: "at" }),
      texts: textChoice(index, acts),
      above: contextChoice("above", "below", acts),
      below: contextChoice("below", "above", acts),
      swap: button("⇅", "Swap the contexts (t)", acts.swap),
      room: element("div", { class: "shown" }),
    };
    parts.answers = element("section", { class: "answers closed", id: "answers", "aria-label": "Answers" }, parts.form, parts.found, parts.rows);
    parts.toggle = element("button", {
      type: "button", class: "toggle", "aria-expanded": "false", "aria-controls": "answers",
      onclick: () => acts.showList(parts.answers.classList.contains("closed")),
    }, "Answers");
    urial.fill(page, tools(parts, acts), parts.remark, element("div", { class: "columns" }, parts.answers, parts.room));
    return parts;
  }

  function tools(parts, acts) {
    return element("div", { class: "tools" },
      parts.toggle,
      button("‹", "Previous answer (k)", () => acts.step(-1)), parts.place, button("›", "Next answer (j)", () => acts.step(1)),
      button("Save", "Save the picture (s)", acts.askSave),
      element("span", { class: "contexts" }, parts.texts, parts.above, parts.swap, parts.below));
  }

  function button(label, name, run) {
    return element("button", { type: "button", "aria-label": name, title: name, onclick: run }, label);
  }

  // Whose text is shown, where there is more than one.
  function textChoice(index, acts) {
    if (index.texts.length < 2) return null;
    const choose = () => {
      const [above, below = null] = index.texts[control.value].contexts;
      acts.change({ above, below, token: null });
    };
    const control = element("select", { name: "text", onchange: choose },
      index.texts.map((text, number) => element("option", { value: number }, urial.tokens.whose.short(text, index))));
    return element("label", null, "answers of ", control);
  }

  // Two contexts that differ: who chooses the other one's, swaps them.
  function contextChoice(place, other, acts) {
    const choose = () => (control.value === acts.shown()[other] ? acts.swap() : acts.change({ [place]: control.value }));
    const control = element("select", { name: place, onchange: choose });
    return element("label", null, `${place} `, control);
  }

  /** Puts the text that is shown, and its measurements, into the choices. */
  function showChoices(parts, view, index) {
    const { number, contexts } = urial.tokens.state.textOf(index, view.above);
    if (parts.texts) parts.texts.querySelector("select").value = number;
    parts.swap.hidden = parts.below.hidden = view.below === null;
    for (const name of ["above", "below"]) {
      const control = parts[name].querySelector("select");
      urial.fill(control, contexts.map((context) => element("option", { value: context }, context)));
      control.value = view[name];
    }
  }

  function showList(parts, isOpen) {
    parts.answers.classList.toggle("closed", !isOpen);
    parts.toggle.setAttribute("aria-expanded", String(isOpen));
  }

  return { build, showChoices, showList };
})();
