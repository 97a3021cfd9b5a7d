/** Results as tables in Markdown, which read well on a terminal too. */

import {
  addedP50,
  against,
  cells,
  typical,
  type CallResults,
  type Cell,
  type Results,
  type ScaleResults,
} from './results.ts';
import { reach, type Goal } from './reach.ts';
import { median } from './statistics.ts';

const NONE = '–';

/** A table whose columns are as wide as their widest cell; all but the first are flush right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => pad(row[column] ?? '', width, column)).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n');
}

function pad(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}

/** A number with about three digits: 0.038, 1.25, 49.1, 633, 12,844. */
export function figure(value: number | null | undefined): string {
  if (value == null) return NONE;
  const magnitude = Math.abs(value);
  if (magnitude >= 1000) return Math.round(value).toLocaleString('en-US');
  if (magnitude >= 100 || value === 0) return String(Math.round(value));
  return String(Number(value.toPrecision(magnitude < 0.1 ? 2 : 3)));
}

export function size(bytes: number): string {
  if (bytes >= 1 << 20) return `${figure(bytes / (1 << 20))} MiB`;
  return bytes >= 1024 ? `${figure(bytes / 1024)} KiB` : `${bytes} B`;
}

const cellName = ({ bytes, connections }: Cell): string => `${size(bytes)} × ${connections}`;

/** Everything about one part, a line for each system and cell. */
export function detailTable(from: CallResults): string {
  const rows = cells(from).flatMap((cell) =>
    from.systems.map(({ name }) => {
      const of = (key: Parameters<typeof typical>[3]): string => figure(typical(from, name, cell, key));
      const wrong = from.series
        .filter((each) => each.system === name && each.bytes === cell.bytes && each.connections === cell.connections)
        .flatMap((each) => each.rounds)
        .reduce((sum, round) => sum + (round?.wrong ?? 0), 0);
      return [
        name,
        cellName(cell),
        of('cpuUs'),
        of('requestsPerSecond'),
        figure(against(from, name, 'direct', cell, 'requestsPerSecond')),
        of('p50Us'),
        of('p90Us'),
        of('p99Us'),
        figure(addedP50(from, name, cell)),
        of('rssMiB'),
        of('peakMiB'),
        String(wrong),
      ];
    }),
  );
  const head = ['system', 'reply × connections', 'CPU µs', 'req/s', '× direct', 'p50 µs', 'p90', 'p99', '+p50'];
  return table([...head, 'MiB', 'peak', 'wrong'], rows);
}

/** CPU time per call of every system in every cell, and its ratio to `yardstick`. */
export function cpuTable(from: CallResults, yardstick: string): string {
  const columns = cells(from);
  const rows = from.systems
    .filter(({ name }) => columns.some((cell) => typical(from, name, cell, 'cpuUs') !== undefined))
    .map(({ name, about }) => [
      `${name}: ${about}`,
      ...columns.map((cell) => {
        const value = typical(from, name, cell, 'cpuUs');
        return value === undefined
          ? NONE
          : `${figure(value)} (${figure(against(from, name, yardstick, cell, 'cpuUs'))} ×)`;
      }),
    ]);
  return table([`CPU µs per call (× ${yardstick})`, ...columns.map(cellName)], rows);
}

/** Requests per second as a share of a direct connection's. */
export function throughputTable(from: CallResults): string {
  const columns = cells(from);
  const rows = from.systems.map(({ name }) => [
    name,
    ...columns.map((cell) => figure(against(from, name, 'direct', cell, 'requestsPerSecond'))),
  ]);
  return table(['req/s, × direct', ...columns.map(cellName)], rows);
}

/** Latency at the fewest connections and the smallest reply, and memory. */
export function latencyTable(from: CallResults): string {
  const [first] = cells(from);
  if (first === undefined) return NONE;
  const last = cells(from).at(-1) ?? first;
  const rows = from.systems.map(({ name, idleMiB }) => [
    name,
    ...(['p50Us', 'p90Us', 'p99Us'] as const).map((key) => figure(typical(from, name, first, key))),
    figure(addedP50(from, name, first)),
    figure(idleMiB),
    figure(typical(from, name, last, 'peakMiB')),
  ]);
  return table([`latency µs, ${cellName(first)}`, 'p50', 'p90', 'p99', '+p50', 'idle MiB', 'peak MiB'], rows);
}

export function startTable({ starts }: ScaleResults): string {
  const counts = [...new Set(starts.map((each) => each.upstreams))];
  const rows = [...new Set(starts.map((each) => each.system))].map((system) => [
    system,
    ...counts.flatMap((count) => {
      const found = starts.find((each) => each.system === system && each.upstreams === count);
      return [figure(median(found?.readyMs ?? [])), figure(median(found?.idleMiB ?? []))];
    }),
  ]);
  return table(['cold start', ...counts.flatMap((count) => [`${count} upstreams, ms`, 'idle MiB'])], rows);
}

export function listTable({ lists }: ScaleResults): string {
  const counts = [...new Set(lists.map((each) => each.tools))];
  const rows = [...new Set(lists.map((each) => each.system))].map((system) => [
    system,
    ...counts.map((count) =>
      figure(median(lists.find((each) => each.system === system && each.tools === count)?.ms ?? [])),
    ),
  ]);
  return table(['tools/list, ms', ...counts.map((count) => `${figure(count)} tools`)], rows);
}

export function sessionTable({ sessions }: ScaleResults): string {
  const rows = sessions.map((each) => [each.system, figure(each.sessions), figure(median(each.kibEach))]);
  return table(['memory of sessions', 'opened', 'KiB each'], rows);
}

function limit(goal: Goal, value: number | undefined): string {
  if (value === undefined) return NONE;
  return `${goal.sense === 'at most' ? '≤' : '≥'} ${figure(value)}${goal.unit === 'replies' ? '' : ` ${goal.unit}`}`;
}

export function reachTable(results: Results): string {
  const rows = reach(results).map(({ goal, value, verdict }) => [
    goal.what,
    limit(goal, goal.now),
    limit(goal, goal.later),
    value === undefined ? 'not run' : `${figure(value)}${goal.unit === 'replies' ? '' : ` ${goal.unit}`}`,
    verdict === 'not run' ? '' : verdict,
  ]);
  return table(['goal', 'now', 'later', 'measured', ''], rows);
}
