import { latencySection } from "./html-latency.ts";
import { growthSection } from "./html-growth.ts";
import { coloursOf } from "./html-numbers.ts";
import { seriesSection } from "./html-series.ts";
import { script, style } from "./html-style.ts";
import { goalsSection, headerSection } from "./html-tables.ts";
import { html } from "./html-text.ts";
import { throughputSection } from "./html-throughput.ts";
import type { Results } from "./results.ts";

/** One page that needs nothing but itself, from what `--json` writes. */
export function htmlReport(results: Results): string {
  const colours = coloursOf(results);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Holdfast bench</title>
        <style>
          ${style}
        </style>
      </head>
      <body>
        <main>
          ${headerSection(results)} ${goalsSection(results)} ${throughputSection(results, colours)}
          ${latencySection(results, colours)} ${seriesSection(results, colours)}
          ${growthSection(results, colours)}
        </main>
        <div id="told"></div>
        <script>
          ${script};
        </script>
      </body>
    </html> `;
  return page.text;
}
