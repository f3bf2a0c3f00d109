/* Text of models on the page: in pieces that may be marked, and never more at once than a browser lays out at ease. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  // A longer answer would push the scores of all columns out of sight.
  const SHOWN = 6_000;

  /** A block with a text, given as pieces {text, kind}: a piece with a kind is a mark of that class. A long text begins,
      says how long it is, and is shown whole on request. */
  function block(pieces, attributes, limit = SHOWN) {
    const length = pieces.reduce((sum, piece) => sum + piece.text.length, 0);
    const node = urial.element("div", { ...attributes, class: `text ${(attributes || {}).class || ""}`.trim() });
    if (length <= limit) return urial.fill(node, nodes(pieces));
    const button = urial.element("button", { type: "button", class: "all", onclick: () => urial.fill(node, nodes(pieces)) },
      `Show all ${count(length)} characters`);
    return urial.fill(node, nodes(first(pieces, limit)), "… ", button);
  }

  function nodes(pieces) {
    return pieces.map(({ text, kind }) => (kind ? urial.element("mark", { class: kind }, text) : text));
  }

  /** The first pieces, so many characters in all; no character of two code units is cut in half. */
  function first(pieces, limit) {
    const kept = [];
    let left = limit;
    for (const piece of pieces) {
      if (left <= 0) break;
      const cut = piece.text.slice(0, left).replace(/[\uD800-\uDBFF]$/, "");
      kept.push({ ...piece, text: cut });
      left -= piece.text.length;
    }
    return kept;
  }

  /** A whole number with separators. */
  function count(number) {
    return number.toLocaleString("en-US");
  }

  /** A count with its noun: "1 word", "2 words". */
  function counted(number, noun) {
    return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
  }

  /** A score as the judge gave it, or a mean with two digits. */
  function score(value) {
    return Number.isInteger(value) ? String(value) : value.toFixed(2);
  }

  urial.answers.text = { block, count, counted, score };
})(window.urial);
