/* How the token viewer writes tokens and numbers. Python has already put a sign in place of every character without a
   shape, but for line ends, tabs, joiners and wide spaces: those are shown here. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.text = (() => {
  const CATEGORIES = { u: "unshifted", m: "marginal", s: "shifted" };
  const WIDE_SPACE = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g;
  const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
  // Such a token would have no width: nobody could see or touch it.
  const JOINERS_ALONE = /^[\u200c\u200d]+$/;
  // A token of a tokenizer has far fewer characters; what an endless one leaves out is counted.
  const MOST_CHARACTERS = 1_000;

  function code(character) {
    return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  }

  // Pieces of a token within running text: plain text, and signs that the token does not have itself. A space before a
  // word is seen as part of its colored block; a space at the end, or one that stands alone, is not, and gets a sign.
  function pieces(token) {
    if (JOINERS_ALONE.test(token)) return [{ sign: [...token].map(code).join("") }];
    const found = [];
    for (const part of cut(token).split(/(\n|\t| +$)/)) {
      if (part === "") continue;
      else if (part === "\n") found.push({ sign: "↵" }, { text: "\n" });
      else if (part === "\t") found.push({ sign: "⇥" }, { text: "\t" });
      else if (/^ +$/.test(part)) found.push({ sign: "␣".repeat(part.length) });
      else found.push({ text: part });
    }
    return found;
  }

  function cut(token) {
    const left = token.length - MOST_CHARACTERS;
    return left > 0 ? `${token.slice(0, MOST_CHARACTERS)}⟨… ${count(left)} more characters⟩` : token;
  }

  // A text that is whole elsewhere on the page.
  function brief(text, most) {
    return text.length > most ? `${text.slice(0, most)}…` : text;
  }

  // A token on one line, every space at its ends seen.
  function shown(token) {
    if (JOINERS_ALONE.test(token)) return [...token].map(code).join("");
    const line = cut(token).replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(WIDE_SPACE, code);
    const ends = line.replace(/^ +| +$/g, (spaces) => "␣".repeat(spaces.length));
    // A mark alone would join the sign before it.
    return /^\p{M}/u.test(ends) ? `◌${ends}` : ends;
  }

  function quoted(token) {
    return `“${shown(token)}”`;
  }

  // That of the first letter, as dir="auto" has it; but a browser looks for that anew with every token that is added, which
  // takes seconds for a long answer.
  function direction(tokens) {
    for (const token of tokens) {
      const letter = /\p{L}/u.exec(token.text);
      if (letter) return RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
    }
    return "ltr";
  }

  function count(number) {
    return number.toLocaleString("en-US");
  }

  function counted(number, noun) {
    return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
  }

  function percent(part, whole) {
    return whole ? `${((100 * part) / whole).toFixed(1)}\u00a0%` : "–";
  }

  // Three digits; a tiny probability is never shown as zero.
  function probability(logprob) {
    const value = Math.exp(logprob);
    if (value >= 0.001) return value.toFixed(3);
    return value > 0 ? value.toExponential(0) : "<1e-300";
  }

  function fixed(value) {
    return value.toFixed(3).replace("-", "−");
  }

  function signed(value) {
    return value < 0 ? fixed(value) : `+${fixed(value)}`;
  }

  function spaced(name) {
    return name.replace(/_/g, " ");
  }

  // The rank as the rows know it: exact, a bound, or only that it is below what a server shows.
  function rank(under) {
    if (under.rank === null) return "below those shown";
    return `${under.atMost ? "at most " : ""}${count(under.rank)}`;
  }

  function divergence(under) {
    if (under.kl !== null) return fixed(under.kl);
    return under.klAtLeast === null ? "not known" : `at least ${fixed(under.klAtLeast)}`;
  }

  return {
    CATEGORIES, RIGHT_TO_LEFT, brief, direction, pieces, shown, quoted, count, counted, percent, probability, fixed, signed, spaced,
    rank, divergence,
  };
})();
