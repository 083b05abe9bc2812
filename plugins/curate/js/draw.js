// Pictures of a suspect on a canvas: a part of the photo, outlines over it.
// Outlines are rings of points relative to the photo; a part is [left, top, width, height] in
// pixels of the photo.

// The label with a margin, and so much of what is suggested as leaves the label in sight.
// zoom: 2 shows half of that, at most a half shows twice as much.
function closeUp({ box, width, height }, suggestion, zoom) {
  const [left, top, wide, high] = box;
  const reach = (low, size, axis) => {
    const points = suggestion.flat().map((point) => point[axis]);
    const from = points.reduce((a, b) => Math.min(a, b), low);
    const to = points.reduce((a, b) => Math.max(a, b), low + size);
    return [Math.max(from, low - size / 2), Math.min(to, low + 1.5 * size)];
  };
  const [x0, x1] = reach(left, wide, 0);
  const [y0, y1] = reach(top, high, 1);
  const w = Math.max((x1 - x0) * width * 1.3, 48) / zoom;
  const h = Math.max((y1 - y0) * height * 1.3, 48) / zoom;
  return [((x0 + x1) / 2) * width - w / 2, ((y0 + y1) / 2) * height - h / 2, w, h];
}

function wholePhoto({ width, height }) {
  return [0, 0, width, height];
}

// layers: [{rings, color, fill, dash, thin}], the last on top. frame: a box, relative, or null.
function paint(canvas, image, suspect, part, layers, frame) {
  const density = window.devicePixelRatio || 1;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(wide * density);
  canvas.height = Math.round(high * density);
  const c = canvas.getContext("2d");
  c.scale(density, density);
  const zoom = Math.min(wide / part[2], high / part[3]);
  const [w, h] = [suspect.width * zoom, suspect.height * zoom];
  // Centered, but no further out of the photo than needs be.
  const place = (room, from, length, whole) => {
    const centered = room / 2 - (from + length / 2) * zoom;
    return whole <= room ? (room - whole) / 2 : Math.min(0, Math.max(room - whole, centered));
  };
  const left = place(wide, part[0], part[2], w);
  const top = place(high, part[1], part[3], h);
  if (!image.naturalWidth) {
    c.fillStyle = "#ddd";
    c.fillText("The photo cannot be read.", 12, 24);
    return;
  }
  c.imageSmoothingQuality = "high";
  c.drawImage(image, left, top, w, h);
  c.lineJoin = "round";
  for (const { rings, color, fill, dash, thin } of layers) {
    const path = new Path2D();
    for (const ring of rings) {
      ring.forEach(([x, y], i) => path[i ? "lineTo" : "moveTo"](left + x * w, top + y * h));
      path.closePath();
    }
    if (fill) {
      c.globalAlpha = 0.45;
      c.fillStyle = color;
      c.fill(path, "evenodd");
      c.globalAlpha = 1;
    }
    c.setLineDash([]);
    c.lineWidth = thin ? 2 : 4;
    c.strokeStyle = "#000a"; // a dark seam: the outline is seen on any photo
    c.stroke(path);
    c.setLineDash(dash ? [8, 6] : []);
    c.lineWidth = thin ? 1 : 2;
    c.strokeStyle = color;
    c.stroke(path);
  }
  if (frame) {
    const [x, y, across, down] = frame;
    c.setLineDash([]);
    for (const [line, color] of [[5, "#000a"], [2, "#fff"]]) {
      c.lineWidth = line;
      c.strokeStyle = color;
      c.strokeRect(left + x * w - 3, top + y * h - 3, across * w + 6, down * h + 6);
    }
  }
}

// The photo that shows the same and is labelled otherwise, where that is all that is said of a
// suspect: it is the third picture.
function photoBeside({ field, kind }, outlines) {
  return field === "photo" || kind === "fault" ? outlines?.other : null;
}

// What the three pictures of a suspect show: {photo, given, right}, each a list of layers.
function layersOf(suspect, outlines, offered, colors) {
  const color = (name) => colors.get(name) || "#ffffff";
  const filled = ({ rings, label: name }) => ({ rings, color: color(name), fill: true });
  if (suspect.field === "photo") {
    const [given, right] = [outlines.others, outlines.other?.labels ?? []];
    return { photo: [], given: given.map(filled), right: right.map(filled) };
  }
  const missing = suspect.kind === "missing";
  const label = { rings: outlines.own, color: color(suspect.label), fill: true };
  const predicted = {
    rings: outlines.suggestion,
    color: color(outlines.suggestion_label),
    dash: true,
  };
  const others = outlines.others.map(({ rings, label: name }) => ({
    rings,
    color: color(name),
    thin: true,
  }));
  const second = outlines.second ? [{ ...filled(outlines.second), dash: true }] : [];
  const beside = photoBeside(suspect, outlines);
  const right = {
    add: () => [label],
    delete: () => [],
    relabel: ({ category, taxonomy }) => [
      { ...label, color: taxonomy ? label.color : color(category) },
      predicted,
    ],
  }[offered?.action];
  const seen = right ? right(offered) : [{ ...predicted, fill: true }, ...second];
  return {
    photo: [...others, { ...label, fill: false, dash: missing }],
    given: missing ? others : [label],
    right: beside ? beside.labels.map(filled) : seen,
  };
}
