/* What is known of one token: figures under both contexts, and what each model would rather have said. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.details = (() => {
  const { element } = urial;
  const { text } = urial.tokens;
  const MOST_CANDIDATES = 10;
  const MOST_OF_A_TOKEN = 50;

  /** Fills the panel. ``candidates`` of tokens_answer.js, or null while they are loaded, or an Error. */
  function draw(panel, answer, place, view, candidates) {
    const token = answer.tokens[place];
    const names = [view.above, view.below].filter((name) => name !== null && answer.contexts[name].measured);
    urial.fill(panel,
      element("div", { class: "token-head" },
        element("p", { class: "token-text mono text", dir: "auto" }, text.brief(text.quoted(token.text), MOST_OF_A_TOKEN)),
        element("p", { class: "quiet" }, about(token, answer))),
      figures(answer, place, names),
      candidates instanceof Error ? element("p", { class: "missing" }, candidates.message) : ranking(answer, place, names, candidates));
    // What scrolls is reached by keyboard.
    panel.tabIndex = panel.scrollHeight > panel.clientHeight ? 0 : -1;
  }

  function about(token, answer) {
    const last = answer.tokens[answer.tokens.length - 1].position;
    const parts = [`position ${text.count(token.position)} of 0 to ${text.count(last)}`, text.spaced(token.label)];
    if (token.kind !== null) parts.push(token.kind);
    if (token.part !== "answer") parts.push(token.part === "tag" ? "tag of the thinking" : "in the thinking");
    if (token.move !== null) parts.push(`move: ${token.move}`);
    if (token.id !== null) parts.push(`id ${token.id}`);
    return parts.join(" · ");
  }

  // Row by row: what it is called, and how it is written for a token under a context.
  function figures(answer, place, names) {
    const gain = (under) => under.alignedLogprob === null ? "not known" : text.signed(under.alignedLogprob - under.logprob);
    const rows = [
      ["category", (under) => element("span", { class: `swatch ${under.category}` }, under.category)],
      ["base rank", rankText],
      ["aligned rank", (under) => under.alignedRank === null ? "not known" : text.count(under.alignedRank)],
      ["KL, nats", text.divergence],
      ["log p, base", (under) => text.fixed(under.logprob)],
      ["log p, aligned", (under) => under.alignedLogprob === null ? "not known" : text.fixed(under.alignedLogprob)],
      ["Δ log p (aligned − base)", gain],
      ["entropy of base", (under) => under.entropy === null ? "not known" : text.fixed(under.entropy)],
    ];
    return element("table", { class: "figures" },
      element("thead", null, element("tr", null, element("td", null), names.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", null, rows.map(([label, written]) => element("tr", null,
        element("th", { scope: "row" }, label),
        names.map((name) => {
          const under = answer.contexts[name].at[place];
          return element("td", null, under === null ? element("span", { class: "missing" }, "not measured") : written(under));
        })))));
  }

  function rankText(under) {
    return [text.rank(under), under.ties ? element("span", { class: "ties" }, ` tied with ${text.count(under.ties)}`) : null];
  }

  // The most probable tokens of the aligned model, and of the base model under each context, beside each other.
  function ranking(answer, place, names, candidates) {
    const token = answer.tokens[place];
    const columns = columnsOf(answer, place, names, candidates || { aligned: [], contexts: {} });
    const most = Math.max(0, ...columns.map((column) => column.list.length));
    const rows = Array.from({ length: Math.min(MOST_CANDIDATES, most) }, (_, row) => row);
    return element("table", { class: "ranking" },
      element("caption", null, `Most probable here${most > MOST_CANDIDATES ? `, the first ${MOST_CANDIDATES} of ${most}` : ", with probabilities"}`),
      element("thead", null, element("tr", null, columns.map((column) => element("th", { scope: "col" }, column.name)))),
      element("tbody", null,
        rows.map((row) => element("tr", null, columns.map((column) => candidate(column.list[row], token)))),
        candidates === null ? null : element("tr", { class: "said" }, columns.map((column) => missed(column, token)))));
  }

  function columnsOf(answer, place, names, lists) {
    const unders = names.map((name) => [name, answer.contexts[name].at[place]]).filter(([, under]) => under !== null);
    if (!unders.length) return [];
    // Every context has the aligned model's numbers: it read its own prompt.
    const [[, any]] = unders;
    const alignedNote = any.alignedRank === null ? null : `rank ${text.count(any.alignedRank)}`;
    const baseNote = (under) => (under.rank === null ? text.rank(under) : `rank ${text.rank(under)}`);
    return [
      { name: "aligned", note: alignedNote, logprob: any.alignedLogprob, list: lists.aligned },
      ...unders.map(([name, under]) => ({ name, note: baseNote(under), logprob: under.logprob, list: lists.contexts[name] || [] })),
    ];
  }

  function candidate(entry, token) {
    if (!entry) return element("td", null);
    const [word, logprob] = entry;
    return cell(word, logprob, word === token.text ? "candidate emitted" : "candidate");
  }

  // The token that was emitted, where it is not among a list's candidates.
  function missed(column, token) {
    const list = column.list.slice(0, MOST_CANDIDATES);
    if (column.logprob === null || list.some(([word]) => word === token.text)) return element("td", null);
    return cell(token.text, column.logprob, "candidate emitted", column.note);
  }

  function cell(word, logprob, looks, note) {
    return element("td", { class: looks },
      element("span", { class: "probable", style: { width: `${(100 * Math.exp(logprob)).toFixed(2)}%` } }),
      element("span", { class: "word mono", dir: "auto" }, text.shown(word)),
      element("span", { class: "number" }, text.probability(logprob)),
      note ? element("span", { class: "note" }, note) : null);
  }

  /** The same in a sentence, for readers of screens. */
  function sentence(answer, place, view) {
    const parts = [view.above, view.below].filter((name) => name !== null).map((name) => {
      const under = answer.contexts[name].at[place];
      const parting = answer.contexts[name].parted === place ? ", first divergence" : "";
      return under ? `under ${name} ${under.category}, rank ${text.rank(under)}, KL ${text.divergence(under)}${parting}` : `under ${name} not measured`;
    });
    return `${text.shown(answer.tokens[place].text)}, position ${answer.tokens[place].position}: ${parts.join("; ")}`;
  }

  return { draw, sentence };
})();
