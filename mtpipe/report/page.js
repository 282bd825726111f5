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

// What a value is shows beside the pointer: of a figure's values and of the tokens above.
const tip = document.getElementById("tip");
const told = element => {
  if (element.dataset.tip) return element.dataset.tip;
  const value = element.dataset, { x, y } = element.parentNode.dataset;
  return `${value.series}: ${[[y, value.y], [x, value.x]].filter(([name]) => name).map(parts => parts.join(" ")).join(", ")}`;
};
const tell = event => {
  const found = event.target.closest?.(".points circle, [data-tip]");
  tip.hidden = !found;
  if (!found) return;
  tip.textContent = told(found);
  const box = found.getBoundingClientRect(), size = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(innerWidth - size.width - 6, box.left + box.width / 2 - size.width / 2))}px`;
  tip.style.top = `${box.top - size.height - 6 < 0 ? box.bottom + 6 : box.top - size.height - 6}px`;
};
addEventListener("pointerover", tell);
addEventListener("click", tell);
addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

// Each figure and table saves itself: the numbers as CSV and as LaTeX, a figure as SVG too.
const quoted = text => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const asCsv = rows => rows.map(row => row.map(quoted).join(",")).join("\n") + "\n";
const signs = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "−": "$-$", "×": "$\\times$", "–": "--", "\u25b2": "$\\blacktriangle$", "\u25bc": "$\\blacktriangledown$", "≠": "$\\neq$" };
const inTex = text => text.replace(/[\\~^−×–\u25b2\u25bc≠#%&_${}]/g, sign => signs[sign] ?? `\\${sign}`);
const words = cell => cell.textContent.replace(/\s+/g, " ").trim();
const rowsOf = table => [["", ...[...table.tHead.rows[0].cells].map(words)], ...[...table.tBodies].flatMap(body => {
  const group = body.querySelector("tr.group");
  return [...body.rows].filter(row => row !== group).map(row => [group ? words(group) : "", ...[...row.cells].map(words)]);
})];
const pointsOf = svg => [...svg.querySelectorAll(".points circle")].map(({ dataset }) => [dataset.series, dataset.x, dataset.y]);
const tableTex = (rows, title) => [`\\begin{table}`, `\\caption{${inTex(title)}}`, `\\begin{tabular}{ll${"r".repeat(rows[0].length - 2)}}`, "\\hline",
  ...rows.map((row, index) => `${row.map(inTex).join(" & ")} \\\\${index ? "" : " \\hline"}`), "\\hline", "\\end{tabular}", "\\end{table}", ""].join("\n");
const figureTex = (points, { x, y }, title) => {
  const series = new Map();
  for (const [name, ...at] of points) series.set(name, [...series.get(name) ?? [], `(${at.join(",")})`]);
  return ["% needs \\usepackage{pgfplots}", "\\begin{tikzpicture}", `\\begin{axis}[xlabel={${inTex(x)}}, ylabel={${inTex(y)}}, title={${inTex(title)}}, legend pos=outer north east]`,
    ...[...series].flatMap(([name, at]) => [`\\addplot coordinates {${at.join(" ")}};`, `\\addlegendentry{${inTex(name)}}`]), "\\end{axis}", "\\end{tikzpicture}", ""].join("\n");
};
const asSvg = svg => {
  const copy = svg.cloneNode(true), style = getComputedStyle(document.documentElement);
  copy.querySelector(".points")?.remove();
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("color", getComputedStyle(svg).color);
  return copy.outerHTML.replace(/var\((--\w+)\)/g, (_, name) => style.getPropertyValue(name).trim());
};
const kinds = { svg: "image/svg+xml", csv: "text/csv", tex: "application/x-tex" };
const save = (name, kind, text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kinds[kind] }));
  link.download = `${name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60)}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
const offer = (place, name, written) => {
  const line = document.createElement("p");
  line.className = "save";
  for (const [kind, text] of Object.entries(written)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = { svg: "SVG", csv: "CSV", tex: "LaTeX" }[kind];
    button.setAttribute("aria-label", `${button.textContent}: ${name}`);
    button.onclick = () => save(name, kind, text());
    line.append(button);
  }
  place.append(line);
};
for (const figure of document.querySelectorAll(".gallery figure")) {
  const svg = figure.querySelector("svg"), name = words(figure.querySelector("figcaption")), points = pointsOf(svg);
  const axes = svg.querySelector(".points")?.dataset;
  offer(figure, name, { svg: () => asSvg(svg), ...points.length && {
    csv: () => asCsv([["series", axes.x, axes.y], ...points]), tex: () => figureTex(points, axes, name) } });
}
for (const table of document.querySelectorAll("table")) {
  const block = table.closest(".block"), name = words(block.querySelector("h3"));
  offer(block, name, { csv: () => asCsv(rowsOf(table)), tex: () => tableTex(rowsOf(table), name) });
}
