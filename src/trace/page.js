// Draws the data of one run or of a comparison. Nothing of it is trusted as markup: texts go in as text.
"use strict";
(() => {
const DATA = JSON.parse(document.getElementById("data").textContent);
const RUNS = DATA.runs || [DATA];
const COMPARE = DATA.compare || null;
const ROOT = document.documentElement;
const tip = document.getElementById("tip"), live = document.getElementById("live");
const [RUN, GIL, LOCK, SLEEP, IO, JOIN, QUEUE, UNSEEN] = [0, 1, 2, 3, 4, 5, 6, 7];
const COLORS = ["--run", "--gil", "--lock", "--sleep", "--io", "--join", "--queue", "--join"];
const STACK = [RUN, GIL, LOCK, QUEUE, IO, SLEEP, JOIN, UNSEEN];
const WORDS = ["runs", "waits for the GIL", "waits for a lock", "sleeps", "waits for input, output or a process", "waits for a thread to end", "waits for a queue", "left no record"];
const SHORT = ["run", "GIL", "lock", "sleep", "io", "join", "queue", "unseen"];
const AXIS = 30;

// Elements.
function el(tag, props, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (k === "class") e.className = v;
    else if (k === "text") e.textContent = v;
    else if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (v !== null && v !== undefined) e.setAttribute(k, v);
  }
  for (const kid of kids.flat(Infinity)) if (kid !== null && kid !== undefined) e.append(kid);
  return e;
}

// Figures.
const thin = "\u202f";
const count = n => String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, thin);
function time(ns) {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${digits(ns / 1e3)} µs`;
  if (ns < 1e9) return `${digits(ns / 1e6)} ms`;
  return `${(ns / 1e9).toFixed(2)} s`;
}
const digits = x => x < 10 ? x.toFixed(1) : String(Math.round(x));
const amount = (run, n) => run.clock === "ns" ? time(n) : `${count(n)} ${Math.round(n) === 1 ? "instruction" : "instructions"}`;
const brief = (run, n) => run.clock === "ns" ? time(n) : count(n);
const percent = x => x.toFixed(1);

// First index in `a` (of `n` numbers) whose value is greater than x.
function above(a, x, n) {
  let lo = 0, hi = n === undefined ? a.length : n;
  while (lo < hi) { const m = (lo + hi) >> 1; if (a[m] > x) hi = m; else lo = m + 1; }
  return lo;
}

// Rows of numbers to arrays.
function prepare(run) {
  for (const t of run.threads) {
    const r = t.row, n = r.length / 5;
    Object.assign(t, { n, start: new Float64Array(n + 1), does: new Uint8Array(n), line: new Int32Array(n), last: new Int32Array(n), thing: new Int32Array(n) });
    let at = t.from;
    for (let i = 0; i < n; i++) {
      t.start[i] = at; at += r[5 * i + 1];
      t.does[i] = r[5 * i]; t.line[i] = r[5 * i + 2]; t.last[i] = r[5 * i + 3]; t.thing[i] = r[5 * i + 4];
    }
    t.start[n] = at; t.row = null;
  }
  for (const p of run.processes) {
    const r = p.turns, n = r.length / 6;
    const q = { n, start: new Float64Array(n), end: new Float64Array(n), who: new Int32Array(n), reason: new Int8Array(n), line: new Int32Array(n), native: new Int32Array(n) };
    for (let i = 0, at = 0; i < n; i++) {
      q.start[i] = at += r[6 * i]; q.end[i] = at += r[6 * i + 1];
      q.who[i] = r[6 * i + 2]; q.reason[i] = r[6 * i + 3]; q.line[i] = r[6 * i + 4]; q.native[i] = r[6 * i + 5];
    }
    p.turns = q;
  }
  for (const t of run.things) {
    const r = t.holds, n = r.length / 4;
    const q = { n, start: new Float64Array(n), end: new Float64Array(n), who: new Int32Array(n), line: new Int32Array(n) };
    for (let i = 0, at = 0; i < n; i++) {
      q.start[i] = at += r[4 * i]; q.end[i] = at += r[4 * i + 1]; q.who[i] = r[4 * i + 2]; q.line[i] = r[4 * i + 3];
    }
    t.holds = q;
  }
}
RUNS.forEach(prepare);

const who = (run, i) => { const t = run.threads[i]; return t ? `${t.letter} ${t.name}` : ""; };
const sourceOf = (run, line) => line > 0 && run.source[line - 1] !== undefined ? run.source[line - 1].trim() : "";
const title = t => t.name.startsWith(t.kind) ? t.name : `${t.kind} ${t.name}`;

// Colours and patterns, made anew when the theme or the scale changes.
let paint = {};
function palette() {
  const style = getComputedStyle(ROOT), c = name => style.getPropertyValue(name).trim();
  const dpr = window.devicePixelRatio || 1;
  paint = { dpr, does: COLORS.map(c), on: c("--on"), ink: c("--ink"), soft: c("--soft"), faint: c("--faint"), line: c("--line"), grid: c("--grid"), card: c("--card"), vain: c("--vain"), focus: c("--focus"), shade: c("--shade"), tints: ["--t0", "--t1", "--t2", "--t3"].map(c), sans: c("--sans"), mono: c("--mono") };
  const tile = (size, draw) => {
    const k = document.createElement("canvas"); k.width = k.height = Math.round(size * dpr);
    const g = k.getContext("2d"); g.scale(k.width / size, k.height / size); draw(g, size); return k;
  };
  const hatch = (color, flip) => tile(6, (g, s) => {
    g.globalAlpha = .26; g.fillStyle = color; g.fillRect(0, 0, s, s); g.globalAlpha = 1;
    g.strokeStyle = color; g.lineWidth = 1.5; g.beginPath();
    for (const d of [-s, 0, s]) { g.moveTo(d, flip ? 0 : s); g.lineTo(d + s, flip ? s : 0); if (flip === 2) { g.moveTo(d, s); g.lineTo(d + s, 0); } }
    g.stroke();
  });
  const bars = color => tile(5, (g, s) => { g.globalAlpha = .26; g.fillStyle = color; g.fillRect(0, 0, s, s); g.globalAlpha = 1; g.fillRect(0, 0, 1.6, s); });
  const dots = color => tile(5, (g, s) => { g.globalAlpha = .22; g.fillStyle = color; g.fillRect(0, 0, s, s); g.globalAlpha = 1; g.fillRect(1, 1, 2, 2); });
  paint.tiles = [null, hatch(paint.does[GIL], 0), hatch(paint.does[LOCK], 2), null, dots(paint.does[IO]), null, bars(paint.does[QUEUE]), dots(paint.does[UNSEEN])];
}
function patterns(g) {
  return paint.tiles.map(t => { if (!t) return null; const p = g.createPattern(t, "repeat"); p.setTransform(new DOMMatrix().scale(1 / paint.dpr)); return p; });
}

function fit(canvas, width, height) {
  const w = Math.max(1, Math.round(width * paint.dpr)), h = Math.max(1, Math.round(height * paint.dpr));
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; canvas.style.height = `${height}px`; }
  const g = canvas.getContext("2d");
  g.setTransform(paint.dpr, 0, 0, paint.dpr, 0, 0);
  g.clearRect(0, 0, width, height);
  return g;
}

// One bar of a state.
function bar(g, pats, does, x, y, w, h) {
  const color = paint.does[does];
  if (does === RUN) { g.fillStyle = color; g.fillRect(x, y + 3, w, h - 6); return; }
  if (does === SLEEP) { g.fillStyle = color; g.fillRect(x, y + h / 2 - 1.5, w, 3); return; }
  if (does === JOIN) { g.fillStyle = color; for (let d = x; d < x + w; d += 6) g.fillRect(d, y + h / 2 - 1, Math.min(3, x + w - d), 2); return; }
  const inset = h > 16 ? 6 : 3;
  g.fillStyle = pats[does]; g.fillRect(x, y + inset, w, h - 2 * inset);
  if (w > 2.5) { g.fillStyle = color; g.fillRect(x, y + inset, 1, h - 2 * inset); }
}

function label(g, text, x, w, y, color, plate) {
  g.font = `500 11px ${paint.sans}`;
  const wide = g.measureText(text).width;
  if (wide + 10 > w) return;
  if (plate) { g.fillStyle = paint.card; g.globalAlpha = .86; g.fillRect(x + 3, y - 7, wide + 6, 14); g.globalAlpha = 1; }
  g.fillStyle = color; g.textBaseline = "middle"; g.textAlign = "left"; g.fillText(text, x + 6, y + .5);
}

// What charts of one scale look at together.
class View {
  constructor(length, unit) { this.length = Math.max(1, length); this.unit = unit; this.from = 0; this.to = this.length; this.charts = []; }
  set(from, to) {
    const least = Math.min(this.length, this.unit === "ns" ? 200 : 12);
    let span = Math.min(this.length, Math.max(least, to - from));
    from = Math.max(0, Math.min(this.length - span, (from + to - span) / 2));
    this.from = from; this.to = from + span;
    this.charts.forEach(c => c.dirty());
  }
  zoom(factor, at) { const span = (this.to - this.from) * factor; const share = (at - this.from) / (this.to - this.from); this.set(at - share * span, at + (1 - share) * span); }
  pan(by) { const span = this.to - this.from; const from = Math.max(0, Math.min(this.length - span, this.from + by)); this.set(from, from + span); }
}

class Chart {
  constructor(run, view, heading) {
    this.run = run; this.view = view; this.rows = []; this.chosen = null; this.hover = null;
    view.charts.push(this);
    this.layout();
    this.range = el("p", { class: "range" });
    const tool = (text, name, f) => el("button", { type: "button", text, title: name, "aria-label": name, onclick: f });
    const mid = () => (this.view.from + this.view.to) / 2;
    this.base = el("canvas", { tabindex: 0, role: "application", "aria-label": `Timeline of ${run.file}, mode ${run.mode}. Arrow keys move, plus and minus zoom, 0 shows all; up and down choose a row, N and P the next and previous stretch.` });
    this.over = el("canvas", { class: "over", "aria-hidden": "true" });
    this.names = el("div", { class: "names" });
    this.small = el("canvas", { "aria-hidden": "true" });
    this.stage = el("div", { class: "stage" }, this.base, this.over);
    this.node = el("section", { class: "chart" },
      el("div", { class: "bar" }, heading || null, this.range,
        el("div", { class: "tools" }, tool("\u2212", "Zoom out", () => this.view.zoom(1.6, mid())), tool("+", "Zoom in", () => this.view.zoom(1 / 1.6, mid())), tool("Whole", "Show the whole run", () => this.view.set(0, this.view.length)))),
      el("div", { class: "plot" }, this.names, this.stage),
      el("div", { class: "overview" }, el("span", { text: "overview" }), this.small),
      this.legend());
    this.rows.forEach(r => { r.label = el("div", { class: `name${r.type === "part" ? " part" : ""}${r.h < 15 ? " small" : ""}`, style: `height:${r.h}px`, title: r.full || "" }, r.letter ? el("b", { text: r.letter }) : null, el("span", { text: r.h < 10 ? "" : r.name })); this.names.append(r.label); });
    this.events();
  }

  look(view) {
    this.view.charts = this.view.charts.filter(c => c !== this);
    this.view = view; view.charts.push(this); this.dirty();
  }

  layout() {
    const run = this.run, n = run.threads.length, h = n <= 60 ? 24 : n <= 240 ? 13 : 7;
    let y = AXIS;
    const add = r => { r.y = y; r.h = r.h || h; y += r.h; this.rows.push(r); };
    run.processes.forEach((p, k) => {
      if (k > 0) add({ type: "part", name: `process ${k + 1}${p.by === null ? "" : ", made by " + run.threads[p.by].letter}${p.fate ? ", " + p.fate : ""}`, h: 26 });
      if (p.fate) ; else if (p.gil) add({ type: "gil", name: "GIL", p, h: 24, full: "Who held the GIL" });
      else add({ type: "busy", name: "running", k, h: 34, full: "How many threads ran at a time" });
      run.threads.forEach((t, i) => { if (t.process === k) add({ type: "thread", letter: t.letter, name: t.name, t, i, full: `${t.letter} ${t.name}` }); });
    });
    const things = run.things.filter(t => t.holds.n > 0 && t.waits > 0 || t.depth.length);
    things.sort((a, b) => b.waited - a.waited);
    if (things.length) add({ type: "part", name: "locks and queues", h: 26 });
    for (const t of things.slice(0, 16)) {
      if (t.depth.length) add({ type: "depth", name: title(t), thing: t, h: 34, full: `Items in ${title(t)}` });
      else add({ type: "lock", name: title(t), thing: t, h: 20, full: `Who held ${title(t)}` });
    }
    this.height = y + 8;
  }

  legend() {
    const used = new Set(); this.run.threads.forEach(t => { for (let i = 0; i < t.n; i++) used.add(t.does[i]); });
    this.swatches = STACK.filter(d => used.has(d)).map(d => ({ d, canvas: el("canvas", { "aria-hidden": "true" }) }));
    const items = this.swatches.map(s => el("span", {}, s.canvas, SHORT[s.d] === "GIL" ? "waits for the GIL" : s.d === RUN ? "runs" : s.d === JOIN ? "waits in join" : s.d === IO ? "waits for io" : s.d === SLEEP ? "sleeps" : s.d === UNSEEN ? "not recorded" : `waits for a ${SHORT[s.d]}`));
    if (this.run.threads.some(t => t.vain.length)) { const canvas = el("canvas", { "aria-hidden": "true" }); this.swatches.push({ d: -1, canvas }); items.push(el("span", {}, canvas, "false wake")); }
    return el("div", { class: "legend" }, items);
  }

  x(t) { return (t - this.view.from) * this.k; }
  t(x) { return this.view.from + x / this.k; }
  dirty() { if (!this.asked) { this.asked = true; requestAnimationFrame(() => { this.asked = false; this.draw(); }); } }

  draw() {
    const width = this.stage.clientWidth; if (!width) return;
    this.width = width; this.k = width / (this.view.to - this.view.from);
    const g = fit(this.base, width, this.height);
    this.pats = patterns(g);
    this.grid(g);
    for (const r of this.rows) {
      if (r.type === "thread") this.thread(g, r);
      else if (r.type === "gil") this.spans(g, r, r.p.turns, true);
      else if (r.type === "lock") this.spans(g, r, r.thing.holds, false);
      else if (r.type === "depth") this.depth(g, r);
      else if (r.type === "busy") this.busy(g, r);
    }
    if (this.run.shown < this.run.length) {
      const x = this.x(this.run.shown);
      if (x < width) { g.fillStyle = paint.shade; g.fillRect(Math.max(0, x), AXIS, width - Math.max(0, x), this.height); label(g, "not kept from here on", Math.max(0, x), width - Math.max(0, x), AXIS + 12, paint.soft); }
    }
    this.arrows(g);
    this.mark();
    this.overview();
    const v = this.view;
    const whole = v.to - v.from >= v.length;
    if (whole) this.range.replaceChildren(el("b", { text: brief(this.run, this.run.length) }), this.run.clock === "ns" ? " in all" : " instructions in all");
    else this.range.replaceChildren(el("b", { text: brief(this.run, v.to - v.from) }), ` of ${amount(this.run, this.run.length)}, from ${brief(this.run, v.from)}`);
  }

  grid(g) {
    const v = this.view, least = (v.to - v.from) * 84 / this.width;
    let step = 10 ** Math.ceil(Math.log10(Math.max(least, 1e-9)));
    for (const f of [5, 2]) if (step / f >= least) { step /= f; break; }
    if (this.run.clock !== "ns") step = Math.max(1, step);
    const unit = this.run.clock !== "ns" ? [1, ""] : step >= 1e9 ? [1e9, " s"] : step >= 1e6 ? [1e6, " ms"] : step >= 1e3 ? [1e3, " µs"] : [1, " ns"];
    g.font = `11px ${paint.sans}`; g.textBaseline = "middle"; g.textAlign = "left";
    this.rows.forEach(r => { g.fillStyle = paint.grid; if (r.h > 12) g.fillRect(0, r.y + r.h - .5, this.width, 1); });
    for (let i = Math.ceil(v.from / step); i * step <= v.to; i++) {
      const x = Math.round(this.x(i * step)) + .5;
      g.fillStyle = paint.grid; g.fillRect(x - .5, AXIS - 8, 1, this.height);
      const text = (this.run.clock === "ns" ? String(+(i * step / unit[0]).toFixed(3)) : count(i * step)) + unit[1];
      const wide = g.measureText(text).width;
      g.fillStyle = paint.soft; if (x + wide + 4 < this.width) g.fillText(text, x + 4, 14);
    }
    g.fillStyle = paint.line; g.fillRect(0, AXIS - .5, this.width, 1);
  }

  // Stretches narrower than a pixel are gathered: each pixel shows their shares, running at the bottom.
  thread(g, r) {
    const t = r.t, v = this.view, { y, h } = r, acc = new Float64Array(STACK.length);
    let pixel = -1, i = Math.max(0, above(t.start, v.from, t.n) - 1);
    const flush = () => {
      if (pixel < 0) return;
      let sum = 0; for (const d of STACK) sum += acc[d];
      let top = y + h - 3; const full = (h - 6) / Math.max(sum, .35);
      for (const d of STACK) if (acc[d] > 0) { const part = acc[d] * full; g.globalAlpha = d === RUN ? 1 : d === SLEEP || d === JOIN ? .35 : .62; g.fillStyle = paint.does[d]; g.fillRect(pixel, top - part, 1, part); top -= part; acc[d] = 0; }
      g.globalAlpha = 1; pixel = -1;
    };
    for (; i < t.n && t.start[i] < v.to; i++) {
      let a = this.x(t.start[i]), b = this.x(t.start[i + 1]); const d = t.does[i];
      if (b < 0) continue;
      if (b - a < 1.5) {
        let px = Math.floor(a);
        if (px !== pixel) { flush(); pixel = px; }
        const cut = Math.min(b, px + 1); acc[d] += cut - a;
        if (b > cut) { flush(); pixel = px + 1; acc[d] += b - cut; }
        continue;
      }
      flush();
      a = Math.max(a, -8); b = Math.min(b, this.width + 8);
      bar(g, this.pats, d, a, y, b - a, h);
      if (h > 18 && b - a > (d === SLEEP || d === JOIN ? 90 : 34)) {
        const x = Math.max(a, 0), w = Math.min(b, this.width) - x, thing = t.thing[i] >= 0 ? this.run.things[t.thing[i]] : null;
        const text = thing ? title(thing) : d === RUN ? (t.line[i] === t.last[i] && t.line[i] ? `line ${t.line[i]}` : "") : d === GIL ? "GIL" : d === UNSEEN ? this.run.processes[t.process].fate : SHORT[d];
        if (text) label(g, text, x, w, y + h / 2, d === RUN ? paint.on : paint.ink, d !== RUN);
      }
    }
    flush();
    if (t.ended) { const x = this.x(t.to); if (x >= 0 && x <= this.width) { g.fillStyle = paint.soft; g.fillRect(x, y + 4, 1.5, h - 8); } }
    let last = -9;
    for (let j = above(t.vain, v.from); j < t.vain.length && t.vain[j] < v.to; j++) {
      const x = Math.floor(this.x(t.vain[j])); if (x - last < 2) continue; last = x;
      g.fillStyle = paint.vain; g.beginPath(); g.moveTo(x - 3, y + 1); g.lineTo(x + 3, y + 1); g.lineTo(x, y + 6); g.fill();
    }
  }

  // Turns of the GIL, holds of a lock.
  spans(g, r, s, gil) {
    const v = this.view, { y, h } = r, inset = gil ? 3 : 4, acc = new Float64Array(4);
    let pixel = -1, i = Math.max(0, above(s.start, v.from, s.n) - 1);
    const flush = () => {
      if (pixel < 0) return;
      let top = y + h - inset;
      for (let c = 0; c < 4; c++) if (acc[c] > 0) { const part = Math.min(1, acc[c]) * (h - 2 * inset); g.fillStyle = paint.tints[c]; g.fillRect(pixel, top - part, 1, part); top -= part; acc[c] = 0; }
      pixel = -1;
    };
    for (; i < s.n && s.start[i] < v.to; i++) {
      let a = this.x(s.start[i]), b = this.x(s.end[i]); if (b < 0) continue;
      const c = s.who[i] % 4;
      if (b - a < 1.5) {
        const px = Math.floor(a); if (px !== pixel) { flush(); pixel = px; }
        const cut = Math.min(b, px + 1); acc[c] += cut - a; if (b > cut) { flush(); pixel = px + 1; acc[c] += b - cut; }
        continue;
      }
      flush();
      a = Math.max(a, -8); b = Math.min(b, this.width + 8);
      g.fillStyle = paint.tints[c]; g.fillRect(a, y + inset, b - a - (b - a > 4 ? 1 : 0), h - 2 * inset);
      const x = Math.max(a, 0), w = Math.min(b, this.width) - x, t = this.run.threads[s.who[i]];
      if (w > 11 && t) {
        g.font = `600 11px ${paint.mono}`; g.textBaseline = "middle"; g.textAlign = "center";
        g.fillStyle = c < 2 ? paint.card : paint.ink;
        if (g.measureText(t.letter).width + 3 < w) g.fillText(t.letter, x + w / 2, y + h / 2 + .5);
      }
    }
    flush();
  }

  steps(r) {
    if (r.steps) return r.steps;
    if (r.type === "depth") {
      const d = r.thing.depth, n = d.length / 2, at = new Float64Array(n), v = new Float64Array(n);
      for (let i = 0; i < n; i++) { at[i] = d[2 * i]; v[i] = d[2 * i + 1]; }
      r.steps = { at, v, n };
    } else {
      const edges = [];
      this.run.threads.forEach(t => { if (t.process !== r.k) return; for (let i = 0; i < t.n; i++) if (t.does[i] === RUN) edges.push([t.start[i], 1], [t.start[i + 1], -1]); });
      edges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      const at = [], v = []; let now = 0;
      for (const [x, by] of edges) { now += by; if (at.length && at[at.length - 1] === x) v[v.length - 1] = now; else { at.push(x); v.push(now); } }
      r.steps = { at: Float64Array.from(at), v: Float64Array.from(v), n: at.length };
    }
    r.most = 1; for (const x of r.steps.v) r.most = Math.max(r.most, x);
    return r.steps;
  }
  depth(g, r) { this.area(g, r, paint.does[QUEUE]); }
  busy(g, r) { this.area(g, r, paint.does[RUN]); }
  area(g, r, color) {
    const s = this.steps(r), v = this.view, floor = r.y + r.h - 3, full = (r.h - 8) / r.most;
    let i = Math.max(0, above(s.at, v.from, s.n) - 1);
    g.fillStyle = color; g.globalAlpha = .8;
    const sums = new Float64Array(Math.ceil(this.width) + 2);
    for (; i < s.n && s.at[i] < v.to; i++) {
      const a = Math.max(0, this.x(s.at[i])), b = Math.min(this.width, this.x(i + 1 < s.n ? s.at[i + 1] : this.run.length));
      if (b <= a || !s.v[i]) continue;
      if (b - a > 1) { g.fillRect(a, floor - s.v[i] * full, b - a, s.v[i] * full); continue; }
      const px = Math.floor(a), cut = Math.min(b, px + 1); sums[px] += (cut - a) * s.v[i]; if (b > cut) sums[px + 1] += (b - cut) * s.v[i];
    }
    for (let px = 0; px < sums.length; px++) if (sums[px] > 0) g.fillRect(px, floor - sums[px] * full, 1, sums[px] * full);
    g.globalAlpha = 1; g.font = `10.5px ${paint.sans}`; g.textAlign = "right"; g.textBaseline = "top"; g.fillStyle = paint.soft;
    const wide = g.measureText(String(r.most)).width;
    g.fillStyle = paint.card; g.globalAlpha = .86; g.fillRect(this.width - wide - 8, r.y + 3, wide + 8, 13); g.globalAlpha = 1;
    g.fillStyle = paint.soft; g.fillText(String(r.most), this.width - 4, r.y + 4);
  }

  arrows(g) {
    const a = this.run.arrows, v = this.view, seen = [];
    const most = Math.min(90, this.width / 12);
    for (let i = 0; i < a.length && seen.length <= most; i += 5) if (a[i + 4] >= v.from && a[i + 2] <= v.to) seen.push(i);
    if (seen.length > most) return;
    // A crowd of arrows says nothing: it is left out until there is room for it.
    const crowd = new Map(), place = i => Math.floor(this.x(a[i + 2]) / 40);
    seen.forEach(i => crowd.set(place(i), (crowd.get(place(i)) || 0) + 1));
    const rows = new Map(this.rows.filter(r => r.type === "thread").map(r => [r.i, r]));
    g.lineWidth = 1; g.strokeStyle = paint.soft; g.fillStyle = paint.soft;
    for (const i of seen) {
      const from = rows.get(a[i + 1]), to = rows.get(a[i + 3]); if (!from || !to || from === to || crowd.get(place(i)) > 8) continue;
      const x0 = this.x(a[i + 2]), x1 = this.x(a[i + 4]), down = to.y > from.y;
      const y0 = from.y + (down ? from.h - 4 : 4), y1 = to.y + (down ? 3 : to.h - 3), bend = Math.min(28, Math.abs(x1 - x0) / 2 + 6);
      g.globalAlpha = .4; g.beginPath(); g.moveTo(x0, y0); g.bezierCurveTo(x0 + bend * .4, y0 + (y1 - y0) * .5, x1 - bend * .4, y0 + (y1 - y0) * .5, x1, y1); g.stroke();
      g.globalAlpha = .8; g.beginPath(); g.moveTo(x1, y1); g.lineTo(x1 - 3, y1 + (down ? -5 : 5)); g.lineTo(x1 + 3, y1 + (down ? -5 : 5)); g.fill(); g.beginPath(); g.arc(x0, y0, 1.6, 0, 7); g.fill();
    }
    g.globalAlpha = 1;
  }

  overview() {
    const width = this.small.clientWidth; if (!width) return;
    const g = fit(this.small, width, 34), run = this.run, key = `${width}:${this.view.length}`;
    if (this.binsKey !== key) {
      this.binsKey = key; const n = Math.max(1, Math.floor(width)), k = n / this.view.length; this.bins = STACK.map(() => new Float64Array(n));
      for (const t of run.threads) for (let i = 0; i < t.n; i++) {
        let a = t.start[i] * k; const b = Math.min(n, t.start[i + 1] * k), bin = this.bins[STACK.indexOf(t.does[i])];
        for (let px = Math.floor(a); px < b && px < n; px++) bin[px] += Math.min(b, px + 1) - Math.max(a, px);
      }
    }
    const total = Math.max(1, run.threads.length), full = 26 / total;
    for (let px = 0; px < this.bins[0].length; px++) {
      let top = 30;
      for (let s = 0; s < 4; s++) { const part = this.bins[s][px] * full; if (part > 0) { g.globalAlpha = s ? .5 : 1; g.fillStyle = paint.does[STACK[s]]; g.fillRect(px, top - part, 1, part); top -= part; } }
    }
    g.globalAlpha = 1;
    const a = this.view.from / this.view.length * width, b = this.view.to / this.view.length * width;
    if (b - a < width - 1) {
      g.fillStyle = paint.card; g.globalAlpha = .68; g.fillRect(0, 0, a, 34); g.fillRect(b, 0, width - b, 34); g.globalAlpha = 1;
      g.strokeStyle = paint.focus; g.lineWidth = 1.5; g.strokeRect(a + .75, .75, Math.max(3, b - a - 1.5), 32.5);
    }
    for (const s of this.swatches) {
      const c = fit(s.canvas, 26, 16);
      if (s.d < 0) { c.fillStyle = paint.vain; c.beginPath(); c.moveTo(9, 5); c.lineTo(17, 5); c.lineTo(13, 11); c.fill(); } else bar(c, patterns(c), s.d, 0, s.d === RUN ? 0 : -4, 26, s.d === RUN ? 16 : 24);
    }
  }

  // What lies at a place: row and stretch.
  find(x, y) {
    const r = this.rows.find(r => y >= r.y && y < r.y + r.h); if (!r) return null;
    const t = this.t(x);
    if (t > this.run.length) return null;
    if (r.type === "thread") { const i = above(r.t.start, t, r.t.n) - 1; return i >= 0 && t < r.t.start[r.t.n] ? { r, i } : { r, i: -1 }; }
    const s = r.type === "gil" ? r.p.turns : r.type === "lock" ? r.thing.holds : null;
    if (s) { const i = above(s.start, t, s.n) - 1; return i >= 0 && t < s.end[i] ? { r, i } : { r, i: -1 }; }
    if (r.type === "depth" || r.type === "busy") { const q = this.steps(r); return { r, i: above(q.at, t, q.n) - 1 }; }
    return null;
  }

  span(f) {
    const { r, i } = f; if (i < 0) return null;
    if (r.type === "thread") return [r.t.start[i], r.t.start[i + 1]];
    const s = r.type === "gil" ? r.p.turns : r.type === "lock" ? r.thing.holds : null;
    if (s) return [s.start[i], s.end[i]];
    const q = this.steps(r); return [q.at[i], i + 1 < q.n ? q.at[i + 1] : this.run.length];
  }

  // A title, pairs of words, and a line of the program.
  tell(f) {
    const { r, i } = f, run = this.run, span = this.span(f); if (!span) return null;
    const pairs = [["for", amount(run, span[1] - span[0])], ["from", `${brief(run, span[0])} to ${brief(run, span[1])}`]];
    let head = "", line = 0;
    const at = n => { if (n > 0) { line = n; pairs.push(["at", `${run.file}:${n}`]); } };
    if (r.type === "thread") {
      const t = r.t, d = t.does[i], p = run.processes[t.process], thing = t.thing[i] >= 0 ? run.things[t.thing[i]] : null;
      head = `${t.letter} ${t.name} ${thing ? "waits for " + title(thing) : WORDS[d]}`;
      if (d === RUN && t.line[i] !== t.last[i] && t.line[i] > 0 && t.last[i] > 0) { pairs.push(["lines", `${t.line[i]}, at the end ${t.last[i]}`]); line = t.last[i]; } else at(d === RUN ? t.last[i] : t.line[i]);
      if (d === RUN && p.gil) { const k = above(p.turns.start, span[1] - .1, p.turns.n) - 1; if (k >= 0 && p.turns.who[k] === r.i && p.turns.reason[k] >= 0) pairs.push(["then", `gave up the GIL: ${run.reasons[p.turns.reason[k]]}`]); }
      if (d === GIL && p.gil) { const h = this.holders(p, span); if (h) pairs.push(["held by", h]); }
      if (thing) { const k = above(thing.holds.start, span[0], thing.holds.n) - 1; if (k >= 0) pairs.push(["held by", who(run, thing.holds.who[k]) + (thing.holds.line[k] > 0 ? `, since line ${thing.holds.line[k]}` : "")]); }
    } else if (r.type === "gil") {
      const q = r.p.turns; head = `${who(run, q.who[i])} holds the GIL`;
      if (q.reason[i] >= 0) pairs.push(["until", run.reasons[q.reason[i]]]);
      if (q.native[i] >= 0) pairs.push(["kept by", `${r.p.natives[q.native[i]]}()`]);
      at(q.line[i]);
    } else if (r.type === "lock") { head = `${who(run, r.thing.holds.who[i])} holds ${title(r.thing)}`; at(r.thing.holds.line[i]); }
    else if (r.type === "depth") head = `${title(r.thing)}: ${this.steps(r).v[i]} items`;
    else head = `threads running: ${this.steps(r).v[i]}`;
    return { head, pairs, code: sourceOf(run, line) };
  }

  holders(p, span) {
    const q = p.turns, sums = new Map();
    for (let k = Math.max(0, above(q.start, span[0], q.n) - 1), n = 0; k < q.n && q.start[k] < span[1] && n < 20000; k++, n++) {
      const part = Math.min(q.end[k], span[1]) - Math.max(q.start[k], span[0]);
      if (part > 0) sums.set(q.who[k], (sums.get(q.who[k]) || 0) + part);
    }
    const all = [...sums].sort((a, b) => b[1] - a[1]);
    if (all.length === 1) return who(this.run, all[0][0]);
    return all.slice(0, 4).map(([i, n]) => `${this.run.threads[i].letter} ${brief(this.run, n)}`).join(", ") + (all.length > 4 ? ` and ${all.length - 4} more` : "");
  }

  show(f, x, y, speak) {
    const told = f && f.i >= 0 ? this.tell(f) : null;
    if (!told) { tip.hidden = true; return; }
    tip.replaceChildren(el("strong", { text: told.head }), el("dl", {}, told.pairs.map(([k, v]) => [el("dt", { text: k }), el("dd", { text: v })])), told.code ? el("code", { text: told.code }) : "");
    tip.hidden = false;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = `${Math.max(8, Math.min(innerWidth - w - 8, x + 14))}px`;
    tip.style.top = `${y + 18 + h > innerHeight - 8 ? Math.max(8, y - h - 12) : y + 18}px`;
    if (speak) live.textContent = `${told.head}; ${told.pairs.map(p => p.join(" ")).join("; ")}${told.code ? "; " + told.code : ""}`;
  }

  mark() {
    const g = fit(this.over, this.width, this.height);
    if (this.pointer !== undefined && this.pointer !== null) { g.fillStyle = paint.soft; g.globalAlpha = .5; g.fillRect(Math.round(this.pointer), 0, 1, this.height); g.globalAlpha = 1; }
    const f = this.hover || this.chosen, s = f && this.span(f);
    if (s) {
      const a = Math.max(-4, this.x(s[0])), b = Math.min(this.width + 4, this.x(s[1]));
      g.strokeStyle = this.hover ? paint.ink : paint.focus; g.lineWidth = this.hover ? 1.5 : 2; g.strokeRect(a - .5, f.r.y + 1.5, Math.max(3, b - a + 1), f.r.h - 3);
    }
    this.rows.forEach(r => r.label && r.label.classList.toggle("on", !!f && f.r === r));
  }

  choose(f) {
    this.chosen = f; this.hover = null; this.pointer = null;
    const s = f && this.span(f);
    if (s) {
      const v = this.view, span = v.to - v.from;
      if (s[1] < v.from || s[0] > v.to || s[0] < v.from && s[1] - s[0] < span) v.set(s[0] - span / 2, s[0] + span / 2);
      this.k = this.width / (v.to - v.from);
      const box = this.base.getBoundingClientRect();
      if (box.top + f.r.y < 0 || box.top + f.r.y + f.r.h > innerHeight) f.r.label.scrollIntoView({ block: "center" });
      const now = this.base.getBoundingClientRect();
      this.show(f, now.left + Math.max(0, Math.min(this.width - 40, this.x(s[0]))), now.top + f.r.y + f.r.h - 18, true);
    } else { tip.hidden = true; if (f) live.textContent = f.r.name; }
    this.mark();
  }

  size(r) { return r.type === "thread" ? r.t.n : r.type === "gil" ? r.p.turns.n : r.type === "lock" ? r.thing.holds.n : r.type === "part" ? 0 : this.steps(r).n; }

  key(e) {
    const v = this.view, span = v.to - v.from, mid = (v.from + v.to) / 2;
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const step = by => {
      const f = this.chosen || { r: this.rows.find(r => this.size(r)), i: -1 }; if (!f.r) return;
      let i = f.i < 0 ? this.nearest(f.r, by > 0 ? v.from : v.to) : f.i + by;
      this.choose({ r: f.r, i: Math.max(0, Math.min(this.size(f.r) - 1, i)) });
    };
    const row = by => {
      let k = this.chosen ? this.rows.indexOf(this.chosen.r) : by > 0 ? -1 : this.rows.length;
      const s = this.chosen && this.span(this.chosen), at = s ? Math.max(v.from, Math.min(v.to, (s[0] + s[1]) / 2)) : mid;
      do { k += by; } while (this.rows[k] && !this.size(this.rows[k]));
      if (this.rows[k]) this.choose({ r: this.rows[k], i: this.nearest(this.rows[k], at) });
    };
    const keys = {
      ArrowLeft: () => v.pan(-span * .2), ArrowRight: () => v.pan(span * .2), ArrowUp: () => row(-1), ArrowDown: () => row(1),
      "+": () => v.zoom(1 / 1.6, mid), "=": () => v.zoom(1 / 1.6, mid), "-": () => v.zoom(1.6, mid), "0": () => v.set(0, v.length),
      Home: () => v.pan(-v.length), End: () => v.pan(v.length), PageUp: () => v.pan(-span), PageDown: () => v.pan(span),
      n: () => step(1), p: () => step(-1), N: () => step(1), P: () => step(-1), Enter: () => { const s = this.chosen && this.span(this.chosen); if (s) { const w = (s[1] - s[0]) || 1; v.set(s[0] - w * .6, s[1] + w * .6); } },
      Escape: () => { this.chosen = null; tip.hidden = true; this.mark(); },
    };
    if (keys[e.key]) { e.preventDefault(); keys[e.key](); }
  }

  nearest(r, t) {
    const a = r.type === "thread" ? r.t.start : r.type === "gil" ? r.p.turns.start : r.type === "lock" ? r.thing.holds.start : this.steps(r).at;
    return Math.max(0, Math.min(this.size(r) - 1, above(a, t, this.size(r)) - 1));
  }

  events() {
    const c = this.base, chart = this;
    // Comparisons may give a chart another view.
    const v = { get from() { return chart.view.from; }, get to() { return chart.view.to; }, get length() { return chart.view.length; }, set: (a, b) => chart.view.set(a, b), pan: by => chart.view.pan(by), zoom: (f, at) => chart.view.zoom(f, at) };
    const place = e => { const box = c.getBoundingClientRect(); return [e.clientX - box.left, e.clientY - box.top]; };
    let drag = null;
    c.addEventListener("wheel", e => {
      e.preventDefault();
      const [x] = place(e), unit = e.deltaMode === 1 ? 24 : e.deltaMode === 2 ? 400 : 1;
      if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) v.pan((e.deltaX || e.deltaY) * unit / this.k);
      else v.zoom(Math.exp(Math.max(-240, Math.min(240, e.deltaY * unit)) * .0022), this.t(x));
      tip.hidden = true;
    }, { passive: false });
    c.addEventListener("pointerdown", e => { if (e.button) return; const [x] = place(e); drag = { x, from: v.from, moved: false }; c.setPointerCapture(e.pointerId); });
    c.addEventListener("pointermove", e => {
      const [x, y] = place(e); this.pointer = x;
      if (drag) {
        if (Math.abs(x - drag.x) > 2) drag.moved = true;
        if (drag.moved) { const span = v.to - v.from, from = Math.max(0, Math.min(v.length - span, drag.from - (x - drag.x) / this.k)); v.set(from, from + span); tip.hidden = true; this.hover = null; return; }
      }
      this.hover = this.find(x, y); this.show(this.hover, e.clientX, e.clientY, false); this.mark();
    });
    c.addEventListener("pointerup", e => { const [x, y] = place(e); if (drag && !drag.moved) { const f = this.find(x, y); this.choose(f && f.i >= 0 ? f : null); if (f) this.show(f, e.clientX, e.clientY, true); } drag = null; });
    c.addEventListener("pointerleave", () => { this.hover = null; this.pointer = null; if (!this.chosen) tip.hidden = true; this.mark(); });
    c.addEventListener("dblclick", e => { const [x] = place(e); v.zoom(1 / 3, this.t(x)); });
    c.addEventListener("keydown", e => this.key(e));
    c.addEventListener("focus", () => { if (this.chosen) this.choose(this.chosen); });
    c.addEventListener("blur", () => { tip.hidden = true; });
    const jump = e => { const box = this.small.getBoundingClientRect(), at = (e.clientX - box.left) / box.width * v.length, span = v.to - v.from; const from = Math.max(0, Math.min(v.length - span, at - span / 2)); v.set(from, from + span); };
    let held = false;
    this.small.addEventListener("pointerdown", e => { held = true; this.small.setPointerCapture(e.pointerId); jump(e); });
    this.small.addEventListener("pointermove", e => { if (held) jump(e); });
    this.small.addEventListener("pointerup", () => { held = false; });
  }
}

// Tables.
const cell = (text, cls) => el("td", { class: cls || null, text });
const number = (text, zero) => cell(text, zero ? "n zero" : "n");
function table(heads, rows) {
  return el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, heads.map(h => el("th", { class: h.startsWith("#") ? "n" : null, scope: "col", text: h.replace("#", "") })))), el("tbody", {}, rows)));
}
function whoCell(run, i) { const t = run.threads[i]; return el("td", { class: "who" }, el("b", { text: t.letter }), t.name); }

function threads(run) {
  const parts = ["run", "GIL", "lock", "sleep", "io", "join"];
  const rows = run.threads.map((t, i) => {
    const strip = el("div", { class: "shares", "aria-hidden": "true" });
    parts.forEach((_, k) => { const s = el("i"); s.style.width = `${t.percent[k]}%`; s.style.background = `var(${COLORS[k]})`; strip.append(s); });
    if (!t.percent.length) return el("tr", {}, whoCell(run, i), number("-"), el("td", { colspan: parts.length + 1, class: "text", text: `not recorded: ${run.processes[t.process].fate}` }));
    return el("tr", {}, whoCell(run, i), number(t.ran === null ? "-" : count(t.ran)), t.percent.map(p => number(percent(p), p === 0)), el("td", {}, strip));
  });
  return table(["thread", "#instructions", ...parts.map(p => `#${p === "GIL" ? "wait GIL" : p} %`), ""], rows);
}

function switches(run) {
  const r = run.report, total = Object.values(r.switches).reduce((a, b) => a + b, 0);
  const why = { limit: "the count of instructions was out", request: "another thread had asked for the switch interval", blocking: "it was about to wait", yield: "it slept 0 seconds", end: "it ended" };
  const rows = Object.entries(r.switches).map(([k, n]) => el("tr", {}, cell(k), number(count(n), !n), cell(why[k] || "", "text")));
  rows.push(el("tr", {}, cell("all"), number(count(total)), cell("")));
  return table(["reason", "#switches", "the thread gave up the GIL because"], rows);
}

function longest(run) {
  const r = run.report, rows = [], unit = n => r.unit === "ns" ? time(n) : `${count(n)} instructions`;
  const add = (name, l, also) => { if (l) rows.push(el("tr", {}, cell(name), number(unit(l.length)), cell(`${l.thread}${l.native ? ` in ${l.native}()` : ""}${l.line ? ` at ${run.file}:${l.line}` : ""}${also && l.native ? ": a native call keeps the GIL until it returns" : ""}`, "text"))); };
  add("wait for the GIL", r.longest_wait); add("hold while others waited", r.longest_hold, true);
  if (r.most_switches) rows.push(el("tr", {}, cell("line of most switches"), number(`${count(r.most_switches.switches)} of ${count(r.most_switches.of)}`), el("td", { class: "text" }, `line ${r.most_switches.line}  `, el("code", { text: r.most_switches.text }))));
  return rows.length ? table(["longest", "#", "where"], rows) : null;
}

function things(run) {
  const all = run.things.filter(t => t.waits > 0).sort((a, b) => b.waited - a.waited), rest = run.things.filter(t => !t.waits && t.acquired).sort((a, b) => b.acquired - a.acquired);
  const rows = [...all, ...rest].slice(0, 24).map(t => el("tr", {}, cell(title(t), "who"), number(t.acquired ? count(t.acquired) : "-"), number(count(t.waits), !t.waits), number(t.waits ? brief(run, t.waited) : "-", !t.waits), number(t.waits ? brief(run, t.longest) : "-", !t.waits), cell(t.waits ? `${run.threads[t.by].letter}${t.line ? `, line ${t.line}` : ""}` : "", "who")));
  return rows.length ? table(["lock or queue", "#acquired", "#waits", "#waited in all", "#longest wait", "by"], rows) : null;
}

function source(run) {
  if (!run.source.length) return null;
  const hits = new Map(); let most = 0;
  for (let i = 0; i < run.lines.length; i += 2) { hits.set(run.lines[i], run.lines[i + 1]); most = Math.max(most, run.lines[i + 1]); }
  const box = el("div", { class: "source", tabindex: 0, role: "region", "aria-label": "Program with switches per line" });
  run.source.forEach((text, i) => { const n = hits.get(i + 1); box.append(el("div", { class: n ? (n === most ? "hot most" : "hot") : null }, el("span", { class: "no", text: i + 1 }), el("span", { class: "hits", text: n ? count(n) : "" }), el("pre", { text: text || " " }))); });
  return box;
}

const part = (name, node) => node ? [el("h2", { text: name }), node] : [];
function figures(list) { return el("dl", { class: "figures" }, list.map(([k, v, unit]) => el("div", {}, el("dt", { text: k }), el("dd", {}, v, unit ? el("small", { text: ` ${unit}` }) : "")))); }
function runFigures(run) {
  const r = run.report, total = Object.values(r.switches).reduce((a, b) => a + b, 0), gil = run.processes[0].gil, out = [];
  out.push(run.clock === "ns" ? ["length", time(run.length).split(" ")[0], time(run.length).split(" ")[1]] : ["length", count(run.length), "instructions"]);
  out.push(["threads", count(run.threads.length)]);
  if (run.processes.length > 1) out.push(["processes", count(run.processes.length)]);
  if (gil) out.push(["thread switches", count(total)], ["GIL held", percent(r.gil_held_percent), "%"], ["somebody waited", percent(r.waiting_percent), "%"]);
  if (gil && r.false_wakes) out.push(["false wakes", count(r.false_wakes)]);
  if (!gil) out.push(["running at a time", r.threads_running.toFixed(1), "threads"]);
  return figures(out);
}
function notes(run) {
  const out = [];
  if (run.clock !== "ns") out.push("Times are instructions: a native call is one, and a sleep lasts as long as others run meanwhile.");
  if (run.dropped) out.push(`The record was full: ${count(run.dropped)} events did not fit. All but the count of instructions is of the first part.`);
  else if (run.shown < run.length) out.push(`The timeline keeps the first ${amount(run, run.shown)} of ${amount(run, run.length)}; the tables tell of the whole run.`);
  return out.map(text => el("p", { class: "note", text }));
}
const keys = () => el("p", { class: "keys" }, ...["wheel or ", ["+"], " ", ["-"], " zoom, drag or ", ["\u2190"], " ", ["\u2192"], " move, ", ["0"], " whole, ", ["\u2191"], " ", ["\u2193"], " choose a row, ", ["n"], " ", ["p"], " next and previous stretch, ", ["Enter"], " zoom to it"].map(k => Array.isArray(k) ? el("kbd", { text: k[0] }) : k));

// The theme: the system's, unless the button says otherwise.
const dark = matchMedia("(prefers-color-scheme: dark)");
let theme = null;
const charts = [];
function apply() { ROOT.dataset.theme = theme || (dark.matches ? "dark" : "light"); palette(); charts.forEach(c => c.dirty()); }
const button = el("button", { type: "button", class: "theme", text: "Dark", "aria-pressed": "false", onclick: () => { theme = ROOT.dataset.theme === "dark" ? "light" : "dark"; apply(); name(); } });
function name() { const on = ROOT.dataset.theme === "dark"; button.textContent = on ? "Light" : "Dark"; button.setAttribute("aria-label", `Switch to ${on ? "light" : "dark"} colours`); }
dark.addEventListener("change", () => { apply(); name(); });

const top = document.getElementById("top"), main = document.getElementById("main");
main.replaceChildren();
function head(file, eyebrow, verdict, said) {
  top.append(el("div", { class: "head" }, el("div", {}, el("h1", { text: file }), el("p", { class: "eyebrow", text: eyebrow })), button), el("p", { class: "verdict", text: verdict }), said.length ? el("ul", { class: "said" }, said.map(s => el("li", { text: s }))) : "");
}
if (COMPARE) {
  const c = COMPARE, view = new View(Math.max(...RUNS.map(r => r.length)), "ns");
  const [first, ...more] = c.verdict.length ? c.verdict : [""], cut = first.indexOf(". ") > 0 && first.startsWith("THE ") ? first.indexOf(". ") + 1 : first.length;
  head(c.file.split("/").pop(), `minipy compare, ${c.modes.map(m => m.mode).join(", ")}`, plainer(first.slice(0, cut)), [first.slice(cut).trim(), ...more].filter(Boolean));
  let one = true;
  const scale = el("button", { type: "button", text: "Each on its own scale", onclick: () => {
    one = !one; scale.textContent = one ? "Each on its own scale" : "All on one scale";
    view.set(0, view.length);
    charts.forEach(k => k.look(one ? view : new View(k.run.length, "ns")));
  } });
  const rows = c.modes.map((m, i) => el("tr", {}, el("td", { class: "who" }, el("b", { text: m.mode })), number(m.wall), number(m.cpu), number(m.cores === null ? "-" : m.cores.toFixed(1)), number(m.switches === null ? "-" : count(m.switches)), cell(i > 0 || m.compared === "differs" ? m.compared : "", m.compared === "differs" ? "differs who" : "who"), el("td", { class: "text" }, el("code", { text: m.shown }))));
  main.append(el("h2", { text: "Modes" }), table(["GIL mode", "#wall", "#CPU", "#cores", "#switches", "output", c.at ? `line ${c.at + 1}` : "first line"], rows), el("div", { class: "heading" }, el("h2", { text: "Timelines" }), scale));
  RUNS.forEach((run, i) => {
    const m = c.modes[i], chart = new Chart(run, view, el("h3", { text: run.mode })); charts.push(chart);
    main.append(chart.node, el("details", {}, el("summary", { text: `Figures of ${run.mode}: ${run.report.verdict}` }), runFigures(run), notes(run), part("Threads", threads(run)), run.processes[0].gil ? part("Switches", switches(run)) : [], part("Longest", longest(run)), part("Locks and queues", things(run))));
  });
  main.append(keys());
  if (RUNS[0]) main.append(...part("Program, with the switches of the first mode", source(RUNS[0])));
} else {
  const run = RUNS[0], r = run.report, gil = run.processes[0].gil;
  head(run.file, `minipy, GIL mode ${run.mode}`, r.verdict.replace(/ \(see: .*\)$/, ""), r.surprises);
  top.append(runFigures(run));
  const chart = new Chart(run, new View(run.length, run.clock)); charts.push(chart);
  main.append(el("h2", { text: "Timeline" }), ...notes(run), chart.node, keys(), ...part("Threads, shares of their lives", threads(run)));
  const left = gil ? part("Switches", switches(run)) : [], right = part("What stands out", longest(run));
  main.append(el("div", { class: "two" }, left.length ? el("div", {}, left) : null, right.length ? el("div", {}, right) : null), ...part("Locks, queues and other things waited for", things(run)), ...part(gil ? "Program, with forced switches per line" : "Program", source(run)));
}
function plainer(text) { return text.startsWith("THE ") ? text.charAt(0) + text.slice(1).toLowerCase().replace(/\bgil\b/g, "GIL") : text; }
document.getElementById("foot").textContent = "Made by minipy. This page needs nothing beside itself.";
apply(); name();
new ResizeObserver(() => charts.forEach(c => c.dirty())).observe(document.body);
addEventListener("beforeprint", () => { theme = "light"; apply(); charts.forEach(c => c.draw()); });
})();
