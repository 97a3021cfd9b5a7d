/**
 * The log: one line a record on stderr, readable on a terminal and JSON elsewhere. Every record passes the redactor; what it
 * says is chosen by the caller, and arguments, results, and values of headers and environment are not among it.
 */

import { createRedactor, type Redactor } from './redact.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'auto' | 'json' | 'pretty';
  readonly stream: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly color: boolean;
  /** One that knows the secrets of the configuration; without it what has the shape of a secret is masked. */
  readonly redactor?: Redactor;
}

export type RecordLevel = 'debug' | 'info' | 'warn' | 'error';

/** Writes one record. */
export interface Log {
  (level: RecordLevel, text: string, detail?: Readonly<Record<string, unknown>>): void;
  /** Whether a record of this level is written at all: for who would have to work for its detail. Without it, all are. */
  readonly isOn?: (level: RecordLevel) => boolean;
}

const ORDER: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
/** Members of a record that are the log's own: a server's must not stand in their place. */
const RESERVED: ReadonlySet<string> = new Set(['level', 'time', 'msg']);
/** Before every line but the first of a text, so that none of them looks like a record. */
const CONTINUED = '\n  | ';

export function createLog(options: LogOptions): Log {
  const { redactor = createRedactor() } = options;
  const pretty = options.format === 'pretty' || (options.format === 'auto' && options.stream.isTTY === true);
  const write = pretty ? prettyWriter(options) : jsonWriter(options);
  const least = ORDER.indexOf(options.level);
  const isOn = (level: RecordLevel): boolean => ORDER.indexOf(level) >= least;
  const log: Log = (level, text, detail = {}) => {
    if (isOn(level)) write(level, redactor.text(text), ownMembersKept(redactor.detail(detail)));
  };
  return Object.assign(log, { isOn });
}

function ownMembersKept(detail: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(detail);
  if (!entries.some(([name]) => RESERVED.has(name))) return detail;
  return Object.fromEntries(entries.map(([name, value]) => [RESERVED.has(name) ? `${name}_` : name, value]));
}

type Writer = (level: RecordLevel, text: string, detail: Record<string, unknown>) => void;

/** By hand: what is written went through the redactor and is plain and small; a logging library costs 20 ms of every start. */
function jsonWriter({ stream }: LogOptions): Writer {
  return (level, text, detail) => {
    const record = { level, time: new Date().toISOString(), ...detail, msg: text };
    stream.write(`${JSON.stringify(record)}\n`);
  };
}

const MARKS: Readonly<Record<RecordLevel, string>> = { debug: '·', info: ' ', warn: '!', error: '✖' };
const COLORS: Readonly<Record<RecordLevel, string>> = {
  debug: '\u001b[2m',
  info: '',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};

function prettyWriter({ stream, color }: LogOptions): Writer {
  return (at, text, detail) => {
    const more = Object.entries(detail).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`],
    );
    const record = `${MARKS[at]} ${text}${more.length > 0 ? `  ${more.join(' ')}` : ''}`;
    const line = record.replaceAll('\n', CONTINUED);
    stream.write(color && COLORS[at] !== '' ? `${COLORS[at]}${line}\u001b[0m\n` : `${line}\n`);
  };
}
