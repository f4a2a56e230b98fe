// Zooming the paper, copying the report, saving files: what the page does without asking its server.
window.meitPage = (() => {
  "use strict";
  const STEPS = [1, 1.5, 2, 3, 4, 6, 8];
  const zooms = new Map(); // id of the paper's element -> factor, so that another speed or gain keeps it

  const paperOf = (node) => node instanceof Element && node.closest(".paper");
  const keyOf = (paper) => paper.closest("[id]")?.id ?? "";

  function apply(paper, factor, at) {
    const view = paper.querySelector(".paper-view");
    const svg = view.querySelector("svg");
    if (!svg) return;
    const before = svg.getBoundingClientRect();
    const frame = view.getBoundingClientRect();
    const point = at ?? { x: frame.left + frame.width / 2, y: frame.top + frame.height / 2 };
    const share = { x: (point.x - before.left) / before.width, y: (point.y - before.top) / before.height };
    view.style.height = "";
    svg.style.width = "";
    if (factor > 1) {
      view.style.height = `${view.getBoundingClientRect().height}px`;
      svg.style.width = `${svg.getBoundingClientRect().width * factor}px`;
    }
    paper.classList.toggle("zoomed", factor > 1);
    const after = svg.getBoundingClientRect();
    view.scrollLeft += after.left + share.x * after.width - point.x;
    view.scrollTop += after.top + share.y * after.height - point.y;
    paper.querySelector(".zoom output").textContent = `${Math.round(factor * 100)} %`;
    zooms.set(keyOf(paper), factor);
  }

  function zoom(paper, how, at) {
    const now = zooms.get(keyOf(paper)) ?? 1;
    const next =
      how === "in" ? STEPS.find((step) => step > now) : how === "out" ? STEPS.findLast((step) => step < now) : 1;
    if (next) apply(paper, next, at);
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const button = target?.closest("[data-zoom]");
    if (button) zoom(paperOf(button), button.dataset.zoom);
    const copying = target?.closest("[data-copy]");
    if (copying) copy(copying);
  });

  document.addEventListener("keydown", (event) => {
    const paper = paperOf(event.target);
    const how = { "+": "in", "=": "in", "-": "out", 0: "fit" }[event.key];
    if (!paper || !how || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    zoom(paper, how);
  });

  // The wheel alone scrolls the page, as everywhere; with Ctrl (also what a trackpad's pinch sends) it zooms the paper.
  document.addEventListener(
    "wheel",
    (event) => {
      const paper = paperOf(event.target);
      if (!paper || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      zoom(paper, event.deltaY < 0 ? "in" : "out", { x: event.clientX, y: event.clientY });
    },
    { passive: false },
  );

  // A mouse drags the paper; a finger scrolls it without help.
  document.addEventListener("pointerdown", (event) => {
    const view = event.target instanceof Element && event.target.closest(".paper-view");
    if (!view || event.pointerType !== "mouse" || event.button !== 0) return;
    const from = { x: event.clientX + view.scrollLeft, y: event.clientY + view.scrollTop };
    const move = (moved) => {
      view.scrollLeft = from.x - moved.clientX;
      view.scrollTop = from.y - moved.clientY;
    };
    const end = () => document.removeEventListener("pointermove", move);
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", end, { once: true });
  });

  // A new drawing in an old place takes over its zoom, and what folds says to screen readers whether it is open.
  function watch() {
    new MutationObserver(() => {
      for (const fold of document.querySelectorAll("button.label-wrap")) {
        const open = String(fold.classList.contains("open"));
        if (fold.ariaExpanded !== open) fold.ariaExpanded = open;
      }
      for (const paper of document.querySelectorAll(".paper:not([data-ready])")) {
        paper.dataset.ready = "";
        const factor = zooms.get(keyOf(paper)) ?? 1;
        if (factor > 1) apply(paper, factor);
      }
    }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });
  }
  if (document.body) watch();
  else document.addEventListener("DOMContentLoaded", watch);

  async function copy(button) {
    const field = document.querySelector(button.dataset.copy);
    const says = button.parentElement.querySelector("output");
    if (!field?.value) {
      says.textContent = "There is no report yet.";
      return;
    }
    const notice = document.querySelector("#notice .notice-text")?.dataset.notice ?? "";
    const text = `${field.value}\n\n${notice}`;
    try {
      await navigator.clipboard.writeText(text);
      says.textContent = "Copied.";
    } catch {
      // Without a secure address, or without leave, a browser refuses: the reader copies by hand.
      field.select();
      says.textContent = "Your browser refused; the report is selected, copy it with Ctrl+C.";
    }
  }

  function save(file) {
    if (!file) return;
    const bytes = Uint8Array.from(atob(file.content), (letter) => letter.charCodeAt(0));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type: file.type }));
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  return { save };
})();
