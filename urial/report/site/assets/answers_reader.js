/* One instruction with all its answers: what was asked, the systems with their means, the columns. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const { element } = urial;

  /** What was asked, with its tags, its reference answer, and the same instruction on the other page. */
  function asked(index, number, instruction) {
    const about = [instruction.category, ...instruction.tasks, ...instruction.topics, instruction.difficulty, instruction.source].filter(Boolean);
    const several = instruction.turns.length > 1;
    const shift = Object.keys(index.shift).length > 0;
    return [
      element("h2", { class: "visually-hidden" }, `Instruction ${number + 1}`),
      several
        ? element("ol", { class: "turns" }, instruction.turns.map((text) => element("li", null, urial.answers.text.block([{ text }], { class: "query" }))))
        : urial.answers.text.block([{ text: instruction.turns[0] }], { class: "query" }),
      instruction.reference === null ? null
        : element("div", { class: "reference" }, element("h3", null, "Reference answer"), urial.answers.text.block([{ text: instruction.reference }])),
      element("p", { class: "about" }, element("code", null, instruction.id), about.map((tag) => [" · ", tag]),
        index.run.judge === null ? " · not judged: the run has no judge" : null,
        shift ? [" · ", element("a", { href: `tokens.html#${new URLSearchParams({ id: instruction.id })}` }, "its tokens")] : null),
    ];
  }

  /** All systems at a glance, each a button to its column. */
  function overview(view, answers, described, focus) {
    return view.order.map((system) => {
      const mean = urial.answers.scores.mean(answers[system].judgment);
      const marked = urial.answers.column.badges(answers[system], described[system]).map(({ text }) => text).join(", ");
      return element("li", null, element("button", { type: "button", "data-system": system, onclick: () => focus(system) },
        element("span", { class: "name", title: system }, system),
        mean === null ? null : element("span", { class: "mean" }, ` ${mean.toFixed(2)}`),
        marked ? element("span", { class: "sign warn", title: marked }, " !", element("span", { class: "visually-hidden" }, marked)) : null));
    });
  }

  /** The pair's answers as marked pieces by system and turn, and a line about them; null: no pair is chosen. */
  function differences(view, answers) {
    const pair = urial.answers.view.pair(view);
    if (!pair) return null;
    const texts = pair.map((system) => urial.answers.column.turns(answers[system]).map((turn) => turn.text));
    const turns = texts[0].map((text, turn) => {
      const other = texts[1][turn];
      return text === null || typeof other !== "string" ? null : urial.answers.words.differences(text, other);
    });
    const marked = Object.fromEntries(pair.map((system, side) => [system, turns.map((found) => (found && found.sides ? found.sides[side] : null))]));
    return { pair, marked, line: differenceLine(pair, turns) };
  }

  function differenceLine([first, second], turns) {
    const compared = turns.filter((found) => found && found.sides);
    const long = turns.find((found) => found && found.tooLong);
    if (long) {
      const [one, other] = long.tooLong.map(urial.answers.text.count);
      return `Differences are not marked: ${one} and ${other} words of ${first} and ${second} are too many to compare.`;
    }
    if (!compared.length) return `${first} and ${second}: there are no two answers to compare.`;
    const sum = (name, side) => urial.answers.text.count(compared.reduce((all, found) => all + found[name][side], 0));
    if (compared.every((found) => found.same)) return `${first} and ${second} answer in the same words.`;
    return `Marked: ${sum("only", 0)} of ${sum("words", 0)} words only in ${first}, ${sum("only", 1)} of ${sum("words", 1)} only in ${second}.`;
  }

  /** The columns, in the view's order. */
  function columns(index, view, shard, place, found, act) {
    return view.order.map((system, position) => urial.answers.column.column({
      system,
      answer: shard.systems[system][place],
      described: index.described[system],
      shared: shard.prompts[system],
      instruction: shard.instructions[place],
      pinned: position < view.pinned,
      place: position,
      total: view.order.length,
      prompts: view.prompts,
      marked: found ? found.marked[system] : null,
      differs: found ? found.pair.includes(system) : false,
      act,
    }));
  }

  urial.answers.reader = { asked, overview, differences, columns };
})(window.urial);
