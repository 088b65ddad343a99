"use strict";
// The page: order, filters, keyboard, and one article per image, filled only while it is near the window.

const items = data.images.map((image) => ({ image, article: element("article"), near: false, redraw: [] }));

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => element("option", text, { value })));
  select.closest("label").hidden = entries.length < 2;
}

function setUp() {
  options($("sort"), [...data.sorts.map(({ key, name }) => [key, name]), ["id", "id"]]);
  const varies = (values) => [true, false].every((value) => values.some((own) => own !== null && Boolean(own) === value));
  const truths = [];
  const offer = (kind, names, of, words) => names.forEach((name, number) => {
    if (!varies(data.images.map((image) => of(image)[number] ?? null))) return;
    [1, 0].forEach((value) => truths.push([JSON.stringify([kind, number, value]), `${name}: ${words[value]}`]));
  });
  offer("facts", data.facts, (image) => image.facts, ["no", "yes"]);
  offer("present", data.masks.map((name) => `mask ${name}`), (image) => image.present ?? [], ["absent", "present"]);
  options($("truth"), [["", "any"], ...truths]);
  options($("repeat"), [["", "any run"], ...(data.repeats.length > 1 ? data.repeats : []).map((name, k) => [k, name])]);
  options($("chosen"), [["", "any reason"], ...Object.entries(data.reasons)]);
  options($("condition"), data.conditions.map((name) => [name, name.replaceAll("_", " ")]));
  options($("mask"), data.masks.map((name, number) => [number, name]));
  if (data.conditions.includes(data.condition)) $("condition").value = data.condition;
  $("threshold").max = data.thresholds.length;
  $("threshold").value = data.thresholds.indexOf(data.own) + 1;
  $("view").closest("label").hidden = !data.masks.length;
  $("slider").hidden = !data.runs.some((run) => run.masks.length && !run.exclusive);
  $("arms").hidden = data.arms.length < 2;
  data.arms.forEach((arm, number) => {
    const box = element("input", "", { type: "checkbox", value: number, checked: "" });
    const label = element("label");
    label.append(box, arm.name);
    $("arms").querySelector("fieldset").append(label);
  });
  for (const { image, article } of items) {
    article.tabIndex = -1;
    article.setAttribute("aria-label", `image ${image.id}`);
    article.style.minHeight = "16rem";
  }
}

function read() {
  for (const name of ["sort", "truth", "repeat", "chosen", "condition", "view"]) settings[name] = $(name).value;
  settings.mask = Number($("mask").value || 0);
  settings.threshold = Number($("threshold").value);
  settings.text = $("text").value.trim().toLowerCase();
  settings.arms = new Set([...$("arms").querySelectorAll("input:checked")].map((box) => Number(box.value)));
  document.body.style.setProperty("--tile", `${$("size").value}rem`);
  $("at").textContent = short(data.thresholds[settings.threshold - 1]);
}

function fits({ image }) {
  if (settings.text && ![image.id, image.group].some((text) => text.toLowerCase().includes(settings.text))) return false;
  if (settings.chosen && !image.chosen.includes(settings.chosen)) return false;
  if (settings.truth) {
    const [kind, number, value] = JSON.parse(settings.truth), own = (image[kind] ?? [])[number] ?? null;
    if (own === null || Number(own) !== value) return false;
  }
  return shownRuns(image).length > 0;
}

function shownRuns(image) {
  return image.runs.filter(({ run }) => settings.arms.has(data.runs[run].arm)
    && (settings.repeat === "" || data.runs[run].repeat === Number(settings.repeat)));
}

function arrange() {
  const score = ({ image }) => image.scores[settings.sort] ?? -Infinity;
  const byId = (one, other) => one.image.id < other.image.id ? -1 : 1;
  items.sort((one, other) => settings.sort !== "id" && score(other) - score(one) || byId(one, other));
  $("images").append(...items.map(({ article }) => article));
  for (const item of items) item.article.hidden = !fits(item);
  const shown = items.filter(({ article }) => !article.hidden).length;
  $("count").textContent = `${shown} of ${items.length} images`;
  $("none").hidden = shown > 0;
  items.forEach((item) => { if (item.near) fill(item); });
}

// Load pixels of an image unless they are loaded, then show it under the present settings.
async function fill(item) {
  const { image, article } = item;
  item.loading ??= Promise.all([
    image.planes ? planesOf(image) : null,
    ...Object.entries(image.pictures).map(async ([store, src]) => {
      const photograph = Object.assign(new Image(), { src });
      await photograph.decode();
      return [Number(store), photograph];
    }),
  ]);
  const [planes, ...photographs] = await item.loading;
  if (!item.near) return;
  Object.assign(item, { planes, photographs: new Map(photographs), redraw: [] });
  const tiles = element("div", "", { class: "tiles" }), runs = shownRuns(image);
  tiles.append(...inputAndTruth(item));
  data.arms.forEach((arm, number) => {
    const own = runs.filter(({ run }) => data.runs[run].arm === number);
    if (!own.length) return;
    const made = figure(arm.name + (arm.reference && data.arms.length > 1 ? " (reference)" : ""));
    made.title = arm.full;
    if (data.masks.length && own.some(({ run }) => data.runs[run].masks.length)) {
      made.lastChild.append(maskPictures(item, own, made.firstChild));
    }
    if (data.labels.length && own.some(({ labels }) => labels)) made.lastChild.append(labelBars(image, own));
    tiles.append(made);
  });
  article.replaceChildren(element("h2", image.id), element("p", factsOf(image), { class: "facts" }), tiles);
  article.style.minHeight = "";
  item.redraw.forEach((draw) => draw());
}

// Give back the memory of an image that is far from the window, and keep its place.
function empty(item) {
  if (!item.article.hidden) item.article.style.minHeight = `${item.article.offsetHeight}px`;
  item.article.replaceChildren();
  Object.assign(item, { loading: undefined, planes: undefined, photographs: undefined, redraw: [] });
}

function update(event) {
  read();
  legend();
  if (event?.target.id === "size") return;
  if (["threshold", "view"].includes(event?.target.id)) items.forEach(({ redraw }) => redraw.forEach((draw) => draw()));
  else arrange();
}

function step(by) {
  const shown = items.filter(({ article }) => !article.hidden).map(({ article }) => article);
  const top = $("display").offsetHeight + 8, now = shown.indexOf(document.activeElement);
  const first = shown.findIndex((article) => article.getBoundingClientRect().bottom > top);
  const next = now < 0 ? first : now + by;
  shown[Math.min(Math.max(next, 0), shown.length - 1)]?.focus({ preventScroll: true });
  document.activeElement.scrollIntoView({ block: "start" });
}

function press(event) {
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const action = { "/": () => $("text").select(), ArrowRight: () => step(1), ArrowLeft: () => step(-1) }[event.key];
  if (action) { event.preventDefault(); action(); }
}

function clear() {
  $("filters").reset();
  update();
}

setUp();
document.querySelectorAll("form").forEach((form) => {
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
});
document.addEventListener("keydown", press);
$("clear").addEventListener("click", clear);
const byArticle = new Map(items.map((item) => [item.article, item]));
const observer = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
  const item = byArticle.get(target);
  if (item.near === isIntersecting) return;
  item.near = isIntersecting;
  if (isIntersecting) fill(item); else empty(item);
}), { rootMargin: "600px" });
update();
items.forEach(({ article }) => observer.observe(article));
