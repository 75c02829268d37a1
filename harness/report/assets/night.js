// SPDX-License-Identifier: BSD-3-Clause
// Fills and filters the list of all results, opens the failure that the address names.
"use strict";
(() => {
  const PORTION = 150;
  const data = JSON.parse(document.getElementById("data").textContent);
  const [filter, cell, list, more, hits] = ["filter", "cell", "list", "more", "hits"].map((name) =>
    document.getElementById(name));
  const chips = [...document.querySelectorAll(".chips button")];
  const cards = new Map([...document.querySelectorAll(".card")].map((card) =>
    [card.dataset.cell + "\n" + card.dataset.test, card]));
  const lower = data.rows.map((row) =>
    `${row[1]} ${data.cells[row[0]]} ${data.outcomes[row[2]]} ${data.reasons[row[4]]}`.toLowerCase());
  let found = [], shown = 0;

  function add(parent, tag, text, name) {
    const made = parent.appendChild(document.createElement(tag));
    made.textContent = text;
    if (name) made.className = name;
    return made;
  }

  function open(card) {
    card.open = true;
    card.scrollIntoView({ block: "start" });
    card.querySelector("summary").focus({ preventScroll: true });
  }

  function line(index) {
    const [where, test, outcome, seconds, reason] = data.rows[index];
    const row = document.createElement("div");
    row.className = "row";
    const word = data.outcomes[outcome];
    add(row, "span", word, `outcome ${word.replace(" ", "")}`);
    const card = cards.get(data.cells[where] + "\n" + test);
    const name = add(row, "code", card ? "" : test);
    if (card) {
      const link = add(name, "a", test);
      link.href = "#" + encodeURIComponent(test);
      link.addEventListener("click", (event) => { event.preventDefault(); open(card); });
    }
    add(row, "span", data.cells[where], "where");
    add(row, "span", `${seconds.toFixed(2)} s`, "number");
    if (reason) add(row, "span", data.reasons[reason], "why");
    return row;
  }

  function grow() {
    const portion = document.createDocumentFragment();
    for (const index of found.slice(shown, shown + PORTION)) portion.append(line(index));
    list.append(portion);
    shown = Math.min(found.length, shown + PORTION);
    more.hidden = shown === found.length;
    more.textContent = `show more (${(found.length - shown).toLocaleString("en")} left)`;
  }

  function apply() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(chips.filter((chip) => chip.getAttribute("aria-pressed") === "true")
      .map((chip) => data.outcomes.indexOf(chip.dataset.outcome)));
    const where = data.cells.indexOf(cell.value);
    found = [];
    data.rows.forEach((row, index) => {
      if (wanted.size && !wanted.has(row[2])) return;
      if (where >= 0 && row[0] !== where) return;
      if (words.every((word) => lower[index].includes(word))) found.push(index);
    });
    shown = 0;
    list.replaceChildren();
    hits.textContent = `${found.length.toLocaleString("en")} of ${data.rows.length.toLocaleString("en")}`;
    grow();
  }

  filter.addEventListener("input", apply);
  cell.addEventListener("change", apply);
  more.addEventListener("click", grow);
  for (const chip of chips) chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
    apply();
  });
  function follow() {
    const wanted = decodeURIComponent(location.hash.slice(1));
    const card = wanted && [...cards.values()].find((one) => one.dataset.test === wanted);
    if (card) open(card);
  }
  addEventListener("hashchange", follow);
  apply();
  follow();
  document.documentElement.dataset.ready = "yes";
})();
