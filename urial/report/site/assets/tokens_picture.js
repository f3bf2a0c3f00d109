/* The picture: the instruction, and an answer colored in two measurements. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.picture = (() => {
  const { element } = urial;
  const SIDES = ["above", "below"];
  const MOST_OF_A_TAG = 40;
  // Longer tokens are broken where a line has no room for them.
  const MOST_OF_A_WORD = 20;

  /** The picture of an answer. ``acts.choose(place, side)`` is called for a token that was touched, on the side above or below,
      ``acts.rest(place)`` for one that the pointer is on, with null when it leaves. */
  function draw(answer, view, index, acts) {
    const sides = SIDES.filter((side) => view[side] !== null);
    const highest = Math.max(...sides.map((side) => urial.tokens.strip.highest(answer.contexts[view[side]])));
    return element("section", { class: "picture", "aria-label": `${urial.tokens.whose.isOwn(answer.text, index) ? "The aligned answer" : `The answer of ${answer.text.answers}`}, token by token` },
      element("div", { class: "asked" },
        element("p", { class: "place" }, placeOf(answer, index)),
        element("h2", { class: "instruction text", dir: "auto", tabindex: "-1" }, answer.instruction),
        element("p", { class: "more", hidden: true })),
      element("div", { class: "panes" }, sides.map((side) => pane(answer, view, side, highest, acts, index))),
      element("aside", { class: "details", "aria-label": "The token" }),
      caption(index));
  }

  function placeOf({ number, text }, index) {
    const { id, category, tasks, topics, turns } = index.instructions;
    const tags = [...tasks[number], ...topics[number]].map((tag) => urial.tokens.text.brief(tag, MOST_OF_A_TAG)).join(" · ");
    const later = turns[number] > 1 ? ` · the first of ${turns[number]} turns` : "";
    const whose = urial.tokens.whose.isOwn(text, index) ? "" : ` · ${urial.tokens.whose.long(text, index)}`;
    return [
      `Instruction ${urial.tokens.text.count(number + 1)} of ${urial.tokens.text.count(id.length)} · `,
      element("span", { class: "mono" }, id[number]),
      ` · ${category[number]}${tags && ` · ${tags}`}${later}${whose}`,
    ];
  }

  function pane(answer, view, side, highest, acts, index) {
    const name = view[side];
    const context = answer.contexts[name];
    const heading = urial.tokens.whose.heading(name, answer.text, index);
    const missing = whyMissing(context);
    if (missing) {
      return element("div", { class: "pane empty", "data-side": side },
        element("div", { class: "pane-head" }, heading), element("p", { class: "missing" }, missing));
    }
    const tokens = element("div", {
      class: "answer text", role: "listbox", dir: urial.tokens.text.direction(answer.tokens), "aria-orientation": "horizontal",
      "aria-label": `Tokens of ${urial.tokens.whose.long(answer.text, index)} under ${name}`,
    }, answer.tokens.map((token, place) => {
      const isPicked = urial.tokens.answer.isPicked(answer, place, view);
      return [gapBefore(answer, place), breakBefore(token), urial.tokens.whose.signsBefore(answer, place, context), tokenOf(token, context, place, isPicked)];
    }));
    listen(tokens, side, acts);
    return element("div", { class: "pane", "data-side": side },
      element("div", { class: "pane-head" }, heading, shares(context, answer)),
      tokens,
      urial.tokens.strip.draw(answer, context, highest, (place) => acts.choose(place, side)));
  }

  function listen(tokens, side, acts) {
    const touched = (event) => event.target.closest("[data-place]");
    tokens.addEventListener("click", (event) => touched(event) && acts.choose(Number(touched(event).dataset.place), side));
    tokens.addEventListener("pointerover", (event) => {
      if (touched(event) && event.pointerType === "mouse") acts.rest(Number(touched(event).dataset.place));
    });
    tokens.addEventListener("pointerleave", () => acts.rest(null));
  }

  function whyMissing(context) {
    if (context.status !== "measured") return `Not measured: ${context.reason || urial.tokens.text.spaced(context.status)}.`;
    return context.measured ? null : "No token of the answer could be measured.";
  }

  // Tokens that no context measured are not in the data: where they were is still seen.
  function gapBefore(answer, place) {
    const before = place === 0 ? -1 : answer.tokens[place - 1].position;
    const missing = answer.tokens[place].position - before - 1;
    return missing ? element("span", { class: "gap" }, `⟨${urial.tokens.text.counted(missing, "token")} not measured⟩`) : null;
  }

  // A space that begins a token stays with its word: a line breaks before it, where a browser would break behind it.
  function breakBefore(token) {
    return token.text.startsWith(" ") ? element("wbr") : null;
  }

  function tokenOf(token, context, place, isPicked) {
    const under = context.at[place];
    const category = under ? under.category : "unmeasured";
    const isWhole = token.text.length <= MOST_OF_A_WORD;
    return element("span", {
      class: `token ${category}${token.isEnd ? " end" : ""}${isWhole ? " whole" : ""}${isPicked ? " picked" : ""}${token.part === "answer" ? "" : ` ${token.part}`}`,
      role: "option", "aria-selected": "false", tabindex: "-1", "data-place": place,
      "aria-label": `${urial.tokens.text.shown(token.text)}, ${under ? category : "not measured"}${context.parted === place ? ", first divergence" : ""}`,
    }, urial.tokens.text.pieces(token.text).map((piece) => piece.text || element("span", { class: "sign" }, piece.sign)));
  }

  function shares(context, answer) {
    const { percent } = urial.tokens.text;
    const found = urial.tokens.answer.counts(context);
    const swatches = Object.entries(found).map(([category, number]) =>
      element("span", { class: `swatch ${category}` },
        percent(number, context.measured), element("span", { class: "visually-hidden" }, ` ${category}`)));
    return element("p", { class: "shares" }, swatches, element("span", { class: "quiet" }, notes(context, answer, found).join(" · ")));
  }

  function notes(context, answer, found) {
    const { counted, count, fixed } = urial.tokens.text;
    const kls = context.at.filter((under) => under !== null && under.kl !== null).map((under) => under.kl);
    const style = answer.tokens.filter((token, place) => token.kind === "style" && context.at[place]?.category === "shifted").length;
    const knowsKinds = answer.tokens.some((token) => token.kind !== null);
    const of = kls.length < context.measured ? ` of ${count(kls.length)}` : "";
    const mean = kls.reduce((sum, kl) => sum + kl, 0) / kls.length;
    return [
      `${count(found.shifted)} of ${counted(context.measured, "token")} shifted${knowsKinds && found.shifted ? `, ${count(style)} style` : ""}`,
      kls.length ? `mean KL ${fixed(mean)} nats${of}` : "KL not known",
      context.unmatched ? `${count(context.unmatched)} without a counterpart` : "",
      context.retokenized ? "tokenized anew from its text" : "",
      { base: "end as the base’s own", dropped: "end left out" }[context.end] || "",
    ].filter((note) => note !== "");
  }

  function caption(index) {
    const { run } = index;
    const swatch = (category, ranks) => element("span", { class: "share" }, element("span", { class: `swatch ${category}` }, category), ` ${ranks}`);
    return element("footer", { class: "caption" },
      element("p", null, "Rank of each token under the base model: ",
        swatch("unshifted", "1"), swatch("marginal", "2 or 3"), swatch("shifted", "above 3"),
        element("span", null, "Bars: KL(aligned ‖ base) by position.")),
      element("p", { class: "run" },
        `${run.pair.base} → ${run.pair.aligned}${run.toy ? " (a toy)" : ""} · ${run.study} · run `,
        element("code", null, run.identifier)));
  }

  /** Marks a token in both contexts, and gives the one that the tab key reaches: on the active side, where that has it. */
  function mark(picture, place, activeSide) {
    for (const old of picture.querySelectorAll(".token.current")) {
      old.classList.remove("current");
      old.setAttribute("aria-selected", "false");
      old.tabIndex = -1;
    }
    const marked = [...picture.querySelectorAll(`.token[data-place="${place}"]`)];
    for (const token of marked) {
      token.classList.add("current");
      token.setAttribute("aria-selected", "true");
    }
    for (const strip of picture.querySelectorAll(".strip")) urial.tokens.strip.mark(strip, place);
    const reached = marked.find((token) => token.closest(".pane").dataset.side === activeSide) || marked[0] || null;
    if (reached) reached.tabIndex = 0;
    return reached;
  }

  return { draw, mark };
})();
