/** The wire log of `sallyport dev`: a line for each message between this and the server, with method, time and size. */
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { oneLine, sizeText, textOf } from './text.ts';

export interface WireLogOptions {
  /** The message itself too. */
  readonly bodies: boolean;
  /** Milliseconds. */
  readonly now: () => number;
  readonly write: (line: string) => void;
}

type Direction = 'in' | 'out';
interface Asked {
  readonly what: string;
  readonly atMs: number;
}

const MAX_UNANSWERED = 1000;
const ARROWS = { out: '→', in: '←' } as const;

/** What hears a connection. One for each: ids of two servers are not the same. */
export function createWireLog({ bodies, now, write }: WireLogOptions): (direction: Direction, bytes: Buffer) => void {
  const unanswered = new Map<string, Asked>();
  return (direction, bytes) => {
    const text = bytes.toString('utf8');
    const message = parsed(text);
    write(`${ARROWS[direction]} ${line(message, direction)}  ${sizeText(bytes.length)}`);
    if (bodies) write(`  ${oneLine(text)}`);
  };

  function line(message: JsonObject | undefined, direction: Direction): string {
    if (message === undefined) return 'not a JSON object';
    const { id, method } = message;
    if (method !== undefined) {
      const what = whatOf(message);
      if (id !== undefined && unanswered.size < MAX_UNANSWERED) {
        unanswered.set(keyOf(direction, id), { what, atMs: now() });
      }
      return id === undefined ? what : `${what} #${oneLine(textOf(id))}`;
    }
    // Each side counts its own requests.
    const key = keyOf(direction === 'in' ? 'out' : 'in', id ?? null);
    const asked = unanswered.get(key);
    unanswered.delete(key);
    const took = asked === undefined ? '' : `  ${Math.round(now() - asked.atMs)} ms`;
    return `${asked?.what ?? 'answer'} #${oneLine(textOf(id ?? null))} ${outcomeOf(message)}${took}`;
  }
}

function keyOf(direction: Direction, id: JsonValue): string {
  return `${direction} ${JSON.stringify(id)}`;
}

/** `tools/call add`: the method, and what it is about. */
function whatOf({ method, params }: JsonObject): string {
  const name = isObject(params) ? (params['name'] ?? params['uri']) : undefined;
  return oneLine(typeof name === 'string' ? `${textOf(method ?? null)} ${name}` : textOf(method ?? null));
}

function outcomeOf({ error, result }: JsonObject): string {
  if (isObject(error)) return `error ${oneLine(textOf(error['code'] ?? null))}`;
  return isObject(result) && result['isError'] === true ? 'isError' : 'ok';
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
