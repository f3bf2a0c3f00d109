/* The picture as an SVG of 1200 x 675: laid out by the browser out of sight, then every box and every line of text is drawn
   where the browser put it. Text stays text; it gets into the drawing as text nodes, so that nothing in it can be markup. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.drawing = (() => {
  const { element, svg } = urial;
  const SIZE = { width: 1200, height: 675 };
  const BEYOND = 1;
  const XML = "http://www.w3.org/XML/1998/namespace";
  const canvas = document.createElement("canvas").getContext("2d");

  /** ``prepare(copy)`` sets up the copy that is laid out; ``theme`` is light, dark or, by default, that of the page. */
  function draw(picture, { title, description, theme = null, prepare = () => {} }) {
    const copy = picture.cloneNode(true);
    const stage = element("div", { class: `stage ${theme || ""}`, "aria-hidden": "true", inert: true }, copy);
    document.body.append(stage);
    try {
      prepare(copy);
      for (const word of copy.querySelectorAll(".word, .row-id")) shorten(word);
      const pen = { origin: copy.getBoundingClientRect(), clips: 0, root: null, over: svg("g"), sight: copy.getBoundingClientRect() };
      pen.root = svg("svg", {
        xmlns: "http://www.w3.org/2000/svg", width: SIZE.width, height: SIZE.height, viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img",
      }, svg("title", null, title), svg("desc", null, description));
      paint(copy, pen.root, pen);
      if (pen.over.childNodes.length) pen.root.append(pen.over);
      return pen.root;
    } finally {
      stage.remove();
    }
  }

  // As the browser shortens what has no room: an SVG has no ellipsis of its own.
  function shorten(node) {
    const text = node.firstChild;
    for (let kept = [...node.textContent]; kept.length > 1 && node.scrollWidth > node.clientWidth; kept.pop()) {
      text.data = `${kept.slice(0, -1).join("")}…`;
    }
  }

  function paint(node, group, pen) {
    // What is scrolled out of sight is left out: an answer can be endless.
    const { top, bottom } = node.getBoundingClientRect();
    if (bottom < pen.sight.top || top > pen.sight.bottom) return;
    const style = getComputedStyle(node);
    if (style.display === "none" || style.visibility === "hidden" || node.classList.contains("visually-hidden")) return;
    if (node instanceof SVGSVGElement) {
      group.append(plot(node, pen));
      return;
    }
    for (const box of node.getClientRects()) paintBox(place(box, pen), style, group);
    if (style.outlineStyle !== "none") for (const box of node.getClientRects()) paintOutline(place(box, pen), style, pen.over);
    if (style.overflowY === "visible" && style.overflowX === "visible") paintChildren(node, style, group, pen);
    else paintClipped(node, style, group, pen);
  }

  function paintChildren(node, style, group, pen) {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) paintText(child, style, group, pen);
      else if (child.nodeType === Node.ELEMENT_NODE) paint(child, group, pen);
    }
  }

  // What scrolls on the screen is cut at its edges; outlines lie over all that is in it, and reach a little beyond.
  function paintClipped(node, style, group, pen) {
    const sight = node.getBoundingClientRect();
    const { x, y, width, height } = place(sight, pen);
    const id = `clip-${(pen.clips += 1)}`;
    const room = { x: x - BEYOND, y: y - BEYOND, width: width + 2 * BEYOND, height: height + 2 * BEYOND };
    pen.root.append(svg("clipPath", { id }, rectangle(room, {})));
    const inside = svg("g", { "clip-path": `url(#${id})` });
    const inner = { ...pen, over: svg("g"), sight };
    paintChildren(node, style, inside, inner);
    inside.append(inner.over);
    pen.clips = inner.clips;
    group.append(inside);
  }

  function place(box, pen) {
    return { x: box.left - pen.origin.left, y: box.top - pen.origin.top, width: box.width, height: box.height };
  }

  function rounded(value) {
    return Number(value.toFixed(2));
  }

  // A color that every reader of SVG knows: opacity apart from it.
  function paintOf(color, name = "fill") {
    const [red, green, blue, alpha = 1] = (color.match(/[\d.]+/g) || [0, 0, 0]).map(Number);
    const painted = { [name]: `rgb(${red},${green},${blue})` };
    return alpha === 1 ? painted : { ...painted, [`${name}-opacity`]: alpha };
  }

  function isSeen(color) {
    return color !== "transparent" && !/^rgba\(.*,\s*0\)$/.test(color);
  }

  function rectangle(box, attributes) {
    return svg("rect", { x: rounded(box.x), y: rounded(box.y), width: rounded(box.width), height: rounded(box.height), ...attributes });
  }

  function paintBox(box, style, group) {
    if (box.width === 0 || box.height === 0) return;
    const radius = Math.min(parseFloat(style.borderTopLeftRadius) || 0, box.height / 2);
    if (isSeen(style.backgroundColor)) group.append(rectangle(box, { rx: radius || null, ...paintOf(style.backgroundColor) }));
    for (const side of ["Top", "Bottom", "Left"]) paintBorder(box, side, style, group);
  }

  // Dotted, double or solid, as the category's underline is.
  function paintBorder(box, side, style, group) {
    const width = parseFloat(style[`border${side}Width`]);
    const kind = style[`border${side}Style`];
    if (!width || kind === "none" || !isSeen(style[`border${side}Color`])) return;
    const line = (inset, thickness, dashes) => {
      const y = side === "Top" ? box.y + inset : box.y + box.height - inset;
      const [x1, y1, x2, y2] = side === "Left"
        ? [box.x + inset, box.y, box.x + inset, box.y + box.height].map(rounded)
        : [box.x, y, box.x + box.width, y].map(rounded);
      const color = paintOf(style[`border${side}Color`], "stroke");
      group.append(svg("line", { x1, y1, x2, y2, "stroke-width": thickness, "stroke-dasharray": dashes, ...color }));
    };
    if (kind === "double") for (const inset of [width / 6, (5 * width) / 6]) line(inset, width / 3, null);
    else line(width / 2, width, kind === "dotted" ? `${width} ${width}` : null);
  }

  function paintOutline(box, style, group) {
    const width = parseFloat(style.outlineWidth);
    const out = parseFloat(style.outlineOffset) + width / 2;
    const around = { x: box.x - out, y: box.y - out, width: box.width + 2 * out, height: box.height + 2 * out };
    group.append(rectangle(around, {
      rx: 2, fill: "none", "stroke-width": width, "stroke-dasharray": style.outlineStyle === "dashed" ? "3 2" : null,
      ...paintOf(style.outlineColor, "stroke"),
    }));
  }

  // A text node, line by line as the browser broke it.
  function paintText(node, style, group, pen) {
    const size = parseFloat(style.fontSize);
    canvas.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const { fontBoundingBoxAscent: ascent, fontBoundingBoxDescent: descent } = canvas.measureText("x");
    for (const { text, box } of lines(node, pen.sight.bottom)) {
      const at = place(box, pen);
      if (text.trim() === "" || box.width === 0) continue;
      if (box.top + box.height < pen.sight.top) continue;
      // A space at the end of a piece stands where the piece's own letters have their end.
      const rtl = style.direction === "rtl" && urial.tokens.text.RIGHT_TO_LEFT.test(text);
      const line = svg("text", {
        x: rounded(rtl ? at.x + at.width : at.x), y: rounded(at.y + (at.height - ascent - descent) / 2 + ascent),
        "font-family": style.fontFamily, "font-size": size, "font-weight": style.fontWeight === "400" ? null : style.fontWeight,
        "font-style": style.fontStyle === "normal" ? null : style.fontStyle, direction: rtl ? "rtl" : null,
        textLength: text.length > 1 ? rounded(at.width) : null, lengthAdjust: text.length > 1 ? "spacingAndGlyphs" : null,
        ...paintOf(style.color),
      }, text);
      // Spaces at the ends of tokens are part of them.
      line.setAttributeNS(XML, "xml:space", "preserve");
      group.append(line);
    }
  }

  function lines(node, bottom) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const whole = [...range.getClientRects()];
    const text = node.data;
    if (whole.length === 0) return [];
    if (whole.length === 1) return [{ text: text.replace(/\n/g, ""), box: whole[0] }];
    // Character by character where there is more than one line, or text of two directions: those that touch belong together.
    const found = [];
    let offset = 0;
    for (const character of text) {
      range.setStart(node, offset);
      range.setEnd(node, (offset += character.length));
      const box = range.getBoundingClientRect();
      if (box.top > bottom) break;
      const last = found[found.length - 1];
      if (box.width === 0 || character === "\n") continue;
      if (last && touches(last.box, box)) {
        last.text += character;
        last.box = joined(last.box, box);
      } else found.push({ text: character, box });
    }
    return found;
  }

  function touches(one, other) {
    const isBeside = Math.abs(other.left - one.left - one.width) < 1 || Math.abs(one.left - other.left - other.width) < 1;
    return isBeside && Math.abs(one.top - other.top) < 2;
  }

  function joined(one, other) {
    const left = Math.min(one.left, other.left);
    return { left, top: one.top, width: Math.max(one.left + one.width, other.left + other.width) - left, height: one.height };
  }

  // A plot is an SVG already; only its colors come from the style sheet.
  function plot(node, pen) {
    const copy = node.cloneNode(true);
    const at = place(node.getBoundingClientRect(), pen);
    for (const [name, value] of Object.entries(at)) copy.setAttribute(name, rounded(value));
    const originals = node.querySelectorAll("*");
    copy.querySelectorAll("*").forEach((child, order) => {
      const style = getComputedStyle(originals[order]);
      child.removeAttribute("class");
      for (const [name, value] of Object.entries(paintOf(style.fill))) child.setAttribute(name, value);
      if (style.fillOpacity !== "1") child.setAttribute("fill-opacity", style.fillOpacity);
    });
    return copy;
  }

  return { SIZE, draw };
})();
