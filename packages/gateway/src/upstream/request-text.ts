/**
 * The text of a request on its way upstream: the client's own text with another id and only what has to differ
 * replaced, so that everything else leaves as it came. A hole stands where the id goes; NUL marks it, which cannot
 * stand in JSON text.
 */

import {
  applyEdits,
  isObject,
  members,
  nestedMembers,
  type Edit,
  type JsonRpcRequest,
  type Members,
  type Span,
} from '@sallyport/wire';

const HOLE = '\0';

/** JSON text by member of `params`: replaced, or added; undefined removes it. */
export type ParamChanges = Readonly<Record<string, string | undefined>>;

/** True when the client wants progress; its token is replaced by the upstream request's id. */
export function progressToken(message: JsonRpcRequest): string | number | undefined {
  const meta = message.params?.['_meta'];
  const token = isObject(meta) ? meta['progressToken'] : undefined;
  return typeof token === 'string' || typeof token === 'number' ? token : undefined;
}

/** The request's text as a function of its id upstream. */
export function requestText(message: JsonRpcRequest, text: string, changes: ParamChanges): (id: number) => string {
  const whole = edited(message, text, changes) ?? rebuilt(message, changes);
  const hole = whole.indexOf(HOLE);
  if (whole.includes(HOLE, hole + 1)) return (id) => whole.replaceAll(HOLE, String(id));
  const before = whole.slice(0, hole);
  const after = whole.slice(hole + 1);
  return (id) => before + id + after;
}

/** Undefined when the text could mean different things to different parsers. */
function edited(message: JsonRpcRequest, text: string, changes: ParamChanges): string | undefined {
  const found = nestedMembers(text, 0, 'params');
  const id = found?.outer.get('id');
  if (found === undefined || id === undefined) return undefined;
  const edits: Edit[] = [{ start: id.start, end: id.end, text: HOLE }];
  const params = found.outer.get('params');
  if (params === undefined) return Object.keys(changes).length === 0 ? applyEdits(text, edits) : undefined;
  if (found.inner === undefined || !addChanges(edits, params, found.inner, changes)) return undefined;
  if (progressToken(message) !== undefined && !('_meta' in changes)) {
    const token = tokenSpan(text, found.inner);
    if (token === undefined) return undefined;
    edits.push({ start: token.start, end: token.end, text: HOLE });
  }
  return applyEdits(text, edits);
}

/** False when a member has to go: only writing anew does that. */
function addChanges(edits: Edit[], params: Span, inner: Members, changes: ParamChanges): boolean {
  let added = '';
  for (const name in changes) {
    const value = changes[name];
    const span = inner.get(name);
    if (value === undefined) {
      if (span !== undefined) return false;
    } else if (span === undefined) added += `${JSON.stringify(name)}:${value},`;
    else edits.push({ start: span.start, end: span.end, text: value });
  }
  const start = params.start + 1;
  if (added !== '') edits.push({ start, end: start, text: inner.size === 0 ? added.slice(0, -1) : added });
  return true;
}

function tokenSpan(text: string, params: Members): Span | undefined {
  const meta = params.get('_meta');
  return meta && members(text, meta.start)?.get('progressToken');
}

/** The same from values: canonical, at the price of numbers that a double cannot hold. */
function rebuilt(message: JsonRpcRequest, changes: ParamChanges): string {
  const { jsonrpc: _version, id: _id, params, ...others } = message as JsonRpcRequest & Record<string, unknown>;
  const texts = new Map<string, string | undefined>();
  for (const [name, value] of Object.entries(params ?? {})) texts.set(name, JSON.stringify(value));
  if (progressToken(message) !== undefined) texts.set('_meta', metaText(params?.['_meta']));
  for (const [name, text] of Object.entries(changes)) texts.set(name, text);
  const list = [...texts].flatMap(([name, value]) => (value === undefined ? [] : [`${JSON.stringify(name)}:${value}`]));
  const rest = Object.entries(others).map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const body = params === undefined && list.length === 0 ? '' : `,"params":{${list.join(',')}}`;
  return `{"jsonrpc":"2.0","id":${HOLE}${rest.join('')}${body}}`;
}

/** `_meta` as text, with a hole for the progress token when it has one. */
export function metaText(meta: unknown): string {
  if (!isObject(meta)) return '{}';
  const { progressToken: token, ...others } = meta;
  const rest = JSON.stringify(others);
  if (token === undefined) return rest;
  return rest === '{}' ? `{"progressToken":${HOLE}}` : `{"progressToken":${HOLE},${rest.slice(1)}`;
}
