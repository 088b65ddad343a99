const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Tables that are sorted by a column; undefined values stay last.
for (const button of all(".sort")) button.addEventListener("click", () => {
  const head = button.closest("th"), table = head.closest("table"), column = head.cellIndex;
  const now = head.getAttribute("aria-sort") || "";
  const order = now ? { ascending: "descending", descending: "ascending" }[now] : button.dataset.first;
  const value = (row) => row.cells[column].dataset.value === undefined ? NaN : Number(row.cells[column].dataset.value);
  const compare = (a, b) => {
    const [one, other] = [value(a), value(b)];
    if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other);
    return order === "ascending" ? one - other : other - one;
  };
  for (const other of all("th", table.tHead)) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
});

// Tooltips of charts, in place of the browser's own, which would show the title of the whole chart: at the pointer, or
// by keyboard: the arrow keys go from one part of the focused chart to the next.
const tip = document.getElementById("tip");
const tell = (part, x, y) => {
  tip.hidden = !part;
  if (!part) return;
  tip.textContent = part.dataset.tip;
  const wide = tip.offsetWidth, left = x + 14;
  tip.style.left = `${Math.max(4, left + wide > innerWidth ? x - wide - 10 : left)}px`;
  tip.style.top = `${Math.max(4, y - tip.offsetHeight - 10)}px`;
};
for (const svg of all(".chart svg")) {
  const title = svg.querySelector("title"), parts = all("[data-tip]", svg);
  svg.setAttribute("aria-label", title.textContent);
  svg.removeAttribute("aria-labelledby");
  title.remove();
  svg.addEventListener("pointermove", (event) => tell(event.target.closest("[data-tip]"), event.clientX, event.clientY));
  for (const type of ["pointerleave", "blur"]) svg.addEventListener(type, () => tell(null));
  if (!parts.length) continue;
  let place = -1;
  svg.tabIndex = 0;
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    place = place < 0 && step < 0 ? parts.length - 1 : (place + step + parts.length) % parts.length;
    const box = parts[place].getBoundingClientRect();
    tell(parts[place], box.x + box.width / 2, box.y + box.height / 2);
  });
}
addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

// Keys of charts: the parts of one arm stand out while it is pointed at, focused or pressed.
for (const key of all(".key")) {
  const svg = key.parentElement.querySelector("svg"), buttons = all("button", key);
  const pick = (button) => {
    const chosen = button || buttons.find((one) => one.getAttribute("aria-pressed") === "true");
    svg.classList.toggle("picked", !!chosen);
    for (const part of all("[data-arm]", svg)) part.classList.toggle("picked", part.dataset.arm === chosen?.dataset.arm);
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") === "true";
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button && !pressed));
      pick(null);
    });
    for (const type of ["pointerenter", "focus"]) button.addEventListener(type, () => pick(button));
    for (const type of ["pointerleave", "blur"]) button.addEventListener(type, () => pick(null));
  }
}

// One pair of axes at a time; without this script all of them are shown.
const pair = document.getElementById("pair");
if (pair) {
  const choose = () => all("[id^='heat-']").forEach((heat) => { heat.hidden = heat.id !== pair.value; });
  pair.closest("p").hidden = false;
  pair.addEventListener("change", choose);
  choose();
}

for (const button of all(".copy")) {
  const code = button.parentElement.querySelector("code");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(code.textContent); button.textContent = "Copied"; }
    catch { getSelection().selectAllChildren(code); button.textContent = "Selected"; }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

// On paper everything is open.
let closed = [];
addEventListener("beforeprint", () => { closed = all("details:not([open])"); for (const part of closed) part.open = true; });
addEventListener("afterprint", () => { for (const part of closed) part.open = false; });
