/**
 * Redirect URIs: which ones a client may have, which one a request may name, and what a person is told of it (OAuth 2.1
 * §2.3; RFC 8252 §7 and §8). Text is compared with text: nothing is decoded, resolved or normalised.
 */

const MAX_LENGTH = 2000;
/** Visible ASCII, without a fragment, a wildcard, or what could end an attribute. */
const CHARACTERS = /^(?:(?!["#*<>\\^`{|}])[\x21-\x7e])+$/;
const LOOPBACK = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?(\/.*)?$/;
/** A reversed domain name (RFC 8252 §7.1): the dot keeps out `javascript`, `data`, and what systems own. */
const PRIVATE_SCHEME = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:\//;

/** Editors that are MCP clients and claimed a scheme without one, before anybody asked them for it. */
const EDITOR_SCHEME = /^(?:cursor|vscode|vscode-insiders|vscodium|windsurf):\/\/[a-z]/;

/** Where an answer would go. */
export interface RedirectTarget {
  /** A site that has proven its name to the browser; a program on the person's computer; an app that claims a scheme. */
  readonly kind: 'site' | 'loopback' | 'app';
  /** The host with its port, or the scheme of an app. */
  readonly name: string;
}

/** Where a URI leads; undefined when no client may have it. */
export function redirectTarget(uri: unknown): RedirectTarget | undefined {
  if (typeof uri !== 'string' || uri.length > MAX_LENGTH || !CHARACTERS.test(uri)) return undefined;
  const url = URL.parse(uri);
  // A text that a browser would read otherwise than it is written could be shown as one place and lead to another.
  const isAsWritten = url?.href === uri || url?.href === `${uri}/`;
  if (!isAsWritten || `${url.username}${url.password}` !== '') return undefined;
  if (url.protocol === 'https:') return { kind: 'site', name: url.host };
  if (LOOPBACK.test(uri)) return { kind: 'loopback', name: url.host };
  return isAppUri(uri) ? { kind: 'app', name: url.protocol.slice(0, -1) } : undefined;
}

function isAppUri(uri: string): boolean {
  return PRIVATE_SCHEME.test(uri) || EDITOR_SCHEME.test(uri);
}

/** True for a client's URI, exactly. On loopback the port is free: a native app takes the one it gets (RFC 8252 §7.3). */
export function matchesRedirectUri(registered: string, asked: string): boolean {
  if (registered === asked) return true;
  const rest = withoutLoopbackPort(registered);
  return rest !== undefined && rest === withoutLoopbackPort(asked);
}

function withoutLoopbackPort(uri: string): string | undefined {
  const found = LOOPBACK.exec(uri);
  return found === null ? undefined : `${found[1]}${found[2] ?? ''}`;
}
