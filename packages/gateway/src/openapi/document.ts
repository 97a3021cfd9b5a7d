/**
 * An OpenAPI document (3.0 and 3.1, JSON or YAML) as a value, within bounds: size, nesting, number of parts, aliases. It comes
 * from outside: nothing in it is believed, and nothing that it refers to outside of itself is read.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { Composer, CST, Lexer, Parser } from 'yaml';

/** What is wrong with a document, or with a part of it. Fit for the operator. */
export class DocumentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DocumentError';
  }
}

export interface ApiDocument {
  readonly version: '3.0' | '3.1';
  readonly root: JsonObject;
  /** What stands where a `$ref` of this document points, followed to its end. Throws `DocumentError`. */
  resolve(value: JsonValue | undefined): JsonObject;
  /** What one `$ref` points at. Throws `DocumentError`. */
  find(reference: string): JsonValue;
}

/** YAML takes many times as long to read as JSON. */
const MAX_YAML_BYTES = 4 * 1024 * 1024;
const MAX_YAML_TOKENS = 1_500_000;
const MAX_ALIASES = 100;
const MAX_DEPTH = 100;
const MAX_PARTS = 2_000_000;
/** References that lead to references. */
const MAX_HOPS = 16;

/** Throws `DocumentError`. */
export function readDocument(bytes: Uint8Array): ApiDocument {
  const root = valueOf(bytes);
  checkBounds(root);
  if (!isObject(root)) throw new DocumentError('This is no OpenAPI document: it is no object.');
  const find = (reference: string): JsonValue => found(root, reference);
  return { version: versionOf(root), root, find, resolve: (value) => resolved(value, find) };
}

function valueOf(bytes: Uint8Array): JsonValue {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new DocumentError('The document is no UTF-8 text.');
  }
  if (!/^\s*[{[]/.test(text)) return yamlValue(text, bytes.length);
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    // YAML may begin so too, but nobody writes a document that way.
    throw new DocumentError(`The document is no valid JSON: ${(error as Error).message}`);
  }
}

function yamlValue(text: string, size: number): JsonValue {
  if (size > MAX_YAML_BYTES) {
    throw new DocumentError(`The document has more than ${MAX_YAML_BYTES} bytes of YAML: write it as JSON.`);
  }
  const composer = new Composer({ version: '1.2', schema: 'core', logLevel: 'silent' });
  const [document, second] = [...composer.compose(tokensOf(text))];
  const [error] = document?.errors ?? [];
  if (error !== undefined)
    throw new DocumentError(`The document is no valid YAML: ${error.message.split('\n')[0] ?? ''}`);
  if (document === undefined) throw new DocumentError('The document is empty.');
  if (second !== undefined) throw new DocumentError('There is a second YAML document; an OpenAPI document is one.');
  try {
    return (document.toJS({ maxAliasCount: MAX_ALIASES }) as JsonValue | undefined) ?? null;
  } catch (aliases) {
    throw new DocumentError(`The aliases of the document are not followed: ${(aliases as Error).message}`);
  }
}

/** Counted before the composer, which recurses, sees them. */
function* tokensOf(text: string): Generator<CST.Token> {
  const parser = new Parser();
  let tokens = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++tokens > MAX_YAML_TOKENS) throw new DocumentError('The document has too many parts: write it as JSON.');
    yield* parser.next(lexeme);
    if (CST.tokenType(lexeme) === 'tag') throw new DocumentError('YAML tags are not read.');
    // A mapping holds its pairs, a pair its value: the stack has about one entry for a level.
    if (parser.stack.length > MAX_DEPTH * 2) throw tooDeep();
  }
  yield* parser.end();
}

/** What aliases share is counted each time. */
function checkBounds(root: JsonValue): void {
  const open: (readonly [JsonValue, number])[] = [[root, 0]];
  let parts = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, depth] = next;
    if (++parts > MAX_PARTS) throw new DocumentError(`The document has more than ${MAX_PARTS} parts.`);
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= MAX_DEPTH) throw tooDeep();
    for (const part of Object.values(value)) if (part !== undefined) open.push([part, depth + 1]);
  }
}

function tooDeep(): DocumentError {
  return new DocumentError(`The document is nested deeper than ${MAX_DEPTH} levels.`);
}

function versionOf(root: JsonObject): ApiDocument['version'] {
  const { openapi, swagger } = root;
  // YAML without quotes makes a number of it.
  const written = typeof openapi === 'number' ? openapi.toFixed(1) : openapi;
  const [version] = /^3\.[01](?=\.\d|$)/.exec(typeof written === 'string' ? written : '') ?? [];
  if (version === '3.0' || version === '3.1') return version;
  if (swagger !== undefined) {
    throw new DocumentError(
      'The document is of Swagger 2.0: convert it to OpenAPI 3 first (https://converter.swagger.io).',
    );
  }
  throw new DocumentError(
    openapi === undefined
      ? 'This is no OpenAPI document: it has no `openapi`.'
      : `OpenAPI ${JSON.stringify(openapi).slice(0, 20)} is not read: 3.0 and 3.1 are.`,
  );
}

/** RFC 6901 in a URI fragment. */
function found(root: JsonObject, reference: string): JsonValue {
  const shown = JSON.stringify(reference.slice(0, 200));
  if (!reference.startsWith('#/'))
    throw new DocumentError(`${shown} is not in this document: only its own parts are read.`);
  let value: JsonValue = root;
  for (const part of reference.slice(2).split('/')) {
    const key = unescaped(part);
    const inner = memberOf(value, key);
    if (inner === undefined) throw new DocumentError(`There is nothing at ${shown}.`);
    value = inner;
  }
  return value;
}

function memberOf(value: JsonValue, key: string): JsonValue | undefined {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as JsonObject)[key]
    : undefined;
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}

/** In 3.1 a description beside the reference is the one that counts. */
function resolved(value: JsonValue | undefined, find: ApiDocument['find']): JsonObject {
  let current = value;
  for (let hops = 0; hops <= MAX_HOPS; hops++) {
    if (!isObject(current)) throw new DocumentError('A part of the document is no object where one is needed.');
    const { $ref, description } = current;
    if (typeof $ref !== 'string') return current;
    const target = find($ref);
    current = isObject(target) && typeof description === 'string' ? { ...target, description } : target;
  }
  throw new DocumentError('References of the document lead to each other without end.');
}
