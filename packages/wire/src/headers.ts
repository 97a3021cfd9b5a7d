/**
 * The headers of 2026-07-28 that mirror a request's body: `Mcp-Method`, `Mcp-Name` and `Mcp-Param-*`
 * (transports, "Standard request headers" and "Custom headers from tool parameters").
 * Values that are not plain header text travel in a Base64 sentinel. Here they are made, read and compared.
 */

import { wireError, type WireError } from './errors.ts';
import { isObject, type JsonObject, type JsonValue } from './json.ts';
import type { JsonRpcRequest } from './message.ts';
import type { StatelessRevision } from './revisions.ts';

/** Header names in lower case, as node:http gives them. */
export type HeaderBag = Readonly<Record<string, string | readonly string[] | undefined>>;

export const PARAM_HEADER_PREFIX = 'mcp-param-';

const SENTINEL_START = '=?base64?';
const SENTINEL_END = '?=';
const CANONICAL_BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
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

/** A value as header text: as it is when that is safe and unambiguous, else in the sentinel. */
export function encodeHeaderValue(value: string): string {
  if (PLAIN_VALUE.test(value) && !value.startsWith(SENTINEL_START)) return value;
  return SENTINEL_START + Buffer.from(value, 'utf8').toString('base64') + SENTINEL_END;
}

/** The text behind a header value; undefined when a sentinel does not hold canonical Base64 of valid UTF-8. */
export function decodeHeaderValue(value: string): string | undefined {
  const trimmed = value.replace(/^[ \t]+|[ \t]+$/g, '');
  if (!trimmed.startsWith(SENTINEL_START) || !trimmed.endsWith(SENTINEL_END)) return trimmed;
  const payload = trimmed.slice(SENTINEL_START.length, -SENTINEL_END.length);
  if (!CANONICAL_BASE64.test(payload)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(payload, 'base64'));
  } catch {
    return undefined;
  }
}

/** The text that `Mcp-Name` must carry for a request, or undefined when it has none. */
export function nameOf(method: string, params: JsonObject | undefined): string | undefined {
  const source = NAME_SOURCE.get(method);
  const value = source === undefined ? undefined : params?.[source];
  return typeof value === 'string' ? value : undefined;
}

/** The headers that a stateless request must carry besides its content type. */
export function standardHeaders(
  revision: StatelessRevision,
  method: string,
  name: string | undefined,
): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': revision, 'mcp-method': method };
  if (name !== undefined) headers['mcp-name'] = encodeHeaderValue(name);
  return headers;
}

/** One value of a header; undefined when it is absent, and when it was sent twice with different values. */
export function singleHeader(headers: HeaderBag, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' || value === undefined ? value : value.length === 1 ? value[0] : undefined;
}

/** Compares the standard headers of a stateless request with its body. Undefined when they agree. */
export function checkStandardHeaders(headers: HeaderBag, message: JsonRpcRequest): WireError | undefined {
  const method = singleHeader(headers, 'mcp-method');
  if (method === undefined) return mismatch('Mcp-Method', 'is missing');
  if (method !== message.method) return mismatch('Mcp-Method', 'does not name the method of the body');
  const name = nameOf(message.method, message.params);
  const header = singleHeader(headers, 'mcp-name');
  if (header === undefined) return name === undefined ? undefined : mismatch('Mcp-Name', 'is missing');
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

const NO_DECLARATIONS: ParamHeaders = { valid: true, declarations: [] };

/**
 * Reads the `x-mcp-header` declarations of a tool's input schema. They may stand only on string, integer and boolean
 * properties reached through `properties` alone; a tool with any other declaration is invalid and must not be offered.
 */
export function paramHeaders(inputSchema: JsonValue | undefined): ParamHeaders {
  if (!mentionsHeader(inputSchema)) return NO_DECLARATIONS;
  const declarations: ParamHeader[] = [];
  const reason = collect(inputSchema as JsonObject, [], declarations);
  if (reason !== undefined) return { valid: false, reason };
  const names = new Set(declarations.map((declaration) => declaration.header));
  if (names.size !== declarations.length) return { valid: false, reason: 'two parameters name the same header' };
  if (countHeaders(inputSchema) !== declarations.length) {
    return { valid: false, reason: 'x-mcp-header stands where no chain of properties leads' };
  }
  return { valid: true, declarations };
}

function mentionsHeader(value: JsonValue | undefined): boolean {
  return countHeaders(value) > 0;
}

/** Schemas that carry the annotation anywhere: data under `default`, `const`, `enum` and `examples` is not a schema. */
function countHeaders(value: JsonValue | undefined): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, entry) => sum + countHeaders(entry), 0);
  if (!isObject(value)) return 0;
  let count = 'x-mcp-header' in value ? 1 : 0;
  for (const [key, child] of Object.entries(value)) {
    if (key === 'properties' && isObject(child)) {
      for (const property of Object.values(child)) count += countHeaders(property);
    } else if (!DATA_KEYWORDS.has(key)) count += countHeaders(child);
  }
  return count;
}

const DATA_KEYWORDS: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples', 'x-mcp-header']);

function collect(schema: JsonObject, path: readonly string[], into: ParamHeader[]): string | undefined {
  const name = schema['x-mcp-header'];
  if (name !== undefined) {
    const problem = declarationProblem(schema, name, path);
    if (problem !== undefined) return problem;
    into.push({
      path,
      header: PARAM_HEADER_PREFIX + (name as string).toLowerCase(),
      type: schema['type'] as ParamHeader['type'],
    });
  }
  const properties = schema['properties'];
  if (!isObject(properties)) return undefined;
  for (const [key, child] of Object.entries(properties)) {
    const problem = isObject(child) ? collect(child, [...path, key], into) : undefined;
    if (problem !== undefined) return problem;
  }
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

/** The `Mcp-Param-*` headers of a call. Absent, null and unsafe numbers are left out. */
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
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
    default:
      return undefined;
  }
}
