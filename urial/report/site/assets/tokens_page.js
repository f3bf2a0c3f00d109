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
      above: contextChoice("above", view, index, acts),
      below: contextChoice("below", view, index, acts),
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
      element("span", { class: "contexts" }, parts.above, parts.below && [button("⇅", "Swap the contexts (t)", acts.swap), parts.below]));
  }

  function button(label, name, run) {
    return element("button", { type: "button", "aria-label": name, title: name, onclick: run }, label);
  }

  function contextChoice(place, view, index, acts) {
    if (view[place] === null) return null;
    const control = element("select", { name: place, onchange: () => acts.chooseContext(place, control.value) },
      index.contexts.map((name) => element("option", { value: name }, name)));
    control.value = view[place];
    return element("label", null, `${place} `, control);
  }

  function showList(parts, isOpen) {
    parts.answers.classList.toggle("closed", !isOpen);
    parts.toggle.setAttribute("aria-expanded", String(isOpen));
  }

  return { build, showList };
})();
