/* Sorts a table by the column whose name is clicked, or pressed Enter on; without scripts it is sorted by rank. */
"use strict";
(function () {
  // What is missing stands last, whichever way a table is sorted.
  function compare(one, other, sign) {
    const [first, second] = [one.dataset.order, other.dataset.order];
    if (first === undefined || second === undefined) return (first === undefined) - (second === undefined);
    const difference = Number(first) - Number(second);
    return sign * (Number.isNaN(difference) ? first.localeCompare(second, "en", { numeric: true }) : difference);
  }

  function sort(table, column) {
    const heads = [...table.tHead.rows[0].cells];
    const first = heads[column].classList.contains("number") && column > 0 ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = heads[column].getAttribute("aria-sort") === first ? other : first;
    for (const head of heads) head.setAttribute("aria-sort", "none");
    heads[column].setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows];
    rows.sort((one, other) => compare(one.cells[column], other.cells[column], sign));
    table.tBodies[0].append(...rows);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, column));
      head.append(button);
      head.setAttribute("aria-sort", "none");
    });
  }
})();
