/** A page about a part of the audit trail: who did what, what was refused, what was used most, what is missing. */
import type { AuditRecord, ReadRecord } from '../audit/in-order.ts';
import { count, oneLine, table } from './text.ts';

/** How often something came, the most frequent first. */
export interface Counted {
  readonly name: string;
  readonly calls: number;
  readonly denied: number;
  readonly failed: number;
}

export interface AuditReport {
  /** ISO 8601; absent: there are no records. */
  readonly from?: string;
  readonly to?: string;
  readonly records: number;
  readonly principals: readonly Counted[];
  readonly tools: readonly Counted[];
  /** By what refused, and why. */
  readonly refusals: readonly { readonly why: string; readonly times: number }[];
  /** Refused at the door, by address. */
  readonly addresses: readonly { readonly address: string; readonly times: number }[];
  /** Changes of the configuration, and what administrators did. */
  readonly changes: readonly {
    readonly time: string;
    readonly action: string;
    readonly decision: string;
    readonly reason?: string;
  }[];
  /** Times at which things happened that were not recorded. */
  readonly gaps: readonly { readonly time: string; readonly missed: number }[];
}

/** Lines of each part. */
const MOST = 10;
/** Of what is kept while it is counted. */
const MAX_NAMES = 10_000;

interface Tally {
  calls: number;
  denied: number;
  failed: number;
}

export async function reportOf(found: AsyncIterable<ReadRecord>): Promise<AuditReport> {
  const sums = new Sums();
  for await (const { record } of found) sums.add(record);
  return sums.report();
}

class Sums {
  #records = 0;
  #from: string | undefined;
  #to: string | undefined;
  readonly #principals: Map<string, Tally> = new Map();
  readonly #tools: Map<string, Tally> = new Map();
  readonly #refusals: Map<string, number> = new Map();
  readonly #addresses: Map<string, number> = new Map();
  readonly #changes: AuditReport['changes'][number][] = [];
  readonly #gaps: AuditReport['gaps'][number][] = [];

  add(record: AuditRecord): void {
    const { action, missed, time } = record;
    this.#records++;
    this.#from ??= time;
    this.#to = time;
    const isCall = action.includes('/');
    if (isCall) this.#call(record);
    if (record.decision === 'deny') this.#refusal(record, isCall);
    if (action === 'audit.gap') this.#gaps.push({ time, missed: missed ?? 0 });
    else if (isChange(record)) this.#change(record);
  }

  report(): AuditReport {
    return {
      ...(this.#from !== undefined && { from: this.#from }),
      ...(this.#to !== undefined && { to: this.#to }),
      records: this.#records,
      principals: counted(this.#principals),
      tools: counted(this.#tools),
      refusals: most(this.#refusals).map(([why, times]) => ({ why, times })),
      addresses: most(this.#addresses).map(([address, times]) => ({ address, times })),
      changes: this.#changes,
      gaps: this.#gaps,
    };
  }

  #call({ decision, principal, target }: AuditRecord): void {
    if (principal !== undefined) add(this.#principals, principal, decision);
    if (target !== undefined) add(this.#tools, target, decision);
  }

  #refusal({ action, address, count: more = 0, error, reason, rule }: AuditRecord, isCall: boolean): void {
    // A record with a number is about those that came behind the first.
    const times = Math.max(more, 1);
    const why = [rule, reason ?? error].filter((part) => part !== undefined).join(', ');
    plus(this.#refusals, `${action}: ${why}`, times);
    if (!isCall && address !== undefined) plus(this.#addresses, address, times);
  }

  #change({ action, decision, reason, time }: AuditRecord): void {
    this.#changes.push({ time, action, decision, ...(reason !== undefined && { reason }) });
    if (this.#changes.length > MAX_NAMES) this.#changes.shift();
  }
}

function isChange({ action, type }: AuditRecord): boolean {
  return type === 'configuration_change' || (type === 'admin_actions' && !action.startsWith('audit.'));
}

function add(tallies: Map<string, Tally>, name: string, decision: string): void {
  const key = tallies.has(name) || tallies.size < MAX_NAMES ? name : 'others';
  const tally = tallies.get(key) ?? { calls: 0, denied: 0, failed: 0 };
  tallies.set(key, tally);
  tally.calls++;
  if (decision === 'deny') tally.denied++;
  if (decision === 'error') tally.failed++;
}

function plus(times: Map<string, number>, name: string, by: number): void {
  const key = times.has(name) || times.size < MAX_NAMES ? name : 'others';
  times.set(key, (times.get(key) ?? 0) + by);
}

function counted(tallies: ReadonlyMap<string, Tally>): Counted[] {
  return [...tallies]
    .toSorted(([, one], [, other]) => other.calls - one.calls)
    .slice(0, MOST)
    .map(([name, tally]) => ({ name, ...tally }));
}

function most(times: ReadonlyMap<string, number>): [string, number][] {
  return [...times].toSorted(([, one], [, other]) => other - one).slice(0, MOST);
}

/** The page; lines longer than `columns` are cut. */
export function reportText(report: AuditReport, columns: number | undefined): string {
  const { addresses, changes, from, gaps, principals, records, refusals, to, tools } = report;
  if (from === undefined || to === undefined) return 'No records in this time.';
  const part = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : ['', title, ...lines]);
  const countedTable = (name: string, rows: readonly Counted[]): string[] =>
    rows.length === 0
      ? []
      : table(
          [
            { title: name },
            { title: 'CALLS', right: true },
            { title: 'DENIED', right: true },
            { title: 'FAILED', right: true },
          ],
          rows.map((row) => [oneLine(row.name), String(row.calls), String(row.denied), String(row.failed)]),
          columns,
        );
  return [
    `${count(records, 'record')} from ${from} to ${to}`,
    ...part('Who called', countedTable('PRINCIPAL', principals)),
    ...part('What was called most', countedTable('TARGET', tools)),
    ...part(
      'What was refused',
      refusals.map(({ times, why }) => `${String(times).padStart(6)}  ${oneLine(why)}`),
    ),
    ...part(
      'Refused at the door',
      addresses.map(({ address, times }) => `${String(times).padStart(6)}  ${oneLine(address)}`),
    ),
    ...part(
      'Changes and administration',
      changes.slice(-MOST).map(({ action, decision, reason, time }) => {
        const why = reason === undefined ? '' : `  (${oneLine(reason)})`;
        return `${time}  ${decision.padEnd(5)}  ${oneLine(action)}${why}`;
      }),
    ),
    ...part(
      'NOT recorded',
      gaps.slice(-MOST).map(({ missed, time }) => `${time}  ${count(missed, 'event')}`),
    ),
  ].join('\n');
}
