import { shortBytes, shortCount } from "./html-numbers.ts";
import { html, type Html } from "./html-text.ts";
import type { Goal, Ratio, Results } from "./results.ts";

export function headerSection({ host }: Results): Html {
  const { cpu, cores, memoryBytes, kernel, bun, fileSystem, syncUs, syncP99Us, syncs = {}, at } = host;
  const each = Object.entries(syncs).map(([suite, facts]) => `${suite} ${facts.syncUs} µs`);
  return html`<h1>Holdfast bench</h1>
    <p>
      ${cpu}, ${cores} cores, ${shortBytes(memoryBytes)} of memory; ${kernel}; Bun ${bun}; data on
      ${fileSystem}. ${at.slice(0, 16).replace("T", " ")} UTC.<br />
      An fdatasync of an appended 4 KiB took ${syncUs} µs (median; p99 ${syncP99Us}
      µs)${each.length > 1 ? `, and when each suite began: ${each.join(", ")}` : ""}. All servers answer a
      write when it is durable; all share these cores with the load generator.
    </p>`;
}

export function goalsSection({ ratios, goals }: Results): Html | undefined {
  if (ratios.length + goals.length === 0) return undefined;
  const met = [...ratios, ...goals].filter((each) => each.met).length;
  return html`<h2>Goals</h2>
    <p>
      ${met} of ${ratios.length + goals.length} met. A ratio is ours to theirs, the median of the rounds' own
      ratios with the least and the greatest.
    </p>
    ${ratios.length > 0 ? ratioTable(ratios) : undefined} ${goals.length > 0 ? boundTable(goals) : undefined}`;
}

function ratioTable(ratios: readonly Ratio[]): Html {
  return html`<div class="scroll">
    <table>
      <tr>
        <th>suite</th>
        <th>case</th>
        <th>what</th>
        <th>against</th>
        <th class="number">ratio</th>
        <th class="number spread">least – greatest</th>
        <th class="number">goal</th>
        <th></th>
      </tr>
      ${ratios.map(
        ({ suite, case: name, what, against, ratio, least, greatest, rounds, relation, goal, met }) =>
          html`<tr>
            <td class="soft">${suite}</td>
            <td>${name}</td>
            <td>${what}</td>
            <td>${against}</td>
            <td class="number"><b>${ratio.toFixed(2)}</b></td>
            <td class="number soft spread">
              ${rounds > 1 ? `${least.toFixed(2)} – ${greatest.toFixed(2)}` : ""}
            </td>
            <td class="number">${sign(relation)} ${goal}</td>
            ${verdict(met)}
          </tr> `,
      )}
    </table>
  </div>`;
}

function boundTable(goals: readonly Goal[]): Html {
  return html`<h3>Bounds of our own</h3>
    <div class="scroll">
      <table>
        <tr>
          <th>suite</th>
          <th>case</th>
          <th>subject</th>
          <th>what</th>
          <th class="number">is</th>
          <th class="number">goal</th>
          <th></th>
        </tr>
        ${goals.map(
          ({ suite, case: name, subject, what, actual, relation, bound, unit, met }) =>
            html`<tr>
              <td class="soft">${suite}</td>
              <td>${name}</td>
              <td>${subject}</td>
              <td>${what}</td>
              <td class="number"><b>${shortCount(actual)}</b> ${unit}</td>
              <td class="number">${sign(relation)} ${shortCount(bound)} ${unit}</td>
              ${verdict(met)}
            </tr> `,
        )}
      </table>
    </div>`;
}

function verdict(isMet: boolean): Html {
  return isMet ? html`<td class="verdict met">met</td>` : html`<td class="verdict missed">not met</td>`;
}

function sign(relation: Goal["relation"]): string {
  return relation === ">=" ? "≥" : relation === "<=" ? "≤" : relation;
}
