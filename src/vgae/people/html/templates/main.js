// The page is painted before any of this runs.

requestAnimationFrame(() => setTimeout(() => {
  startTheme();
  startCopy();
  const map = data.map ? new NodeMap(data.map) : null;
  startLinks((node) => {
    map.choose(node, { centre: true });
    byId("map").scrollIntoView();
  });
  document.documentElement.dataset.ready = "true";
}, 0));
