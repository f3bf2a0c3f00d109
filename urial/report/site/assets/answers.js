/* The answer browser: the list of instructions, and of one of them the answers of all systems side by side. Each change
   makes a new state of one object, the view, which is drawn and put into the address. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const { answers, element, fill, frame } = urial;
  const at = (id) => document.getElementById(id);
  const narrow = window.matchMedia("(max-width: 48rem)");

  /** Draws the page for a run's index and keeps it in step with keys, buttons and the address. */
  function start(index) {
    const numberOf = new Map(index.instructions.id.map((id, number) => [id, number]));
    const layout = answers.layout.layout(at("scroller"), at("columns"), at("overview"), (system) => focus(system, false));
    const drawFilters = answers.filters.filters(index, at("filters"), filtered);
    const list = answers.list.list(index, at("rows"), open);
    let view = answers.view.read(index, frame.fragment.read());
    let [numbers, texts, shown] = [[], null, null];

    const act = {
      move: (system, step) => arrange(() => answers.view.move(view, system, view.order.indexOf(system) + step), system),
      pin: (system) => arrange(() => answers.view.togglePin(view, system), system),
      differ: (system) => arrange(() => answers.view.toggleDiffer(view, system), system),
      show: layout.show,
    };

    // ---- the list

    function listed() {
      numbers = answers.select.select(index, view.filter, view.sort, texts);
      drawFilters(view);
      at("search").value = view.filter.text;
      drawCount();
    }

    function drawCount() {
      const all = index.instructions.id.length;
      const text = numbers.length === all ? answers.text.counted(all, "instruction") : `${answers.text.count(numbers.length)} of ${answers.text.counted(all, "instruction")}`;
      fill(at("count"), element("span", null, text),
        answers.view.filterCount(view.filter) ? element("button", { type: "button", id: "clear", onclick: clear }, "Show all") : null);
    }

    function clear() {
      view.filter = answers.view.read(index, {}).filter;
      filtered();
    }

    /** After a change of filters or sorting: the instruction stays where it is still listed. */
    async function filtered() {
      if (view.filter.text && texts === null) texts = (await urial.load("search")).text;
      listed();
      frame.announce(answers.text.counted(numbers.length, "instruction"));
      if (numbers.length && !numbers.includes(numberOf.get(view.id))) await open(numbers[0]);
      else redrawn();
    }

    function redrawn() {
      list.show(numbers, numberOf.get(view.id), view.sort);
      const position = numbers.indexOf(numberOf.get(view.id));
      fill(at("position"), position < 0 ? "–" : answers.text.count(position + 1), element("span", { class: "quiet" }, ` / ${answers.text.count(numbers.length)}`));
      at("previous").disabled = position <= 0;
      at("next").disabled = position < 0 ? !numbers.length : position === numbers.length - 1;
      at("prompts").setAttribute("aria-pressed", String(view.prompts));
      at("differences").disabled = view.order.length < 2;
      at("differences").setAttribute("aria-pressed", String(view.differ.length > 0));
      drawList();
      frame.fragment.write(answers.view.write(index, view));
    }

    function drawList() {
      const isOpen = view.list === null ? !narrow.matches : view.list;
      at("browser").classList.toggle("with-list", isOpen);
      at("toggle").setAttribute("aria-expanded", String(isOpen));
    }

    function toggleList(event, isOpen = !at("browser").classList.contains("with-list")) {
      view.list = isOpen === !narrow.matches ? null : isOpen;
      redrawn();
      layout.measure();
    }

    // ---- one instruction

    /** Shows an instruction by its number; the answers come in when their shard is there. */
    async function open(number) {
      view.id = index.instructions.id[number];
      if (narrow.matches) view.list = null;
      redrawn();
      try {
        const { shard, at: place } = await urial.shard("answers", number);
        // Another instruction may have been chosen meanwhile.
        if (numberOf.get(view.id) !== number) return;
        shown = { number, shard, place };
        drawShown();
        at("scroller").scrollTop = 0;
        ahead(number);
      } catch (error) {
        instead(element("p", { class: "badge bad" }, error.message));
      }
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
      const ofSystems = Object.fromEntries(answers.view.columns(index).map((system) => [system, shard.systems[system][place]]));
      const found = answers.reader.differences(view, ofSystems);
      fill(at("asked"), answers.reader.asked(index, number, instruction));
      fill(at("overview"), answers.reader.overview(view, ofSystems, index.described, (system) => focus(system, true)));
      fill(at("note"), found ? found.line : null);
      fill(at("columns"), answers.reader.columns(index, view, shard, place, found, act));
      document.title = `${instruction.id} · ${index.run.study}`;
      layout.measure(view.pinned);
      if (view.focus) layout.focus(view.focus, false);
    }

    /** Changes the columns and draws them anew; what had the keyboard's focus, a column or a button of it, has it again. */
    function arrange(change, system = view.focus) {
      const active = document.activeElement;
      const [inside, action] = [at("columns").contains(active), active && active.dataset.action];
      change();
      view.focus = system;
      redrawn();
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

    // ---- keys and buttons

    const step = (by) => () => {
      const position = numbers.indexOf(numberOf.get(view.id));
      const next = numbers[position < 0 ? 0 : position + by];
      if (next !== undefined) open(next);
    };
    const focused = () => view.focus || view.order[0];
    const beside = (by) => () => {
      const place = view.focus ? view.order.indexOf(view.focus) + by : 0;
      if (view.order[place]) focus(view.order[place], true);
    };
    const noDifferences = () => arrange(() => { view.differ = []; });

    function prompts() {
      arrange(() => { view.prompts = !view.prompts; });
      if (view.prompts) layout.toHeads();
    }

    function escape() {
      if (document.activeElement === at("search")) at("scroller").focus({ preventScroll: true });
      else if (view.differ.length) noDifferences();
      else return false;
      return true;
    }

    frame.keys({
      j: { label: "next instruction", run: step(1) },
      k: { label: "previous instruction", run: step(-1) },
      ArrowLeft: { label: "column to the left", run: beside(-1) },
      ArrowRight: { label: "column to the right", run: beside(1) },
      "<": { label: "move the column to the left", run: () => act.move(focused(), -1) },
      ">": { label: "move the column to the right", run: () => act.move(focused(), 1) },
      i: { label: "pin the column, or unpin it", run: () => act.pin(focused()) },
      p: { label: "exact prompts", run: prompts },
      d: { label: "mark the column's differences: from the first column, or from one chosen before", run: () => act.differ(focused()) },
      l: { label: "list of instructions", run: toggleList },
      "/": { label: "search", run: () => { toggleList(null, true); at("search").focus(); } },
      Escape: { label: "leave the search; no differences", run: escape },
    });
    at("previous").addEventListener("click", step(-1));
    at("next").addEventListener("click", step(1));
    at("prompts").addEventListener("click", prompts);
    at("differences").addEventListener("click", () => (view.differ.length ? noDifferences() : act.differ(focused())));
    at("toggle").addEventListener("click", toggleList);
    at("search").addEventListener("input", () => {
      view.filter.text = at("search").value;
      filtered();
    });
    answers.drag.drag(at("columns"), (system, target) => arrange(() => answers.view.move(view, system, view.order.indexOf(target)), system));
    window.addEventListener("hashchange", reread);
    narrow.addEventListener("change", drawList);
    at("search").setAttribute("aria-label", index.answer_system ? `Search instructions and answers of ${index.answer_system}` : "Search instructions");

    // ---- the address

    /** Shows what the address says. */
    async function reread() {
      view = answers.view.read(index, frame.fragment.read());
      if (view.filter.text && texts === null) texts = (await urial.load("search")).text;
      listed();
      const known = numberOf.has(view.id);
      if (view.id && !known) fill(at("note"), `This run has no instruction ${view.id}.`);
      if (known || numbers.length) return open(known ? numberOf.get(view.id) : numbers[0]);
      const why = index.instructions.id.length ? "No instruction passes the filters." : "This run has no instructions.";
      instead(element("p", { class: "missing" }, why));
      return redrawn();
    }

    return reread();
  }

  async function begin() {
    try {
      await start(await urial.load("index"));
    } catch (error) {
      fill(at("asked"), element("p", { class: "badge bad" }, error.message));
    }
  }

  document.addEventListener("DOMContentLoaded", begin);
})(window.urial);
