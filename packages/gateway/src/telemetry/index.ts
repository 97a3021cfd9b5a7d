/**
 * The log: one line a record on stderr, readable on a terminal and JSON elsewhere. Secrets never come here: what is
 * logged is chosen by the caller, and values of headers, environment and arguments are not.
 */

import type { Logger } from 'pino';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'auto' | 'json' | 'pretty';
  readonly stream: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly color: boolean;
}

export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  text: string,
  detail?: Readonly<Record<string, unknown>>,
) => void;

/** Control characters of whoever wrote the text: in a log they could forge lines or move the cursor. */
const CONTROL = /(?![\t\n])\p{Cc}|[\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const MAX_TEXT = 4096;
/** Members of a record that are the log's own: a server's must not stand in their place. */
const RESERVED: ReadonlySet<string> = new Set(['level', 'time', 'msg']);
/** Before every line but the first of a text, so that none of them looks like a record. */
const CONTINUED = '\n  | ';

function clean(value: unknown): unknown {
  if (typeof value === 'string') {
    const text = value.replace(CONTROL, ' ');
    return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
  }
  return value instanceof Error ? clean(value.message) : value;
}

/** The library that writes JSON is loaded only for a log that is JSON. */
export async function createLog(options: LogOptions): Promise<Log> {
  const pretty = options.format === 'pretty' || (options.format === 'auto' && options.stream.isTTY === true);
  const write = pretty ? prettyWriter(options) : await jsonWriter(options);
  return (level, text, detail = {}) => {
    const cleaned = Object.entries(detail).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, clean(value)]);
    write(level, clean(text) as string, Object.fromEntries(cleaned) as Record<string, unknown>);
  };
}

type Writer = (level: 'debug' | 'info' | 'warn' | 'error', text: string, detail: Record<string, unknown>) => void;

async function jsonWriter({ level, stream }: LogOptions): Promise<Writer> {
  const { pino } = await import('pino');
  const logger: Logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return (at, text, detail) => logger[at](detail, text);
}

const ORDER = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const MARKS: Readonly<Record<string, string>> = { debug: '·', info: ' ', warn: '!', error: '✖' };
const COLORS: Readonly<Record<string, string>> = {
  debug: '\u001b[2m',
  info: '',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};

function prettyWriter({ level, stream, color }: LogOptions): Writer {
  const least = ORDER.indexOf(level);
  return (at, text, detail) => {
    if (ORDER.indexOf(at) < least) return;
    const more = Object.entries(detail).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`],
    );
    const record = `${MARKS[at]} ${text}${more.length > 0 ? `  ${more.join(' ')}` : ''}`;
    const line = record.replaceAll('\n', CONTINUED);
    stream.write(color && COLORS[at] !== '' ? `${COLORS[at]}${line}\u001b[0m\n` : `${line}\n`);
  };
}
