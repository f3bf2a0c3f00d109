/* What the list can be narrowed to and sorted by. Every control changes the view and says so; none keeps a state of its own. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const { element } = urial;
  const OUTCOME = { win: "wins", tie: "ties", loss: "loses", inconsistent: "flips", invalid: "has no verdict" };

  /** Filters and sorting in ``place``: gives what draws them for a view. ``change()`` runs after a change of the view. */
  function filters(index, place, change) {
    const counts = urial.answers.select.markCounts(index).filter(({ any }) => any);
    const tags = urial.answers.view.tags(index);
    return (view) => draw(index, place, { counts, tags }, view, change);
  }

  function draw(index, place, { counts, tags }, view, change) {
    const set = (part) => (values) => {
      view[part] = values === null ? null : { ...view[part], ...values };
      change();
    };
    const [filter, sort] = [set("filter"), set("sort")];
    const more = urial.answers.view.filterCount({ ...view.filter, text: "", mark: null });
    const open = place.querySelector("details.more") ? place.querySelector("details.more").open : more > 0;
    const kept = keepFocus(place);
    urial.fill(place,
      marks(counts, view, filter),
      element("details", { class: "more", open },
        element("summary", null, more ? `Filters (${more})` : "Filters"),
        choice("Category", tags.category, view.filter.category, (value) => filter({ category: value })),
        choice("Task", tags.tasks, view.filter.task, (value) => filter({ task: value })),
        choice("Topic", tags.topics, view.filter.topic, (value) => filter({ topic: value })),
        scoreFilter(index, view.filter.score, (score) => filter({ score })),
        outcomeFilter(index, view.filter.outcome, (outcome) => filter({ outcome }))),
      sorting(index, view.sort, sort));
    kept();
  }

  /** How many instructions are listed, with a button where filters hold some back, and why a search could not look at all. */
  function drawCount(place, count, all, clear, failure) {
    const total = urial.answers.text.counted(all, "instruction");
    urial.fill(place,
      element("span", null, clear ? `${urial.answers.text.count(count)} of ${total}` : total),
      clear ? element("button", { type: "button", id: "clear", onclick: clear }, "Show all") : null,
      failure ? element("p", { class: "badge bad" }, failure) : null);
  }

  /** After drawing anew, the control that had the focus has it again. */
  function keepFocus(place) {
    const id = place.contains(document.activeElement) ? document.activeElement.id : null;
    return () => {
      const again = id && document.getElementById(id);
      if (again) again.focus({ preventScroll: true });
    };
  }

  /** The rows to look at: each mark with the number of instructions that have it, and of one that is chosen the systems. */
  function marks(counts, view, filter) {
    if (!counts.length) return element("p", { class: "quiet" }, "Every row has its answer and its scores.");
    const chosen = counts.find(({ mark }) => mark === view.filter.mark);
    return element("div", { role: "group", "aria-label": "Rows to look at" },
      chips(counts.map(({ mark, any }) => chip(`mark-${mark}`, mark, any, mark === view.filter.mark,
        () => filter({ mark: mark === view.filter.mark ? null : mark, system: null })))),
      chosen ? chips(chosen.bySystem.map(([system, count]) => chip(`system-${system}`, system, count, system === view.filter.system,
        () => filter({ system: system === view.filter.system ? null : system }))), "by-system") : null);
  }

  function chips(all, kind) {
    return element("div", { class: `chips ${kind || ""}`.trim() }, all);
  }

  function chip(id, label, count, pressed, run) {
    return element("button", { type: "button", id: id.replace(/[^A-Za-z0-9_-]+/g, "-"), class: "chip", "aria-pressed": String(pressed), onclick: run },
      label, " ", element("span", { class: "count" }, urial.answers.text.count(count)));
  }

  /** A labelled list of values; the first, "any", is null. */
  function choice(label, values, value, run) {
    return values.length < 2 && value === null ? null : element("label", { class: "choice" }, element("span", null, label),
      select(label, [["", "any"], ...values.map((name) => [name, name])], value || "", (text) => run(text || null)));
  }

  /** ``options``: [value, text]. Its id is made of its label, so that it keeps the focus. */
  function select(label, options, value, run) {
    const node = element("select", { id: `choose-${label.replace(/\W+/g, "-")}`, "aria-label": label, onchange: () => run(node.value) },
      options.map(([name, text]) => element("option", { value: name, selected: name === value }, text)));
    return node;
  }

  const named = (names) => names.map((name) => [name, name]);

  /** The score of a system that is at least or at most a number. */
  function scoreFilter(index, score, run) {
    if (!index.aspects.length) return null;
    const highest = Math.max(...Object.values(index.scales), 5);
    const now = score || { system: "", aspect: urial.answers.view.MEAN, bound: "most", value: 3 };
    const changed = (values) => {
      const next = { ...now, ...values };
      run(next.system && Number.isFinite(next.value) ? next : null);
    };
    const number = element("input", {
      type: "number", id: "choose-score", min: 1, max: highest, step: "any", value: now.value, "aria-label": "Score",
      onchange: () => changed({ value: number.value === "" ? NaN : Number(number.value) }),
    });
    return element("div", { class: "choice", role: "group", "aria-label": "Score" }, element("span", null, "Score"),
      select("Score of", [["", "any"], ...named(index.systems)], now.system, (system) => changed({ system })),
      score ? select("Aspect", named(urial.answers.view.aspects(index)), now.aspect, (aspect) => changed({ aspect })) : null,
      score ? select("Bound", [["least", "at least"], ["most", "at most"]], now.bound, (bound) => changed({ bound })) : null,
      score ? number : null);
  }

  /** What came out of a comparison. */
  function outcomeFilter(index, outcome, run) {
    const compared = Object.keys(index.preferences);
    if (!compared.length) return null;
    const now = outcome || { system: "", criterion: null, outcome: "win" };
    const criteria = Object.keys((index.preferences[now.system] || { outcomes: {} }).outcomes);
    const changed = (values) => {
      const next = { ...now, ...values };
      const known = next.system && Object.keys(index.preferences[next.system].outcomes);
      run(known ? { ...next, criterion: known.includes(next.criterion) ? next.criterion : known[0] } : null);
    };
    return element("div", { class: "choice", role: "group", "aria-label": "Preference" }, element("span", null, "Preference"),
      select("Compared system", [["", "any"], ...named(compared)], now.system, (system) => changed({ system })),
      outcome ? select("Outcome", urial.answers.view.OUTCOMES.map((name) => [name, OUTCOME[name]]), now.outcome, (value) => changed({ outcome: value })) : null,
      outcome ? select("Criterion", named(criteria), now.criterion, (criterion) => changed({ criterion })) : null);
  }

  /** The order of the list. */
  function sorting(index, sort, run) {
    if (!index.aspects.length) return null;
    const [system, other] = [index.systems[0], index.systems[1]];
    const kinds = [["", "the run's order"], ["score", "score"], ...(other ? [["difference", "difference of two"]] : [])];
    const start = { system, aspect: urial.answers.view.MEAN, first: "high" };
    const chosen = (by) => run(by === "" ? null : { ...start, ...sort, by, other: by === "difference" ? (sort && sort.other) || other : null });
    return element("div", { class: "choice", role: "group", "aria-label": "Sorting" }, element("span", null, "Sorted by"),
      select("Sorted by", kinds, sort ? sort.by : "", chosen),
      sort ? select("Sorted by system", named(index.systems), sort.system, (name) => run({ system: name })) : null,
      sort && sort.by === "difference" ? select("minus", index.systems.map((name) => [name, `− ${name}`]), sort.other, (name) => run({ other: name })) : null,
      sort ? select("Sorted by aspect", named(urial.answers.view.aspects(index)), sort.aspect, (aspect) => run({ aspect })) : null,
      sort ? select("First", [["high", "highest first"], ["low", "lowest first"]], sort.first, (first) => run({ first })) : null);
  }

  urial.answers.filters = { filters, drawCount };
})(window.urial);
