/* Columns are moved by dragging their heads. */
"use strict";
window.urial = window.urial || {};
urial.answers = urial.answers || {};

(function (urial) {
  /** Columns within ``place`` can be dragged; ``drop(system, target)`` runs when one is dropped on another. */
  function drag(place, drop) {
    let dragged = null;
    const columnOf = (event) => event.target instanceof Element && event.target.closest(".column");
    const clear = () => place.querySelectorAll(".dragged, .target").forEach((node) => node.classList.remove("dragged", "target"));

    place.addEventListener("dragstart", (event) => {
      if (!(event.target instanceof Element) || !event.target.matches(".head")) return;
      const column = columnOf(event);
      dragged = column.dataset.system;
      column.classList.add("dragged");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", dragged);
    });
    place.addEventListener("dragover", (event) => {
      const column = columnOf(event);
      if (!dragged || !column) return;
      event.preventDefault();
      place.querySelectorAll(".target").forEach((node) => node.classList.remove("target"));
      if (column.dataset.system !== dragged) column.classList.add("target");
    });
    place.addEventListener("drop", (event) => {
      const column = columnOf(event);
      if (!dragged || !column) return;
      event.preventDefault();
      if (column.dataset.system !== dragged) drop(dragged, column.dataset.system);
    });
    place.addEventListener("dragend", () => {
      dragged = null;
      clear();
    });
  }

  urial.answers.drag = { drag };
})(window.urial);
