/**
 * The headers of 2026-07-28 that mirror a request's body: `Mcp-Method`, `Mcp-Name` and `Mcp-Param-*`
 * (transports, "Standard request headers" and "Custom headers from tool parameters").
 * Values that are not plain header text travel in a Base64 sentinel. Here they are made, read and compared.
 */

import { wireError, type WireError } from './errors.ts';
import { isObject, type JsonObject, type JsonValue } from './json.ts';
import { MAX_JSON_DEPTH } from './limits.ts';
import type { JsonRpcRequest } from './message.ts';
import type { StatelessRevision } from './revisions.ts';

/** Header names in lower case, as node:http gives them. */
export type HeaderBag = Readonly<Record<string, string | readonly string[] | undefined>>;

export const PARAM_HEADER_PREFIX = 'mcp-param-';

const SENTINEL_START = '=?base64?';
const SENTINEL_END = '?=';
/** Visible ASCII, with spaces and tabs only inside. */
const PLAIN_VALUE = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;

/** Which parameter `Mcp-Name` mirrors, by method. */
const NAME_SOURCE: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

/**
 * A value as header text: as it is when that is safe and unambiguous, else in the sentinel. A lone surrogate has no
 * UTF-8 and becomes U+FFFD, so such a value never agrees with a body.
 */
export function encodeHeaderValue(value: string): string {
  if (PLAIN_VALUE.test(value) && !value.startsWith(SENTINEL_START)) return value;
  return SENTINEL_START + Buffer.from(value, 'utf8').toString('base64') + SENTINEL_END;
}

/**
 * The text behind a header value; undefined when a sentinel does not hold canonical Base64 (RFC 4648 §3.5: padded, no
 * stray bits) of valid UTF-8. White space around the value is left off.
 */
export function decodeHeaderValue(value: string): string | undefined {
  const trimmed = withoutSpaceAround(value);
  if (!trimmed.startsWith(SENTINEL_START) || !trimmed.endsWith(SENTINEL_END)) return trimmed;
  if (trimmed.length < SENTINEL_START.length + SENTINEL_END.length) return undefined;
  const payload = trimmed.slice(SENTINEL_START.length, -SENTINEL_END.length);
  const bytes = Buffer.from(payload, 'base64');
  if (bytes.toString('base64') !== payload) return undefined;
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}

/** Without spaces and tabs at its ends (RFC 9110 §5.5). A loop, because a pattern would be quadratic in long runs. */
function withoutSpaceAround(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isHeaderSpace(value.charCodeAt(start))) start++;
  while (end > start && isHeaderSpace(value.charCodeAt(end - 1))) end--;
  return start === 0 && end === value.length ? value : value.slice(start, end);
}

function isHeaderSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The text that `Mcp-Name` must carry for a request, or undefined when it has none. */
export function nameOf(method: string, params: JsonObject | undefined): string | undefined {
  const source = NAME_SOURCE.get(method);
  const value = source === undefined ? undefined : params?.[source];
  return typeof value === 'string' ? value : undefined;
}

/**
 * The headers that a stateless request must carry besides its content type. The method goes into the sentinel like a
 * name: it may come from a body, and a line break in it must not start another header.
 */
export function standardHeaders(
  revision: StatelessRevision,
  method: string,
  name: string | undefined,
): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': revision, 'mcp-method': encodeHeaderValue(method) };
  if (name !== undefined) headers['mcp-name'] = encodeHeaderValue(name);
  return headers;
}

/** The one value of a header, without white space around it; undefined when it is absent or was sent more than once. */
export function singleHeader(headers: HeaderBag, name: string): string | undefined {
  const value = headers[name];
  if (typeof value === 'string') return withoutSpaceAround(value);
  return value?.length === 1 ? withoutSpaceAround(value[0] as string) : undefined;
}

/**
 * Compares the standard headers of a stateless request with its body. Undefined when they agree. `Mcp-Name` says
 * nothing, and is not looked at, on a method that has no name.
 */
export function checkStandardHeaders(headers: HeaderBag, message: JsonRpcRequest): WireError | undefined {
  const method = singleHeader(headers, 'mcp-method');
  if (method === undefined) return mismatch('Mcp-Method', 'is missing or was sent twice');
  if (method !== message.method) return mismatch('Mcp-Method', 'does not name the method of the body');
  if (!NAME_SOURCE.has(message.method)) return undefined;
  const name = nameOf(message.method, message.params);
  if (headers['mcp-name'] === undefined && name === undefined) return undefined;
  const header = singleHeader(headers, 'mcp-name');
  if (header === undefined) return mismatch('Mcp-Name', 'is missing or was sent twice');
  const decoded = decodeHeaderValue(header);
  if (decoded === undefined) return mismatch('Mcp-Name', 'is not valid Base64 of UTF-8');
  return name !== undefined && decoded !== name ? mismatch('Mcp-Name', 'does not name what the body names') : undefined;
}

function mismatch(header: string, problem: string): WireError {
  return wireError('header_mismatch', `The ${header} header ${problem}.`, { header });
}

/** One `x-mcp-header` declaration of a tool: the path of the argument and the header that mirrors it. */
export interface ParamHeader {
  readonly path: readonly string[];
  /** Full header name, lower case. */
  readonly header: string;
  readonly type: 'string' | 'integer' | 'boolean';
}

export type ParamHeaders =
  | { readonly valid: true; readonly declarations: readonly ParamHeader[] }
  | { readonly valid: false; readonly reason: string };

/**
 * Reads the `x-mcp-header` declarations of a tool's input schema. They may stand only on string, integer and boolean
 * properties reached through `properties` alone; a tool with any other declaration is invalid and must not be offered.
 */
export function paramHeaders(inputSchema: JsonValue | undefined): ParamHeaders {
  const declarations: ParamHeader[] = [];
  const reason = collect(inputSchema, [], declarations, MAX_JSON_DEPTH);
  if (reason !== undefined) return { valid: false, reason };
  const names = new Set(declarations.map((declaration) => declaration.header));
  if (names.size !== declarations.length) return { valid: false, reason: 'two parameters name the same header' };
  return { valid: true, declarations };
}

/** Keywords whose value is data, not a schema: what looks like a declaration in there is none. */
const DATA_KEYWORDS: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples', 'x-mcp-header']);
/** Keywords whose value is a map from names to schemas: a name in there is not a keyword. */
const MAP_KEYWORDS: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  'dependentSchemas',
  '$defs',
  'definitions',
]);

/**
 * Walks a schema, or a list of them, into everything that may hold schemas, unknown keywords included. `path` is
 * undefined where something else than `properties` has led; it is longer while it walks and is left as it was. Answers
 * what is wrong with the first bad declaration. It leaves no garbage: catalogues are walked often.
 */
function collect(
  schema: JsonValue | undefined,
  path: string[] | undefined,
  into: ParamHeader[],
  levels: number,
): string | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  if (levels === 0) return `the schema nests deeper than ${MAX_JSON_DEPTH} levels`;
  if (Array.isArray(schema)) return collectList(schema, into, levels - 1);
  let problem = declare(schema, path, into);
  for (const keyword in schema) {
    if (problem !== undefined) return problem;
    if (DATA_KEYWORDS.has(keyword)) continue;
    const child = schema[keyword];
    if (MAP_KEYWORDS.has(keyword) && isObject(child)) {
      problem = collectMap(child, keyword === 'properties' ? path : undefined, into, levels - 1);
    } else problem = collect(child, undefined, into, levels - 1);
  }
  return problem;
}

function collectList(schemas: readonly JsonValue[], into: ParamHeader[], levels: number): string | undefined {
  for (const schema of schemas) {
    const problem = collect(schema, undefined, into, levels);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The same for a map from names to schemas, each name a step of `path`. */
function collectMap(
  schemas: JsonObject,
  path: string[] | undefined,
  into: ParamHeader[],
  levels: number,
): string | undefined {
  for (const name in schemas) {
    path?.push(name);
    const problem = collect(schemas[name], path, into, levels);
    path?.pop();
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function declare(schema: JsonObject, path: readonly string[] | undefined, into: ParamHeader[]): string | undefined {
  const name = schema['x-mcp-header'];
  if (name === undefined) return undefined;
  if (path === undefined) return 'x-mcp-header stands where no chain of properties leads';
  const problem = declarationProblem(schema, name, path);
  if (problem !== undefined) return problem;
  into.push({
    path: [...path],
    header: PARAM_HEADER_PREFIX + (name as string).toLowerCase(),
    type: schema['type'] as ParamHeader['type'],
  });
  return undefined;
}

function declarationProblem(schema: JsonObject, name: JsonValue, path: readonly string[]): string | undefined {
  if (path.length === 0) return 'x-mcp-header stands on the schema itself';
  const where = path.join('.');
  if (typeof name !== 'string' || !TOKEN.test(name)) return `the x-mcp-header of ${where} is not a header token`;
  const type = schema['type'];
  if (type === 'string' || type === 'integer' || type === 'boolean') return undefined;
  return `x-mcp-header of ${where} needs the type string, integer or boolean`;
}

/** The `Mcp-Param-*` headers of a call. Absent, null and numbers that a double cannot hold are left out. */
export function mirrorParams(
  declarations: readonly ParamHeader[],
  args: JsonValue | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const declaration of declarations) {
    const text = primitiveText(valueAt(args, declaration.path));
    if (text !== undefined) headers[declaration.header] = encodeHeaderValue(text);
  }
  return headers;
}

/** Compares the recognised `Mcp-Param-*` headers of a call with its arguments. Undefined when they agree. */
export function checkParamHeaders(
  declarations: readonly ParamHeader[],
  args: JsonValue | undefined,
  headers: HeaderBag,
): WireError | undefined {
  for (const { path, header, type } of declarations) {
    const value = valueAt(args, path);
    const text = primitiveText(value);
    if (text === undefined) continue;
    const raw = singleHeader(headers, header);
    if (raw === undefined) return mismatch(header, 'is missing');
    const decoded = decodeHeaderValue(raw);
    if (decoded === undefined) return mismatch(header, 'is not valid Base64 of UTF-8');
    const numeric = type === 'integer' && typeof value === 'number' && DECIMAL.test(decoded);
    if (numeric ? Number(decoded) !== value : decoded !== text) return mismatch(header, 'does not match the argument');
  }
  return undefined;
}

function valueAt(root: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  let value = root;
  for (const key of path) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

function primitiveText(value: JsonValue | undefined): string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
      return String(value);
    case 'number':
      return isPlainNumber(value) ? String(value) : undefined;
    default:
      return undefined;
  }
}

/** False for what a double cannot hold: integers past 2^53 and literals like 1e400, which parse to infinity. */
function isPlainNumber(value: number): boolean {
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
}
