/* The exact prompt of an answer, with its template's markers marked: special tokens, heads of sections, fences, and the
   place of the query. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  // How chat templates spell their special tokens. A prompt for a base model has none, but heads and fences.
  const SPECIAL = [
    "<\\|[^<>|\\n]{1,60}\\|>", "<｜[^<>｜\\n]{1,60}｜>", "</?s>", "<<\\/?SYS>>",
    "<\\/?(?:bos|eos|pad|unk|start_of_turn|end_of_turn|start_of_image|think|tool_call|tool_response)>",
    "\\[\\/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|BOS|EOS)\\]", "^(?:SYSTEM|USER|ASSISTANT|Human|User|Assistant):",
  ].join("|");
  // A prompt has a box of its own, which scrolls.
  const SHOWN = 50_000;
  const MARKERS = new RegExp(`(?<special>${SPECIAL})|(?<head>^#{1,6} [^\\n]{1,80}$)|(?<fence>^(?:\`\`\`|~~~)[^\\n]*$)`, "gm");

  /** A whole prompt as pieces {text, kind}: special, head, fence, query or null. Within the query nothing is a marker. */
  function pieces(text, query) {
    const start = query ? text.lastIndexOf(query) : -1;
    if (start < 0) return ended(marked(text));
    return ended([...marked(text.slice(0, start)), { text: query, kind: "query" }, ...marked(text.slice(start + query.length))]);
  }

  function marked(text) {
    const all = [];
    let done = 0;
    for (const match of text.matchAll(MARKERS)) {
      const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
      all.push({ text: text.slice(done, match.index), kind: null }, { text: match[0], kind });
      done = match.index + match[0].length;
    }
    return [...all, { text: text.slice(done), kind: null }].filter((piece) => piece.text);
  }

  /** White space at the end decides what a base model writes next: it is shown as signs. */
  function ended(all) {
    const last = all[all.length - 1];
    const space = last && last.kind === null ? /[ \n\t]+$/.exec(last.text) : null;
    if (!space) return all;
    const signs = space[0].replace(/ /g, "·").replace(/\n/g, "↵").replace(/\t/g, "⇥");
    return [...all.slice(0, -1), { text: last.text.slice(0, space.index), kind: null }, { text: signs, kind: "space" }];
  }

  /** Chat messages, which only the server lays out, as pieces: the role of each is a marker. */
  function messagePieces(text) {
    try {
      return JSON.parse(text).flatMap(({ role, content }, place) => [
        { text: `${place ? "\n\n" : ""}${role}:\n`, kind: "special" }, { text: String(content), kind: null },
      ]);
    } catch {
      // Shown as it is.
      return [{ text, kind: null }];
    }
  }

  /** How a prompt came about and how answers end: one line. */
  function about(answer, shared) {
    const parts = [
      answer.prompt_tokens === null ? "its length is known to the server alone" : urial.answers.text.counted(answer.prompt_tokens, "token"),
      shared.form === "messages" ? "messages, laid out by the server's template" : null,
      shared.form === "text" && shared.adds_special_tokens ? "the tokenizer puts its start token in front" : null,
      answer.retrieved ? `examples from lines ${answer.retrieved.join(", ")} of the pool` : null,
      answer.stop.length ? ["stops at ", answer.stop.map((text, place) => [place ? " " : null, urial.element("code", null, stopSigns(text))])] : null,
    ].filter(Boolean);
    return urial.element("p", { class: "about" }, parts.map((part, place) => [place ? " · " : null, part]));
  }

  function stopSigns(text) {
    return text.replace(/\n/g, "↵").replace(/\t/g, "⇥");
  }

  /** The prompt of one turn of one system: what is shown when prompts are on. */
  function block(system, answer, shared, query, isLater) {
    if (answer.prompt === null) return urial.element("p", { class: "missing" }, "No prompt was made.");
    const text = isLater ? answer.prompt : shared.before + answer.prompt + shared.after;
    const shown = shared.form === "messages" ? messagePieces(text) : pieces(text, query);
    return [
      urial.element("div", { class: "bar" },
        urial.element("h4", null, "Prompt"),
        urial.element("button", { type: "button", "aria-label": `Copy the prompt of ${system}`, onclick: () => urial.frame.copy(text) }, "Copy")),
      about(answer, shared),
      answer.flag ? urial.element("p", { class: "badge warn" }, `flagged: ${answer.flag}`) : null,
      urial.answers.text.block(shown, { class: "prompt mono", tabindex: "0", role: "region", "aria-label": `Prompt of ${system}` }, SHOWN),
    ];
  }

  urial.answers.prompt = { block, pieces };
})(window.urial);
