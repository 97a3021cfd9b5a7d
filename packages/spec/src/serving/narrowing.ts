/**
 * DinCoder's `?config=` in a URL: a JSON object in Base64 (RFC 4648, either alphabet), read where the operator allows it. It
 * narrows what is done for that URL and its sessions; a member that would change anything else is refused by name. A key in a
 * URL is refused everywhere: URLs are kept in histories and logs.
 */
import { SpecError } from '../errors.ts';
import type { Workspaces } from '../workspace/workspace.ts';

export interface Narrowing {
  /** The real path of the one folder that is worked in, and all below. */
  readonly workspacePath: string | undefined;
  /** No command takes longer. */
  readonly longestMs: number | undefined;
}

/** What a query makes of the place that is asked, as the option `query` of `serve` wants it. */
export type ReadQuery = (query: URLSearchParams) => string | { readonly refused: string };

const MOST_CHARACTERS = 4096;
const MOST_MS = 3_600_000;
const SHOWN_CHARACTERS = 64;
const KEY = /^(?:smithery[-_]?)?api[-_]?key$|^(?:access[-_]?)?token$/i;

/** For `query` of `serve`. */
export function readQueryFor(workspaces: Workspaces, isAllowed: boolean): ReadQuery {
  return (query) => {
    try {
      for (const name of query.keys()) refuseKey(name);
      const [text, ...more] = query.getAll('config');
      if (text === undefined) return '';
      if (!isAllowed)
        refuse('?config= is not read here. Take it out of the URL, or start the server with --allow-config.');
      if (more.length > 0) refuse('?config= stands in the URL more than once.');
      return placeText(membersOf(text), workspaces);
    } catch (error) {
      if (error instanceof SpecError) return { refused: error.message };
      throw error;
    }
  };
}

/** What `readQueryFor` made of the query, taken from the name of the place. */
export function narrowingIn(endpoint: string): Narrowing {
  const mark = endpoint.indexOf('?');
  if (mark === -1) return NOTHING;
  const said = new URLSearchParams(endpoint.slice(mark + 1));
  const timeout = said.get('timeout');
  return {
    workspacePath: said.get('workspacePath') ?? undefined,
    longestMs: timeout === null ? undefined : Number(timeout),
  };
}

const NOTHING: Narrowing = { workspacePath: undefined, longestMs: undefined };

function refuse(why: string): never {
  throw new SpecError('invalid_input', why);
}

function refuseKey(name: string): void {
  if (!KEY.test(name)) return;
  refuse(
    `${name} does not belong into a URL, which is kept in histories and logs: make a new key, and send it as "Authorization: Bearer …".`,
  );
}

function membersOf(text: string): Readonly<Record<string, unknown>> {
  // A plus sign in a query is read as a space.
  const base64 = text.replaceAll(' ', '+');
  if (base64.length > MOST_CHARACTERS) refuse(`?config= has more than ${MOST_CHARACTERS} characters.`);
  const value = /^[\w+/-]+={0,2}$/.test(base64) ? jsonOf(Buffer.from(base64, 'base64')) : undefined;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  return refuse('?config= must be a JSON object in Base64.');
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** The same for all that means the same, so that it is one place. */
function placeText(members: Readonly<Record<string, unknown>>, workspaces: Workspaces): string {
  const place = new URLSearchParams();
  for (const [name, value] of Object.entries(members).toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    if (name === 'workspacePath') place.set(name, folderOf(value, workspaces));
    else if (name === 'timeout') place.set(name, String(timeoutOf(value)));
    else refuseMember(name);
  }
  return place.toString();
}

function refuseMember(name: string): never {
  refuseKey(name);
  const shown = JSON.stringify(name.slice(0, SHOWN_CHARACTERS));
  return refuse(
    `${shown} in ?config= is refused: workspacePath and timeout can be said there, all else is the operator's.`,
  );
}

function folderOf(value: unknown, workspaces: Workspaces): string {
  if (typeof value !== 'string' || value === '') return refuse('workspacePath in ?config= must be a path.');
  return workspaces.open(value).path;
}

function timeoutOf(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= MOST_MS) return value;
  return refuse(`timeout in ?config= must be a whole number of milliseconds from 1 to ${MOST_MS}.`);
}
