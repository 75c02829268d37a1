// SPDX-License-Identifier: BSD-3-Clause
// What part of the axis is looked at, and where things are on the screen.

const LANE = 26, AXIS = 22, BAR = 16;

class Scene {
  constructor(model) {
    this.model = model;
    this.a = model.first;
    this.b = model.last;
    this.width = 800;
    this.scroll = 0;
    this.listeners = [];
    this.lanes = model.lanesIn(this.a, this.b);
  }

  get gutter() { return this.width < 600 ? 126 : 176; }
  get plot() { return Math.max(50, this.width - this.gutter - 6); }
  get scale() { return this.plot / (this.b - this.a); }
  x(place) { return this.gutter + (place - this.a) * this.scale; }
  place(x) { return this.a + (x - this.gutter) / this.scale; }
  y(position) { return AXIS + position * LANE - this.scroll; }
  get height() { return AXIS + this.lanes.length * LANE + 4; }

  onChange(action) { this.listeners.push(action); }

  changed() {
    this.lanes = this.model.lanesIn(this.a, this.b);
    for (const action of this.listeners) action();
  }

  show(a, b) {
    const least = this.model.byTime ? 200 : 4;
    const whole = this.model.last - this.model.first;
    let size = Math.min(whole, Math.max(least, b - a));
    if (size > whole * (1 - 1e-9)) size = whole;
    this.a = Math.max(this.model.first, Math.min((a + b - size) / 2, this.model.last - size));
    this.b = size === whole ? this.model.last : this.a + size;
    this.changed();
  }

  all() { this.show(this.model.first, this.model.last); }

  zoom(factor, x = this.gutter + this.plot / 2) {
    const fixed = this.place(x);
    this.show(fixed - (fixed - this.a) * factor, fixed + (this.b - fixed) * factor);
  }

  pan(pixels) {
    const by = pixels / this.scale;
    this.show(this.a + by, this.b + by);
  }

  // Move a row into sight, and near enough to tell it from its neighbours.
  reveal(row) {
    const { from, to } = this.model;
    const length = to[row] - from[row];
    const middle = (from[row] + to[row]) / 2;
    let size = this.b - this.a;
    const wide = length * this.scale;
    if (wide < 6 || wide > this.plot) size = Math.max(length * 12, this.neighbourhood(row));
    const inside = middle > this.a + size * 0.1 && middle < this.b - size * 0.1;
    if (size === this.b - this.a && inside) this.changed();
    else this.show(middle - size / 2, middle + size / 2);
  }

  neighbourhood(row) {
    const near = 12, { from, count, last, first } = this.model;
    const size = from[Math.min(count - 1, row + near)] - from[Math.max(0, row - near)];
    return Math.min(size || last - first, last - first);
  }

  // The row under a point, null if there is none within a finger's width.
  hit(x, y, reach = 5) {
    const position = Math.floor((y + this.scroll - AXIS) / LANE);
    if (x < this.gutter || y < AXIS || position < 0 || position >= this.lanes.length) return null;
    const lane = this.lanes[position];
    return this.nearest(this.model.laneRows[lane], x, reach) ?? this.nearest(this.model.bands[lane], x, 0);
  }

  nearest(rows, x, reach) {
    const { model } = this;
    const at = model.lowerBound(rows, this.place(x));
    let best = null, distance = reach + 0.01;
    for (let n = Math.max(0, at - 40); n < Math.min(rows.length, at + 40); n++) {
      if (!model.visible[rows[n]]) continue;
      const left = this.x(model.from[rows[n]]), right = Math.max(left + 2, this.x(model.to[rows[n]]));
      const far = x < left ? left - x : x > right ? x - right : 0;
      if (far < distance) { best = rows[n]; distance = far; }
    }
    return best;
  }
}
