// SPDX-License-Identifier: BSD-3-Clause
// Draws lanes, axis and overview. Rows too narrow to be seen are counted by columns of pixels.

const COLUMN = 2;

class Painter {
  constructor(scene, plot, overview) {
    this.scene = scene;
    this.model = scene.model;
    this.plot = plot;
    this.overview = overview;
    this.chosen = null;
    this.readColors();
  }

  readColors() {
    const style = getComputedStyle(document.documentElement);
    const names = ["panel", "ink", "quiet", "line", "band", "stripe", "RMI", "RSI", "PSCI", "RMM", "other", "failed",
      "mark", "hit", "chosen", "accent", "paper", "exit", "caption"];
    this.colors = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  // Fit a canvas to its box in device pixels; returns a context in CSS pixels.
  prepare(canvas, width, height) {
    const ratio = devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }

  draw(height) {
    const { scene, colors } = this, width = scene.width;
    const c = this.context = this.prepare(this.plot, width, height);
    c.fillStyle = colors.panel;
    c.fillRect(0, 0, width, height);
    c.font = "12px system-ui, sans-serif";
    c.textBaseline = "middle";
    c.save();
    c.beginPath();
    c.rect(scene.gutter, 0, width, height);
    c.clip();
    const visible = scene.lanes.map((lane, n) => [lane, scene.y(n)]).filter(([, y]) => y > AXIS - LANE && y < height);
    for (const [lane, y] of visible) this.band(lane, y, width);
    this.grid(height);
    for (const [lane, y] of visible) this.lane(lane, y);
    this.marks(height);
    this.chosenFrame();
    c.restore();
    this.axis(width);
    for (const [lane, y] of visible) this.label(lane, y);
    c.fillStyle = colors.panel;
    c.fillRect(0, 0, scene.gutter, AXIS);
    this.drawOverview();
  }

  band(lane, y, width) {
    const { context: c, scene } = this;
    c.fillStyle = this.colors.line;
    c.globalAlpha = 0.6;
    c.fillRect(0, Math.round(y + LANE) - 1, width, 1);
    c.globalAlpha = 1;
    const bars = new Bars(this.scene);
    for (const row of this.inView(this.model.bands[lane])) bars.add(row);
    c.fillStyle = this.colors.band;
    for (const { left, right } of bars.single) c.fillRect(left, y + 1, right - left, LANE - 3);
    for (const { left } of bars.columns.values()) c.fillRect(left, y + 1, COLUMN, LANE - 3);
    for (const { right, row } of bars.single) if (right - 2 > scene.gutter) this.exit(row, right, y);
  }

  // Where a REC is left: an edge, and the reason behind it where nothing follows at once.
  exit(row, right, y) {
    const { context: c, colors, scene, model } = this;
    c.fillStyle = colors.exit;
    c.fillRect(Math.round(right) - 2, y + 1, 2, LANE - 3);
    const rows = model.bands[model.laneInto.get(row)], next = rows[model.lowerBound(rows, model.from[row]) + 1];
    const room = Math.min(scene.width, next === undefined ? Infinity : scene.x(model.from[next])) - right;
    if (room > 76) this.write(c, model.exitOf(row), right + 5, y + LANE / 2, right + room, colors.exit);
  }

  lane(lane, y) {
    const { colors, model, scene, context: c } = this;
    const top = y + (LANE - BAR) / 2 - 1;
    const bars = new Bars(scene);
    for (const row of this.inView(model.laneRows[lane])) if (model.visible[row]) bars.add(row);
    for (const { left, right, row, hit } of bars.single) {
      c.fillStyle = colors[model.color(row)];
      c.fillRect(left, top, right - left, BAR);
      if (model.flags[row] & FAILED) this.bottom(left, right, top, 4);
      if (hit) this.crown(left, right, top);
      if (right - left > 46) this.caption(row, left, right, top);
    }
    for (const { left, row, count, failed, hit } of bars.columns.values()) {
      const tall = Math.min(BAR, 7 + 3 * Math.log2(count));
      c.fillStyle = colors[model.color(row)];
      c.fillRect(left, top + BAR - tall, COLUMN, tall);
      if (failed) this.bottom(left, left + COLUMN, top, Math.max(2, tall * failed / count * 0.7));
      if (hit) this.crown(left, left + COLUMN, top);
    }
  }

  bottom(left, right, top, tall) {
    this.context.fillStyle = this.colors.failed;
    this.context.fillRect(left, top + BAR - tall, right - left, tall);
  }

  crown(left, right, top) {
    this.context.fillStyle = this.colors.hit;
    this.context.fillRect(left, top - 4, Math.max(2, right - left), 3);
  }

  // The rows of a list that touch the view: those of a lane do not overlap.
  *inView(rows) {
    const { model, scene } = this;
    for (let n = Math.max(0, model.lowerBound(rows, scene.a) - 1); n < rows.length; n++) {
      if (model.from[rows[n]] > scene.b) return;
      yield rows[n];
    }
  }

  caption(row, left, right, top) {
    const { context: c, scene } = this;
    const from = Math.max(left, scene.gutter) + 4, room = Math.min(right, scene.width) - from - 4;
    if (room < 30) return;
    const name = this.model.names[this.model.name[row]].replace(/^(RMI|RSI|PSCI|RMM)_/, "");
    const exit = this.model.exitOf(row), text = exit ? `${name} → ${exit}` : name;
    const most = Math.floor(room / 7.4);
    c.font = "11px system-ui, sans-serif";
    c.fillStyle = this.colors.caption;
    c.fillText(text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text, from, top + BAR / 2 + 0.5);
    c.font = "12px system-ui, sans-serif";
  }

  label(lane, y) {
    const { context: c, colors, scene } = this;
    c.fillStyle = colors.panel;
    c.fillRect(0, y, scene.gutter - 1, LANE - 1);
    c.fillStyle = colors.line;
    c.fillRect(0, Math.round(y + LANE) - 1, scene.gutter, 1);
    c.fillRect(scene.gutter - 1, y, 1, LANE);
    this.write(c, this.model.lanes[lane].label, 8, y + LANE / 2, scene.gutter, colors.ink);
  }

  write(c, text, x, y, room, color = this.colors.quiet) {
    c.font = "12px system-ui, sans-serif";
    c.textBaseline = "middle";
    c.fillStyle = color;
    while (text.length > 4 && c.measureText(text).width > room - x - 6) text = `${text.slice(0, -2)}…`;
    c.fillText(text, x, y);
  }

  axis(width) {
    const { context: c, colors, scene, model } = this;
    c.fillStyle = colors.panel;
    c.fillRect(scene.gutter, 0, width, AXIS - 1);
    c.fillStyle = colors.line;
    c.fillRect(0, AXIS - 1, width, 1);
    for (const [tick, x, step] of this.ticks()) {
      c.fillStyle = colors.line;
      c.fillRect(x, AXIS - 6, 1, 5);
      c.fillStyle = colors.quiet;
      c.fillText(model.byTime ? tickText(tick, step, scene.b) : `#${tick}`, x + 3, AXIS / 2 - 1);
    }
  }

  *ticks() {
    const { scene, model } = this, apart = model.byTime ? 92 : 80;
    const step = niceStep((scene.b - scene.a) / Math.max(2, scene.plot / apart), model.byTime);
    for (let tick = Math.ceil(scene.a / step) * step; tick < scene.b; tick += step) yield [tick, scene.x(tick), step];
  }

  grid(height) {
    this.context.fillStyle = this.colors.line;
    this.context.globalAlpha = 0.5;
    for (const [, x] of this.ticks()) this.context.fillRect(x, AXIS, 1, height);
    this.context.globalAlpha = 1;
  }

  marks(height) {
    const { context: c, colors, scene, model } = this;
    model.markRows.forEach((row, n) => {
      const x = scene.x(model.markAt(n));
      if (x < scene.gutter - 8 || x > scene.width) return;
      c.fillStyle = colors.mark;
      c.globalAlpha = n ? 0.5 : 1;
      c.fillRect(x - 1, AXIS, n ? 1 : 2, height);
      c.beginPath();
      c.moveTo(x - 7, AXIS); c.lineTo(x + 7, AXIS); c.lineTo(x, AXIS + 9);
      c.fill();
      c.globalAlpha = 1;
    });
  }

  chosenFrame() {
    const { context: c, colors, scene, model, chosen } = this;
    if (chosen === null) return;
    const position = scene.lanes.indexOf(model.lane[chosen]);
    if (position < 0) return;
    const left = scene.x(model.from[chosen]), right = Math.max(left + 3, scene.x(model.to[chosen]));
    c.strokeStyle = colors.chosen;
    c.lineWidth = 2;
    c.strokeRect(left - 2, scene.y(position) + (LANE - BAR) / 2 - 3, right - left + 4, BAR + 4);
  }

  drawOverview() {
    const { scene, colors, model } = this, width = scene.width, height = 38;
    const c = this.prepare(this.overview, width, height);
    const { gutter, plot } = scene;
    if (this.density?.width !== plot || this.density.byTime !== model.byTime) this.density = new Density(model, plot);
    c.translate(gutter, 0);
    this.density.draw(c, colors, height);
    c.translate(-gutter, 0);
    this.write(c, "all calls", 8, height / 2, gutter);
    const x = (place) => gutter + (place - model.first) / (model.last - model.first) * plot;
    c.fillStyle = colors.hit;
    for (const row of model.hits) c.fillRect(x(model.from[row]), height - 5, 1.5, 5);
    c.fillStyle = colors.mark;
    for (const n of model.markRows.keys()) c.fillRect(x(model.markAt(n)) - 1, 0, 2.5, height);
    const left = x(scene.a), right = Math.max(left + 4, x(scene.b));
    c.fillStyle = colors.paper;
    c.globalAlpha = 0.6;
    c.fillRect(gutter, 0, left - gutter, height);
    c.fillRect(right, 0, width, height);
    c.globalAlpha = 1;
    c.strokeStyle = colors.accent;
    c.lineWidth = 1.5;
    c.strokeRect(left + 0.75, 0.75, Math.max(3, right - left - 1.5), height - 1.5);
  }
}

// Rows that are wide enough by themselves, and what there is in each column of the rest.
class Bars {
  constructor(scene) {
    this.scene = scene;
    this.single = [];
    this.columns = new Map();
  }

  add(row) {
    const { scene } = this, { model } = scene, hit = model.isHit[row];
    const left = Math.max(scene.x(model.from[row]), scene.gutter - 4);
    const right = Math.min(scene.x(model.to[row]), scene.width + 4);
    if (right - left >= COLUMN) { this.single.push({ left, right: Math.max(right - 0.5, left + 1.5), row, hit }); return; }
    const number = Math.floor(left / COLUMN);
    const column = this.columns.get(number);
    if (!column) {
      const failed = model.flags[row] & FAILED;
      this.columns.set(number, { left: number * COLUMN, row, count: 1, failed, hit });
      return;
    }
    column.count++;
    column.failed += model.flags[row] & FAILED;
    column.hit ||= hit;
  }
}
