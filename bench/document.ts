/** What the results say in `docs/PERFORMANCE.md`, between markers; all other text is written by hand and stays. */

import { barChart, type Panel } from './chart.ts';
import { part, replies, typical, type CallResults, type Cell, type Facts, type Results } from './results.ts';
import {
  cpuTable,
  figure,
  latencyTable,
  listTable,
  reachTable,
  sessionTable,
  size,
  startTable,
  throughputTable,
} from './table.ts';

const NOT_RUN = 'Not run.';

/** Puts `text` between the markers `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`. Throws when the document has them not exactly once. */
export function replaceBetween(document: string, name: string, text: string): string {
  const [before, behind, ...more] = document.split(`<!-- bench:${name} -->`);
  const end = `<!-- /bench:${name} -->`;
  const at = behind?.indexOf(end) ?? -1;
  if (before === undefined || behind === undefined || more.length > 0 || at < 0) {
    throw new Error(`The document must have <!-- bench:${name} --> and ${end} once.`);
  }
  return `${before}<!-- bench:${name} -->\n\n${text}\n\n${behind.slice(at)}`;
}

function when({ at, machine, node }: Facts): string {
  return `${at.slice(0, 10)}, Node ${node}, ${machine}`;
}

function notRun(from: { readonly notRun: readonly { name: string; reason: string }[] }): string {
  const names = from.notRun.map((each) => each.name);
  return names.length === 0 ? '' : ` Not run, because not installed: ${names.join(', ')}.`;
}

function calls(from: CallResults | undefined, yardstick: string): string {
  if (from === undefined) return NOT_RUN;
  const { checked, wrong } = replies([from]);
  const about = `${when(from)}; ${figure(checked)} replies checked, ${figure(wrong)} wrong or lost.${notRun(from)}`;
  return [about, cpuTable(from, yardstick), throughputTable(from), latencyTable(from)].join('\n\n');
}

function growth({ scale }: Results): string {
  if (scale === undefined) return NOT_RUN;
  return [`${when(scale)}.${notRun(scale)}`, startTable(scale), listTable(scale), sessionTable(scale)].join('\n\n');
}

/** All generated places of the document, by the name of their markers. */
export function sections(results: Results): ReadonlyMap<string, string> {
  return new Map([
    ['reach', reachTable(results)],
    ['http', calls(part(results, 'http'), 'splice')],
    ['stdio', calls(part(results, 'stdio'), 'bridge')],
    ['scale', growth(results)],
  ]);
}

function panel(from: CallResults | undefined, title: string, cell: Cell): Panel[] {
  const bars = (from?.systems ?? []).flatMap(({ name }) => {
    const value = typical(from, name, cell, 'cpuUs');
    return value === undefined
      ? []
      : [{ label: name, value, text: `${figure(value)} µs`, isOurs: name === 'sallyport' }];
  });
  return bars.length === 0 ? [] : [{ title: `${title}, ${size(cell.bytes)} × ${cell.connections}`, bars }];
}

/** CPU time per call, where it was measured. */
export function chart(results: Results): string {
  const http = part(results, 'http');
  return barChart([
    ...panel(http, 'CPU per call, HTTP upstream', { bytes: 100, connections: 16 }),
    ...panel(http, 'CPU per call, HTTP upstream', { bytes: 1 << 20, connections: 16 }),
    ...panel(part(results, 'stdio'), 'CPU per call with the child, stdio upstream', { bytes: 100, connections: 16 }),
  ]);
}
