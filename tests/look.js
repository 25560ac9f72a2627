(() => {
  const named = (e) => `${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}: ${(e.textContent || "").trim().slice(0, 60)}`;
  const seen = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
  const scrolls = (e) => e.closest(".scroll, .skip, details:not([open])");
  const all = (query) => [...document.querySelectorAll(query)];
  const drawn = all("figure svg:not(.swatch), figure img");

  // colours, with what shines through from behind
  const rgba = (text) => { const n = text.match(/[\d.]+/g).map(Number); return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1]; };
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const c = rgba(getComputedStyle(at).backgroundColor);
      if (c[3] > 0.9) return c;
    }
    return [255, 255, 255, 1];
  };
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const own = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const texts = all("body *").filter((e) => own(e) && seen(e) && !e.closest("svg, .skip, style"));

  // text that two elements without a common line put on the same place
  const boxes = all("h1, h2, h3, p, dt, dd, figcaption, .legend li, .claims li, nav a, figure svg:not(.swatch), img, summary")
    .filter((e) => seen(e) && !scrolls(e))
    .map((e) => [e, e.getBoundingClientRect()]);
  const overlapping = [];
  for (let i = 0; i < boxes.length; i++) {
    for (let j = i + 1; j < boxes.length; j++) {
      const [[a, p], [b, q]] = [boxes[i], boxes[j]];
      if (q.top > p.bottom + 2000) break;
      if (a.contains(b) || b.contains(a)) continue;
      const w = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const h = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (w > 2 && h > 2) overlapping.push(`${named(a)} / ${named(b)}`);
    }
  }
  return {
    figures: drawn.length,
    // the page itself must not scroll sideways
    wide: document.documentElement.scrollWidth > innerWidth + 1 ? [`${document.documentElement.scrollWidth} of ${innerWidth}`] : [],
    unseen: drawn.filter((e) => { const r = e.getBoundingClientRect(); return r.width < 60 || r.height < 30 || (e.tagName === "IMG" && !e.naturalWidth); }).map(named),
    // what lies beyond the window's edge and is in no frame that scrolls
    cut: all("body *").filter((e) => seen(e) && !scrolls(e) && !e.closest("svg") && (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)).map(named).slice(0, 5),
    overlapping: overlapping.slice(0, 5),
    faint: texts.filter((e) => contrast(rgba(getComputedStyle(e).color), behind(e)) < 4.5).map(named).slice(0, 5),
    // for those who do not see: pictures have words, frames that scroll can be reached by the keyboard
    unnamed: [...all("figure [role=img], .scroll").filter((e) => !e.getAttribute("aria-label")), ...all("img").filter((e) => !e.alt), ...all(".scroll").filter((e) => e.tabIndex !== 0)].map(named),
    ids: all("[id]").map((e) => e.id),
    links: [...document.links].map((a) => a.href),
  };
})()
