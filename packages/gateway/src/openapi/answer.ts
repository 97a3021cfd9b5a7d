/**
 * The answer of an API as the result of a tool (MCP, tools/call): JSON as text and structured, images and sounds as such, other
 * bytes as a resource, and what went wrong as an error with its status and a bounded part of what was said.
 */

import type { OriginResponse } from '@sallyport/client/egress';
import { exceedsShape, isObject, MAX_JSON_DEPTH, type JsonObject, type JsonValue } from '@sallyport/wire';
import { nextPage } from './pages.ts';
import { isJsonType } from './parameters.ts';
import { askedUrl, placeOf, type ApiRequest } from './request.ts';
import { plainText } from './texts.ts';
import type { ApiTool } from './tool.ts';

const META_HTTP = 'sallyport/http';
/** Of an error, as text. */
const MAX_ERROR_BYTES = 16 * 1024;

export function resultOf(tool: ApiTool, request: ApiRequest, response: OriginResponse, nowMs: number): JsonObject {
  const { status } = response;
  const meta = { [META_HTTP]: { status, ...retry(response, nowMs), ...location(response) } };
  if (status >= 400) return errorResult(failureText(response, nowMs), meta);
  if (status >= 300) {
    const to = headerOf(response, 'location');
    return errorResult(
      `HTTP ${status}: a redirect${to === undefined ? '' : ` to ${plainText(to, 500)}`}, which is not followed.`,
      meta,
    );
  }
  return goodResult(tool, request, response, meta);
}

/** A result that says what went wrong. */
export function errorResult(text: string, meta?: JsonObject): JsonObject {
  return { content: [{ type: 'text', text }], isError: true, ...(meta && { _meta: meta }) };
}

function failureText(response: OriginResponse, nowMs: number): string {
  const { body, isCut, status } = response;
  const { retryAfterMs } = retry(response, nowMs);
  const said =
    isText(typeOf(response)) || body.length === 0
      ? decoded(response).slice(0, MAX_ERROR_BYTES)
      : `(${body.length} bytes of ${typeOf(response)})`;
  return [
    `HTTP ${status}`,
    ...(retryAfterMs === undefined ? [] : [`Try again in ${Math.ceil(retryAfterMs / 1000)} s.`]),
    ...(said === '' ? [] : [said + (isCut || body.length > MAX_ERROR_BYTES ? '…' : '')]),
  ].join('\n');
}

function goodResult(tool: ApiTool, request: ApiRequest, response: OriginResponse, meta: JsonObject): JsonObject {
  const type = typeOf(response);
  const value = isJsonType(type) ? jsonOf(response) : undefined;
  const next =
    tool.pages.length === 0
      ? undefined
      : nextPage(tool.pages, { url: askedUrl(tool, request), link: headerOf(response, 'link'), value });
  const more: JsonObject[] =
    next === undefined
      ? []
      : [{ type: 'text', text: `There are more pages: call it again with ${JSON.stringify(next)} besides.` }];
  const http = meta[META_HTTP] as JsonObject;
  const result = {
    content: [contentOf(tool, request, response), ...more],
    ...(isObject(value) && { structuredContent: value }),
    _meta: { [META_HTTP]: { ...http, ...(next && { next }) } },
  };
  return kept(tool, value, result);
}

/** A promise of structured content is kept, or its breach is said: clients throw such a result away, data and all. */
function kept({ checkOutput }: ApiTool, value: JsonValue | undefined, result: JsonObject): JsonObject {
  if (checkOutput === undefined) return result;
  const problem = isObject(value) ? shapeProblem(checkOutput, value) : 'it is no JSON object that can be read';
  if (problem === undefined) return result;
  const { structuredContent: _structured, content, ...rest } = result;
  const text = `The API did what was asked, but its answer is not what its document says: ${problem}. It follows as it came.`;
  return { ...rest, content: [{ type: 'text', text }, ...(content as JsonObject[])], isError: true };
}

function shapeProblem(check: NonNullable<ApiTool['checkOutput']>, value: JsonValue): string | undefined {
  try {
    const [first] = check(value);
    return first && `${first.at === '' ? 'it' : first.at}: ${first.message}`;
  } catch {
    return 'it takes too long to check';
  }
}

function contentOf(tool: ApiTool, request: ApiRequest, response: OriginResponse): JsonObject {
  const { body, status } = response;
  const type = typeOf(response);
  if (tool.operation.method === 'HEAD') return { type: 'text', text: headText(response) };
  if (body.length === 0) return { type: 'text', text: `HTTP ${status}, without content.` };
  const [kind] = type.split('/');
  if ((kind === 'image' || kind === 'audio') && type !== 'image/svg+xml') {
    return { type: kind, data: body.toString('base64'), mimeType: type };
  }
  if (isText(type)) return { type: 'text', text: decoded(response) };
  return { type: 'resource', resource: { uri: placeOf(tool, request), mimeType: type, blob: body.toString('base64') } };
}

/** What a HEAD is made for. */
const SHOWN = ['content-type', 'content-length', 'last-modified', 'etag', 'content-disposition', 'cache-control'];

function headText(response: OriginResponse): string {
  const lines = SHOWN.flatMap((name) => {
    const value = headerOf(response, name);
    return value === undefined ? [] : [`${name}: ${plainText(value, 500)}`];
  });
  return [`HTTP ${response.status}`, ...lines].join('\n');
}

function isText(type: string): boolean {
  return (
    isJsonType(type) ||
    type.startsWith('text/') ||
    /^(?:application|image)\/(?:[\w.+-]+\+)?(?:xml|yaml|x-yaml|x-ndjson|javascript|x-www-form-urlencoded|graphql|problem\+json)$/.test(
      type,
    )
  );
}

/** Media type without parameters, lower case. */
function typeOf(response: OriginResponse): string {
  const type = headerOf(response, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  return type !== undefined && /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : 'application/octet-stream';
}

function decoded(response: OriginResponse): string {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([\w.:-]+)/i.exec(headerOf(response, 'content-type') ?? '') ?? [];
  try {
    return new TextDecoder(charset).decode(response.body);
  } catch {
    return response.body.toString('utf8');
  }
}

/** Undefined: it is none, or one that nests deeper than a message may; that is read as text. */
function jsonOf(response: OriginResponse): JsonValue | undefined {
  try {
    const text = decoded(response);
    return exceedsShape(text, MAX_JSON_DEPTH, Infinity) === undefined ? (JSON.parse(text) as JsonValue) : undefined;
  } catch {
    return undefined;
  }
}

function headerOf({ headers }: OriginResponse, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Seconds, or a date (RFC 9110 §10.2.3). */
function retry(response: OriginResponse, nowMs: number): { readonly retryAfterMs?: number } {
  const text = headerOf(response, 'retry-after');
  if (text === undefined) return {};
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(ms) ? { retryAfterMs: Math.max(0, ms) } : {};
}

/** Of what was made. */
function location(response: OriginResponse): { readonly location?: string } {
  const text = response.status === 201 ? plainText(headerOf(response, 'location'), 1000) : undefined;
  return text === undefined ? {} : { location: text };
}
