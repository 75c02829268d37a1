// SPDX-License-Identifier: BSD-3-Clause
// Puts the parts together: buttons, keys, search, what is chosen.

// How many calls there are in each column of the overview.
class Density {
  constructor(model, width) {
    this.width = width;
    this.byTime = model.byTime;
    this.all = new Uint32Array(width + 1);
    this.failed = new Uint32Array(width + 1);
    const scale = width / (model.last - model.first);
    for (let row = 0; row < model.count; row++) {
      const at = Math.max(0, Math.min(width, Math.floor((model.from[row] - model.first) * scale)));
      this.all[at]++;
      if (model.flags[row] & FAILED) this.failed[at]++;
    }
    this.most = this.all.reduce((a, b) => Math.max(a, b), 1);
  }

  draw(c, colors, height) {
    const tall = (count) => count ? 2 + Math.sqrt(count / this.most) * (height - 8) : 0;
    for (let at = 0; at < this.width; at++) {
      if (!this.all[at]) continue;
      c.fillStyle = colors.RMI;
      c.fillRect(at, height - tall(this.all[at]), 1, tall(this.all[at]));
      c.fillStyle = colors.failed;
      c.fillRect(at, height - tall(this.failed[at]), 1, tall(this.failed[at]));
    }
  }
}

function niceStep(least, byTime) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, byTime ? 1e-3 : 1)));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= least) ?? least;
  return byTime ? step : Math.max(1, Math.round(step));
}

function tickText(tick, step, last) {
  const [size, unit] = last >= 1e9 ? [1e9, "s"] : last >= 1e6 ? [1e6, "ms"] : [1e3, "µs"];
  return `${(tick / size).toFixed(Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9)))} ${unit}`;
}

class Page {
  constructor(model) {
    this.model = model;
    this.by = (id) => document.getElementById(id);
    this.chosen = null;
    this.scene = new Scene(model);
    this.painter = new Painter(this.scene, this.by("plot"), this.by("overview"));
    this.list = new List(model, this.by("list"), this.by("items"), (row) => this.choose(row));
    this.pointer = new Pointer(this.scene, this.by("plot"), this.by("overview"), this.by("tip"), (row) => this.choose(row, false));
    this.families();
    this.heading();
    this.buttons();
    this.keys();
    this.scene.onChange(() => this.redraw());
    this.by("lanes").addEventListener("scroll", () => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(document.body);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.painter.readColors(); this.redraw(); });
    this.refilter();
    this.redraw();
  }

  heading() {
    const { model } = this, facts = Object.entries(model.facts).map(([name, value]) => `${name}: ${value}`);
    this.by("facts").textContent = [`${model.count.toLocaleString("en")} calls`, ...facts].join(" · ");
    this.by("note").textContent = model.note;
    this.by("note").hidden = !model.note;
    this.mark = 0;
    this.markShown = false;
    this.by("marked").hidden = !model.marks.length || !model.count;
    this.by("mark").onclick = () => this.stepMark();
    this.nameMark();
  }

  // The button and the words beside it are about one mark: the first, or the one shown last.
  nameMark() {
    const { marks } = this.model, mark = marks[this.mark];
    if (!mark) return;
    const of = marks.length > 1 ? ` (${this.mark + 1} of ${marks.length})` : "";
    this.by("mark").textContent = `${this.mark ? "" : "first "}${mark.kind}${of}`;
    this.by("why").textContent = mark.text ? `${mark.title}: ${mark.text}` : mark.title;
  }

  stepMark() {
    const { marks, markRows } = this.model;
    if (!markRows.length) return;
    if (this.markShown) this.mark = (this.mark + 1) % marks.length;
    this.markShown = true;
    this.nameMark();
    this.choose(markRows[this.mark]);
  }

  families() {
    const { model } = this, box = this.by("families");
    this.wanted = new Set(model.families.keys());
    this.echoes = false;
    const add = (label, color, pressed, title, toggle) => {
      const button = element("button", label);
      button.setAttribute("aria-pressed", pressed);
      button.style.setProperty("--color", `var(--${color})`);
      button.title = title;
      button.onclick = () => { button.setAttribute("aria-pressed", toggle()); this.refilter(); };
      box.append(button);
    };
    model.families.forEach((family, n) => {
      const color = ["RMI", "RSI", "PSCI", "RMM"].includes(family) ? family : "other";
      add(family === "RMM" ? "RMM→EL3" : family, color, true, `show or hide ${family} calls`,
        () => { if (!this.wanted.delete(n)) this.wanted.add(n); return this.wanted.has(n); });
    });
    if (model.flags.some((flags) => flags & ECHO)) {
      add("hand-overs", "RMM", false, "RMM_RMI_REQ_COMPLETE that says what the RMI call returned", () => (this.echoes = !this.echoes));
    }
  }

  refilter() {
    this.model.filter(this.wanted, this.echoes);
    this.list.resize();
    this.find();
  }

  buttons() {
    const { scene } = this;
    this.by("in").onclick = () => scene.zoom(0.5);
    this.by("out").onclick = () => scene.zoom(2);
    this.by("fit").onclick = () => scene.all();
    this.by("axis").onclick = () => this.turn();
    this.by("next").onclick = () => this.step(1);
    this.by("previous").onclick = () => this.step(-1);
    let timer = 0;
    this.by("search").oninput = () => { clearTimeout(timer); timer = setTimeout(() => this.find(), 120); };
    this.by("search").onkeydown = (event) => {
      if (event.key === "Escape") this.by("plot").focus();
      if (event.key !== "Enter") return;
      clearTimeout(timer);
      if (this.query !== this.by("search").value) this.find();
      this.step(event.shiftKey ? -1 : 1);
    };
  }

  keys() {
    document.addEventListener("keydown", (event) => {
      if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
      const actions = {
        "+": () => this.scene.zoom(0.5), "-": () => this.scene.zoom(2), 0: () => this.scene.all(),
        ArrowRight: () => this.walk(1), ArrowLeft: () => this.walk(-1),
        ArrowDown: () => this.walk(1), ArrowUp: () => this.walk(-1),
        n: () => this.step(1), p: () => this.step(-1), "/": () => this.by("search").focus(),
        v: () => this.stepMark(), o: () => this.turn(),
      };
      if (event.shiftKey) {
        actions.ArrowRight = () => this.scene.pan(this.scene.plot / 4);
        actions.ArrowLeft = () => this.scene.pan(-this.scene.plot / 4);
      }
      if (!actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    });
  }

  // The same rows, laid out by time or by their numbers; what was in the middle stays there.
  turn() {
    const { model, scene } = this, middle = (scene.a + scene.b) / 2;
    const all = scene.b - scene.a >= (model.last - model.first) * 0.999;
    let [row, far] = [0, Infinity];
    for (let n = 0; n < model.count; n++) {
      const away = Math.abs(model.from[n] - middle);
      if (away < far) { row = n; far = away; }
    }
    model.byTime = !model.byTime;
    model.layOut();
    this.by("axis").textContent = model.byTime ? "axis: time" : "axis: order";
    if (all || !model.count) { scene.all(); return; }
    const size = scene.neighbourhood(this.chosen ?? row);
    scene.show(model.from[this.chosen ?? row] - size, model.from[this.chosen ?? row] + size);
  }

  find() {
    this.query = this.by("search").value;
    this.model.search(this.query);
    this.tally();
    this.list.draw();
    this.redraw();
  }

  tally() {
    const { hits } = this.model, at = hits.indexOf(this.chosen) + 1;
    const some = at ? `${at} of ${hits.length.toLocaleString("en")}` : `${hits.length.toLocaleString("en")} found`;
    this.by("hits").textContent = this.query.trim() ? some : "";
  }

  // To the next hit after what is chosen, round the end.
  step(by) {
    const { hits } = this.model;
    if (!hits.length) return;
    const from = this.chosen ?? (by > 0 ? -1 : this.model.count);
    const next = by > 0 ? hits.find((row) => row > from) ?? hits[0] : hits.findLast((row) => row < from) ?? hits.at(-1);
    this.choose(next);
  }

  walk(by) {
    const { shown } = this.model;
    if (!shown.length) return;
    const at = this.chosen === null ? -1 : this.list.position(this.chosen);
    this.choose(shown[Math.max(0, Math.min(shown.length - 1, at + by))]);
  }

  choose(row, move = true) {
    this.chosen = this.painter.chosen = row;
    this.list.reveal(row);
    this.tally();
    if (move) this.scene.reveal(row);
    this.showLane(row);
    this.redraw();
    this.shown = this.model.detail(row).then((found) => {
      if (this.chosen === row) render(this.by("detail"), this.model, row, found);
    });
  }

  showLane(row) {
    const position = this.scene.lanes.indexOf(this.model.lane[row]), box = this.by("lanes");
    if (position < 0) return;
    const top = position * LANE, room = box.clientHeight - AXIS;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + LANE > box.scrollTop + room) box.scrollTop = top + LANE - room + 4;
  }

  redraw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.drawNow();
    });
  }

  drawNow() {
    const { scene } = this, box = this.by("lanes");
    const most = Math.max(3 * LANE + AXIS, innerHeight * 0.42), height = Math.min(most, Math.max(scene.height, 90));
    box.style.height = `${height + 1}px`;
    this.by("spacer").style.height = `${Math.max(0, scene.height - height)}px`;
    scene.width = box.clientWidth;
    scene.scroll = Math.min(box.scrollTop, Math.max(0, scene.height - height));
    this.painter.draw(height);
  }
}

async function begin() {
  if (typeof DecompressionStream === "undefined") {
    document.getElementById("note").textContent = "This browser is too old: it has no DecompressionStream (2023).";
    document.getElementById("note").hidden = false;
    return;
  }
  const payload = JSON.parse(document.getElementById("data").textContent);
  window.timeline = new Page(await Model.load(payload));
  document.documentElement.dataset.ready = "yes";
}

begin();
