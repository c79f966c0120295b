// Reads the page as WCAG 2.2 AA wants it; returns what is wrong, a sentence each.
const width = arguments[0];
const wrong = [];
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
const hiddenFromReaders = (element) => element.closest("[aria-hidden=true]") !== null;
const say = (element) => {
  const id = element.id ? `#${element.id}` : "";
  const name = typeof element.className === "string" && element.className ? `.${element.className.trim().replace(/\s+/g, ".")}` : "";
  return `<${element.localName}${id}${name}> “${(element.textContent ?? "").trim().replace(/\s+/g, " ").slice(0, 40)}”`;
};

/** The accessible name, as far as our pages use its rules. */
function nameOf(element) {
  const by = element.getAttribute("aria-labelledby");
  if (by) return by.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
  const label = element.getAttribute("aria-label");
  if (label) return label.trim();
  if (element.labels?.length) return [...element.labels].map((l) => l.textContent).join(" ").trim();
  const words = all("title, img[alt]", element).map((e) => e.getAttribute("alt") ?? e.textContent).join(" ");
  return ((element.textContent ?? "") + words).trim();
}

function frame() {
  if (!document.documentElement.lang) wrong.push("the page has no lang");
  if (!document.title.trim()) wrong.push("the page has no title");
  if (!document.querySelector("meta[name=viewport]")) wrong.push("the page has no viewport");
  if (/maximum-scale|user-scalable/.test(document.querySelector("meta[name=viewport]")?.content ?? "")) wrong.push("the page forbids zooming");
  const heads = all("h1").filter(shown);
  if (heads.length !== 1) wrong.push(`the page has ${heads.length} h1`);
  const mains = all("main");
  if (mains.length !== 1) wrong.push(`the page has ${mains.length} main`);
  const skip = document.querySelector("body a[href^='#']");
  if (!skip || skip !== document.querySelector("a, button, input, select, textarea, summary")) wrong.push("the first thing to focus is no skip link");
  else if (!document.querySelector(skip.getAttribute("href"))) wrong.push("the skip link leads nowhere");
  // Before somebody has signed in there is nowhere to go.
  if (!document.querySelector(".plain") && !all("nav").some(shown)) wrong.push("no nav is shown");
  for (const nav of all("nav")) if (!nameOf2(nav) && all("nav").length > 1) wrong.push(`a nav of several has no name: ${say(nav)}`);
  let last = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6").filter(shown)) {
    const level = Number(heading.localName[1]);
    if (last && level > last + 1) wrong.push(`h${last} is followed by ${say(heading)}`);
    last = level;
  }
  const ids = all("[id]").map((element) => element.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push(`the id ${id} is there twice`);
  for (const element of all("[aria-labelledby], [aria-describedby], [aria-controls]")) {
    for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
      for (const id of (element.getAttribute(attribute) ?? "").split(/\s+/).filter(Boolean)) {
        if (!document.getElementById(id)) wrong.push(`${attribute}=${id} of ${say(element)} leads nowhere`);
      }
    }
  }
}

function nameOf2(landmark) {
  return landmark.getAttribute("aria-label") || landmark.getAttribute("aria-labelledby");
}

function menu() {
  const path = location.pathname;
  for (const link of all("nav a")) {
    if (link.getAttribute("href") === path && !link.hasAttribute("aria-current") && link.closest("nav").querySelector("ul, details")) {
      wrong.push(`the menu does not say that this is ${path}`);
    }
  }
}

function fields() {
  for (const field of all("input:not([type=hidden]), select, textarea")) {
    if (!nameOf(field)) wrong.push(`no label: ${field.outerHTML.slice(0, 90)}`);
  }
  for (const set of all("fieldset")) {
    if (!set.querySelector("legend") && !nameOf2(set)) wrong.push(`no legend: ${say(set)}`);
  }
  for (const element of all("button, a[href], summary")) {
    if (!nameOf(element)) wrong.push(`no words: ${element.outerHTML.slice(0, 90)}`);
  }
  for (const link of all("a:not([href])")) wrong.push(`a link without address: ${say(link)}`);
}

function tables() {
  for (const table of all("table")) {
    if (!table.caption) wrong.push(`a table has no caption: ${say(table)}`);
    for (const head of all("th", table)) if (!head.scope) wrong.push(`no scope: ${say(head)}`);
    if (!table.querySelector("thead th")) wrong.push("a table has no head");
  }
}

function pictures() {
  for (const picture of all("img")) if (!picture.hasAttribute("alt")) wrong.push(`no alt: ${picture.src}`);
  for (const drawing of all("svg")) {
    if (hiddenFromReaders(drawing)) continue;
    if (drawing.getAttribute("role") !== "img" || !nameOf2(drawing)) wrong.push(`a drawing without name: ${drawing.outerHTML.slice(0, 90)}`);
  }
  for (const use of all("svg use")) {
    const target = use.getAttribute("href") ?? "";
    if (!target) wrong.push("an icon of nothing");
  }
}

function sizes() {
  const page = document.scrollingElement.scrollWidth;
  if (page > width) {
    wrong.push(`the page is ${page} wide, the window ${width}`);
    for (const element of all("body *")) {
      const box = element.getBoundingClientRect();
      if (box.right > width + 1 && shown(element) && !clipped(element)) {
        wrong.push(`  as far as ${Math.round(box.right)}: ${say(element)}`);
        break;
      }
    }
  }
  for (const element of all("button, .button, select, summary, input:not([type=hidden]):not([type=checkbox]):not([type=radio])").filter(shown)) {
    const box = element.getBoundingClientRect();
    if (box.width < 2) continue;
    if (box.width < 24 || box.height < 24) wrong.push(`only ${Math.round(box.width)} × ${Math.round(box.height)}: ${say(element)}`);
  }
}

function clipped(element) {
  for (let e = element.parentElement; e && e !== document.body; e = e.parentElement) {
    if (getComputedStyle(e).overflowX !== "visible") return true;
  }
  return false;
}

const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgba(colour) {
  ink.clearRect(0, 0, 1, 1);
  ink.fillStyle = colour;
  ink.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = ink.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}

function over(top, below) {
  const mix = (i) => top[i] * top[3] + below[i] * (1 - top[3]);
  return [mix(0), mix(1), mix(2), 1];
}

/** The colours that may lie behind an element: with a gradient each of its stops; none for a picture. */
function behind(element) {
  const layers = [];
  for (let e = element; e; e = e.parentElement) {
    const style = getComputedStyle(e);
    if (style.backgroundImage.includes("url(")) return [];
    const stops = style.backgroundImage.match(/(rgba?|hsla?|color|oklch|oklab|lab|lch)\([^()]*\)/g) ?? [];
    if (stops.length) layers.push(stops.map(rgba));
    const colour = rgba(style.backgroundColor);
    if (colour[3] > 0) layers.push([colour]);
    if (colour[3] === 1) break;
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const canvas = [dark ? [18, 18, 18, 1] : [255, 255, 255, 1]];
  return layers.reverse().reduce((below, tops) => tops.flatMap((top) => below.map((under) => over(top, under))), canvas);
}

function light([r, g, b]) {
  const part = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
}

function contrasts() {
  for (const element of all("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!own || !shown(element) || element.closest("svg, :disabled, option, .sr")) continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    const style = getComputedStyle(element);
    let opacity = 1;
    for (let e = element; e; e = e.parentElement) opacity *= Number(getComputedStyle(e).opacity);
    const colour = rgba(style.color);
    const ratio = Math.min(...behind(element).map((back) => {
      const front = over([colour[0], colour[1], colour[2], colour[3] * opacity], back);
      const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    }));
    const px = parseFloat(style.fontSize);
    const large = px >= 24 || (px >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5) - 0.005) wrong.push(`contrast ${ratio.toFixed(2)}: ${say(element)}`);
  }
}

frame();
menu();
fields();
tables();
pictures();
sizes();
contrasts();
return wrong;
