/* One aligned answer, decoded from its shard: its tokens, and each token under every base context. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.answer = (() => {
  async function load(number, index) {
    const { shard, at } = await urial.shard("tokens", number);
    return decode(shard, at, number, index);
  }

  // The shards of the answers that the keys reach next, so that these are there before they are wanted. Whether one is
  // missing is said when it is wanted.
  function prefetch(numbers) {
    for (const number of numbers) urial.shard("tokens", number).catch(() => {});
  }

  // A token's *place* is its number among the tokens that are known, its position that in the answer. They differ where
  // tokens before it were measured under no context.
  function decode(shard, at, number, index) {
    const row = shard.answers[at];
    const ends = new Set(row.end);
    const tokens = row.token.map((word, place) => ({
      position: row.position ? row.position[place] : place,
      text: shard.words[word],
      id: row.id[place],
      isEnd: ends.has(place),
      label: index.labels[row.label[place]],
      kind: index.kinds[row.kind[place]] || null,
    }));
    const contexts = {};
    for (const name of index.contexts) contexts[name] = decodeContext(row, row.contexts[name], tokens.length);
    return { number, instruction: shard.instructions[at], tokens, contexts, candidates: null };
  }

  // ``at``: what was measured at each place, null where nothing was.
  function decodeContext(row, own, length) {
    const { status, reason, unmatched = 0, retokenized = false, end_token: end = null } = own;
    const context = { status, reason, unmatched, retokenized, end, measured: 0, at: new Array(length).fill(null) };
    if (status !== "measured") return context;
    context.measured = own.rank.length;
    const bounds = new Set(own.at_most);
    for (let k = 0; k < own.rank.length; k += 1) {
      const place = own.position ? own.position[k] : k;
      // Another pass of the aligned model can differ in the last digits.
      const aligned = (name) => (own[name] ? own[name][k] : row[name][place]);
      context.at[place] = {
        k,
        category: urial.tokens.text.CATEGORIES[own.category[k]],
        rank: own.rank[k],
        atMost: bounds.has(k),
        ties: own.ties[k],
        logprob: own.logprob[k],
        alignedRank: aligned("aligned_rank"),
        alignedLogprob: aligned("aligned_logprob"),
        kl: own.kl[k],
        klAtLeast: own.kl_at_least ? own.kl_at_least[k] : null,
        entropy: own.base_entropy[k],
      };
    }
    return context;
  }

  /** Loads the candidates of all tokens of an answer; ``answer.candidates`` is null until they are there. */
  async function loadCandidates(answer) {
    answer.candidates = answer.candidates || (await urial.shard("candidates", answer.number));
  }

  /** {aligned: [[text, logprob]...], contexts: {CONTEXT: [[text, logprob]...]}} of one token. */
  function candidates(answer, place) {
    const { shard, at } = answer.candidates;
    const row = shard.answers[at];
    const contexts = {};
    for (const [name, context] of Object.entries(answer.contexts)) {
      const under = context.at[place];
      if (under) contexts[name] = slice(row.contexts[name].base, under.k, shard.words);
    }
    return { aligned: slice(row.aligned, place, shard.words), contexts };
  }

  // The candidates of one row, of lists that are written one after the other.
  function slice(lists, row, words) {
    const counts = typeof lists.k === "number" ? null : lists.k;
    const first = counts ? counts.slice(0, row).reduce((sum, count) => sum + count, 0) : row * lists.k;
    return Array.from({ length: counts ? counts[row] : lists.k }, (_, k) => [words[lists.token[first + k]], lists.logprob[first + k]]);
  }

  // Whether the filters of kind and label mean this token: no filter picks none out.
  function isPicked(answer, place, view) {
    return (view.kind !== "" || view.label !== "") && isWanted(answer, place, view);
  }

  // Whether alignment shifted the token under one of the contexts, of the kind and label that the filters name.
  function isWanted(answer, place, view) {
    const token = answer.tokens[place];
    const shifted = [view.above, view.below].some((name) => {
      const under = name !== null && answer.contexts[name].at[place];
      return under && under.category === "shifted";
    });
    return shifted && (view.kind === "" || token.kind === view.kind) && (view.label === "" || token.label === view.label);
  }

  // The place of the first token that is not the base model's own first choice, or null.
  function firstDivergence(context) {
    const place = context.at.findIndex((under) => under !== null && under.rank !== 1);
    return place < 0 ? null : place;
  }

  function counts(context) {
    const found = { unshifted: 0, marginal: 0, shifted: 0 };
    for (const under of context.at) if (under !== null) found[under.category] += 1;
    return found;
  }

  return { load, prefetch, loadCandidates, candidates, isPicked, isWanted, firstDivergence, counts };
})();
