/**
 * What a URI may mean to a server: as it is written, decoded, in its plain form (RFC 3986 §6.2.2), and as a WHATWG parser reads
 * it. A rule against `file:///secret/*` must not miss `FILE:///%73ecret/key`. What servers are known to read differently is
 * refused. It is for matching alone: what is forwarded stays as it was written. Whether names differ in case is not known here.
 */

import { globMatcher, type Matches } from '../glob.ts';

/** Rounds of decoding, for what is encoded more than once. */
const MAX_ROUNDS = 4;

/** A wildcard that is encoded in a glob means itself. No URI that is read has these. */
const LITERAL = { star: '\u0001', mark: '\u0002' } as const;

/** The spellings of a URI, as it is written first; or why no server is asked what it means. */
export type ReadUri = { readonly spellings: readonly string[] } | { readonly refused: string };

export function readUri(written: string): ReadUri {
  const spellings = spellingsOf(written, decode);
  if (spellings === undefined) return { refused: 'it is not UTF-8, or encoded too often' };
  const refused = REFUSED.find(({ is }) => spellings.some(is));
  return refused === undefined ? { spellings } : { refused: refused.why };
}

const REFUSED: readonly { readonly why: string; readonly is: (spelling: string) => boolean }[] = [
  // Parsers drop tabs and line breaks wherever they are; others end at a NUL.
  { why: 'it holds control characters', is: (spelling) => /\p{Cc}/u.test(spelling) },
  { why: 'it begins or ends with white space', is: (spelling) => spelling !== spelling.trim() },
  { why: 'it holds a backslash', is: (spelling) => /^file:.*\\|^[^?#]*\\/is.test(spelling) },
  // Also behind `?` and `#`, for who strips the scheme only; also before `;`, for who strips parameters of segments.
  {
    why: 'it holds . or .. as a segment',
    is: (spelling) =>
      /(?:^|\/)\.{1,2}(?:[/?#;]|$)/.test(spelling.replaceAll('\\', '/').replace(/^[A-Za-z][A-Za-z0-9+.-]*:/, '')),
  },
];

/**
 * Spellings that parsers read as the same, or as the same but for what a server may leave out: who asks (userinfo), the last
 * dot of a host, parameters of segments, the fragment, and of a file the query. More than a URI means: to restrict by, never
 * to grant.
 */
export function readingsOf(spellings: readonly string[]): readonly string[] {
  const spelled = withoutParameters(spellings);
  const hrefs = new Set(spelled.flatMap(parsed));
  return withoutParameters([...spelled, ...[...hrefs].flatMap((href) => spellingsOf(href, decode) ?? [href])]);
}

function withoutParameters(uris: readonly string[]): readonly string[] {
  return [...new Set([...uris, ...uris.map((uri) => plain(uri.replaceAll(/;[^/?#]*/g, '')))])];
}

function parsed(spelling: string): readonly string[] {
  const url = URL.parse(spelling);
  if (url === null) return [];
  const hrefs = [url.href];
  url.username = '';
  url.password = '';
  // The root of the domain names, which resolvers do not need.
  url.hostname = url.hostname.replace(/\.$/, '');
  hrefs.push(url.href);
  url.hash = '';
  hrefs.push(url.href);
  if (url.protocol === 'file:') {
    url.search = '';
    hrefs.push(url.href);
  }
  return [...new Set(hrefs)];
}

/** Matches spellings: by a glob as it is written, and by its plain form. */
export function uriMatcher(globs: readonly string[]): Matches {
  return matcherOf([...new Set(globs.flatMap(globSpellings))]);
}

/** Matches readings: a glob also as a parser reads it. */
export function uriRestricter(globs: readonly string[]): Matches {
  return matcherOf([...new Set(globs.flatMap((glob) => [glob, ...parsed(glob)]).flatMap(globSpellings))]);
}

/** Only where a glob has a wildcard that means itself, the characters of a URI must be told from wildcards. */
function matcherOf(spellings: readonly string[]): Matches {
  const matches = globMatcher(spellings);
  if (!spellings.some((each) => each.includes(LITERAL.star) || each.includes(LITERAL.mark))) return matches;
  return (uri) => matches(uri.replaceAll('*', LITERAL.star).replaceAll('?', LITERAL.mark));
}

function globSpellings(glob: string): readonly string[] {
  const decodeGlob = (text: string): string =>
    decode(text.replaceAll(/%2A/gi, LITERAL.star).replaceAll(/%3F/gi, LITERAL.mark));
  return spellingsOf(glob, decodeGlob) ?? [glob];
}

/** Each round of decoding, and the plain form of each. Undefined for what cannot be decoded, or not in so many rounds. */
function spellingsOf(written: string, decodeOnce: (text: string) => string): readonly string[] | undefined {
  if (!written.isWellFormed()) return undefined;
  const spellings = new Set([written, plain(written)]);
  let text = written;
  try {
    for (let round = 0; ; round++) {
      const decoded = decodeOnce(text);
      if (decoded === text) return [...spellings];
      if (round === MAX_ROUNDS) return undefined;
      spellings.add(decoded).add(plain(decoded));
      text = decoded;
    }
  } catch {
    return undefined;
  }
}

/** Throws a URIError for bytes that are not UTF-8. */
function decode(text: string): string {
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (bytes) => decodeURIComponent(bytes));
}

/** Of a glob as well: its scheme may hold wildcards. */
function plain(spelling: string): string {
  const slashed = spelling.normalize('NFC').replaceAll('\\', '/');
  const prefix = /^[A-Za-z*?][A-Za-z0-9+.*?-]*:/.exec(slashed)?.[0] ?? '';
  const scheme = prefix.toLowerCase();
  const rest = slashed.slice(prefix.length);
  const authority = /^\/\/[^/?#]*/.exec(rest)?.[0] ?? '';
  return `${scheme}${plainAuthority(scheme, authority)}${rest.slice(authority.length).replaceAll(/\/{2,}/g, '/')}`;
}

/** Only of these schemes it is known that the authority is a host, which has no case. */
function plainAuthority(scheme: string, authority: string): string {
  const host = authority.toLowerCase();
  if (scheme === 'file:') return host === '' || host === '//localhost' ? '//' : host;
  return scheme === 'http:' || scheme === 'https:' ? host : authority;
}
