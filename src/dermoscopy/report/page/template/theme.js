"use strict";
// Theme: as the system, light, dark. Storage may be refused, as for files.
const themes = ["", "light", "dark"], root = document.documentElement, theme = document.getElementById("theme");
const store = (work) => { try { return work(localStorage); } catch { return null; } };
function show(name) {
  if (name) root.dataset.theme = name; else delete root.dataset.theme;
  theme.querySelector("span").textContent = name || "as the system";
  theme.dataset.now = name;
}
show(themes.find((name) => name === store((kept) => kept.getItem("theme"))) || "");
theme.hidden = false;
theme.addEventListener("click", () => {
  show(themes[(themes.indexOf(theme.dataset.now) + 1) % themes.length]);
  store((kept) => kept.setItem("theme", theme.dataset.now));
});
