// The map: colours, hovering, choosing, searching and the lasso.

const NO_NAME = 65535;
const NAMED = [
  [59, 111, 212], [232, 132, 44], [63, 158, 99], [210, 80, 79], [138, 99, 201],
  [42, 165, 168], [217, 119, 169], [163, 161, 58], [154, 106, 76], [111, 168, 220],
];
const OTHERS = { light: [176, 182, 192], dark: [92, 100, 114] };
const RAMP = {
  light: [[196, 215, 236], [127, 176, 217], [71, 136, 199], [42, 95, 168], [20, 44, 104]],
  dark: [[44, 68, 112], [59, 110, 168], [92, 159, 208], [159, 207, 232], [240, 248, 255]],
};
const MOST_LISTED = 100, MOST_RESULTS = 8;

const toned = () => (isDark() ? "dark" : "light");

function rampAt(stops, share) {
  const place = share * (stops.length - 1), low = Math.min(Math.floor(place), stops.length - 2);
  return stops[low].map((value, k) => Math.round(value + (stops[low + 1][k] - value) * (place - low)));
}

class Colouring {
  constructor(given) {
    Object.assign(this, given);
    this.codes = unpacked(given.codes, Uint16Array);
  }

  // Red, green and blue of every node, by a table of the few colours that there are.
  paint(colours) {
    const tone = toned(), codes = this.codes, n = codes.length, table = [];
    const last = this.names === null ? 255 : NAMED.length;
    for (let k = 0; k <= last; k++) {
      table.push(this.names === null ? rampAt(RAMP[tone], k / last) : (NAMED[k] ?? OTHERS[tone]));
    }
    const flat = Uint8Array.from(table.flat());
    for (let i = 0; i < n; i++) {
      const k = 3 * (this.names === null ? codes[i] >> 8 : Math.min(codes[i], last));
      colours[4 * i] = flat[k];
      colours[4 * i + 1] = flat[k + 1];
      colours[4 * i + 2] = flat[k + 2];
    }
  }

  number(i) {
    const share = this.codes[i] / 65535;
    if (!this.logarithmic) return this.low + share * (this.high - this.low);
    const [from, to] = [Math.log1p(this.low), Math.log1p(this.high)];
    return Math.round(Math.expm1(from + share * (to - from)));
  }

  words(i) {
    if (this.names === null) return shortNumber(this.number(i));
    return this.codes[i] === NO_NAME ? "none" : this.names[this.codes[i]];
  }

  legend() {
    if (this.names === null) {
      const stops = RAMP[toned()].map((stop) => `rgb(${stop.join(" ")})`).join(", ");
      return [element("span", {}, shortNumber(this.low),
        element("i", { class: "ramp", style: `background: linear-gradient(90deg, ${stops})` }), shortNumber(this.high))];
    }
    const sizes = new Uint32Array(NO_NAME + 1);
    for (let i = 0; i < this.codes.length; i++) sizes[this.codes[i]]++;
    const key = (rgb, name, n) => element("span", {},
      element("i", { style: `background: rgb(${rgb.join(" ")})` }), `${name} (${n.toLocaleString("en")})`);
    const made = this.names.slice(0, NAMED.length).map((name, code) => key(NAMED[code], name, sizes[code]));
    let rest = 0;
    for (let code = NAMED.length; code < sizes.length; code++) rest += sizes[code];
    if (rest) made.push(key(OTHERS[toned()], this.names.length > NAMED.length ? `${(this.names.length - NAMED.length).toLocaleString("en")} others` : "none", rest));
    return made;
  }
}

// Edges of each node, sorted by node when they are first asked for.
class Neighbours {
  constructor(packed, n) {
    this.packed = packed;
    this.n = n;
  }

  of(node) {
    if (this.packed === null) return null;
    if (!this.starts) this.sort();
    return this.ends.subarray(this.starts[node], this.starts[node + 1]);
  }

  sort() {
    const pairs = unpacked(this.packed, Uint32Array);
    this.starts = new Uint32Array(this.n + 1);
    for (const node of pairs) this.starts[node + 1]++;
    for (let i = 0; i < this.n; i++) this.starts[i + 1] += this.starts[i];
    const next = this.starts.slice();
    this.ends = new Uint32Array(pairs.length);
    for (let k = 0; k < pairs.length; k += 2) {
      this.ends[next[pairs[k]]++] = pairs[k + 1];
      this.ends[next[pairs[k + 1]]++] = pairs[k];
    }
  }
}

function proposals(map) {
  const listed = new Map();
  const add = (node, partner, p) => {
    if (!listed.has(node)) listed.set(node, []);
    listed.get(node).push([partner, p]);
  };
  const { source, target, probability } = data.links;
  source.forEach((node, i) => { add(node, target[i], probability[i]); add(target[i], node, probability[i]); });
  const best = map.partners && {
    nodes: unpacked(map.partners.nodes, Int32Array), p: unpacked(map.partners.probabilities, Float32Array),
  };
  return (node) => {
    const found = new Map((listed.get(node) ?? []));
    for (let k = 0; best && k < map.partners.each; k++) {
      const place = node * map.partners.each + k;
      if (best.nodes[place] >= 0 && !found.has(best.nodes[place])) found.set(best.nodes[place], best.p[place]);
    }
    return [...found].sort((a, b) => b[1] - a[1]);
  };
}

class NodeMap {
  constructor(map) {
    this.map = map;
    this.stage = byId("stage");
    this.over = this.stage.querySelector(".over");
    this.view = new View(unpacked(map.positions, Uint16Array));
    this.grid = new Grid(this.view.positions);
    [this.points, this.renderer] = pointsOn(this.stage.querySelector(".points"), this.view);
    this.colourings = map.colourings.map((given) => new Colouring(given));
    this.neighbours = new Neighbours(map.edges, this.view.n);
    this.proposed = proposals(map);
    this.pictures = map.pictures && { width: map.pictures.width, shades: unpacked(map.pictures.shades, Uint8Array) };
    this.colouring = this.colourings[0];
    this.hovered = this.chosen = -1;
    this.inside = null;
    this.path = null;
    this.controls();
    this.pointer();
    themeListeners.push(() => { this.recolour(); });
    new ResizeObserver(() => this.resize()).observe(this.stage);
    this.resize();
    this.recolour();
    this.stage.dataset.renderer = this.renderer;
  }

  // ------------------------------------------------------------------ drawing

  resize() {
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    const { clientWidth: width, clientHeight: height } = this.stage;
    for (const canvas of this.stage.querySelectorAll(":scope > canvas")) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    this.view.resize(width, height);
    this.redraw();
  }

  recolour() {
    this.colours ??= new Uint8Array(4 * this.view.n);
    this.colouring.paint(this.colours);
    byId("legend").replaceChildren(...this.colouring.legend());
    this.fade();
  }

  // Nodes that do not belong to what was chosen step back.
  fade() {
    const n = this.view.n, colours = this.colours;
    const usual = n > 100000 ? 150 : n > 10000 ? 190 : 225;
    const kept = this.inside ?? (this.chosen >= 0 ? this.company(this.chosen) : null);
    const faded = kept === null ? usual : Math.round(usual * 0.22);
    for (let i = 3; i < colours.length; i += 4) colours[i] = faded;
    for (const node of kept ?? []) colours[4 * node + 3] = usual;
    this.points.colour(colours);
    this.redraw();
  }

  company(node) {
    return new Set([node, ...(this.neighbours.of(node) ?? []), ...this.proposed(node).map(([other]) => other)]);
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.points.draw(this.view, this.ratio);
      this.drawOver();
    });
  }

  drawOver() {
    const context = this.over.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const tone = (name) => style.getPropertyValue(name).trim();
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.view.width, this.view.height);
    if (this.chosen >= 0) this.drawEdges(context, tone);
    for (const [node, colour] of [[this.hovered, tone("--muted")], [this.chosen, tone("--ink")]]) {
      if (node < 0) continue;
      const [x, y] = this.view.screen(node);
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, this.view.pointSize / 2 + 3, 0, 2 * Math.PI);
      context.stroke();
    }
    if (this.path) {
      context.beginPath();
      this.path.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.strokeStyle = tone("--accent");
      context.fillStyle = tone("--accent");
      context.globalAlpha = 0.12;
      context.fill();
      context.globalAlpha = 1;
      context.lineWidth = 1.5;
      context.stroke();
    }
  }

  drawEdges(context, tone) {
    const [x, y] = this.view.screen(this.chosen);
    const stroke = (others, colour, dashes) => {
      context.beginPath();
      for (const other of others) {
        context.moveTo(x, y);
        context.lineTo(...this.view.screen(other));
      }
      context.strokeStyle = colour;
      context.setLineDash(dashes);
      context.stroke();
      context.setLineDash([]);
    };
    context.lineWidth = 1.2;
    stroke(this.neighbours.of(this.chosen) ?? [], tone("--muted"), []);
    context.lineWidth = 1.8;
    stroke(this.proposed(this.chosen).map(([other]) => other), tone("--second"), [5, 4]);
  }

  // ----------------------------------------------------------------- choosing

  choose(node, { centre = false } = {}) {
    this.chosen = node;
    this.inside = null;
    if (centre && node >= 0) {
      this.view.zoom = Math.max(this.view.zoom, 2);
      [this.view.x, this.view.y] = [this.view.positions[2 * node], this.view.positions[2 * node + 1]];
    }
    byId("detail").replaceChildren(...(node < 0 ? [element("p", { class: "muted" }, "Choose a node to see its edges and its likeliest links.")] : this.described(node, MOST_LISTED)));
    this.fade();
  }

  described(node, most) {
    const made = [];
    if (this.pictures) made.push(this.picture(node));
    made.push(element("strong", {}, nameOf(node)));
    const facts = this.colourings.map((one) => `${one.title} ${one.words(node)}`);
    made.push(element("div", { class: "muted" }, facts.join(" · ")));
    const best = this.proposed(node);
    if (best.length) made.push(element("h3", {}, "Likeliest links"), this.listed(best.slice(0, most)));
    if (most < MOST_LISTED) return made;
    const known = this.neighbours.of(node);
    if (known?.length) {
      made.push(element("h3", {}, `Known edges (${known.length.toLocaleString("en")})`));
      made.push(this.listed([...known].slice(0, most).map((other) => [other, null])));
    }
    return made;
  }

  listed(pairs) {
    return element("ul", { class: "pairs" }, ...pairs.map(([node, p]) => element("li", {},
      element("button", { type: "button", on: { click: () => this.choose(node, { centre: true }) } }, nameOf(node)),
      p === null ? "" : shownProbability(p))));
  }

  picture(node) {
    const { width, shades } = this.pictures, size = shades.length / this.view.n, height = size / width;
    const canvas = element("canvas", { class: "picture", width, height, role: "img", "aria-label": `Picture of node ${nameOf(node)}` });
    const context = canvas.getContext("2d"), image = context.createImageData(width, height);
    for (let k = 0; k < size; k++) {
      const shade = isDark() ? shades[node * size + k] : 255 - shades[node * size + k];
      image.data.set([shade, shade, shade, 255], 4 * k);
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  hover(node, x = 0, y = 0) {
    const tip = byId("tip");
    if (node !== this.hovered) {
      this.hovered = node;
      this.over.classList.toggle("over-node", node >= 0);
      if (node >= 0) tip.replaceChildren(...this.described(node, 3));
      this.redraw();
    }
    tip.hidden = node < 0;
    if (node < 0) return;
    const left = x + 16 + tip.offsetWidth > this.view.width ? x - tip.offsetWidth - 16 : x + 16;
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${Math.max(Math.min(y + 12, this.view.height - tip.offsetHeight - 6), 4)}px`;
  }

  nodeAt(x, y) {
    const reach = Math.max(this.view.pointSize / 2 + 4, 8) / this.view.scale;
    return this.grid.nearest(...this.view.world(x, y), reach);
  }

  // -------------------------------------------------------------------- lasso

  enclose(path) {
    const corners = path.map(([x, y]) => this.view.world(x, y));
    const xs = corners.map(([x]) => x), ys = corners.map(([, y]) => y);
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const found = [];
    for (let i = 0; i < this.view.n; i++) {
      const x = this.view.positions[2 * i], y = this.view.positions[2 * i + 1];
      if (x >= left && x <= right && y >= low && y <= high && within(x, y, corners)) found.push(i);
    }
    this.chosen = -1;
    this.inside = found.length ? new Set(found) : null;
    const words = found.length === 1 ? "1 node" : `${found.length.toLocaleString("en")} nodes`;
    const made = [element("strong", {}, words)];
    if (found.length) {
      made.push(element("p", {}, element("button", { type: "button", id: "lasso-download", on: { click: () => this.give(found) } }, "Download CSV")));
      made.push(this.listed(found.slice(0, MOST_LISTED).map((node) => [node, null])));
    }
    byId("detail").replaceChildren(...made);
    this.fade();
  }

  give(nodes) {
    const head = ["node", ...this.colourings.map((one) => one.title)];
    const rows = nodes.map((node) => [nameOf(node), ...this.colourings.map((one) => (one.names === null ? one.number(node) : one.words(node)))]);
    download("nodes.csv", csv([head, ...rows]));
  }

  // ----------------------------------------------------------------- controls

  controls() {
    const choice = byId("colouring");
    choice.replaceChildren(...this.colourings.map((one, k) => element("option", { value: k }, one.title)));
    choice.addEventListener("change", () => { this.colouring = this.colourings[choice.value]; this.recolour(); });
    byId("reset").addEventListener("click", () => { this.view.reset(); this.choose(-1); });
    const lasso = byId("lasso");
    lasso.addEventListener("click", () => this.drawing(lasso.getAttribute("aria-pressed") !== "true"));
    const search = byId("node-search"), results = byId("node-results");
    search.addEventListener("input", () => {
      const found = this.search(search.value);
      results.hidden = !search.value.trim();
      results.replaceChildren(...(found.length ? found.map((node) => element("button", { type: "button", role: "option", on: { click: () => this.choose(node, { centre: true }) } }, nameOf(node))) : [element("span", { class: "muted" }, "No such node")]));
    });
    search.addEventListener("keydown", (event) => {
      const [first] = this.search(search.value);
      if (event.key === "Enter" && first !== undefined) this.choose(first, { centre: true });
    });
  }

  drawing(on) {
    byId("lasso").setAttribute("aria-pressed", String(on));
    this.over.classList.toggle("drawing", on);
  }

  search(text) {
    const asked = text.trim().toLowerCase();
    if (!asked) return [];
    const ranked = [[], [], []];
    for (let i = 0; i < this.view.n && ranked[0].length < MOST_RESULTS; i++) {
      const name = nameOf(i).toLowerCase(), place = name.indexOf(asked);
      if (place < 0) continue;
      const rank = name === asked ? 0 : place === 0 ? 1 : 2;
      if (ranked[rank].length < MOST_RESULTS) ranked[rank].push(i);
    }
    return ranked.flat().slice(0, MOST_RESULTS);
  }

  pointer() {
    const { over } = this, held = new Map();
    let moved = 0, spread = 0;
    const at = (event) => { const box = over.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    over.addEventListener("pointerdown", (event) => {
      over.setPointerCapture(event.pointerId);
      held.set(event.pointerId, at(event));
      moved = 0;
      if (over.classList.contains("drawing") || event.shiftKey) this.path = [at(event)];
    });
    over.addEventListener("pointermove", (event) => {
      const [x, y] = at(event), before = held.get(event.pointerId);
      if (!before) { this.hover(this.nodeAt(x, y), x, y); return; }
      held.set(event.pointerId, [x, y]);
      moved += Math.abs(x - before[0]) + Math.abs(y - before[1]);
      if (this.path) this.path.push([x, y]);
      else if (held.size === 2) spread = this.pinch([...held.values()], spread);
      else if (moved > 3) { this.view.move(x - before[0], y - before[1]); this.hover(-1); }
      this.redraw();
    });
    const release = (event) => {
      const [x, y] = at(event);
      if (!held.delete(event.pointerId)) return;
      spread = 0;
      const path = this.path;
      this.path = null;
      if (path && path.length > 2) { this.drawing(false); this.enclose(path); }
      else if (event.type === "pointerup" && moved <= 3) this.choose(this.nodeAt(x, y));
      this.redraw();
    };
    over.addEventListener("pointerup", release);
    over.addEventListener("pointercancel", release);
    over.addEventListener("pointerleave", () => this.hover(-1));
    over.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.view.zoomAt(...at(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)));
      this.hover(-1);
      this.redraw();
    }, { passive: false });
    over.addEventListener("keydown", (event) => this.key(event));
  }

  pinch([[ax, ay], [bx, by]], before) {
    const now = Math.hypot(ax - bx, ay - by);
    if (before) this.view.zoomAt((ax + bx) / 2, (ay + by) / 2, now / before);
    return now;
  }

  key(event) {
    const step = 40, middle = [this.view.width / 2, this.view.height / 2];
    const acts = {
      ArrowLeft: () => this.view.move(step, 0), ArrowRight: () => this.view.move(-step, 0),
      ArrowUp: () => this.view.move(0, step), ArrowDown: () => this.view.move(0, -step),
      "+": () => this.view.zoomAt(...middle, 1.3), "=": () => this.view.zoomAt(...middle, 1.3),
      "-": () => this.view.zoomAt(...middle, 1 / 1.3), Escape: () => { this.drawing(false); this.choose(-1); },
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
    this.redraw();
  }
}

function within(x, y, corners) {
  let inside = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [ax, ay] = corners[i], [bx, by] = corners[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
