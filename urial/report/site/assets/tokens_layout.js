/* Fits texts into the picture: whole lines, and a mark that counts what is beyond them. */
"use strict";
urial.tokens = urial.tokens || {};

urial.tokens.layout = (() => {
  const { counted } = urial.tokens.text;

  /** Gives every scrolling text a height of whole lines, and brings its marks up to date. All is measured before anything is
      set, and the other way round: each change of one to the other lays out a long answer anew. */
  function fit(picture) {
    const boxes = [...texts(picture)];
    for (const box of boxes) {
      box.style.maxHeight = "";
      markOf(box).hidden = true;
    }
    const full = boxes.filter((box) => box.scrollHeight > box.clientHeight + 1);
    for (const box of boxes) if (box.matches(".instruction")) box.tabIndex = full.includes(box) ? 0 : -1;
    // A mark can take a line of its own: the height is known only now.
    for (const box of full) markOf(box).hidden = false;
    const heights = full.map(wholeLines);
    full.forEach((box, place) => { box.style.maxHeight = `${heights[place]}px`; });
    full.forEach(count);
  }

  function wholeLines(box) {
    const line = lineOf(box);
    return Math.max(1, Math.floor((box.clientHeight + 1) / line)) * line;
  }

  function lineOf(box) {
    return parseFloat(getComputedStyle(box).lineHeight);
  }

  function texts(picture) {
    return picture.querySelectorAll(".answer, .instruction");
  }

  function markOf(box) {
    return box.parentElement.querySelector(".more");
  }

  function count(box) {
    const mark = markOf(box);
    if (mark.hidden) return;
    const [before, after] = box.matches(".answer") ? hiddenTokens(box) : hiddenLines(box);
    const noun = box.matches(".answer") ? "token" : "line";
    const parts = [before ? `${counted(before, noun)} before` : "", after ? `… ${counted(after, `more ${noun}`)}` : ""];
    mark.textContent = parts.filter((part) => part !== "").join(" · ") || "the end";
  }

  // Tokens are in the order of their lines, so that the edges are found by halving.
  function hiddenTokens(box) {
    const tokens = box.getElementsByClassName("token");
    const top = box.scrollTop;
    const isBelow = (edge) => (token) => token.offsetTop + token.offsetHeight / 2 > edge;
    const before = firstWhere(tokens, isBelow(top));
    return [before, tokens.length - firstWhere(tokens, isBelow(top + box.clientHeight))];
  }

  function firstWhere(tokens, holds) {
    let [low, high] = [0, tokens.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(tokens[middle])) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  function hiddenLines(box) {
    const line = lineOf(box);
    const before = Math.round(box.scrollTop / line);
    return [before, Math.max(0, Math.round((box.scrollHeight - box.clientHeight) / line) - before)];
  }

  /** Both contexts show the same tokens: they scroll as one. */
  function scrollTogether(picture) {
    const answers = [...picture.querySelectorAll(".answer")];
    for (const box of texts(picture)) {
      box.addEventListener("scroll", () => {
        count(box);
        if (!box.matches(".answer")) return;
        for (const other of answers) if (Math.abs(other.scrollTop - box.scrollTop) > 1) other.scrollTop = box.scrollTop;
      }, { passive: true });
    }
  }

  /** Brings a token into sight within the texts, and leaves the page where it is. */
  function reveal(token) {
    const box = token.parentElement;
    const top = token.offsetTop;
    const line = lineOf(box);
    if (top < box.scrollTop || token.offsetHeight > box.clientHeight) box.scrollTop = Math.floor(top / line) * line;
    else if (top + token.offsetHeight > box.scrollTop + box.clientHeight) {
      box.scrollTop = Math.ceil((top + token.offsetHeight - box.clientHeight) / line) * line;
    }
    for (const other of box.closest(".picture").querySelectorAll(".answer")) {
      other.scrollTop = box.scrollTop;
      count(other);
    }
  }

  /** The first token in sight, and the same for a copy of another width: a drawing begins where the screen does. */
  function firstInSight(picture) {
    const box = picture.querySelector(".answer");
    return box ? hiddenTokens(box)[0] : 0;
  }

  function scrollTo(picture, place) {
    for (const box of picture.querySelectorAll(".answer")) {
      const token = box.getElementsByClassName("token")[place];
      const line = lineOf(box);
      if (token) box.scrollTop = Math.floor(token.offsetTop / line) * line;
      count(box);
    }
  }

  return { fit, scrollTogether, reveal, firstInSight, scrollTo };
})();
