"use strict";
// A click on a column's head sorts the rows within each group; numbers by data-order, the rest by text.
document.addEventListener("click", event => {
  const head = event.target.closest("thead th");
  if (!head) return;
  const column = head.cellIndex, table = head.closest("table");
  const key = row => { const cell = row.cells[column]; return cell.dataset.order === undefined ? cell.textContent.trim() : +cell.dataset.order; };
  const first = table.tBodies[0].querySelector("tr:not(.group)");
  const numeric = typeof key(first) === "number";
  const sorted = head.getAttribute("aria-sort");
  const down = sorted ? sorted === "ascending" : numeric;
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  for (const body of table.tBodies) {
    const rows = [...body.querySelectorAll("tr:not(.group)")].map(row => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
      const order = typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
      return down ? -order : order;
    });
    body.append(...rows.map(([, row]) => row));
  }
});
