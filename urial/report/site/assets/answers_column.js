/* One system's answer to one instruction: a column. Its rows are the same in every column, so that they align. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const { element } = urial;
  const FINISH = {
    end_token: "ended by its end token", stop_string: "ended at a stop string", stop: "ended by itself",
    unknown: "not known how it ended",
  };
  const STATUS = { too_long: "too long", no_history: "no answer", no_answer: "no answer", only_thinking: "only thinking" };

  /** Answers of all turns, first to last. */
  function turns(answer) {
    return [answer, ...(answer.later || [])];
  }

  /** What stands out in an answer: {kind, text, part (the cell that says more), turn}. */
  function badges(answer, described) {
    return turns(answer).flatMap((turn, place) => {
      const where = place || answer.later ? `turn ${place + 1}: ` : "";
      const unscored = turn.judgment ? turn.judgment.scores.filter((item) => item.score === null) : [];
      const byStatus = [...new Set(unscored.map((item) => item.status))].filter((status) => status !== "not_applicable");
      return [
        turn.status === "ok" ? null : ["bad", STATUS[turn.status] || turn.status, "answer"],
        turn.finish === "length" ? ["warn", cutOff(described), "answer"] : null,
        turn.flag ? ["warn", "flagged", "given"] : null,
        ...byStatus.map((status) => ["bad", `judge: ${status.replace(/_/g, " ")}`, "scores"]),
        (turn.preference || { results: [] }).results.some((result) => result.outcome === "inconsistent") ? ["warn", "flip", "compared"] : null,
      ].filter(Boolean).map(([kind, text, part]) => ({ kind, text: where + text, part, turn: place }));
    });
  }

  function cutOff(described) {
    return described.max_new_tokens === null ? "cut off" : `cut off at ${urial.answers.text.counted(described.max_new_tokens, "token")}`;
  }

  /** A column. ``page``: {system, answer, described, shared, instruction, pinned, place, total, prompts, marked (pieces of
      each turn whose differences are shown, or null), differs, act (what the buttons do)}. */
  function column(page) {
    const { system, answer, instruction } = page;
    const cells = instruction.turns.flatMap((query, turn) => turnCells(page, turns(answer)[turn], query, turn));
    // The head lies over all rows, and each cell in its own.
    cells.forEach((cell, place) => cell.style.setProperty("grid-row", String(place + 2)));
    return element("section", {
      class: `column${page.pinned ? " pinned" : ""}`, "aria-label": `${system}, column ${page.place + 1} of ${page.total}`,
      "data-system": system, tabindex: "-1", style: { "--place": page.place },
    }, head(page), cells);
  }

  function head(page) {
    const { system, answer, described, act } = page;
    const mean = urial.answers.scores.mean(answer.judgment);
    const button = (sign, action, label, run, pressed) => element("button", {
      type: "button", "data-action": action, "aria-label": `${label}: ${system}`, title: label, onclick: run, "aria-pressed": pressed === undefined ? null : String(pressed),
    }, sign);
    return element("header", { class: "head", draggable: "true" },
      element("div", { class: "bar" },
        element("h3", { title: system }, system),
        page.total === 1 ? null : element("span", { class: "buttons" },
          button("◂", "left", "Move left", () => act.move(system, -1)),
          button("▸", "right", "Move right", () => act.move(system, 1)),
          button("≠", "differ", "Mark differences", () => act.differ(system), page.differs),
          button(pin(), "pin", page.pinned ? "Unpin" : "Pin", () => act.pin(system), page.pinned))),
      element("div", { class: "bar" },
        element("span", { class: "quiet" }, described.model ? `${described.model} · ${described.prompt || "chat template"}` : "published answers"),
        mean === null ? null : element("span", null,
          answer.later ? element("span", { class: "quiet" }, "turn 1 ") : null,
          element("span", { class: "mean", title: "mean over the aspects" }, mean.toFixed(2)))),
      element("p", { class: "badges" }, badges(answer, described).map(({ kind, text, part, turn }) =>
        element("button", { type: "button", class: `badge ${kind}`, onclick: () => act.show(system, part, turn) }, text))),
      urial.answers.scores.strip(answer.judgment));
  }

  function pin() {
    return urial.svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, urial.svg("path", { d: "M5 1h6l-1 5 3 3v1H8.6L8 15l-.6-5H3V9l3-3z" }));
  }

  /** Four cells of one turn: the query of a later one with its prompt, answer, scores, preference. */
  function turnCells(page, answer, query, turn) {
    const several = page.instruction.turns.length > 1;
    const cell = (name, ...children) => element("div", { class: `cell ${name}` }, ...children);
    if (!answer) return [0, 1, 2, 3].map(() => cell("empty"));
    return [
      cell("given",
        several ? element("div", { class: "said-by-user" }, element("h4", null, `User, turn ${turn + 1}`), urial.answers.text.block([{ text: query }])) : null,
        page.prompts ? urial.answers.prompt.block(page.system, answer, page.shared, query, turn > 0) : null),
      cell("answer", element("h4", { class: several ? null : "visually-hidden" }, several ? `Answer, turn ${turn + 1}` : "Answer"),
        answerText(answer, page.marked && page.marked[turn]), ending(answer, page.described)),
      cell("scores", turn > 0 ? urial.answers.scores.strip(answer.judgment) : null, urial.answers.scores.block(answer.judgment)),
      cell("compared", urial.answers.preference.block(page.system, answer.preference)),
    ];
  }

  function answerText(answer, marked) {
    if (answer.text === null) {
      return element("div", { class: "no-answer" },
        element("span", { class: "badge bad" }, STATUS[answer.status] || answer.status),
        urial.answers.text.block([{ text: answer.reason || "" }], { class: "reason" }),
        answer.thought ? urial.answers.text.block([{ text: answer.thought }], { class: "body" }) : null);
    }
    if (!answer.text) return element("p", { class: "missing" }, "The answer is empty.");
    return urial.answers.text.block(marked || urial.answers.blended.pieces(answer), { class: "body" });
  }

  /** How the answer ended, and its length. */
  function ending(answer, described) {
    if (answer.text === null) return null;
    const end = answer.finish === "length"
      ? element("span", { class: "sign warn" }, described.max_new_tokens === null ? "cut off" : `cut off at max_new_tokens = ${urial.answers.text.count(described.max_new_tokens)}`)
      : FINISH[answer.finish] || answer.finish;
    const lengths = [
      answer.words === null ? null : urial.answers.text.counted(answer.words, "word"),
      answer.tokens === null ? null : urial.answers.text.counted(answer.tokens, "token"),
    ].filter(Boolean).join(", ");
    return element("p", { class: "about" }, end, lengths ? ` · ${lengths}` : null, answer.blended ? urial.answers.blended.line(answer.blended) : null);
  }

  urial.answers.column = { column, badges, turns };
})(window.urial);
