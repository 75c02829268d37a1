// SPDX-License-Identifier: BSD-3-Clause
// Everything about one call: names, registers, structures. Text only, never HTML from the data.

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  if (text !== "") made.textContent = text;
  if (className) made.className = className;
  return made;
}

function table(values) {
  const made = element("table");
  for (const [name, value] of Object.entries(values)) {
    const line = made.insertRow();
    line.insertCell().textContent = name;
    const cell = line.insertCell();
    if (Array.isArray(value)) cell.textContent = value.join(" ");
    else if (isArray(value)) cell.textContent = Object.entries(value).map(([n, word]) => `[${n}] ${word}`).join("  ");
    else if (value !== null && typeof value === "object") cell.append(table(value));
    else cell.textContent = value;
  }
  return made;
}

// An array of which only what is not zero came along.
function isArray(value) {
  return value !== null && typeof value === "object" && Object.keys(value).every((key) => /^\d+$/.test(key));
}

function structureOf(found, title) {
  if (!found) return [];
  const heading = element("h3", `${title}: ${found.name} at ${found.at}`);
  const empty = !Object.keys(found.fields).length;
  return [heading, empty ? element("p", "all zero", "quiet") : table(found.fields),
    ...(empty ? [] : [element("p", "Fields that are zero are left out.", "quiet")])];
}

function registers(words, title) {
  if (!words) return [];
  return [element("h3", title), table(Object.fromEntries(words.map((word, n) => [`x${n}`, word])))];
}

function section(title, values) {
  return values && Object.keys(values).length ? [element("h3", title), table(values)] : [];
}

function render(box, model, row, found) {
  const parts = [];
  for (const [n, mark] of model.marks.entries()) {
    if (model.markRows[n] !== row) continue;
    const note = element("p", "", "note");
    note.append(element("strong", `${mark.kind}: ${mark.title}`), element("br"), mark.text);
    parts.push(note);
  }
  if (found.lost !== undefined) {
    box.replaceChildren(...parts, element("h2", `${found.lost} records were lost here`));
    return;
  }
  const heading = element("h2", `#${found.seq} ${found.name} `);
  if (found.status) {
    const index = found.index ? ` (${found.index})` : "";
    heading.append(element("span", found.status + index, found.failed ? "status failed" : "status"));
  }
  parts.push(heading, table(where(found)), ...section("Arguments", found.args), ...section("Results", found.results));
  parts.push(...structureOf(found.structure, "Given"), ...structureOf(found.return_structure, "Came back"));
  parts.push(...registers(found.x, "Registers at the call"), ...registers(found.return_x, "Registers at the return"));
  box.replaceChildren(...parts);
  box.scrollTop = 0;
}

function where(found) {
  const realm = found.realm === undefined ? undefined : found.realm || "unknown";
  const all = {
    caller: `${found.caller}, CPU ${found.cpu}, ${found.state} EL${found.level}`,
    realm: realm === undefined ? undefined : `${realm}${found.rd ? `, RD ${found.rd}` : ""}`,
    REC: found.rec,
    time: `${(found.time_ns / 1e9).toFixed(6)} s`,
    duration: found.duration_ns === undefined ? "no return recorded" : duration(found.duration_ns),
    return: found.return_seq === undefined ? undefined : `#${found.return_seq}`,
    entry: found.entry,
    exit: found.exit,
    missing: found.missing ?? found.return_missing,
    "PC of the SMC": found.pc,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
