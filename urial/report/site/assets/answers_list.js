/* The list of instructions. It has a row for each, however many; elements exist for those that are seen. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  const { element } = urial;
  // Rows before and behind those that are seen, so that scrolling shows no gap. ROW is --row of answers.css.
  const [ROW, BEYOND] = [60, 8];

  /** A list in ``place``, which scrolls. ``choose(number)`` runs when a row is chosen. */
  function list(index, place, choose) {
    const rows = element("ol", { class: "instructions" });
    let [numbers, current, sort] = [[], null, null];
    place.append(rows);
    place.addEventListener("scroll", draw, { passive: true });
    new ResizeObserver(draw).observe(place);
    let drawn = "";

    function draw() {
      const first = Math.max(0, Math.floor(place.scrollTop / ROW) - BEYOND);
      const last = Math.min(numbers.length, Math.ceil((place.scrollTop + place.clientHeight) / ROW) + BEYOND);
      const now = `${first} ${last}`;
      if (now === drawn) return;
      drawn = now;
      rows.style.setProperty("padding-top", `${first * ROW}px`);
      rows.style.setProperty("padding-bottom", `${(numbers.length - last) * ROW}px`);
      const focused = rows.contains(document.activeElement) ? document.activeElement.dataset.number : null;
      urial.fill(rows, numbers.slice(first, last).map((number, offset) => row(number, first + offset)));
      const again = focused && rows.querySelector(`[data-number="${focused}"]`);
      if (again) again.focus({ preventScroll: true });
    }

    function row(number, position) {
      const { id, excerpt, tasks, turns } = index.instructions;
      const about = [
        turns[number] > 1 ? `${turns[number]} turns` : null,
        tasks[number].slice(0, 2).join(", ") || null,
      ].filter(Boolean).join(" · ");
      return element("li", { "aria-setsize": numbers.length, "aria-posinset": position + 1 },
        element("a", {
          href: `#${new URLSearchParams({ id: id[number] })}`, "data-number": number,
          "aria-current": number === current ? "true" : null,
          onclick: (event) => {
            event.preventDefault();
            choose(number);
          },
        },
        element("span", { class: "excerpt" }, excerpt[number]),
        element("span", { class: "about" },
          sort ? element("span", { class: "value" }, valueText(sort, number)) : null,
          element("span", { class: "quiet" }, about),
          urial.answers.select.marksOf(index, number).map(([mark, count]) =>
            element("span", { class: signClass(mark) }, count > 1 ? `${mark} ×${count}` : mark)))));
    }

    /** What a judge says does not apply is nobody's failure. */
    function signClass(mark) {
      if (mark === "judge: not applicable") return "quiet";
      return mark.startsWith("judge: ") ? "sign bad" : "sign warn";
    }

    function valueText(by, number) {
      const value = urial.answers.select.sortValue(index, by, number);
      if (value === null) return "–";
      const text = Math.abs(value).toFixed(2);
      return by.by === "score" ? text : value < 0 ? `−${text}` : `+${text}`;
    }

    /** Shows instructions by their numbers, with one of them current. */
    function show(newNumbers, newCurrent, newSort) {
      if (newNumbers !== numbers) place.scrollTop = 0;
      [numbers, current, sort, drawn] = [newNumbers, newCurrent, newSort, ""];
      draw();
      const position = numbers.indexOf(current);
      if (position < 0) return;
      reveal(position);
      draw();
    }

    function reveal(position) {
      const top = position * ROW;
      if (top < place.scrollTop) place.scrollTop = top;
      else if (top + ROW > place.scrollTop + place.clientHeight) place.scrollTop = top + ROW - place.clientHeight;
    }

    return { show };
  }

  urial.answers.list = { list };
})(window.urial);
