/* Whose text a measurement is of, in words, and what stands before a token of it: where thinking begins and ends, a move of
   reasoning, the first divergence. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.whose = (() => {
  const { element } = urial;

  function isOwn(text, index) {
    return text.answers === index.answer_system && text.answers === text.aligned;
  }

  /** In a choice: the system; and who reads it, where that is another one than usual. */
  function short(text, index) {
    const isUsual = text.aligned === index.answer_system;
    return isUsual ? text.answers : `${text.answers}, read by ${text.aligned}`;
  }

  /** In a sentence. */
  function long(text, index) {
    return isOwn(text, index) ? "the aligned answer" : `the answer of ${short(text, index)}`;
  }

  /** The heading of a measurement. */
  function heading(name, text, index) {
    if (isOwn(text, index)) return element("h3", null, "under ", element("strong", null, name));
    return element("h3", null, element("strong", null, name), `: the text of ${text.answers}, read by ${index.base[name]} and ${text.aligned}`);
  }

  /** What is written before a token and is no part of it. */
  function signsBefore(answer, place, context) {
    const token = answer.tokens[place];
    const before = place ? answer.tokens[place - 1] : { part: "answer", move: null };
    const signs = [];
    if (token.part !== before.part && token.part !== "tag") signs.push(sign("part", token.part));
    if (token.move !== null && token.move !== before.move) signs.push(sign("move", token.move));
    if (context.parted === place) signs.push(element("span", { class: "parting", "aria-hidden": "true" }, "▲"));
    return signs;
  }

  function sign(name, text) {
    return element("span", { class: `beside ${name}` }, text);
  }

  /** Where in an answer its thinking is: [first place, place behind the last one], or null. */
  function thinking(answer) {
    const places = answer.tokens.flatMap((token, place) => (token.part === "thinking" ? [place] : []));
    return places.length ? [places[0], places[places.length - 1] + 1] : null;
  }

  return { isOwn, short, long, heading, signsBefore, thinking };
})();
