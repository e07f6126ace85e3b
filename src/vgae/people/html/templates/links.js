// The table of links: sorted by any column, searched, given as CSV.

const PAGE = 25;

function linkColumns(links) {
  const columns = [
    { key: "source", title: "Source", node: true, value: (i) => nameOf(links.source[i]) },
    { key: "target", title: "Target", node: true, value: (i) => nameOf(links.target[i]) },
    { key: "probability", title: "Probability", value: (i) => links.probability[i], draw: drawnProbability },
  ];
  if (links.low) {
    columns.push({ key: "low", title: "low", value: (i) => links.low[i], hidden: true });
    columns.push({ key: "high", title: "high", value: (i) => links.high[i], hidden: true });
  }
  for (const [title, values] of Object.entries(links.extra)) {
    columns.push({ key: title, title: title[0].toUpperCase() + title.slice(1), value: (i) => values[i], number: true });
  }
  const degrees = (i) => `${links.sourceDegree[i]} · ${links.targetDegree[i]}`;
  columns.push({
    key: "degrees", title: "Degrees", number: true, text: degrees,
    value: (i) => Math.min(links.sourceDegree[i], links.targetDegree[i]),
  });
  if (links.common) columns.push({ key: "common", title: "Common", number: true, value: (i) => links.common[i] });
  columns.push({ key: "why", title: "Why", value: (i) => links.why[i] });
  return columns;
}

function drawnProbability(links, i) {
  const [p, low, high] = [links.probability[i], links.low?.[i], links.high?.[i]];
  const top = Math.max(...links.probability.slice(0, 1), 1e-9, ...(links.high ?? []).slice(0, 200));
  const at = (value) => 4 + (84 * Math.min(value, top)) / top;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 92 12");
  svg.setAttribute("aria-hidden", "true");
  const line = (name, from, to) => {
    const made = document.createElementNS(svg.namespaceURI, "line");
    for (const [key, value] of Object.entries({ class: name, x1: from, x2: to, y1: 6, y2: 6 })) made.setAttribute(key, value);
    svg.append(made);
  };
  line("track", 4, 88);
  if (low !== undefined) line("range", at(low), at(high));
  const dot = document.createElementNS(svg.namespaceURI, "circle");
  for (const [key, value] of Object.entries({ class: "dot", cx: at(p), cy: 6, r: 3.5 })) dot.setAttribute(key, value);
  svg.append(dot);
  const range = low === undefined ? "" : ` (${shownProbability(low)} to ${shownProbability(high)})`;
  return element("span", { class: "probability", title: `${shownProbability(p)}${range}` }, shownProbability(p), svg);
}

function startLinks(choose) {
  const links = data.links;
  const table = byId("link-table");
  if (!table) return;
  const columns = linkColumns(links);
  const shown = columns.filter((column) => !column.hidden);
  const every = links.source.map((_, i) => i);
  const words = every.map((i) => `${nameOf(links.source[i])}\n${nameOf(links.target[i])}\n${links.why[i]}`.toLowerCase());
  let order = every.slice();
  let sorted = { key: "probability", down: true };
  let limit = PAGE;

  const found = () => {
    const asked = byId("link-search").value.trim().toLowerCase();
    return asked ? order.filter((i) => words[i].includes(asked)) : order;
  };

  function sortBy(column) {
    const down = sorted.key === column.key ? !sorted.down : !(column.node || column.key === "why");
    sorted = { key: column.key, down };
    const values = every.map(column.value);
    const compare = typeof values[0] === "string"
      ? (a, b) => values[a].localeCompare(values[b], undefined, { numeric: true })
      : (a, b) => values[a] - values[b];
    order = every.slice().sort((a, b) => (down ? -1 : 1) * compare(a, b) || a - b);
    draw();
  }

  function cell(column, i) {
    const options = { "data-name": column.title };
    if (column.number) options.class = "number";
    if (column.key === "why") options.class = "why";
    if (column.draw) options.class = "wide";
    let inside = column.text ? column.text(i) : column.value(i);
    if (column.draw) inside = column.draw(links, i);
    else if (column.node) inside = nodeButton(column.key === "source" ? links.source[i] : links.target[i]);
    else if (typeof inside === "number") inside = shortNumber(inside);
    return element("td", options, inside);
  }

  function nodeButton(node) {
    const text = nameOf(node);
    if (!data.map) return text;
    return element("button", { type: "button", class: "node", title: "Show on the map", on: { click: () => choose(node) } }, text);
  }

  function draw() {
    const rows = found();
    table.querySelector("thead tr").replaceChildren(...shown.map((column) => {
      const head = element("th", { scope: "col", class: column.number ? "number" : "" },
        element("button", { type: "button", on: { click: () => sortBy(column) } }, column.title));
      if (sorted.key === column.key) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      return head;
    }));
    table.querySelector("tbody").replaceChildren(
      ...rows.slice(0, limit).map((i) => element("tr", {}, ...shown.map((column) => cell(column, i)))));
    byId("link-count").textContent = rows.length === every.length
      ? `${every.length.toLocaleString("en")} links`
      : `${rows.length.toLocaleString("en")} of ${every.length.toLocaleString("en")} links`;
    byId("link-more").hidden = rows.length <= limit;
  }

  byId("link-search").disabled = false;
  byId("link-search").addEventListener("input", () => { limit = PAGE; draw(); });
  byId("link-more").addEventListener("click", () => { limit += 4 * PAGE; draw(); });
  const button = byId("link-download");
  button.hidden = false;
  button.addEventListener("click", () => {
    const given = columns.flatMap((column) => column.key === "degrees"
      ? [["source degree", (i) => links.sourceDegree[i]], ["target degree", (i) => links.targetDegree[i]]]
      : [[column.key, column.value]]);
    const rows = found().map((i) => given.map(([, value]) => value(i)));
    download("links.csv", csv([given.map(([title]) => title), ...rows]));
  });
  draw();
}
