"use strict";
// The tiles of an image: input, truth, and one tile per arm with its masks and labels.

const $ = (id) => document.getElementById(id);
const settings = {}; // of the forms, see gallery.js

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const short = (number) => Number.isNaN(number) || number === null ? "–" : number.toFixed(2).replace(/^0\./, ".");
const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

// A tile with a caption, and a body for pictures and labels.
function figure(name, ...parts) {
  const made = element("figure"), caption = element("figcaption"), body = element("div");
  caption.append(element("b", name));
  body.append(...parts);
  made.append(caption, body);
  return made;
}

// A name that can be broken after underscores.
function breakable(name) {
  const made = element("span");
  name.split(/(?<=_)/).forEach((part) => made.append(part, element("wbr")));
  return made;
}

function factsOf(image) {
  const scores = data.sorts.filter(({ key }) => key in image.scores).map(({ key, name }) => `${name} ${short(image.scores[key])}`);
  const group = image.group === image.id ? [] : [`group ${image.group}`];
  const chosen = image.chosen.length ? [`chosen: ${image.chosen.map((name) => data.reasons[name]).join("; ")}`] : [];
  return [...group, ...scores, ...chosen].join(" · ");
}

function trueLabels(image) {
  const list = element("ul");
  data.labels.forEach((name, number) => {
    const known = image.facts[data.facts.indexOf(name)], row = element("li");
    row.append(breakable(name), element("span", known === null ? "? unknown" : known ? "● yes" : "○ no"));
    list.append(row);
  });
  return list;
}

// One row per label: bar of the mean probability, a dot for each of several runs, a line at each threshold.
function labelBars(image, runs) {
  const list = element("ul");
  const own = runs.map((entry) => ({ entry, run: data.runs[entry.run] })).map(({ entry, run }) => {
    const place = settings.condition === "validation_masks" ? run.validation : settings.condition;
    return { run, values: entry.labels?.[place], thresholds: run.thresholds?.[place] };
  }).filter(({ values }) => values);
  if (!own.length) return element("p", `not tested with masks ${settings.condition}`, { class: "note" });
  data.labels.forEach((name, number) => {
    const known = own.filter(({ values }) => values[0][number] !== null);
    if (!known.length) return;
    const truth = image.facts[data.facts.indexOf(name)], probabilities = known.map(({ values }) => values[0][number]);
    const right = known.filter(({ values }) => values[1][number] === truth).length, all = known.length;
    const row = element("li"), bar = element("span", "", { class: "bar", "aria-hidden": "true" });
    const verdict = truth === null ? "truth unknown" : right === all ? "right" : all === 1 ? "wrong" : `${right} of ${all} right`;
    const sign = truth === null ? "?" : right === all ? "✓" : "✗", count = truth !== null && all > 1 ? ` ${right}/${all}` : "";
    const limits = [...new Set(known.map(({ thresholds }) => thresholds[number]).filter((value) => value !== null))];
    row.title = `${name}: probability ${short(mean(probabilities))}, ${limits.length ? `threshold ${limits.map(short).join(", ")}` : "the most probable label is predicted"}; ${verdict}`;
    const score = element("span", `${short(mean(probabilities))} ${sign}${count}`,
      { class: `score ${truth === null ? "" : right === all ? "right" : "wrong"}` });
    score.append(element("span", ` ${verdict}`, { class: "hidden" }));
    const place = (kind, style, value) => { bar.append(Object.assign(element(kind), { style: `${style}: ${100 * value}%` })); };
    place("i", "width", mean(probabilities));
    if (all > 1) probabilities.forEach((value) => place("s", "left", value));
    limits.forEach((value) => place("b", "left", value));
    row.append(breakable(name), score, bar);
    list.append(row);
  });
  return list;
}

// A canvas of one run, and the function that draws it and returns its Dice; null if the run keeps no such mask.
function maskPicture(item, number) {
  const run = data.runs[number], mask = run.masks.indexOf(settings.mask), planes = item.planes?.get(number);
  if (mask < 0 || !planes) return null;
  const canvas = element("canvas", "", { role: "img" }), words = element("small"), cell = element("div");
  cell.append(canvas, words);
  const draw = () => {
    const dice = drawPrediction(canvas, item.photographs.get(run.store), run, planes.truth[mask], planes.levels[mask],
      settings.view, settings.threshold);
    words.textContent = `${data.repeats[run.repeat]}: Dice ${short(dice)}`;
    canvas.dataset.dice = dice;
    canvas.setAttribute("aria-label",
      `${settings.view} of ${data.masks[settings.mask]} by ${data.arms[run.arm].name}, ${words.textContent}`);
    return dice;
  };
  return { cell, draw };
}

function maskPictures(item, runs, caption) {
  const pictures = runs.map(({ run }) => maskPicture(item, run)).filter(Boolean);
  if (!pictures.length) return element("p", `no predicted ${data.masks[settings.mask]} kept`, { class: "note" });
  const box = element("div", "", { class: "pictures" }), score = element("span");
  box.append(...pictures.map(({ cell }) => cell));
  caption.append(score);
  item.redraw.push(() => {
    const values = pictures.map(({ draw }) => draw()).filter((value) => !Number.isNaN(value));
    if (pictures.length > 1) score.textContent = ` · mean Dice ${short(values.length ? mean(values) : null)}`;
  });
  return box;
}

function inputAndTruth(item) {
  const { image, photographs, planes } = item, [store] = photographs.keys();
  const input = element("img", "", { src: image.pictures[store], alt: `photograph ${image.id}` });
  const truth = figure("truth");
  const number = planes && [...planes.keys()].find((own) => data.runs[own].masks.includes(settings.mask));
  if (number !== undefined && planes) {
    const run = data.runs[number], canvas = element("canvas", "", { role: "img" });
    const plane = planes.get(number).truth[run.masks.indexOf(settings.mask)];
    canvas.setAttribute("aria-label", `true outline of ${data.masks[settings.mask]} in ${image.id}`);
    item.redraw.push(() => drawTruth(canvas, photographs.get(run.store), data.sizes[run.store], plane));
    truth.lastChild.append(canvas);
  }
  truth.lastChild.append(trueLabels(image));
  return [figure("input", input), truth];
}

function legend() {
  const swatch = (colour, text) => {
    const made = element("span"), box = element("i");
    box.style.background = colour;
    made.append(box, text);
    return made;
  };
  const outcome = (kind, text) => swatch(`rgb(${COLOURS[kind].slice(0, 3).join(" ")})`, text);
  const truth = swatch(TRUTH, "outline of the truth"), unknown = outcome(UNKNOWN, "not annotated");
  const prediction = swatch(PREDICTION, "outline of the prediction");
  const colours = RAMP.map((own) => `rgb(${own.join(" ")})`).join(", ");
  const ofMasks = {
    errors: [outcome(HIT, "found"), outcome(FALSE_POSITIVE, "false positive"), outcome(FALSE_NEGATIVE, "false negative"),
      truth, unknown],
    outlines: [truth, prediction, unknown],
    probability: [swatch(`linear-gradient(90deg, ${colours})`, "probability 0 to 1"), prediction, unknown],
  }[settings.view];
  const several = data.repeats.length > 1 ? ", mean over runs; dot: one run" : "";
  const ofLabels = [element("span", `bar: probability${several}; line: threshold; ✓ right, ✗ wrong`)];
  $("legend").replaceChildren(...(data.masks.length ? ofMasks : []), ...(data.labels.length ? ofLabels : []));
}
