// Returns what is wrong with the page as people with small screens, keyboards, screen readers or weak eyes meet it.
(() => {
  const wrong = [];
  const say = (what, e) => wrong.push(what + (e ? ": " + e.outerHTML.slice(0, 120) : ""));
  const shown = e => { const r = e.getBoundingClientRect(); return r.width > 1 && r.height > 1 && r.right > 0 && getComputedStyle(e).visibility === "visible"; };
  const root = document.documentElement;

  if (root.lang !== "en") say("no lang");
  if (!document.title) say("no title");
  if (!document.querySelector("meta[name=viewport]")) say("no viewport");
  if (document.querySelectorAll("main").length !== 1) say("not one main");
  if (document.querySelectorAll("h1").length !== 1) say("not one h1");
  let last = 0;
  for (const h of document.querySelectorAll("h1,h2,h3,h4,h5,h6")) {
    const level = Number(h.tagName[1]);
    if (level > last + 1) say("a heading is left out before", h);
    if (!h.textContent.trim()) say("an empty heading", h);
    last = level;
  }
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  for (const id of new Set(ids)) if (ids.filter(i => i === id).length > 1) say("two elements have the id " + id);
  for (const e of document.querySelectorAll("[aria-labelledby]")) if (!document.getElementById(e.getAttribute("aria-labelledby"))) say("its label is missing", e);

  for (const e of document.querySelectorAll("input:not([type=hidden]),select,textarea")) if (!e.labels.length) say("no label", e);
  for (const e of document.querySelectorAll("button,a[href]")) if (!e.textContent.trim()) say("no name", e);
  for (const e of document.querySelectorAll("img")) if (!e.hasAttribute("alt")) say("no alt", e);
  for (const e of document.querySelectorAll("th")) if (!e.scope) say("no scope", e);
  for (const e of document.querySelectorAll("button,input:not([type=hidden]):not([type=checkbox]),header nav a"))
    if (shown(e) && e.getBoundingClientRect().height < 24) say("hard to hit", e);

  if (root.scrollWidth > innerWidth) say("scrolls sideways: " + root.scrollWidth + " of " + innerWidth);
  for (const e of document.querySelectorAll("body *")) {
    const r = e.getBoundingClientRect();
    if (shown(e) && r.right > innerWidth + 1) say("stands out on the right", e);
  }

  // Contrast, by WCAG 2.2, success criterion 1.4.3. Disabled controls do not count.
  const part = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
  const colour = s => { const n = s.match(/[\d.]+/g).map(Number); return n.length === 4 && n[3] === 0 ? null : n; };
  const behind = e => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let read = 0;
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(e) || e.closest(":disabled")) continue;
    read++;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    const a = light(colour(style.color)), b = light(behind(e));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    if (contrast < (large ? 3 : 4.5)) say("contrast " + contrast.toFixed(2), e);
    if (size < 13) say("small text", e);
  }
  if (!read) say("no text");
  if (getComputedStyle(document.body).backgroundColor === "rgba(0, 0, 0, 0)") say("no style");
  return wrong;
})()
