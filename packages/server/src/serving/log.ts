/**
 * Where a served server says what happens: one function. The one that is there by default writes a line of JSON to stderr, with
 * what must not stand in a log masked (credentials by name and by shape, control characters), and bounded. It keeps no file.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** `detail` is plain data; errors in it become their message. Must not throw. */
export type Log = (level: LogLevel, text: string, detail?: Readonly<Record<string, unknown>>) => void;

const MASK = '[redacted]';
const MAX_TEXT = 2048;
const MAX_DEPTH = 5;
const MAX_MEMBERS = 64;
const SECRET_NAME =
  /(?:^|[_-]|\b)(?:authorization|cookie|set-cookie|password|passwd|secret|api[_-]?key|private[_-]?key|access[_-]?token|refresh[_-]?token|id[_-]?token|token|credential|session[_-]?id|code[_-]?verifier)s?$/i;
const CAMEL = /([a-z])([A-Z])/g;
/** Schemes with what follows, JWTs, keys of ours, PEM blocks, passwords in URLs and in assignments. */
const SECRET_TEXT = new RegExp(
  [
    String.raw`\b(?:bearer|basic)\s+[\w.~+/=-]{6,}`,
    String.raw`\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*`,
    String.raw`\b(?:sp|scs|gh[pousr]|sk|xox[abp])[_-][\w-]{16,}`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`,
    String.raw`(?<=://)[^\s/:@]+:[^\s/@]+(?=@)`,
    String.raw`(?<=\b(?:password|passwd|secret|token|api[_-]?key)\s*[=:]\s*)"?[^\s"&;,]{3,}`,
  ].join('|'),
  'gi',
);
/** They could forge a line or move a cursor. */
const CONTROL = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** A text without secrets, bounded, in which nothing can forge a record. */
export function redactText(text: string): string {
  // Looked at further than it is shown, so that a secret across the cut is recognised.
  const clean = text
    .slice(0, 2 * MAX_TEXT)
    .replace(SECRET_TEXT, MASK)
    .replace(CONTROL, '\uFFFD');
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}…` : clean;
}

/** The same for data, by the names of its members too. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (value instanceof Error) return redactText(value.message);
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.slice(0, MAX_MEMBERS).map((each) => redact(each, depth + 1));
  const members = Object.entries(value).slice(0, MAX_MEMBERS);
  return Object.fromEntries(
    members.map(([name, each]) => [
      redactText(name),
      isSecretName(name) && each !== undefined ? MASK : redact(each, depth + 1),
    ]),
  );
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replace(CAMEL, '$1_$2'));
}

export interface LogOptions {
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Lines below it are left out. */
  readonly level?: LogLevel;
}

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function createLog({ level = 'info', now, write }: LogOptions): Log {
  const least = ORDER.indexOf(level);
  return (at, text, detail = {}) => {
    if (ORDER.indexOf(at) < least) return;
    const head = { time: new Date(now()).toISOString(), level: at, message: redactText(text) };
    write(`${JSON.stringify({ ...head, ...(redact(detail) as object) })}\n`);
  };
}
