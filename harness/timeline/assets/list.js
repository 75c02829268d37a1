// SPDX-License-Identifier: BSD-3-Clause
// The calls as lines; only those in sight are in the document.

const ITEM = 22, TALLEST = 8_000_000;

class List {
  constructor(model, box, items, choose) {
    Object.assign(this, { model, box, items, choose, chosen: null });
    box.addEventListener("scroll", () => this.draw());
    items.addEventListener("click", (event) => {
      const item = event.target.closest(".item");
      if (item) choose(+item.dataset.row);
    });
    new ResizeObserver(() => this.draw()).observe(box);
  }

  // Browsers limit how tall an element may be: very long lists scroll by more than they show.
  resize() {
    this.tall = Math.min(TALLEST, this.model.shown.length * ITEM);
    this.items.style.height = `${this.tall}px`;
    this.draw();
  }

  get first() {
    const { shown } = this.model, most = Math.max(1, this.tall - this.box.clientHeight);
    if (this.tall < TALLEST) return Math.floor(this.box.scrollTop / ITEM);
    const share = this.box.scrollTop / most;
    return Math.floor(share * Math.max(0, shown.length - this.box.clientHeight / ITEM));
  }

  draw() {
    const { shown } = this.model, first = this.first;
    const offset = this.tall < TALLEST ? first * ITEM : this.box.scrollTop;
    const count = Math.ceil(this.box.clientHeight / ITEM) + 1;
    const fragment = document.createDocumentFragment();
    shown.slice(first, first + count).forEach((row, n) => fragment.append(this.item(row, offset + n * ITEM)));
    this.items.replaceChildren(fragment);
  }

  item(row, top) {
    const { model } = this, item = document.createElement("div");
    item.className = "item";
    item.dataset.row = row;
    item.style.top = `${top}px`;
    item.style.setProperty("--color", `var(--${model.color(row)})`);
    item.classList.toggle("hit", model.isHit[row] === 1);
    item.classList.toggle("marked", model.isMarked.has(row));
    item.classList.toggle("chosen", row === this.chosen);
    const number = element("span", String(model.seq[row]).padStart(7), "number");
    const when = element("span", `${(model.time[row] / 1e9).toFixed(6).padStart(12)}  `, "when");
    const { call, entry, answer, exit } = splitText(model.text[row]);
    item.append(number, when, document.createElement("i"), element("span", this.indent(row) + call, "call"),
      element("span", entry, "entry"), element("span", answer, model.flags[row] & FAILED ? "answer failed" : "answer"),
      element("span", exit, "exit"));
    item.id = `row-${row}`;
    item.role = "option";
    item.ariaSelected = row === this.chosen;
    return item;
  }

  indent(row) {
    const lane = this.model.lanes[this.model.lane[row]];
    if (!lane) return "!! ";
    if (lane.inside) return `    ${lane.label}: `;
    return lane.order[2] ? "  " : lane.order[1] ? `${lane.label}: ` : "";
  }

  position(row) {
    const { shown } = this.model;
    let low = 0, high = shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (shown[middle] < row) low = middle + 1; else high = middle;
    }
    return low;
  }

  reveal(row) {
    this.chosen = row;
    this.box.setAttribute("aria-activedescendant", `row-${row}`);
    const position = this.position(row), seen = Math.floor(this.box.clientHeight / ITEM);
    if (position <= this.first || position >= this.first + seen - 1) {
      const wanted = Math.max(0, position - Math.floor(seen / 2));
      const most = this.tall - this.box.clientHeight;
      this.box.scrollTop = this.tall < TALLEST ? wanted * ITEM : wanted / Math.max(1, this.model.shown.length - seen) * most;
    }
    this.draw();
  }
}
