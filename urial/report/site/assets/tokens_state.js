/* What the viewer shows, and how the address carries it: the fragment alone reopens the exact view. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.state = (() => {
  const FILTERS = ["q", "category", "task", "topic", "kind", "label", "part", "move", "sort"];
  // Browsers refuse more than some hundred changes of the address in a few seconds; a held key makes more.
  const WRITE_AFTER_MS = 150;
  let writing = null;

  // The view that the address names; what it does not name is the first answer under the first two contexts.
  // ``problem`` says what it names and the run does not have.
  function read(index) {
    const given = urial.frame.fragment.read();
    const problems = [];
    const known = (place, names, what, usual) => {
      if (!given[place] || names.includes(given[place])) return given[place] || usual;
      problems.push(`${what} ${given[place]}`);
      return usual;
    };
    const id = known("id", index.instructions.id, "instruction", index.instructions.id[0]);
    const above = known("above", index.contexts, "measurement", index.contexts[0]);
    const { contexts } = textOf(index, above);
    // Beside it stands another measurement of the same text.
    const usual = contexts.find((name) => name !== above) || null;
    const below = known("below", contexts, `measurement of the text of ${textOf(index, above).answers}`, usual);
    const view = { number: index.instructions.id.indexOf(id), above, below: below === above ? usual : below, token: null };
    if (/^\d{1,9}$/.test(given.token || "")) view.token = Number(given.token);
    for (const name of FILTERS) view[name] = given[name] || "";
    view.problem = problems.length ? `The address names what this run does not have: ${problems.join(", ")}.` : "";
    return view;
  }

  /** The text that a measurement is of: {answers, aligned, contexts}, with its ``number`` among the texts. */
  function textOf(index, name) {
    const number = index.texts.findIndex((text) => text.contexts.includes(name));
    return { number, ...index.texts[number] };
  }

  function named(view, index) {
    const state = { id: index.instructions.id[view.number], above: view.above, below: view.below, token: view.token };
    for (const name of FILTERS) state[name] = view[name];
    return state;
  }

  function write(view, index) {
    clearTimeout(writing);
    writing = setTimeout(() => urial.frame.fragment.write(named(view, index)), WRITE_AFTER_MS);
  }

  return { FILTERS, read, textOf, write };
})();
