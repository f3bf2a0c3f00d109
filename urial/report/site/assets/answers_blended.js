/* What the helper of a blend supplied in an answer: marked in its text by color and underline, and counted. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const { element } = urial;
  // As blended.py has them: the base's own, the helper's that the base would have said, too, and the helper's alone.
  const WHOSE = [null, "supplied", "changed"];

  /** The answer's text as pieces {text, kind}. */
  function pieces({ text, blended }) {
    if (!blended || blended.runs === null) return [{ text, kind: null }];
    let start = 0;
    return blended.runs.map(([length, whose]) => ({ text: text.slice(start, (start += length)), kind: WHOSE[whose] }));
  }

  /** How much it is, in words; the marks are their own legend. */
  function line(blended) {
    const { count, counted } = urial.answers.text;
    const { tokens, supplied, changed, stepped, asked, runs } = blended;
    const mark = (kind, text) => (runs === null ? text : element("mark", { class: kind }, text));
    return element("span", { class: "stepped-in" },
      ` · the helper stepped in at ${count(stepped)} of ${counted(asked, "place")} and supplied `,
      mark("supplied", `${count(supplied)} of ${counted(tokens, "token")}`), ", ", mark("changed", `${count(changed)} not the base’s choice`),
      runs === null ? ", which are not pieces of the text: none is marked" : null);
  }

  urial.answers.blended = { pieces, line };
})(window.urial);
