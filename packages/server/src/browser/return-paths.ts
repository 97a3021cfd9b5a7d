/**
 * Where a browser may be sent after a sign-in: paths of ours, never another site. And how a browser without a cookie is
 * known there: by a token at the end of the URL, which is good at that URL alone.
 */

import { isToken } from './tokens.ts';

const MAX_LENGTH = 4096;
const LOGIN_PATH = /^\/login(?:\/[A-Za-z0-9_-]{43})?$/;
const CONTINUE = /^(.*)[?&]continue=([A-Za-z0-9_-]{43})$/;

/** True for a path with its query whose path is one of `paths`, `/login` or a login link. */
export function createReturnPaths(paths: readonly string[]): (to: string) => boolean {
  return (to) => {
    // What a URL parser would change (`//host`, `/\host`, dots, controls, a fragment) is not a path of ours.
    if (to.length > MAX_LENGTH || !/^\/(?![/\\])/.test(to) || !URL.canParse(to, 'http://own')) return false;
    const url = new URL(to, 'http://own');
    if (url.origin !== 'http://own' || url.pathname + url.search !== to) return false;
    return paths.includes(url.pathname) || LOGIN_PATH.test(url.pathname);
  };
}

export function withContinue(to: string, token: string): string {
  return `${to}${to.includes('?') ? '&' : '?'}continue=${token}`;
}

/** The two halves of what {@link withContinue} made. */
export function splitContinue(url: string): { readonly to: string; readonly token: string } | undefined {
  const [, to, token] = CONTINUE.exec(url) ?? [];
  return to !== undefined && isToken(token) ? { to, token } : undefined;
}

export function pathOf(url: string): string {
  return url.replace(/\?.*$/s, '');
}
