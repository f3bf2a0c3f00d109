/* The strip under an answer: KL by position, where its thinking is, and where greedy base and greedy aligned part. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.strip = (() => {
  const { element, svg } = urial;
  // More bars than that would be thinner than what a screen shows: each then stands for several positions.
  const MOST_BARS = 400;
  const HEIGHT = 100;
  const MOST_OF_A_TOKEN = 30;
  // A known divergence is never an empty place.
  const LOWEST_BAR = 2;

  // One end token of 13 nats would leave a divergence of 1 nat no height on a linear scale.
  function heightOf(divergence, scale) {
    return scale ? Math.max(LOWEST_BAR, HEIGHT * Math.sqrt(divergence / scale)) : LOWEST_BAR;
  }

  function known(under) {
    return under === null ? null : under.kl ?? under.klAtLeast;
  }

  /** The highest known divergence of an answer under a context; both strips of a picture have one scale. */
  function highest(context) {
    return context.at.reduce((most, under) => Math.max(most, known(under) ?? 0), 0);
  }

  /** ``choose(place)`` is called for the token whose bar was touched. */
  function draw(answer, context, scale, choose) {
    const length = answer.tokens.length;
    const each = Math.ceil(length / MOST_BARS);
    const plot = element("div", { class: "plot", "aria-hidden": "true", onclick: (event) => {
      const box = plot.getBoundingClientRect();
      choose(Math.max(0, Math.min(length - 1, Math.floor((length * (event.clientX - box.left)) / box.width))));
    } }, bars(context, scale, each));
    const thinking = urial.tokens.whose.thinking(answer);
    const hint = element("p", { class: "hint" }, parting(answer, context.parted),
      thinking && element("span", null, element("span", { class: "thought-sign", "aria-hidden": "true" }, "━"),
        ` thinking: ${urial.tokens.text.counted(thinking[1] - thinking[0], "token")}`),
      element("span", { class: "more", hidden: true }),
      element("span", { class: "scale" }, scaleText(context, scale, each)));
    if (thinking) plot.append(element("span", { class: "thought", style: { left: `${(100 * thinking[0]) / length}%`, width: `${(100 * (thinking[1] - thinking[0])) / length}%` } }));
    if (Number.isInteger(context.parted)) plot.append(marker("first", context.parted, length, "▲"));
    plot.append(marker("here", 0, length, ""));
    return element("div", { class: "strip", "data-length": length }, plot, hint);
  }

  function parting(answer, place) {
    if (place === undefined) return "First divergence: not known.";
    if (place === null) return "Greedy decoding of both models goes on alike at every token.";
    const { brief, count, quoted } = urial.tokens.text;
    const token = answer.tokens[place];
    return [
      element("span", { class: "first-sign" }, "▲"),
      ` first divergence: position ${count(token.position)}, `,
      element("span", { class: "mono" }, brief(quoted(token.text), MOST_OF_A_TOKEN)),
    ];
  }

  function scaleText(context, scale, each) {
    if (context.at.every((under) => known(under) === null)) return "KL is not known";
    const bound = context.at.some((under) => under !== null && under.kl === null && under.klAtLeast !== null);
    const bar = each === 1 ? "" : `, a bar is the highest of ${each} positions`;
    return `KL 0 to ${urial.tokens.text.fixed(scale)} nats, square-root scale${bound ? "; pale bars: at least" : ""}${bar}`;
  }

  // One path for each look of a bar: three hundred elements would be slower, and no clearer.
  function bars(context, scale, each) {
    const paths = new Map();
    for (let place = 0; place < context.at.length; place += each) {
      const measured = context.at.slice(place, place + each).filter((under) => known(under) !== null);
      if (!measured.length) continue;
      const under = measured.reduce((most, other) => (known(other) > known(most) ? other : most));
      const height = heightOf(known(under), scale);
      const name = `${under.category}${under.kl === null ? " bound" : ""}`;
      const [left, right] = [place + 0.1 * each, place + 0.9 * each].map((x) => Number(x.toFixed(2)));
      paths.set(name, `${paths.get(name) || ""}M${left} ${HEIGHT}V${(HEIGHT - height).toFixed(1)}H${right}V${HEIGHT}Z`);
    }
    return svg("svg", { viewBox: `0 0 ${Math.max(1, context.at.length)} ${HEIGHT}`, preserveAspectRatio: "none" },
      [...paths].map(([name, d]) => svg("path", { class: `bar ${name}`, d })));
  }

  function marker(name, place, length, sign) {
    return element("span", { class: name, style: { left: `${(100 * (place + 0.5)) / length}%` } }, sign);
  }

  /** Shows in a strip which token is the current one. */
  function mark(strip, place) {
    strip.querySelector(".here").style.left = `${(100 * (place + 0.5)) / Number(strip.dataset.length)}%`;
  }

  return { draw, highest, mark };
})();
