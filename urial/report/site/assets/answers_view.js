/* What the answer browser shows: one object, the view, and its form in the address.
   The first ``pinned`` columns of ``order`` are pinned. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const SORTS = ["score", "difference"];
  const OUTCOMES = ["win", "tie", "loss", "inconsistent", "invalid"];
  const MEAN = "mean";

  /** The view of an address; what the run does not have is left out. ``fragment`` is an object of texts. */
  function read(index, fragment) {
    const has = (name) => columns(index).includes(name);
    const named = (text) => [...new Set((text || "").split(","))].filter(has);
    const pins = named(fragment.pin);
    const moved = named(fragment.order).filter((name) => !pins.includes(name));
    const rest = columns(index).filter((name) => !pins.includes(name) && !moved.includes(name));
    return {
      id: fragment.id || null,
      order: [...pins, ...moved, ...rest],
      pinned: pins.length,
      focus: has(fragment.focus) ? fragment.focus : null,
      differ: named(fragment.differ).slice(0, 2),
      prompts: fragment.prompts === "1",
      list: fragment.list === "1" ? true : fragment.list === "0" ? false : null,
      filter: readFilter(index, fragment),
      sort: readSort(index, fragment.sort),
    };
  }

  function readFilter(index, fragment) {
    const { tasks, topics, category } = tags(index);
    const one = (value, known) => (known.includes(value) ? value : null);
    const mark = one(fragment.mark, index.marks);
    return {
      text: fragment.q || "",
      mark,
      system: mark ? one(fragment.system, columns(index)) : null,
      category: one(fragment.category, category),
      task: one(fragment.task, tasks),
      topic: one(fragment.topic, topics),
      score: readScore(index, fragment.score),
      outcome: readOutcome(index, fragment.outcome),
    };
  }

  /** SYSTEM:ASPECT:least|most:NUMBER */
  function readScore(index, text) {
    const [system, aspect, bound, number] = (text || "").split(":");
    const value = Number(number);
    const known = index.systems.includes(system) && aspects(index).includes(aspect) && ["least", "most"].includes(bound);
    return known && number && Number.isFinite(value) ? { system, aspect, bound, value } : null;
  }

  /** SYSTEM:CRITERION:OUTCOME */
  function readOutcome(index, text) {
    const [system, criterion, outcome] = (text || "").split(":");
    const known = Object.keys(index.preferences).includes(system) && Object.keys(index.preferences[system].outcomes).includes(criterion);
    return known && OUTCOMES.includes(outcome) ? { system, criterion, outcome } : null;
  }

  /** score:SYSTEM:ASPECT:low|high or difference:SYSTEM:OTHER:ASPECT:low|high; null: the order of the run */
  function readSort(index, text) {
    const parts = (text || "").split(":");
    const [by, system] = parts;
    const [aspect, first] = parts.slice(-2);
    const other = by === "difference" ? parts[2] : null;
    const known = SORTS.includes(by) && index.systems.includes(system) && aspects(index).includes(aspect);
    if (!known || (other !== null && !index.systems.includes(other))) return null;
    return { by, system, other, aspect, first: first === "low" ? "low" : "high" };
  }

  /** The view as an object of texts for the address: only what differs from the run's own order and from no filter. */
  function write(index, view) {
    const { filter, sort } = view;
    const rest = view.order.slice(view.pinned);
    const pins = view.order.slice(0, view.pinned);
    const own = columns(index).filter((name) => !pins.includes(name));
    return {
      id: view.id,
      pin: pins.join(","),
      order: rest.every((name, place) => name === own[place]) ? "" : rest.join(","),
      focus: view.focus,
      differ: view.differ.join(","),
      prompts: view.prompts ? "1" : "",
      list: view.list === null ? "" : view.list ? "1" : "0",
      q: filter.text,
      mark: filter.mark,
      system: filter.system,
      category: filter.category,
      task: filter.task,
      topic: filter.topic,
      score: filter.score && [filter.score.system, filter.score.aspect, filter.score.bound, filter.score.value].join(":"),
      outcome: filter.outcome && [filter.outcome.system, filter.outcome.criterion, filter.outcome.outcome].join(":"),
      sort: sort && [sort.by, sort.system, ...(sort.other === null ? [] : [sort.other]), sort.aspect, sort.first].join(":"),
    };
  }

  /** Pins a column behind those that are pinned, or unpins it; it then stands first of the others. */
  function togglePin(view, system) {
    const pinned = view.order.indexOf(system) < view.pinned;
    const place = pinned ? view.pinned - 1 : view.pinned;
    view.order = [...view.order.filter((name) => name !== system)];
    view.order.splice(place, 0, system);
    view.pinned = pinned ? place : place + 1;
  }

  /** Moves a column to a place; pinned columns stay the first. */
  function move(view, system, place) {
    const pinned = view.order.indexOf(system) < view.pinned;
    const [low, high] = pinned ? [0, view.pinned - 1] : [view.pinned, view.order.length - 1];
    view.order = view.order.filter((name) => name !== system);
    view.order.splice(Math.min(Math.max(place, low), high), 0, system);
  }

  /** Takes a column into the pair whose differences are marked, or out of it. Of three the oldest goes. */
  function toggleDiffer(view, system) {
    if (view.order.length < 2) return;
    const others = view.differ.filter((name) => name !== system);
    view.differ = others.length < view.differ.length ? others : [...others, system].slice(-2);
  }

  /** The two columns whose differences are marked: of one alone the other is the first column beside it. */
  function pair(view) {
    if (!view.differ.length || view.order.length < 2) return null;
    const [first, second] = view.differ;
    return second ? [first, second] : [view.order.find((name) => name !== first), first];
  }

  /** How many filters hold instructions back. */
  function filterCount(filter) {
    return ["text", "mark", "category", "task", "topic", "score", "outcome"].filter((name) => filter[name]).length;
  }

  /** Who answered: the systems, and whose published answers they are compared with. */
  function columns(index) {
    return [...index.systems, ...index.published];
  }

  function aspects(index) {
    return [MEAN, ...index.aspects];
  }

  /** What the instructions are tagged with, each once, in the order of the alphabet. */
  function tags(index) {
    const each = (lists) => [...new Set(lists.flat())].sort();
    const { tasks, topics, category } = index.instructions;
    return { tasks: each(tasks), topics: each(topics), category: each(category) };
  }

  urial.answers.view = { read, write, togglePin, move, toggleDiffer, pair, filterCount, columns, aspects, tags, OUTCOMES, MEAN };
})(window.urial);
