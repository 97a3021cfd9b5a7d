/**
 * Cookies whose names begin with `__Host-`: browsers take them only over TLS, only from this host itself and for all of
 * it (RFC 6265bis §4.1.3.2). Whether a request came over TLS is for the caller to know.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

/** The session of a browser. */
export const SESSION_COOKIE = '__Host-sallyport';
/** Binds a sign-in that is under way to the browser that began it. */
export const SIGN_IN_COOKIE = '__Host-sallyport-sign-in';

const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax';

/** The value of a cookie; undefined when it is absent or there are two of them, of which one is a stranger's. */
export function readCookie(request: IncomingMessage, name: string): string | undefined {
  const start = `${name}=`;
  const found = (request.headers.cookie ?? '').split(';').filter((each) => each.trimStart().startsWith(start));
  return found.length === 1 ? found[0]?.trim().slice(start.length) : undefined;
}

/** Without `maxAgeSeconds` it lives as long as the browser runs. Replaces one of that name on the same response. */
export function setCookie(response: ServerResponse, name: string, value: string, maxAgeSeconds?: number): void {
  const others = [response.getHeader('set-cookie') ?? []].flat().filter((each) => !`${each}`.startsWith(`${name}=`));
  const age = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`;
  response.setHeader('set-cookie', [...others.map(String), `${name}=${value}; ${ATTRIBUTES}${age}`]);
}

export function clearCookie(response: ServerResponse, name: string): void {
  setCookie(response, name, '', 0);
}
