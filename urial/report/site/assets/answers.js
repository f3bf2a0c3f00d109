/* The answer browser: the list of instructions, and of one of them the answers of all systems side by side. All that the
   page shows follows from one object, the view: a change of it is drawn, and put into the address. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const { answers, element, fill, frame } = urial;
  const at = (id) => document.getElementById(id);
  const narrow = window.matchMedia("(max-width: 48rem)");

  let index; // of the run
  let numberOf; // id of an instruction -> its number
  let view; // see answers_view.js
  let numbers = []; // of the instructions that are listed, in the list's order
  let texts = null; // what a search looks through, once there was one
  let shown = null; // {number, shard, place}: the instruction whose answers are drawn
  let list, layout, drawFilters;

  async function begin() {
    try {
      index = await urial.load("index");
    } catch (error) {
      fill(at("asked"), element("p", { class: "badge bad" }, error.message));
      return;
    }
    numberOf = new Map(index.instructions.id.map((id, number) => [id, number]));
    layout = answers.layout.layout(at("scroller"), at("columns"), at("overview"), (system) => focus(system, false));
    list = answers.list.list(index, at("rows"), choose);
    drawFilters = answers.filters.filters(index, at("filters"), filtered);
    at("search").setAttribute("aria-label", index.answer_system ? `Search instructions and answers of ${index.answer_system}` : "Search instructions");
    bind();
    reread();
  }

  /** Shows what the address says. */
  async function reread() {
    view = answers.view.read(index, frame.fragment.read());
    await select();
    const known = numberOf.has(view.id);
    if (known || numbers.length) return open(known ? numberOf.get(view.id) : numbers[0]);
    instead(element("p", { class: "missing" }, index.instructions.id.length ? "No instruction passes the filters." : "This run has no instructions."));
    return redraw();
  }

  // ---- the list

  /** Finds the instructions that pass the filters, and draws the filters with their count. */
  async function select() {
    const failure = view.filter.text && texts === null ? await loadTexts() : null;
    numbers = answers.select.select(index, view.filter, view.sort, texts);
    drawFilters(view);
    if (at("search").value !== view.filter.text) at("search").value = view.filter.text;
    answers.filters.drawCount(at("count"), numbers.length, index.instructions.id.length, answers.view.filterCount(view.filter) ? clear : null, failure);
  }

  /** Loads what a search looks through. Where it is not here, the beginnings of instructions are searched, and why is given. */
  async function loadTexts() {
    try {
      texts = (await urial.load("search")).text;
      return null;
    } catch (error) {
      return error.message;
    }
  }

  function clear() {
    view.filter = answers.view.read(index, {}).filter;
    filtered();
  }

  /** After a change of filters or sorting: the instruction stays where it is still listed. */
  async function filtered() {
    await select();
    frame.announce(answers.text.counted(numbers.length, "instruction"));
    const number = numberOf.get(view.id);
    if (numbers.length && !numbers.includes(number)) return open(numbers[0]);
    redraw();
    const system = shown && answers.select.concerned(index, view, number);
    return system && focus(system, false);
  }

  const isListOpen = () => (view.list === null ? !narrow.matches : view.list);

  function setList(isOpen) {
    // What the width of the screen says anyhow is not put into the address.
    view.list = isOpen === !narrow.matches ? null : isOpen;
    redraw();
    layout.measure();
  }

  /** Draws the list and the bar over the answers, and writes the address. */
  function redraw() {
    const number = numberOf.get(view.id);
    const position = numbers.indexOf(number);
    at("browser").classList.toggle("with-list", isListOpen());
    at("toggle").setAttribute("aria-expanded", String(isListOpen()));
    list.show(numbers, number, view.sort);
    fill(at("position"), position < 0 ? "–" : answers.text.count(position + 1), element("span", { class: "quiet" }, ` / ${answers.text.count(numbers.length)}`));
    at("previous").disabled = position <= 0;
    at("next").disabled = position === numbers.length - 1;
    for (const [id, isOn] of [["prompts", view.prompts], ["differences", view.differ.length > 0]]) at(id).setAttribute("aria-pressed", String(isOn));
    at("differences").disabled = view.order.length < 2;
    frame.fragment.write(answers.view.write(index, view));
  }

  // ---- one instruction

  /** Shows an instruction that was chosen from the list, which makes room for it on a narrow screen. */
  function choose(number) {
    if (narrow.matches) view.list = null;
    open(number);
  }

  /** Shows an instruction by its number; the answers come in when their shard is there. */
  async function open(number) {
    view.id = index.instructions.id[number];
    view.focus = answers.select.concerned(index, view, number);
    redraw();
    try {
      const { shard, at: place } = await urial.shard("answers", number);
      // Another instruction may have been chosen meanwhile.
      if (numberOf.get(view.id) !== number) return;
      shown = { number, shard, place };
    } catch (error) {
      instead(element("p", { class: "badge bad" }, error.message));
      return;
    }
    drawShown();
    at("scroller").scrollTop = 0;
    ahead(number);
  }

  /** Shows a message where the instruction and its answers would be. */
  function instead(message) {
    shown = null;
    fill(at("asked"), message);
    for (const id of ["overview", "columns", "note"]) fill(at(id));
  }

  /** Loads what j and k would show next. */
  function ahead(number) {
    const position = numbers.indexOf(number);
    for (const next of [numbers[position + 1], numbers[position - 1]]) {
      if (next !== undefined) urial.shard("answers", next).catch(() => {});
    }
  }

  function drawShown() {
    const { number, shard, place } = shown;
    const instruction = shard.instructions[place];
    const ofSystems = Object.fromEntries(view.order.map((system) => [system, shard.systems[system][place]]));
    const found = answers.reader.differences(view, ofSystems);
    fill(at("asked"), answers.reader.asked(index, number, instruction));
    fill(at("overview"), answers.reader.overview(view, ofSystems, index.described, (system) => focus(system, true)));
    fill(at("note"), found ? found.line : null);
    fill(at("columns"), answers.reader.columns(index, view, shard, place, found, act));
    document.title = `${instruction.id} · ${index.run.study}`;
    layout.measure(view.pinned);
    if (view.focus) layout.focus(view.focus, false);
  }

  // ---- columns

  /** What the buttons of a column do. */
  const act = {
    move: (system, step) => arrange(() => answers.view.move(view, system, view.order.indexOf(system) + step), system),
    pin: (system) => arrange(() => answers.view.togglePin(view, system), system),
    differ: (system) => arrange(() => answers.view.toggleDiffer(view, system), system),
    show: (system, part, turn) => layout.show(system, part, turn),
  };

  /** Changes the columns and draws them anew; what had the keyboard's focus, a column or a button of it, has it again. */
  function arrange(change, system = view.focus) {
    const active = document.activeElement;
    const [inside, action] = [at("columns").contains(active), active && active.dataset.action];
    change();
    view.focus = system;
    redraw();
    if (!shown) return;
    drawShown();
    const column = system && layout.focus(system, inside);
    const button = inside && action && column && column.querySelector(`[data-action="${action}"]`);
    if (button) button.focus({ preventScroll: true });
  }

  function focus(system, withFocus) {
    view.focus = system;
    layout.focus(system, withFocus);
    frame.fragment.write(answers.view.write(index, view));
  }

  const focused = () => view.focus || view.order[0];

  function togglePrompts() {
    arrange(() => { view.prompts = !view.prompts; });
    if (view.prompts) layout.toHeads();
  }

  const noDifferences = () => arrange(() => { view.differ = []; });

  // ---- keys and buttons

  /** The instruction before or behind in the list; from one that is not listed, the first. */
  const step = (by) => () => {
    const position = numbers.indexOf(numberOf.get(view.id));
    const next = numbers[position < 0 ? 0 : position + by];
    if (next !== undefined) open(next);
  };

  const beside = (by) => () => {
    const system = view.order[view.focus ? view.order.indexOf(view.focus) + by : 0];
    if (system) focus(system, true);
  };

  function escape() {
    if (document.activeElement === at("search")) at("scroller").focus({ preventScroll: true });
    else if (view.differ.length) noDifferences();
  }

  function bind() {
    frame.keys({
      j: { label: "next instruction", run: step(1) },
      k: { label: "previous instruction", run: step(-1) },
      ArrowLeft: { label: "column to the left", run: beside(-1) },
      ArrowRight: { label: "column to the right", run: beside(1) },
      "<": { label: "move the column to the left", run: () => act.move(focused(), -1) },
      ">": { label: "move the column to the right", run: () => act.move(focused(), 1) },
      i: { label: "pin the column, or unpin it", run: () => act.pin(focused()) },
      p: { label: "exact prompts", run: togglePrompts },
      d: { label: "mark differences of the column from the first, or from another where d is pressed, too", run: () => act.differ(focused()) },
      l: { label: "list of instructions", run: () => setList(!isListOpen()) },
      "/": { label: "search", run: () => { setList(true); at("search").focus(); } },
      Escape: { label: "leave the search; mark no differences", run: escape },
    });
    const clicks = {
      previous: step(-1), next: step(1), prompts: togglePrompts, toggle: () => setList(!isListOpen()),
      differences: () => (view.differ.length ? noDifferences() : act.differ(focused())),
    };
    for (const [id, run] of Object.entries(clicks)) at(id).addEventListener("click", run);
    at("search").addEventListener("input", () => {
      view.filter.text = at("search").value;
      filtered();
    });
    answers.drag.drag(at("columns"), (system, target) => arrange(() => answers.view.move(view, system, view.order.indexOf(target)), system));
    window.addEventListener("hashchange", reread);
    narrow.addEventListener("change", redraw);
  }

  document.addEventListener("DOMContentLoaded", begin);
})(window.urial);
