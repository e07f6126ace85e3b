// Points in the plane: where they are on the screen, what is near the pointer, and how they are
// drawn, by WebGL or, where there is none, on a plain canvas.

const SPAN = 65535;

class View {
  constructor(positions) {
    this.positions = positions;
    this.n = positions.length / 2;
    let [left, right, low, high] = [SPAN, 0, SPAN, 0];
    for (let i = 0; i < this.n; i++) {
      const x = positions[2 * i], y = positions[2 * i + 1];
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < low) low = y;
      if (y > high) high = y;
    }
    this.middle = [(left + right) / 2, (low + high) / 2];
    this.extent = [Math.max(right - left, 1), Math.max(high - low, 1)];
    this.reset();
  }

  reset() {
    [this.x, this.y] = this.middle;
    this.zoom = 1;
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    this.fit = Math.min((width - 56) / this.extent[0], (height - 56) / this.extent[1]);
  }

  get scale() { return this.fit * this.zoom; }

  screen(i) {
    return [
      this.width / 2 + (this.positions[2 * i] - this.x) * this.scale,
      this.height / 2 - (this.positions[2 * i + 1] - this.y) * this.scale,
    ];
  }

  world(sx, sy) {
    return [this.x + (sx - this.width / 2) / this.scale, this.y - (sy - this.height / 2) / this.scale];
  }

  move(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  zoomAt(sx, sy, factor) {
    const before = this.world(sx, sy);
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.5), 4000);
    const after = this.world(sx, sy);
    this.x += before[0] - after[0];
    this.y += before[1] - after[1];
  }

  get pointSize() {
    const base = this.n < 200 ? 11 : this.n < 3000 ? 7 : this.n < 30000 ? 4.5 : this.n < 300000 ? 3 : 2;
    return Math.min(base * Math.pow(Math.max(this.zoom, 1), 0.35), 18);
  }
}

// Points in square cells, so that the nearest one is found without looking at all of them.
class Grid {
  constructor(positions) {
    const n = positions.length / 2;
    this.positions = positions;
    this.side = Math.min(512, Math.max(1, Math.ceil(Math.sqrt(n / 4))));
    const cellOf = (i) => this.cell(positions[2 * i]) + this.side * this.cell(positions[2 * i + 1]);
    this.starts = new Uint32Array(this.side * this.side + 1);
    for (let i = 0; i < n; i++) this.starts[cellOf(i) + 1]++;
    for (let c = 0; c < this.side * this.side; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    this.items = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.items[next[cellOf(i)]++] = i;
  }

  cell(value) {
    return Math.min(this.side - 1, Math.max(0, Math.floor((value / (SPAN + 1)) * this.side)));
  }

  nearest(x, y, radius) {
    let best = -1, least = radius * radius;
    const rows = [this.cell(y - radius), this.cell(y + radius)];
    const columns = [this.cell(x - radius), this.cell(x + radius)];
    for (let row = rows[0]; row <= rows[1]; row++) {
      const from = this.starts[row * this.side + columns[0]];
      const to = this.starts[row * this.side + columns[1] + 1];
      for (let place = from; place < to; place++) {
        const i = this.items[place];
        const dx = this.positions[2 * i] - x, dy = this.positions[2 * i + 1] - y;
        const distance = dx * dx + dy * dy;
        if (distance <= least) { least = distance; best = i; }
      }
    }
    return best;
  }
}

const VERTEX = `
attribute vec2 place;
attribute vec4 colour;
uniform vec2 scale;
uniform vec2 shift;
uniform float size;
varying vec4 shade;
varying float wide;
void main() {
  gl_Position = vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
  shade = colour;
  wide = size;
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 shade;
varying float wide;
void main() {
  float far = length(gl_PointCoord - 0.5) * wide;
  float alpha = shade.a * clamp(wide * 0.5 - far, 0.0, 1.0);
  gl_FragColor = vec4(shade.rgb * alpha, alpha);
}`;

class WebGLPoints {
  constructor(canvas, view) {
    const gl = canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true });
    if (!gl) throw new Error("no WebGL");
    this.gl = gl;
    this.canvas = canvas;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error("no shaders");
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.at = Object.fromEntries(["scale", "shift", "size"].map((name) => [name, gl.getUniformLocation(program, name)]));
    const buffer = (name, parts, kind) => {
      const made = gl.createBuffer(), place = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, made);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, parts, kind, true, 0, 0);
      return made;
    };
    const places = buffer("place", 2, gl.UNSIGNED_SHORT);
    gl.bindBuffer(gl.ARRAY_BUFFER, places);
    gl.bufferData(gl.ARRAY_BUFFER, view.positions, gl.STATIC_DRAW);
    this.colours = buffer("colour", 4, gl.UNSIGNED_BYTE);
  }

  colour(colours) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.colours);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, colours, this.gl.DYNAMIC_DRAW);
  }

  draw(view, ratio) {
    const { gl } = this;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const across = (2 * view.scale) / view.width, up = (2 * view.scale) / view.height;
    gl.uniform2f(this.at.scale, across * SPAN, up * SPAN);
    gl.uniform2f(this.at.shift, -view.x * across, -view.y * up);
    gl.uniform1f(this.at.size, view.pointSize * ratio);
    gl.drawArrays(gl.POINTS, 0, view.n);
  }
}

class CanvasPoints {
  constructor(canvas) {
    this.context = canvas.getContext("2d");
    if (!this.context) throw new Error("no canvas");
  }

  colour(colours) { this.colours = colours; }

  draw(view, ratio) {
    const { context, colours } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const size = view.pointSize, round = view.n <= 20000;
    let last = -1;
    for (let i = 0; i < view.n; i++) {
      const [x, y] = view.screen(i);
      if (x < -size || y < -size || x > view.width + size || y > view.height + size) continue;
      const [r, g, b, a] = colours.subarray(4 * i, 4 * i + 4);
      const key = ((r << 24) | (g << 16) | (b << 8) | a) >>> 0;
      if (key !== last) { context.fillStyle = `rgb(${r} ${g} ${b} / ${a / 255})`; last = key; }
      if (round) {
        context.beginPath();
        context.arc(x, y, size / 2, 0, 2 * Math.PI);
        context.fill();
      } else context.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }
}

function pointsOn(canvas, view) {
  try {
    return [new WebGLPoints(canvas, view), "webgl"];
  } catch {
    // A canvas that was asked for WebGL may give nothing else: take a new one.
    const fresh = canvas.cloneNode();
    canvas.replaceWith(fresh);
    return [new CanvasPoints(fresh), "canvas"];
  }
}
