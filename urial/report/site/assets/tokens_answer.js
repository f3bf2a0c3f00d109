/* One measured answer, decoded from its shard: its tokens, and each token in every measurement of that text. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.answer = (() => {
  // What becomes of the first divergence where both models go on alike to the end.
  const NEVER = -1;

  /** ``text``: whose answer, as tokens_state.js has it. */
  async function load(number, text, index) {
    const { shard, at } = await urial.shard(kindOf("tokens", text), number);
    return decode(shard, at, number, text, index);
  }

  // The first text's files have the plain names.
  function kindOf(name, text) {
    return text.number ? `${name}-${text.number}` : name;
  }

  // The shards of the answers that the keys reach next, so that these are there before they are wanted. Whether one is
  // missing is said when it is wanted.
  function prefetch(numbers, text) {
    for (const number of numbers) urial.shard(kindOf("tokens", text), number).catch(() => {});
  }

  // A token's *place* is its number among the tokens that are known, its position that in the answer. They differ where
  // tokens before it were measured under no context.
  function decode(shard, at, number, text, index) {
    const row = shard.answers[at];
    const ends = new Set(row.end);
    const tokens = row.token.map((word, place) => ({
      position: row.position ? row.position[place] : place,
      text: shard.words[word],
      id: row.id[place],
      isEnd: ends.has(place),
      label: index.labels[row.label[place]],
      kind: index.kinds[row.kind[place]] || null,
      // Where nothing is said of parts, all is answer.
      part: row.part ? index.parts[row.part[place]] || "answer" : "answer",
      move: row.move ? index.moves[row.move[place]] || null : null,
    }));
    const contexts = {};
    for (const name of text.contexts) {
      contexts[name] = decodeContext(row, row.contexts[name], tokens.length);
      contexts[name].parted = partedAt(tokens, index.shift[name].parted[number]);
    }
    return { number, text, instruction: shard.instructions[at], tokens, contexts, candidates: null };
  }

  // The place where greedy base and greedy aligned part; null: nowhere in the answer; undefined: it is not known.
  function partedAt(tokens, position) {
    if (position === NEVER) return null;
    const place = tokens.findIndex((token) => token.position === position);
    return place < 0 ? undefined : place;
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
    answer.candidates = answer.candidates || (await urial.shard(kindOf("candidates", answer.text), answer.number));
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

  // What the filters ask of a shifted token.
  const PICKED = ["kind", "label", "part", "move"];

  // Whether the filters of kind, label, part and move mean this token: no filter picks none out.
  function isPicked(answer, place, view) {
    return PICKED.some((name) => view[name] !== "") && isWanted(answer, place, view);
  }

  // Whether the token is shifted in one of the measurements, and is what the filters name.
  function isWanted(answer, place, view) {
    const token = answer.tokens[place];
    const shifted = [view.above, view.below].some((name) => {
      const under = name !== null && answer.contexts[name].at[place];
      return under && under.category === "shifted";
    });
    return shifted && PICKED.every((name) => view[name] === "" || token[name] === view[name]);
  }

  function counts(context) {
    const found = { unshifted: 0, marginal: 0, shifted: 0 };
    for (const under of context.at) if (under !== null) found[under.category] += 1;
    return found;
  }

  return { load, prefetch, loadCandidates, candidates, isPicked, isWanted, counts };
})();
