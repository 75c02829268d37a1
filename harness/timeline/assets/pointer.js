// SPDX-License-Identifier: BSD-3-Clause
// Mouse and fingers: drag moves, wheel and pinch zoom, click chooses, hovering tells.

class Pointer {
  constructor(scene, canvas, overview, tip, choose) {
    Object.assign(this, { scene, canvas, overview, tip, choose });
    this.down = new Map();
    this.moved = 0;
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.release(event, true));
    canvas.addEventListener("pointercancel", (event) => this.release(event, false));
    canvas.addEventListener("pointerleave", () => this.hide());
    const jump = (event) => { if (event.buttons) this.jump(event); };
    overview.addEventListener("pointerdown", (event) => { overview.setPointerCapture(event.pointerId); jump(event); });
    overview.addEventListener("pointermove", jump);
  }

  wheel(event) {
    if (event.offsetX < this.scene.gutter && !event.ctrlKey) return;
    event.preventDefault();
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (sideways || event.shiftKey) this.scene.pan(sideways ? event.deltaX : event.deltaY);
    else this.scene.zoom(Math.exp(Math.max(-200, Math.min(200, event.deltaY)) * 0.003), event.offsetX);
    this.hide();
  }

  press(event) {
    this.down.set(event.pointerId, event.offsetX);
    this.moved = this.down.size > 1 ? 99 : 0;
    this.canvas.setPointerCapture(event.pointerId);
  }

  move(event) {
    const before = this.down.get(event.pointerId);
    if (before === undefined) { this.tell(event); return; }
    const others = [...this.down].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
    this.down.set(event.pointerId, event.offsetX);
    this.moved += Math.abs(event.offsetX - before);
    if (others.length) this.pinch(before, event.offsetX, others[0]);
    else if (this.moved > 4) this.scene.pan(before - event.offsetX);
  }

  pinch(before, now, other) {
    const [was, is] = [Math.max(10, Math.abs(before - other)), Math.max(10, Math.abs(now - other))];
    this.scene.zoom(was / is, (now + other) / 2);
  }

  release(event, isClick) {
    const known = this.down.delete(event.pointerId);
    if (!isClick || !known || this.moved > 4) return;
    const row = this.scene.hit(event.offsetX, event.offsetY, event.pointerType === "touch" ? 14 : 5);
    if (row !== null) this.choose(row);
  }

  tell(event) {
    if (event.pointerType === "touch") return;
    const row = this.scene.hit(event.offsetX, event.offsetY);
    if (row === null) { this.hide(); return; }
    const { model } = this.scene, text = model.text[row];
    const long = model.duration[row] ? `${duration(model.duration[row])}  ` : "";
    this.tip.textContent = `#${model.seq[row]}  ${long}${text.length > 400 ? `${text.slice(0, 400)}…` : text}`;
    this.tip.hidden = false;
    const box = this.tip.getBoundingClientRect();
    this.tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - box.width - 8))}px`;
    this.tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 18}px`;
  }

  hide() { this.tip.hidden = true; }

  jump(event) {
    const { scene } = this, { model } = scene;
    const place = model.first + (event.offsetX - scene.gutter) / scene.plot * (model.last - model.first);
    const half = (scene.b - scene.a) / 2;
    scene.show(place - half, place + half);
  }
}
