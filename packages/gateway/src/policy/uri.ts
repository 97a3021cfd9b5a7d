/**
 * The plain form of a URI: what it means to a server that decodes it (RFC 3986 §6.2.2). A rule against `file:///secret/*` must
 * not miss `FILE:///%73ecret/key`. It is for matching alone: what is forwarded stays as it was written.
 */

/** What no server should have to tell apart: unreserved characters (§2.3), both slashes, and the percent sign itself. */
const PLAIN = /[A-Za-z0-9._~\-/\\%]/;

/** Rounds of decoding, for what is encoded more than once. */
const MAX_ROUNDS = 4;

export interface PlainUri {
  readonly uri: string;
  /** It holds `.` or `..` as a segment. Servers differ on what that leads to, and in whether the host is one. */
  readonly climbs: boolean;
}

export function plainUri(written: string): PlainUri {
  const decoded = decode(written).replaceAll('\\', '/');
  const prefix = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(decoded)?.[0] ?? '';
  const scheme = prefix.toLowerCase();
  const rest = decoded.slice(prefix.length);
  const authority = /^\/\/[^/?#]*/.exec(rest)?.[0] ?? '';
  const tail = /[?#].*$/s.exec(rest.slice(authority.length))?.[0] ?? '';
  const path = rest.slice(authority.length, rest.length - tail.length).replaceAll(/\/{2,}/g, '/');
  return {
    uri: `${scheme}${plainAuthority(scheme, authority)}${path}${tail}`,
    climbs: /(?:^|\/)\.{1,2}(?:\/|$)/.test(`${authority.slice(2)}${path}`),
  };
}

/** Only of these schemes it is known that the authority is a host, which has no case. */
function plainAuthority(scheme: string, authority: string): string {
  const host = authority.toLowerCase();
  if (scheme === 'file:') return host === '' || host === '//localhost' ? '//' : host;
  return scheme === 'http:' || scheme === 'https:' ? host : authority;
}

function decode(uri: string): string {
  let text = uri;
  for (let round = 0; round < MAX_ROUNDS && text.includes('%'); round++) {
    const decoded = text.replaceAll(/%([0-9A-Fa-f]{2})/g, (written, digits: string) => {
      const character = String.fromCharCode(Number.parseInt(digits, 16));
      return PLAIN.test(character) ? character : written.toUpperCase();
    });
    if (decoded === text) return text;
    text = decoded;
  }
  return text;
}
