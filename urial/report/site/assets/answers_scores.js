/* What the judge says of one answer: a strip of scores for a column's head, scores with rationales below the answer. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const { element } = urial;
  const SHORT = { helpfulness: "helpful", clarity: "clear", factuality: "factual", depth: "depth", engagement: "engage" };
  const STATUS = {
    not_applicable: "not applicable", invalid: "invalid", refused: "refused", filtered: "filtered", failed: "failed",
    too_long: "too long", no_completion: "no answer", not_judged: "not judged",
  };

  /** The mean of the scores of one judgment; null: there is none. */
  function mean(judgment) {
    const known = judgment ? judgment.scores.filter((item) => item.score !== null) : [];
    return known.length ? known.reduce((sum, item) => sum + item.score, 0) / known.length : null;
  }

  function share(item) {
    return (item.score - 1) / ((item.scale || 5) - 1);
  }

  /** Every aspect with its score, so that the eye can compare columns; what has no score says why. */
  function strip(judgment) {
    if (!judgment || !judgment.scores.length) return null;
    return element("ul", { class: "strip", "aria-label": "Scores" }, judgment.scores.map((item) =>
      element("li", { class: item.score === null ? "unscored" : null, title: item.aspect },
        element("span", { class: "figure" }, item.score === null ? "–" : urial.answers.text.score(item.score)),
        item.score === null ? null : element("span", { class: "meter", style: { "--share": share(item) } }),
        element("span", { class: "label" }, SHORT[item.aspect] || item.aspect),
        item.score === null ? element("span", { class: "visually-hidden" }, STATUS[item.status]) : null)));
  }

  /** Scores with what the judge says for each, and what it really replied where an aspect has none. */
  function block(judgment) {
    if (!judgment) return null;
    return [
      element("h4", null, "Scores and rationales"),
      judgment.scores.length ? null : element("p", { class: "badge bad" }, STATUS[judgment.status] || judgment.status),
      judgment.reason && !judgment.scores.length ? element("p", { class: "text reason" }, judgment.reason) : null,
      judgment.scores.length ? element("dl", { class: "rationales" }, judgment.scores.map(row)) : null,
      judgment.shown_characters ? element("p", { class: "quiet" },
        `The judge saw the first ${urial.answers.text.counted(judgment.shown_characters, "character")} of the answer.`) : null,
      judgment.thinking ? folded("Thinking, which the judge did not see", judgment.thinking) : null,
      (judgment.replies || []).map((reply) =>
        folded(`What the judge replied${reply.aspect ? ` on ${reply.aspect}` : ""} (${reply.finish.replace(/_/g, " ")})`, reply.text)),
    ];
  }

  function row(item) {
    const scale = item.scale || 5;
    const scored = item.score !== null;
    return element("div", null,
      element("dt", null, item.aspect, " ", scored
        ? element("strong", null, urial.answers.text.score(item.score), element("span", { class: "quiet" }, `/${scale}`))
        : element("span", { class: item.status === "not_applicable" ? "badge" : "badge bad" }, STATUS[item.status] || item.status)),
      element("dd", null, item.rationale === null
        ? element("span", { class: "missing" }, "no rationale")
        : urial.answers.text.block([{ text: item.rationale }])));
  }

  function folded(title, text) {
    return element("details", { open: true }, element("summary", null, title),
      urial.answers.text.block([{ text }], { class: "mono reply" }));
  }

  urial.answers.scores = { mean, strip, block };
})(window.urial);
