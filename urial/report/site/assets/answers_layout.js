/* How wide columns are, which of the pinned stay in place, and which column has the focus. On a narrow screen one column
   fills it, and a swipe shows the next. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  // Pixels below which an answer is no pleasure to read.
  const NARROWEST = 288;
  const narrow = window.matchMedia("(max-width: 48rem)");

  /** Lays out ``columns`` within ``scroller``. ``seen(system)`` runs when a swipe has brought another column. */
  function layout(scroller, columns, overview, seen) {
    let pinned = 0;
    new ResizeObserver(() => measure()).observe(scroller);

    /** Widths and heights, after columns were drawn or the window has changed. */
    function measure(newPinned = pinned) {
      pinned = newPinned;
      const all = [...columns.children];
      if (!all.length) return;
      const available = scroller.clientWidth - 2 * parseFloat(getComputedStyle(columns).marginLeft);
      const width = narrow.matches ? available : Math.max(NARROWEST, Math.floor(available / all.length));
      const stuck = Math.min(pinned, Math.max(0, Math.floor(available / width) - 1));
      columns.style.setProperty("--column", `${width}px`);
      columns.style.setProperty("--cells", String(all[0].children.length - 1));
      columns.style.setProperty("--head", `${Math.ceil(Math.max(...all.map((column) => contentHeight(column.firstElementChild))))}px`);
      // The end of a prompt is what the answer goes on from.
      for (const prompt of columns.querySelectorAll(".prompt")) prompt.scrollTop = prompt.scrollHeight;
      scroller.style.setProperty("--stuck", `${stuck * width}px`);
      all.forEach((column, place) => column.classList.toggle("stuck", place < stuck));
    }

    /** The height that a head needs; it has that of the highest. */
    function contentHeight(head) {
      const { paddingBottom, borderBottomWidth } = getComputedStyle(head);
      const content = head.lastElementChild.getBoundingClientRect().bottom - head.getBoundingClientRect().top;
      return content + parseFloat(paddingBottom) + parseFloat(borderBottomWidth);
    }

    function columnOf(system) {
      return [...columns.children].find((column) => column.dataset.system === system);
    }

    /** Marks a column, brings it into view, and gives it the keyboard's focus where asked. */
    function focus(system, withFocus) {
      const column = mark(system);
      if (!column) return null;
      if (withFocus) column.focus({ preventScroll: true });
      // A pinned column is always in view.
      if (!column.classList.contains("stuck")) reveal(column);
      return column;
    }

    /** Scrolls sideways alone: where the reader is in an answer stays. */
    function reveal(column) {
      const scrolled = narrow.matches ? columns : scroller;
      const [box, room] = [column.getBoundingClientRect(), scrolled.getBoundingClientRect()];
      const left = room.left + (narrow.matches ? 0 : parseFloat(scroller.style.getPropertyValue("--stuck")) || 0);
      if (box.left < left) scrolled.scrollLeft += box.left - left;
      else if (box.right > room.left + scrolled.clientWidth) scrolled.scrollLeft += box.right - room.left - scrolled.clientWidth;
    }

    /** Scrolls so that columns begin at the top, where they have been scrolled out of it. */
    function toHeads() {
      const top = narrow.matches ? 0 : scroller.getBoundingClientRect().top;
      if (columns.getBoundingClientRect().top < top) columns.scrollIntoView({ block: "start", inline: "nearest" });
    }

    /** Brings one part of a column, of one of its turns, into view. */
    function show(system, part, turn) {
      columnOf(system).querySelectorAll(`.cell.${part}`)[turn].scrollIntoView({ block: "start", inline: "nearest" });
    }

    function mark(system) {
      for (const column of columns.children) column.classList.toggle("focused", column.dataset.system === system);
      for (const button of overview.querySelectorAll("button")) {
        if (button.dataset.system !== system) button.removeAttribute("aria-current");
        else {
          button.setAttribute("aria-current", "true");
          const { offsetLeft, offsetWidth } = button;
          overview.scrollLeft = Math.min(Math.max(overview.scrollLeft, offsetLeft + offsetWidth - overview.clientWidth), offsetLeft);
        }
      }
      return columnOf(system);
    }

    /** The column that a swipe has brought to rest. */
    function swiped() {
      if (!narrow.matches || !columns.children.length) return;
      const place = Math.round(columns.scrollLeft / columns.clientWidth);
      const column = columns.children[Math.min(place, columns.children.length - 1)];
      if (Math.abs(columns.scrollLeft - place * columns.clientWidth) < 2 && !column.classList.contains("focused")) seen(column.dataset.system);
    }
    columns.addEventListener("scroll", swiped, { passive: true });

    /** Keys that scroll a document scroll the answers where nothing has the focus: the document itself has its whole size. */
    document.addEventListener("keydown", (event) => {
      const pages = { ArrowDown: 0.1, ArrowUp: -0.1, " ": 0.9, PageDown: 0.9, PageUp: -0.9 }[event.key];
      if (!pages || event.defaultPrevented || narrow.matches || document.activeElement !== document.body) return;
      event.preventDefault();
      scroller.scrollBy({ top: pages * scroller.clientHeight });
    });

    return { measure, focus, show, toHeads };
  }

  urial.answers.layout = { layout };
})(window.urial);
