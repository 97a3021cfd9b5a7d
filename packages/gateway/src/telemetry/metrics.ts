/**
 * The numbers of the gateway: counted as calls end, written as text when somebody asks. Adding costs no allocation once a
 * series exists; nothing is scanned, hashed or formatted before a scrape. It knows no HTTP and reads no configuration.
 */

import type { ErrorKey } from '@sallyport/wire';
import { familyText, histogramText, type Labels, type Sample } from './exposition.ts';
import { FAMILIES, type ReadName, type RecordedName } from './families.ts';
import { Histogram } from './histogram.ts';

/** What kind of request for a server it was. */
export type MethodGroup = 'tools' | 'prompts' | 'resources' | 'completion' | 'tasks' | 'session' | 'other';

/** How a request ended. `tool_error`: a tool's own `isError`; `server_error`: the server's own error response. */
export type Outcome = 'ok' | 'tool_error' | 'server_error' | 'cancelled' | ErrorKey;

export type ListRequestKind = 'tools' | 'prompts' | 'resources' | 'templates' | 'tasks';

/** `invalid`: it could not be read. `refused`: it needs a restart, or would open the door. `confirm`: somebody has to agree. */
export type ReloadOutcome = 'applied' | 'unchanged' | 'invalid' | 'refused' | 'confirm';

/** What happened to a server: an instance of it is started for the first time or again, could not be, or went away unasked. */
export type ServerEvent = 'start' | 'restart' | 'failed_start' | 'end';

/** A request that has ended, with what it cost. Milliseconds and bytes. */
export interface EndedCall {
  /** Undefined: refused before a server was known. */
  readonly server: string | undefined;
  readonly method: MethodGroup;
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** The part of the duration that was spent with the server; undefined when it was not asked. */
  readonly upstreamMs: number | undefined;
  readonly requestBytes: number;
  /** Of a result; undefined for other answers. */
  readonly responseBytes: number | undefined;
}

export interface Metrics {
  call(ended: EndedCall): void;
  listed(kind: ListRequestKind, outcome: Outcome): void;
  /** A request that ended before it became a call. Calls that were refused are counted by `call` and `listed`. */
  refused(reason: ErrorKey): void;
  reloaded(result: ReloadOutcome): void;
  server(name: string, event: ServerEvent): void;
  /** Only these servers have series, from now on: those of others are dropped, and start at zero when they come back. */
  setServers(names: Iterable<string>): void;
  /** Where a family is read from at every scrape; the last source of a name counts. `read` must not wait. */
  source(name: ReadName, read: () => Iterable<Sample>): void;
  /** All families as text, in the order of the table; those without a number are left out. */
  render(): string;
}

/** Seconds. */
const DURATION_BOUNDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
const OVERHEAD_BOUNDS: readonly number[] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1];
/** Bytes: 256 to 16 MiB, by fours. */
const SIZE_BOUNDS: readonly number[] = [8, 10, 12, 14, 16, 18, 20, 22, 24].map((power) => 2 ** power);

/** Failures that are not the gateway's decision. */
const NOT_REFUSED: ReadonlySet<Outcome> = new Set([
  'ok',
  'tool_error',
  'server_error',
  'cancelled',
  'unavailable',
  'upstream_timeout',
  'internal',
]);

/** The label of what never got as far as a server. */
const NO_SERVER = '';

export function createMetrics(): Metrics {
  return new Recorder();
}

class Recorder implements Metrics {
  readonly #servers: Map<string, ServerNumbers> = new Map();
  readonly #none: ServerNumbers = new ServerNumbers();
  readonly #overhead: Histogram = new Histogram(OVERHEAD_BOUNDS);
  readonly #lists: Tally = new Tally();
  readonly #refusals: Map<ErrorKey, number> = new Map();
  readonly #reloads: Map<ReloadOutcome, number> = new Map();
  readonly #sources: Map<ReadName, () => Iterable<Sample>> = new Map();

  call(ended: EndedCall): void {
    const { server, outcome, durationMs, upstreamMs } = ended;
    const numbers = (server === undefined ? undefined : this.#servers.get(server)) ?? this.#none;
    numbers.calls.add(ended.method, outcome);
    if (!NOT_REFUSED.has(outcome)) this.refused(outcome as ErrorKey);
    if (numbers === this.#none) return;
    numbers.durations.add(durationMs / 1000);
    numbers.requests.add(ended.requestBytes);
    if (ended.responseBytes !== undefined) numbers.responses.add(ended.responseBytes);
    if (upstreamMs !== undefined) this.#overhead.add(Math.max(0, durationMs - upstreamMs) / 1000);
  }

  listed(kind: ListRequestKind, outcome: Outcome): void {
    this.#lists.add(kind, outcome);
    if (!NOT_REFUSED.has(outcome)) this.refused(outcome as ErrorKey);
  }

  refused(reason: ErrorKey): void {
    this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1);
  }

  reloaded(result: ReloadOutcome): void {
    this.#reloads.set(result, (this.#reloads.get(result) ?? 0) + 1);
  }

  server(name: string, event: ServerEvent): void {
    const events = this.#servers.get(name)?.events;
    events?.set(event, (events.get(event) ?? 0) + 1);
  }

  setServers(names: Iterable<string>): void {
    const wanted = new Set(names);
    for (const name of this.#servers.keys()) if (!wanted.has(name)) this.#servers.delete(name);
    for (const name of wanted) if (!this.#servers.has(name)) this.#servers.set(name, new ServerNumbers());
  }

  source(name: ReadName, read: () => Iterable<Sample>): void {
    this.#sources.set(name, read);
  }

  render(): string {
    let text = '';
    for (const name of Object.keys(FAMILIES) as (RecordedName | ReadName)[]) text += this.#family(name);
    return text;
  }

  #family(name: RecordedName | ReadName): string {
    const family = FAMILIES[name];
    switch (name) {
      case 'sallyport_call_duration_seconds':
        return histogramText(name, family, this.#perServer('durations'));
      case 'sallyport_request_bytes':
        return histogramText(name, family, this.#perServer('requests'));
      case 'sallyport_response_bytes':
        return histogramText(name, family, this.#perServer('responses'));
      case 'sallyport_call_overhead_seconds':
        return histogramText(name, family, [this.#overhead.sample({})]);
      default:
        return familyText(name, family, this.#samples(name));
    }
  }

  #samples(name: RecordedName | ReadName): Iterable<Sample> {
    switch (name) {
      case 'sallyport_calls_total':
        return this.#callSamples();
      case 'sallyport_list_requests_total':
        return this.#lists.samples((kind, outcome) => ({ kind, outcome }));
      case 'sallyport_refusals_total':
        return counted(this.#refusals, 'reason');
      case 'sallyport_reloads_total':
        return counted(this.#reloads, 'result');
      case 'sallyport_server_starts_total':
        return this.#events({}, 'start', 'restart');
      case 'sallyport_server_restarts_total':
        return this.#events({}, 'restart');
      case 'sallyport_server_failures_total':
        return [...this.#events({ at: 'start' }, 'failed_start'), ...this.#events({ at: 'end' }, 'end')];
      default:
        return this.#sources.get(name as ReadName)?.() ?? [];
    }
  }

  *#callSamples(): Iterable<Sample> {
    yield* this.#none.calls.samples((method, outcome) => ({ server: NO_SERVER, method, outcome }));
    for (const [server, { calls }] of this.#servers) {
      yield* calls.samples((method, outcome) => ({ server, method, outcome }));
    }
  }

  /** From zero on, so that the first of them is seen as one. */
  #events(more: Labels, ...which: readonly ServerEvent[]): Sample[] {
    return [...this.#servers].map(([server, { events }]) => ({
      labels: { server, ...more },
      value: which.reduce((sum, event) => sum + (events.get(event) ?? 0), 0),
    }));
  }

  #perServer(which: 'durations' | 'requests' | 'responses'): ReturnType<Histogram['sample']>[] {
    return [...this.#servers].map(([server, numbers]) => numbers[which].sample({ server }));
  }
}

/** What is counted of one server. */
class ServerNumbers {
  readonly calls: Tally = new Tally();
  readonly durations: Histogram = new Histogram(DURATION_BOUNDS);
  readonly requests: Histogram = new Histogram(SIZE_BOUNDS);
  readonly responses: Histogram = new Histogram(SIZE_BOUNDS);
  readonly events: Map<ServerEvent, number> = new Map();
}

/** Counts by two words of fixed sets. A cell is made when it is first counted, so that there is none without a number. */
class Tally {
  readonly #rows: Map<string, Map<Outcome, Cell>> = new Map();

  add(row: string, outcome: Outcome): void {
    const cell = this.#rows.get(row)?.get(outcome);
    if (cell === undefined) this.#first(row, outcome);
    else cell.count++;
  }

  #first(row: string, outcome: Outcome): void {
    const cells = this.#rows.get(row) ?? new Map<Outcome, Cell>();
    this.#rows.set(row, cells.set(outcome, { count: 1 }));
  }

  *samples(labels: (row: string, outcome: Outcome) => Labels): Iterable<Sample> {
    for (const [row, cells] of this.#rows) {
      for (const [outcome, { count }] of cells) yield { labels: labels(row, outcome), value: count };
    }
  }
}

interface Cell {
  count: number;
}

function* counted(counts: ReadonlyMap<string, number>, label: string): Iterable<Sample> {
  for (const [word, value] of counts) yield { labels: { [label]: word }, value };
}
