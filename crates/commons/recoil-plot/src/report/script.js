
"use strict";
// Sorts a table by the clicked column; numbers by value, the rest by text.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, column = head.cellIndex, body = head.closest("table").tBodies[0];
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => { const cell = row.cells[column]; return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v); };
    const order = (a, b) => { const x = key(a), y = key(b);
      return typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)); };
    [...body.rows].sort((a, b) => (up ? order(a, b) : order(b, a))).forEach((row) => body.append(row));
  });
}
// Saves the figure that a button belongs to.
const offer = (blob, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", () => {
    const svg = button.closest("figure").querySelector("svg");
    const blob = new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
    if (button.dataset.save === "svg") return offer(blob, button.dataset.name + ".svg");
    const image = new Image(), address = URL.createObjectURL(blob);
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = 2 * svg.viewBox.baseVal.width;
      canvas.height = 2 * svg.viewBox.baseVal.height;
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((png) => offer(png, button.dataset.name + ".png"), "image/png");
      URL.revokeObjectURL(address);
    };
    image.src = address;
  });
}
