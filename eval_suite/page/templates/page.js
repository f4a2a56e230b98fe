// Sorts tables by a click on a heading and opens what is folded before it is printed; the page works without it.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, place) => {
    if (heading.tagName !== "TH") return; // the scale of the bars
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") !== "descending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const key = (row) => row.cells[place].dataset.key;
      const compare = (a, b) =>
        place === 0
          ? b.cells[0].textContent.localeCompare(a.cells[0].textContent)
          : Number(key(b) ?? -Infinity) - Number(key(a) ?? -Infinity) || 0;
      const rows = [...body.rows].sort((a, b) => (down ? compare(a, b) : compare(b, a)));
      body.append(...rows);
    });
  });
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
