import { Html } from "./html-text.ts";

/** One look for light and dark, without anything from elsewhere. */
export const style = new Html(`
:root {
  color-scheme: light dark;
  --paper: light-dark(#fdfdfc, #16181a); --ink: light-dark(#1d2125, #e3e5e7); --soft: light-dark(#646b73, #969da5);
  --rule: light-dark(#dfe2e5, #33383d); --panel: light-dark(#f4f5f6, #1e2124);
  --met: light-dark(#1a7f4b, #56c98c); --missed: light-dark(#b42318, #ff8a7a);
  --c0: light-dark(#0b6e75, #3fc1c9); --c1: light-dark(#c2500c, #f5924e); --c2: light-dark(#6552c5, #a99bf5);
  --c3: light-dark(#946200, #dcb14a); --c4: light-dark(#1f63d0, #7fb0ff); --c5: light-dark(#b0256f, #f287bd);
  --c6: light-dark(#4a7a12, #a3d160); --c7: light-dark(#5c5f66, #b5b9c0); --c8: light-dark(#8d3a1e, #d9a08c);
  --c9: light-dark(#33456b, #b9c6f0); --c10: light-dark(#8a3fa8, #d79bf0); --c11: light-dark(#7d7a00, #d6d35e);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 26px; margin: 8px 0 4px; } h2 { font-size: 19px; margin: 44px 0 4px; }
h3 { font-size: 15px; margin: 26px 0 6px; }
p { margin: 4px 0 12px; max-width: 78ch; } p, .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--rule); vertical-align: baseline; }
th { color: var(--soft); font-weight: 500; } .number { text-align: right; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; } td.number, td.verdict { white-space: nowrap; }
.verdict { padding-left: 10px; }
.met { color: var(--met); } .missed { color: var(--missed); font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; margin: 6px 0 10px; }
.legend span::before { content: ""; display: inline-block; width: 11px; height: 11px; margin-right: 6px;
  border-radius: 2px; background: currentColor; vertical-align: -1px; }
.legend span { color: var(--colour); } .legend b { color: var(--ink); font-weight: 400; }
.case { break-inside: avoid; margin: 10px 0 16px; } .case > div:first-child { font-size: 14px; margin-bottom: 3px; }
.bar { display: grid; grid-template-columns: 13.5em 1fr 13.5em; gap: 10px; align-items: center;
  font-size: 13px; height: 20px; }
.bar > :first-child { text-align: right; color: var(--soft); overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.track { position: relative; height: 13px; }
.track i { position: absolute; inset: 0 auto 0 0; background: var(--colour); border-radius: 0 2px 2px 0; }
.track u { position: absolute; top: 50%; height: 7px; margin-top: -3.5px; border: solid var(--ink); border-width: 0 1px;
  min-width: 2px; opacity: .75; }
.track u::before { content: ""; position: absolute; left: 0; right: 0; top: 3px; border-top: 1px solid var(--ink); }
.bar > :last-child { font-variant-numeric: tabular-nums; white-space: nowrap; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 14px; }
.charts.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); }
figure { margin: 0; background: var(--panel); border: 1px solid var(--rule); border-radius: 6px;
  padding: 10px 10px 4px; }
figcaption { font-size: 13px; min-height: 1.5em; }
svg { width: 100%; height: auto; display: block; overflow: visible; }
svg text { font: 10.5px system-ui, sans-serif; fill: var(--soft); } svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; } svg .lane { font-size: 9.5px; }
.grid { stroke: var(--rule); stroke-width: 1; }
polyline { fill: none; stroke: var(--colour); stroke-width: 2; stroke-linejoin: round; }
polyline.faint { stroke-width: 1; opacity: .35; } polyline.dashed { stroke-dasharray: 5 3; stroke-width: 1.4; }
circle { fill: var(--colour); stroke: none; }
.mark line { stroke: var(--colour); stroke-width: 1; opacity: .35; } .mark rect { fill: var(--colour); opacity: .85; }
.mark.compaction line { stroke-dasharray: 1 3; } .mark.compaction rect { rx: 3px; }
.c0 { --colour: var(--c0); } .c1 { --colour: var(--c1); } .c2 { --colour: var(--c2); } .c3 { --colour: var(--c3); }
.c4 { --colour: var(--c4); } .c5 { --colour: var(--c5); } .c6 { --colour: var(--c6); } .c7 { --colour: var(--c7); }
.c8 { --colour: var(--c8); } .c9 { --colour: var(--c9); } .c10 { --colour: var(--c10); } .c11 { --colour: var(--c11); }
details .legend { margin-top: 8px; }
details { border-top: 1px solid var(--rule); padding: 8px 0; } summary { cursor: pointer; font-size: 14px; }
#told { position: fixed; pointer-events: none; background: var(--paper); color: var(--ink);
  border: 1px solid var(--rule); border-radius: 4px; padding: 4px 8px; font-size: 12px; white-space: pre; display: none;
  box-shadow: 0 1px 6px #0003; }
@media (max-width: 600px) { .bar { grid-template-columns: 5.5em 1fr 6.5em; } .bar small, .spread { display: none; }
  th, td { padding-right: 8px; } .verdict { padding-left: 0; } }
@media print { main { max-width: none; } }
`);

/** Says what the lines show under the pointer. Text only: nothing that it reads becomes markup. */
export const script = new Html(`
const told = document.getElementById("told");
const scale = (text) => {
  const [kind, ...numbers] = text.split(" ");
  const [start, span, from, to] = numbers.map(Number);
  return (place) => {
    const value = start + ((place - from) / (to - from)) * span;
    return kind === "log" ? 10 ** value : value;
  };
};
const short = (value) => value >= 1000 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(3));
for (const svg of document.querySelectorAll("svg[data-y]")) {
  const valueOf = scale(svg.dataset.y);
  const lines = new Map();
  for (const line of svg.querySelectorAll("polyline:not(.faint)")) {
    const points = line.getAttribute("points").split(" ").map((point) => point.split(",").map(Number));
    lines.set(line.dataset.name, [...(lines.get(line.dataset.name) ?? []), ...points]);
  }
  svg.addEventListener("pointerleave", () => (told.style.display = "none"));
  svg.addEventListener("pointermove", (event) => {
    const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
    told.textContent = [...lines].filter(([, points]) => points[0].length === 2).map(([name, points]) => {
      const near = points.reduce((best, point) => Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best);
      return name + ": " + short(valueOf(near[1])) + svg.dataset.unit;
    }).join("\\n");
    told.style.display = told.textContent ? "block" : "none";
    told.style.left = Math.min(event.clientX + 14, innerWidth - told.offsetWidth - 8) + "px";
    told.style.top = event.clientY + 14 + "px";
  });
}
`);
