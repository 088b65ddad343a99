"use strict";
// Masks of an image: unpacked from text, thresholded, compared with the truth, drawn on a canvas.

const data = JSON.parse(document.getElementById("data").textContent);
const LEVELS = data.flag - 1; // the bits of a pixel that hold its level
const [NEITHER, HIT, FALSE_POSITIVE, FALSE_NEGATIVE, UNKNOWN] = [0, 1, 2, 3, 4];
// Okabe and Ito (2008), distinguishable with any colour vision; red, green, blue, opacity
const COLOURS = [[0, 0, 0, 0], [240, 228, 66, 150], [213, 94, 0, 205], [0, 114, 178, 205], [128, 128, 128, 170]];
const RAMP = [[13, 8, 65], [126, 3, 168], [213, 94, 0], [240, 228, 66]]; // of probabilities, from 0 to 1
const TRUTH = "#ffffff", PREDICTION = "#56b4e9";
const SIDE = 256; // pixels of the longer side of a canvas, at least

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// By number of the run: planes of the truth and of the levels, one of each per mask of the run.
async function planesOf(image) {
  const bytes = await unpack(image.planes), planes = new Map();
  let start = 0;
  const take = (run) => run.masks.map(() => {
    const [height, width] = data.sizes[run.store];
    start += height * width;
    return bytes.subarray(start - height * width, start);
  });
  const truths = image.targets.map((target) => take(data.runs[target.runs[0]]));
  image.targets.forEach((target, number) => target.runs.forEach((run) => {
    planes.set(run, { truth: truths[number], levels: take(data.runs[run]) });
  }));
  return planes;
}

// Whether a pixel's mask is present: above the threshold or, of exclusive masks, the most probable one.
function isPresent(level, exclusive, threshold) {
  return exclusive ? (level & data.flag) > 0 : (level & LEVELS) >= threshold;
}

function compare(truth, levels, exclusive, threshold) {
  const outcome = new Uint8Array(truth.length), counts = [0, 0, 0, 0, 0];
  for (let pixel = 0; pixel < truth.length; pixel++) {
    const present = isPresent(levels[pixel], exclusive, threshold);
    outcome[pixel] = truth[pixel] === data.unknown ? UNKNOWN
      : truth[pixel] === 1 ? (present ? HIT : FALSE_NEGATIVE) : (present ? FALSE_POSITIVE : NEITHER);
    counts[outcome[pixel]]++;
  }
  return { outcome, dice: dice(counts) };
}

// As in dermoscopy.metrics.segmentation.image_scores: 1 if both are empty, undefined if no pixel is known.
function dice(counts) {
  const union = counts[HIT] + counts[FALSE_POSITIVE] + counts[FALSE_NEGATIVE];
  return union ? 2 * counts[HIT] / (union + counts[HIT]) : counts[NEITHER] ? 1 : NaN;
}

function ramp(share) {
  const place = share * (RAMP.length - 1), low = Math.min(Math.floor(place), RAMP.length - 2);
  return RAMP[low].map((value, part) => Math.round(value + (place - low) * (RAMP[low + 1][part] - value)));
}

// Fill a canvas with a photograph and one colour per pixel of the store, [red, green, blue, opacity].
function paint(canvas, photograph, size, colour, shade) {
  const [height, width] = size, scale = Math.max(1, Math.ceil(SIDE / Math.max(height, width)));
  [canvas.width, canvas.height] = [width * scale, height * scale];
  const context = canvas.getContext("2d"), small = document.createElement("canvas");
  context.drawImage(photograph, 0, 0, canvas.width, canvas.height);
  context.fillStyle = `rgb(0 0 0 / ${shade})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
  [small.width, small.height] = [width, height];
  const pixels = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) pixels.data.set(colour(pixel), 4 * pixel);
  small.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return { context, scale };
}

// Draw the border between pixels inside and outside a mask, light on dark so that it shows on any photograph.
function outline({ context, scale }, [height, width], inside, colour) {
  const at = (x, y) => x >= 0 && y >= 0 && x < width && y < height && inside(y * width + x);
  context.beginPath();
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      const here = at(x, y);
      if (here !== at(x - 1, y)) { context.moveTo(x * scale, y * scale); context.lineTo(x * scale, (y + 1) * scale); }
      if (here !== at(x, y - 1)) { context.moveTo(x * scale, y * scale); context.lineTo((x + 1) * scale, y * scale); }
    }
  }
  const thick = context.canvas.width / 150;
  for (const [stroke, width] of [["#000000", 2 * thick], [colour, thick]]) {
    [context.strokeStyle, context.lineWidth] = [stroke, width];
    context.stroke();
  }
}

function drawTruth(canvas, photograph, size, truth) {
  const colour = (pixel) => COLOURS[truth[pixel] === data.unknown ? UNKNOWN : NEITHER];
  outline(paint(canvas, photograph, size, colour, 0), size, (pixel) => truth[pixel] === 1, TRUTH);
}

// Draw a prediction and return its Dice. Where a part of the image is annotated, only that part is drawn upon: the rest
// is mostly padding, on which a prediction means nothing.
function drawPrediction(canvas, photograph, run, truth, levels, view, threshold) {
  const size = data.sizes[run.store], { outcome, dice } = compare(truth, levels, run.exclusive, threshold);
  const partly = outcome.some((kind) => kind !== UNKNOWN), known = (pixel) => !partly || outcome[pixel] !== UNKNOWN;
  const colour = {
    errors: (pixel) => COLOURS[outcome[pixel]],
    outlines: (pixel) => COLOURS[known(pixel) ? NEITHER : UNKNOWN],
    probability: (pixel) => known(pixel) ? [...ramp((levels[pixel] & LEVELS) / data.thresholds.length), 255] : COLOURS[UNKNOWN],
  }[view];
  const drawn = paint(canvas, photograph, size, colour, view === "errors" ? 0.35 : 0);
  if (view !== "probability") outline(drawn, size, (pixel) => truth[pixel] === 1, TRUTH);
  const predicted = (pixel) => known(pixel) && isPresent(levels[pixel], run.exclusive, threshold);
  if (view !== "errors") outline(drawn, size, predicted, PREDICTION);
  return dice;
}
