/**
 * The operations of a document, before anything is made of them: which there are, what their tools are called, and which of
 * them are chosen.
 */

import { createHash } from 'node:crypto';
import type { JsonObject } from '@sallyport/wire';
import { globMatcher } from '../glob.ts';
import { DocumentError, type ApiDocument } from './document.ts';
import { membersOf } from './members.ts';
import { plainText } from './texts.ts';

export interface Operation {
  /** `GET /pets/{petId}`, which is its own. */
  readonly key: string;
  /** `operationId`. */
  readonly id: string | undefined;
  /** Upper case. */
  readonly method: string;
  readonly path: string;
  /** As the tool is called; unique. */
  readonly name: string;
  readonly summary: string | undefined;
  /** Asks, and changes nothing (RFC 9110 §9.2.1). */
  readonly reads: boolean;
  readonly value: JsonObject;
  /** What it is under in `paths`. */
  readonly item: JsonObject;
}

export interface Choice {
  readonly allow?: readonly string[];
  readonly deny: readonly string[];
}

/** A part of the document that makes no tool, and why. */
export interface Refusal {
  readonly key: string;
  readonly reason: string;
}

/** Members of a path that are operations. */
export const METHODS: readonly string[] = ['get', 'head', 'options', 'post', 'put', 'patch', 'delete'];
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const MAX_OPERATIONS = 5000;
/** Of a tool's name with the name of its server before it. */
const MAX_NAME = 48;
const HASH_DIGITS = 6;

/** All of them, in the order of the document. `server` is the server's name. Throws `DocumentError`. */
export function listOperations(
  document: ApiDocument,
  server: string,
): { readonly operations: readonly Operation[]; readonly refused: readonly Refusal[] } {
  const { paths } = document.root;
  const refused: Refusal[] = [];
  const found: Omit<Operation, 'name'>[] = [];
  for (const [path, written] of membersOf(paths)) {
    if (path.startsWith('x-')) continue;
    try {
      found.push(...operationsAt(path, document.resolve(written), document));
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      refused.push({ key: plainText(path, 200) ?? '', reason: error.message });
    }
    if (found.length > MAX_OPERATIONS)
      throw new DocumentError(`The document has more than ${MAX_OPERATIONS} operations.`);
  }
  return { operations: named(found, MAX_NAME - server.length - 2), refused };
}

function operationsAt(path: string, item: JsonObject, document: ApiDocument): Omit<Operation, 'name'>[] {
  checkPath(path);
  return METHODS.filter((method) => Object.hasOwn(item, method)).map((each) => {
    const value = document.resolve(item[each]);
    const method = each.toUpperCase();
    const id = plainText(value['operationId'], 200);
    const summary = plainText(value['summary'], 120);
    return { key: `${method} ${path}`, id, method, path, summary, reads: READING.has(method), value, item };
  });
}

/** What stands there goes out as it is. */
function checkPath(path: string): void {
  if (!/^\/[\w\-.~!$&'()*+,;=:@%/{}]*$/.test(path)) {
    throw new DocumentError('the path does not begin with / or holds characters that no path has');
  }
  if (path.length > 1000) throw new DocumentError('the path is too long');
  if (path.startsWith('//') || path.split('/').some((part) => /^(?:\.|%2e){1,2}$/i.test(part))) {
    throw new DocumentError('the path leads elsewhere than it says');
  }
}

/** Whoever comes to the same name as another is told apart by what it is, so that no name depends on the order. */
function named(found: readonly Omit<Operation, 'name'>[], room: number): Operation[] {
  const wanted = found.map((operation) => ({ operation, name: plainName(operation) }));
  const count = new Map<string, number>();
  for (const { name } of wanted) count.set(name.toLowerCase(), (count.get(name.toLowerCase()) ?? 0) + 1);
  const taken = new Set<string>();
  return wanted.map(({ name, operation }) => {
    const isPlain = name.length <= room && count.get(name.toLowerCase()) === 1 && !taken.has(name.toLowerCase());
    const own = isPlain ? name : withHash(name, operation.key, room, taken);
    taken.add(own.toLowerCase());
    return { ...operation, name: own };
  });
}

/** `operationId`, else the method and the path. */
function plainName({ id, method, path }: Omit<Operation, 'name'>): string {
  const clean = (text: string): string =>
    text
      .replaceAll(/[^A-Za-z0-9_-]+/g, '_')
      .replaceAll(/_{2,}/g, '_')
      .replaceAll(/^_+|_+$/g, '');
  return clean(id ?? '') || clean(`${method.toLowerCase()}_${path}`) || method.toLowerCase();
}

function withHash(name: string, key: string, room: number, taken: ReadonlySet<string>): string {
  for (let salt = ''; ; salt += '+') {
    const hash = createHash('sha256')
      .update(key + salt)
      .digest('hex')
      .slice(0, HASH_DIGITS);
    const own = `${name.slice(0, room - HASH_DIGITS - 1).replace(/[_-]+$/, '')}-${hash}`;
    if (!taken.has(own.toLowerCase())) return own;
  }
}

/** Those that are to be tools: what `allow` names (without it what only reads), but for what `deny` names. */
export function chosen(operations: readonly Operation[], { allow, deny }: Choice): readonly Operation[] {
  const isDenied = globMatcher(deny);
  const isAllowed = allow && globMatcher(allow);
  const matches = (is: (text: string) => boolean, { id, key }: Operation): boolean =>
    (id !== undefined && is(id)) || is(key);
  return operations.filter(
    (operation) =>
      (isAllowed === undefined ? operation.reads : matches(isAllowed, operation)) && !matches(isDenied, operation),
  );
}

/** Globs that match nothing: a name that is mistyped opens or closes nothing without a word. */
export function idleGlobs(operations: readonly Operation[], { allow = [], deny }: Choice): readonly string[] {
  return [...allow, ...deny].filter((glob) => {
    const matches = globMatcher([glob]);
    return !operations.some(({ id, key }) => (id !== undefined && matches(id)) || matches(key));
  });
}
