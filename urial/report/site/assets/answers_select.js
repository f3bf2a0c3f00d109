/* Which instructions are listed, and in which order: filters and sorting over the columns of the index. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const LETTERS = { win: "w", tie: "t", loss: "l", inconsistent: "i", invalid: "x" };

  /** A score of the first turn, or the mean over the aspects that have one; null: none. */
  function score(index, system, aspect, number) {
    const scores = index.scores[system] || {};
    if (aspect !== urial.answers.view.MEAN) return scores[aspect] ? scores[aspect][number] : null;
    const known = Object.values(scores).map((values) => values[number]).filter((value) => value !== null);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  }

  /** Whether some system, or the one named, has a mark at an instruction. */
  function isMarked(index, mark, system, number) {
    const bit = 1 << index.marks.indexOf(mark);
    const systems = system ? [system] : urial.answers.view.columns(index);
    return systems.some((name) => index.marked[name][number] & bit);
  }

  /** Mark -> in how many instructions any system has it, and in how many each. */
  function markCounts(index) {
    return index.marks.map((mark, place) => {
      const bit = 1 << place;
      const bySystem = urial.answers.view.columns(index).map((system) => [system, index.marked[system].filter((marks) => marks & bit).length]);
      const any = index.instructions.id.filter((_, number) => isMarked(index, mark, null, number)).length;
      return { mark, any, bySystem: bySystem.filter(([, count]) => count) };
    });
  }

  /** The marks of one instruction, each with the number of systems that have it. */
  function marksOf(index, number) {
    return index.marks
      .map((mark, place) => [mark, urial.answers.view.columns(index).filter((system) => index.marked[system][number] & (1 << place)).length])
      .filter(([, count]) => count);
  }

  /** The system for whose sake a filter lists an instruction: it has the mark, or the outcome; the one in focus before others. */
  function concerned(index, view, number) {
    const { mark, system, outcome } = view.filter;
    if (!mark) return outcome ? outcome.system : view.focus;
    const known = [system, view.focus, ...view.order].filter(Boolean);
    return known.find((name) => isMarked(index, mark, name, number)) || view.focus;
  }

  /** Numbers of the instructions that pass a filter, sorted. ``texts``: search.js's, or null while it is not needed. */
  function select(index, filter, sort, texts) {
    const numbers = [];
    for (let number = 0; number < index.instructions.id.length; number++) {
      if (passes(index, filter, texts, number)) numbers.push(number);
    }
    return sort ? sorted(index, sort, numbers) : numbers;
  }

  function passes(index, filter, texts, number) {
    const rows = index.instructions;
    if (filter.category && rows.category[number] !== filter.category) return false;
    if (filter.task && !rows.tasks[number].includes(filter.task)) return false;
    if (filter.topic && !rows.topics[number].includes(filter.topic)) return false;
    if (filter.mark && !isMarked(index, filter.mark, filter.system, number)) return false;
    if (filter.outcome) {
      const { system, criterion, outcome } = filter.outcome;
      if (index.preferences[system].outcomes[criterion][number] !== LETTERS[outcome]) return false;
    }
    if (filter.score) {
      const value = score(index, filter.score.system, filter.score.aspect, number);
      if (value === null) return false;
      if (filter.score.bound === "least" ? value < filter.score.value : value > filter.score.value) return false;
    }
    return !filter.text || hasText(rows, filter.text.toLowerCase(), texts, number);
  }

  function hasText(rows, text, texts, number) {
    if (rows.id[number].toLowerCase().includes(text)) return true;
    return (texts ? texts[number] : rows.excerpt[number].toLowerCase()).includes(text);
  }

  /** What instructions are sorted by: a score, or by how much the system's is above the other's; null: not known. */
  function sortValue(index, sort, number) {
    const value = score(index, sort.system, sort.aspect, number);
    if (sort.by === "score" || value === null) return value;
    const other = score(index, sort.other, sort.aspect, number);
    return other === null ? null : value - other;
  }

  /** Stable; what has no value stands last, whichever end is first. */
  function sorted(index, sort, numbers) {
    const values = new Map(numbers.map((number) => [number, sortValue(index, sort, number)]));
    const sign = sort.first === "low" ? 1 : -1;
    return numbers.sort((one, other) => {
      const [a, b] = [values.get(one), values.get(other)];
      if (a === null || b === null) return (a === null) - (b === null) || one - other;
      return sign * (a - b) || one - other;
    });
  }

  urial.answers.select = { select, concerned, score, markCounts, marksOf, sortValue };
})(window.urial);
