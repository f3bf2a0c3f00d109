/* The token viewer: puts its parts on the page, and answers to keys, pointer and address. */
"use strict";

(() => {
  const { element } = urial;
  const { answer: answers, details, filters, layout, list, picture, save, state, text } = urial.tokens;
  const CONTENT = ["number", "above", "below", "kind", "label", "part", "move"];

  // view: what is shown (tokens_state.js); place: of the chosen token among those of the answer, null where there is none;
  // numbers: the answers of the list; active: the side of the picture that has the focus.
  const viewer = { index: null, view: null, answer: null, place: null, numbers: [], texts: null, active: "above", turn: 0, opened: 0, parts: {} };

  async function start() {
    const page = document.getElementById("tokens");
    try {
      viewer.index = await urial.load("index");
    } catch (error) {
      urial.fill(page, element("p", { class: "missing", role: "alert" }, error.message));
      return;
    }
    if (!viewer.index.instructions.id.length || !viewer.index.contexts.length) {
      urial.fill(page, element("p", { class: "missing" }, "This run has no token shift to show."));
      return;
    }
    viewer.view = state.read(viewer.index);
    viewer.parts = urial.tokens.page.build(page, viewer.view, viewer.index, { shown: () => viewer.view, change, step, swap, showList, askSave, leaveSearch });
    viewer.parts.list = list.create(viewer.index, viewer.parts.rows, (number) => change({ number, token: null }));
    listen();
    await refilter();
    await open();
  }

  // ---- changes of what is shown

  /** Takes over changes of the view, and redraws what depends on them. */
  async function change(changes) {
    const { view } = viewer;
    Object.assign(view, changes);
    viewer.parts.remark.textContent = "";
    state.write(view, viewer.index);
    const isContent = CONTENT.some((name) => name in changes);
    if (["above", "below", ...state.FILTERS].some((name) => name in changes)) {
      if (!(await refilter())) return;
      if (viewer.numbers.length && !viewer.numbers.includes(view.number)) await change({ number: viewer.numbers[0], token: null });
      else if (isContent) await open();
    } else if (isContent) {
      list.show(viewer.parts.list, viewer.numbers, view);
      await open();
    }
  }

  // False where another change has overtaken this one.
  async function refilter() {
    const { view, index, parts } = viewer;
    const turn = (viewer.turn += 1);
    filters.show(parts.form, view);
    const problem = view.q === "" ? null : await loadTexts();
    if (turn !== viewer.turn) return false;
    viewer.numbers = filters.apply(view, index, view.q === "" ? null : searched());
    const count = `${text.count(viewer.numbers.length)} of ${text.counted(index.instructions.id.length, "answer")}`;
    parts.found.textContent = problem || (viewer.numbers.length ? count : "No answer is like that.");
    list.show(parts.list, viewer.numbers, view);
    showPlace();
    return true;
  }

  // What there is to search in is loaded by the first search; gives what went wrong, or null.
  async function loadTexts() {
    if (viewer.texts === null) viewer.parts.found.textContent = "Loading the texts …";
    try {
      viewer.texts = await urial.load("search");
      return null;
    } catch (error) {
      return error.message;
    }
  }

  // The texts to search of the answers that are shown; without them the other filters still hold.
  function searched() {
    const { answers: name } = state.textOf(viewer.index, viewer.view.above);
    return viewer.texts && (viewer.texts.given[name] || viewer.texts.text);
  }

  async function open() {
    const { view, index, parts } = viewer;
    const wanted = view.number;
    const turn = (viewer.opened += 1);
    const shown = state.textOf(index, view.above);
    showPlace();
    let answer;
    try {
      answer = await answers.load(wanted, shown, index);
    } catch (error) {
      if (turn === viewer.opened) urial.fill(parts.room, element("p", { class: "missing", role: "alert" }, error.message));
      return;
    }
    if (turn !== viewer.opened) return;
    viewer.answer = answer;
    const hadFocus = parts.room.contains(document.activeElement);
    parts.picture = picture.draw(answer, view, index, { choose: touch, rest });
    urial.fill(parts.room, parts.picture);
    layout.scrollTogether(parts.picture);
    layout.fit(parts.picture);
    const asked = answer.tokens.findIndex((token) => token.position === view.token);
    if (view.token !== null && asked < 0) {
      parts.remark.textContent = `Position ${view.token} of this answer is not measured: it has ${text.counted(answer.tokens.length, "token")}.`;
    }
    viewer.place = null;
    select(asked < 0 ? firstPlace() : asked, { focus: hadFocus });
    const next = viewer.numbers.indexOf(wanted);
    answers.prefetch([next - 1, next + 1].map((row) => viewer.numbers[row]).filter((number) => number !== undefined), shown);
  }

  function showPlace() {
    const { view, numbers, index, parts } = viewer;
    const place = numbers.indexOf(view.number);
    const all = numbers.length === index.instructions.id.length;
    parts.place.textContent = `${place < 0 ? "–" : text.count(place + 1)} of ${text.count(numbers.length)}${all ? "" : " found"}`;
    urial.tokens.page.showChoices(parts, view, index);
  }

  // What a reader looks for first: a shifted token, or else where the answer leaves the base model's choice.
  function firstPlace() {
    const { answer, view } = viewer;
    const shifted = answer.tokens.findIndex((_, place) => answers.isWanted(answer, place, view));
    return shifted >= 0 ? shifted : answer.contexts[view.above].parted ?? 0;
  }

  // ---- one token

  function touch(place, side) {
    viewer.active = side;
    select(place, { focus: true });
  }

  function select(place, { focus = false } = {}) {
    const { view, answer, parts, index } = viewer;
    if (!answer.tokens.length) return;
    viewer.place = place;
    view.token = answer.tokens[place].position;
    state.write(view, index);
    const token = show(place);
    // Under neither of the contexts was anything measured.
    if (!token) return;
    layout.reveal(token);
    parts.picture.querySelector(".details").scrollTop = 0;
    if (!focus) return;
    token.focus({ preventScroll: true });
    urial.frame.announce(details.sentence(answer, place, view));
  }

  // Marks a token and shows its figures at once; its candidates as soon as they are loaded.
  function show(place) {
    const { view, answer, parts } = viewer;
    const panel = parts.picture.querySelector(".details");
    const token = picture.mark(parts.picture, place, viewer.active);
    if (!token) return null;
    parts.shown = place;
    const candidates = () => answer.candidates && answers.candidates(answer, place);
    details.draw(panel, answer, place, view, candidates());
    if (answer.candidates === null) {
      answers.loadCandidates(answer).then(candidates, (error) => error).then((found) => {
        if (parts.shown === place && panel.isConnected) details.draw(panel, answer, place, view, found);
      });
    }
    return token;
  }

  // A pointer that rests on a token shows it; when it leaves, the chosen one is shown again.
  function rest(place) {
    if (viewer.place !== null) show(place ?? viewer.place);
  }

  // ---- keys and buttons

  function step(by) {
    const place = viewer.numbers.indexOf(viewer.view.number);
    const number = viewer.numbers[place < 0 ? 0 : place + by];
    if (number !== undefined) change({ number, token: null });
  }

  function move(place) {
    if (viewer.place !== null) select(Math.max(0, Math.min(viewer.answer.tokens.length - 1, place)), { focus: true });
  }

  function stepShifted(by) {
    const { answer, view } = viewer;
    if (viewer.place === null) return;
    for (let place = viewer.place + by; place >= 0 && place < answer.tokens.length; place += by) {
      if (answers.isWanted(answer, place, view)) {
        move(place);
        return;
      }
    }
    urial.frame.announce(by > 0 ? "No shifted token after this one" : "No shifted token before this one");
  }

  function swap() {
    const { above, below } = viewer.view;
    if (below !== null) change({ above: below, below: above });
  }

  function listen() {
    urial.tokens.keys.register({ step, move: (by) => move(viewer.place + by), moveTo: move, stepShifted, swap, search, askSave, leaveSearch });
    new ResizeObserver(() => viewer.parts.picture && layout.fit(viewer.parts.picture)).observe(viewer.parts.room);
    window.addEventListener("hashchange", reread);
    save.printsAs((theme) => viewer.parts.picture && drawn(theme));
  }

  function reread() {
    viewer.view = state.read(viewer.index);
    viewer.parts.remark.textContent = viewer.view.problem;
    refilter().then((done) => done && open());
  }

  function search() {
    showList(true);
    viewer.parts.form.elements.namedItem("q").focus();
  }

  function leaveSearch() {
    showList(false);
    const token = viewer.parts.picture && viewer.parts.picture.querySelector('.token[tabindex="0"]');
    if (token) token.focus({ preventScroll: true });
  }

  // Where the list has no place of its own, it is opened and closed.
  function showList(isOpen) {
    urial.tokens.page.showList(viewer.parts, isOpen);
    // Out of the layout it had no height to fill.
    list.show(viewer.parts.list, viewer.numbers, viewer.view);
  }

  // ---- saving

  function drawn(theme = null) {
    // Not what the pointer happens to rest on.
    if (viewer.place !== null) show(viewer.place);
    return save.drawingOf(viewer.parts.picture, viewer, theme);
  }

  function askSave() {
    if (viewer.parts.picture) save.ask(drawn, () => save.fileName(viewer.view, viewer.index));
  }

  start();
})();
