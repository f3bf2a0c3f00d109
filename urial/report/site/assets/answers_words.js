/* The difference of two texts in words: a longest common subsequence, bounded in size. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  // A table of this many cells is computed in some 20 milliseconds.
  const MAX_CELLS = 4_000_000;
  // Letters and digits of a word stand together; scripts without spaces are compared sign by sign, as punctuation is.
  const UNSPACED = "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}]";
  const PARTS = new RegExp(`\\s+|${UNSPACED}|(?:(?!${UNSPACED})[\\p{L}\\p{M}\\p{N}_'’])+|[^\\s]`, "gu");

  /** A text as words and the white space between them: joined, they are the text. */
  function split(text) {
    return text.match(PARTS) || [];
  }

  const isSpace = (part) => /^\s/.test(part);
  const isWord = (part) => /[\p{L}\p{N}]/u.test(part);

  /** Both texts as pieces {text, kind}, where kind "only" marks what the other does not have, with counts of words, in which
      punctuation is not counted; or {tooLong: [words, words]} where comparing would take too long. */
  function differences(first, second) {
    const parts = [split(first), split(second)];
    const words = parts.map((all) => all.filter((part) => !isSpace(part)));
    const common = commonWords(words[0], words[1]);
    const counts = words.map((all) => all.filter(isWord).length);
    if (!common) return { tooLong: counts };
    return {
      sides: parts.map((all, side) => pieces(all, common[side])),
      same: common.every((all) => all.every(Boolean)),
      only: words.map((all, side) => all.filter((word, place) => isWord(word) && !common[side][place]).length),
      words: counts,
    };
  }

  /** For each text, which of its words belong to the longest sequence that both have; null: too long. */
  function commonWords(first, second) {
    let start = 0;
    const shorter = Math.min(first.length, second.length);
    while (start < shorter && first[start] === second[start]) start++;
    let end = 0;
    while (end < shorter - start && first[first.length - 1 - end] === second[second.length - 1 - end]) end++;
    const middle = [first, second].map((words) => words.slice(start, words.length - end));
    if (middle[0].length * middle[1].length > MAX_CELLS) return null;
    const shared = subsequence(middle[0], middle[1]);
    return shared.map((flags) => [...Array(start).fill(true), ...flags, ...Array(end).fill(true)]);
  }

  /** The textbook's table: length[i][j] of the longest common subsequence of what follows i and j, then one walk through it. */
  function subsequence(first, second) {
    const [rows, columns] = [first.length, second.length];
    const lengths = new Uint16Array((rows + 1) * (columns + 1));
    const at = (row, column) => row * (columns + 1) + column;
    for (let row = rows - 1; row >= 0; row--) {
      for (let column = columns - 1; column >= 0; column--) {
        lengths[at(row, column)] = first[row] === second[column]
          ? lengths[at(row + 1, column + 1)] + 1
          : Math.max(lengths[at(row + 1, column)], lengths[at(row, column + 1)]);
      }
    }
    const flags = [Array(rows).fill(false), Array(columns).fill(false)];
    let [row, column] = [0, 0];
    while (row < rows && column < columns) {
      if (first[row] === second[column]) flags[0][row++] = flags[1][column++] = true;
      else if (lengths[at(row + 1, column)] >= lengths[at(row, column + 1)]) row++;
      else column++;
    }
    return flags;
  }

  /** Neighbours of one kind are one piece; white space between two words that are marked is marked with them. */
  function pieces(parts, shared) {
    const all = [];
    let word = 0;
    for (const part of parts) {
      const space = isSpace(part);
      // Before word 0 and behind the last word there is nothing that is marked.
      const marked = space ? shared[word - 1] === false && shared[word] === false : !shared[word];
      if (!space) word++;
      const kind = marked ? "only" : null;
      const last = all[all.length - 1];
      if (last && last.kind === kind) last.text += part;
      else all.push({ text: part, kind });
    }
    return all;
  }

  urial.answers.words = { differences, split };
})(window.urial);
