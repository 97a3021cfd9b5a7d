/**
 * Lists that come in pages: what a description says of it, and what of an answer leads to the next page. Only arguments of the
 * same operation come out of it, never an address.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { membersOf } from './members.ts';

/** A query parameter, and how callers name it. */
export interface PageParameter {
  readonly name: string;
  readonly argument: string;
  readonly isNumber: boolean;
}

const CURSOR = /^(?:cursor|page_?token|after|starting_?after|next_?token|continuation(?:_?token)?|marker|bookmark)$/i;
const PAGE = /^(?:page|page_?(?:number|num|no)|page\[number\]|p)$/i;
const OFFSET = /^(?:offset|skip|start|start_?index)$/i;
const SIZE = /^(?:limit|per_?page|page_?size|max_?results|count|first|size|page\[size\])$/i;

/** Members of an answer that hold what leads on, and what it may stand in. */
const NEXT_CURSOR = /^(?:next_?(?:cursor|page_?token|token)|continuation_?token|end_?cursor|next_?marker|next)$/i;
const NEXT_PAGE = /^next_?page$/i;
const AROUND = [
  'meta',
  'pagination',
  'paging',
  'page_info',
  'pageInfo',
  'links',
  '_links',
  'response_metadata',
  'cursors',
];
const MAX_CURSOR = 2000;

/** A sentence; undefined: it has no pages that one could see. */
export function pagesText(parameters: readonly PageParameter[]): string | undefined {
  const by = (pattern: RegExp): PageParameter | undefined => parameters.find(({ name }) => pattern.test(name));
  const next = by(CURSOR) ?? by(PAGE) ?? by(OFFSET);
  if (next === undefined) return undefined;
  const size = by(SIZE);
  return `In pages: \`${next.argument}\` asks for the next one${size === undefined ? '' : `, \`${size.argument}\` says how much is on one`}.`;
}

export interface Answered {
  /** That was asked, absolute. */
  readonly url: URL;
  readonly link: string | undefined;
  readonly value: JsonValue | undefined;
}

/** Arguments that ask for the next page, besides those that were given; undefined: there is none that could be seen. */
export function nextPage(parameters: readonly PageParameter[], answered: Answered): JsonObject | undefined {
  const { link, url, value } = answered;
  const linked = link === undefined ? undefined : targetOf(link);
  if (linked !== undefined) return fromUrl(linked, url, parameters);
  if (!isObject(value)) return undefined;
  const places = [value, ...AROUND.map((name) => value[name]).filter((each) => isObject(each))];
  for (const place of places) {
    for (const [key, each] of membersOf(place)) {
      const found = NEXT_PAGE.test(key) || NEXT_CURSOR.test(key) ? fromMember(key, each, url, parameters) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function fromMember(
  key: string,
  value: JsonValue,
  url: URL,
  parameters: readonly PageParameter[],
): JsonObject | undefined {
  const text = typeof value === 'number' ? String(value) : isObject(value) ? value['href'] : value;
  if (typeof text !== 'string' || text === '' || text.length > MAX_CURSOR) return undefined;
  if (/^(?:https?:\/)?\//.test(text)) return fromUrl(text, url, parameters);
  const parameter = parameters.find(({ name }) => (NEXT_PAGE.test(key) ? PAGE : CURSOR).test(name));
  return parameter && valueOf(parameter, text);
}

/** `rel="next"` of RFC 8288. */
function targetOf(link: string): string | undefined {
  for (const [, target, parameters = ''] of link.slice(0, 16_384).matchAll(/<([^<>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?:\s*[;,]|\s*$))/i.test(parameters)) return target;
  }
  return undefined;
}

/** The same place with another query. */
function fromUrl(text: string, url: URL, parameters: readonly PageParameter[]): JsonObject | undefined {
  const next = URL.parse(text, url.href);
  if (next === null || next.origin !== url.origin || next.pathname !== url.pathname) return undefined;
  const found = parameters.flatMap((parameter) => {
    const value = next.searchParams.get(parameter.name);
    const isNews = value !== null && value.length <= MAX_CURSOR && value !== url.searchParams.get(parameter.name);
    return isNews ? Object.entries(valueOf(parameter, value)) : [];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function valueOf({ argument, isNumber }: PageParameter, text: string): JsonObject {
  return { [argument]: isNumber && /^\d{1,15}$/.test(text) ? Number(text) : text };
}
