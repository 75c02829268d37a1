// SPDX-License-Identifier: BSD-3-Clause
// The rows as columns, and looking for things in them. Nothing here draws.

const FAILED = 1, ECHO = 2, OPEN = 4;

// A call's line in parts: what is called, what a host brings into a REC, what came back, the exit.
function splitText(text) {
  const arrow = text.indexOf(" → "), call = arrow < 0 ? text : text.slice(0, arrow);
  const answer = arrow < 0 ? "" : text.slice(arrow), exit = answer.search(/(through )?exit /);
  const entry = call.endsWith("]") ? call.lastIndexOf(" [") : -1;
  return {
    call: entry < 0 ? call : call.slice(0, entry), entry: entry < 0 ? "" : call.slice(entry),
    answer: exit < 0 ? answer : answer.slice(0, exit), exit: exit < 0 ? "" : answer.slice(exit),
  };
}

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

class Model {
  static async load(payload) {
    return new Model(await unpack(payload.columns), payload);
  }

  constructor(data, payload) {
    Object.assign(this, data);
    this.payload = payload;
    this.count = data.seq.length;
    this.chunks = new Map();
    this.lowered = null;
    this.isHit = new Uint8Array(this.count);
    this.hits = [];
    this.byTime = true;
    this.visible = new Uint8Array(this.count).fill(1);
    this.shown = [];
    this.markRows = this.marks.map((mark) => this.rowOf(mark.seq));
    this.isMarked = new Set(this.markRows);
    this.laneRows = this.lanes.map(() => []);
    this.bands = this.lanes.map(() => []);
    for (let row = 0; row < this.count; row++) {
      if (this.lane[row] >= 0) this.laneRows[this.lane[row]].push(row);
    }
    this.laneInto = new Map(this.into);
    for (const [row, lane] of this.into) this.bands[lane].push(row);
    this.sortedLanes = this.lanes.map((_, lane) => lane).sort((a, b) => this.compareLanes(a, b));
    this.layOut();
  }

  compareLanes(a, b) {
    const one = this.lanes[a].order, two = this.lanes[b].order;
    for (let n = 0; n < one.length; n++) if (one[n] - two[n]) return one[n] - two[n];
    return a - b;
  }

  // Where rows begin and end on the axis: nanoseconds, or numbers of events.
  layOut() {
    this.from = new Float64Array(this.count);
    this.to = new Float64Array(this.count);
    for (let row = 0; row < this.count; row++) {
      this.from[row] = this.byTime ? this.time[row] : this.seq[row];
      const length = this.byTime ? this.duration[row] : this.end[row] - this.seq[row] + 0.8;
      this.to[row] = this.from[row] + length;
    }
    let first = Infinity, last = -Infinity;
    for (let row = 0; row < this.count; row++) {
      if (this.lane[row] < 0) continue;
      first = Math.min(first, this.from[row]);
      last = Math.max(last, this.to[row]);
    }
    if (first > last) { first = 0; last = 1; }
    const margin = (last - first) * 0.01 || 1;
    this.first = first - margin;
    this.last = last + margin;
    this.laneSpans = this.lanes.map((_, lane) => this.span(lane));
  }

  span(lane) {
    let first = Infinity, last = -Infinity;
    for (const rows of [this.laneRows[lane], this.bands[lane]]) {
      if (!rows.length) continue;
      first = Math.min(first, this.from[rows[0]]);
      last = Math.max(last, this.to[rows[rows.length - 1]]);
    }
    return [first, last];
  }

  // The lanes that have something in a part of the axis.
  lanesIn(a, b) {
    return this.sortedLanes.filter((lane) => this.laneSpans[lane][0] <= b && this.laneSpans[lane][1] >= a);
  }

  // Why a REC was left; "" for all other calls.
  exitOf(row) {
    return this.laneInto.has(row) ? splitText(this.text[row]).exit.replace(/^exit /, "").split(" ")[0] : "";
  }

  // The row that an event belongs to: its call's, or where it would be.
  rowOf(seq) {
    let low = 0, high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.seq[middle] < seq) low = middle + 1; else high = middle;
    }
    if (this.seq[low] === seq) return low;
    for (let row = low - 1; row >= Math.max(0, low - 5000); row--) if (this.end[row] === seq) return row;
    return Math.max(0, Math.min(low, this.count) - 1);
  }

  // Where on the axis a mark is: where its call begins, or ends if the mark is about the return.
  markAt(n) {
    const row = this.markRows[n], { seq } = this.marks[n];
    return seq !== this.seq[row] && seq === this.end[row] ? this.to[row] : this.from[row];
  }

  // Index in a list of rows of the first one that begins at or after a place.
  lowerBound(rows, place) {
    let low = 0, high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.from[rows[middle]] < place) low = middle + 1; else high = middle;
    }
    return low;
  }

  // Families and echoes that are switched off are neither drawn nor listed.
  filter(families, echoes) {
    this.shown = [];
    for (let row = 0; row < this.count; row++) {
      const wanted = families.has(this.family[row]) && (echoes || !(this.flags[row] & ECHO) || this.isMarked.has(row));
      this.visible[row] = wanted ? 1 : 0;
      if (wanted) this.shown.push(row);
    }
  }

  // Rows that have all words, anywhere: command, addresses, status, lane, structure.
  search(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    this.hits = [];
    this.isHit.fill(0);
    if (!words.length) return;
    this.lowered ??= this.text.map((text, row) => this.haystack(text, row).toLowerCase());
    for (const row of this.shown) {
      const text = this.lowered[row];
      if (!words.every((word) => text.includes(word))) continue;
      this.isHit[row] = 1;
      this.hits.push(row);
    }
  }

  haystack(text, row) {
    const lane = this.lane[row] >= 0 ? this.lanes[this.lane[row]].label : "";
    const flag = this.flags[row] & FAILED ? "failed" : "";
    return `#${this.seq[row]} ${text} ${lane} ${flag} ${this.more[row] ?? ""}`;
  }

  async detail(row) {
    const number = Math.floor(row / this.payload.chunk);
    if (!this.chunks.has(number)) {
      if (this.chunks.size > 8) this.chunks.clear();
      this.chunks.set(number, await unpack(this.payload.details[number]));
    }
    return this.chunks.get(number)[row % this.payload.chunk];
  }

  color(row) {
    const family = this.families[this.family[row]];
    return ["RMI", "RSI", "PSCI", "RMM"].includes(family) ? family : "other";
  }
}

function duration(ns) {
  for (const [size, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) {
    if (Math.abs(ns) >= size) return `${+(ns / size).toPrecision(3)} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
}
