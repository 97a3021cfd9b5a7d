/**
 * The routes of an author before they are served: one that could never answer, or that would let in whom its author meant to keep
 * out, is refused.
 */

import { isObject } from '@sallyport/wire';
import { rightsProblem } from '../framework/rights.ts';
import { badOption } from './errors.ts';
import type { Route } from './route.ts';

const KNOWN = ['path', 'methods', 'auth', 'requireRole', 'requireScope', 'handle'];
const AUTH: readonly unknown[] = ['none', 'required', 'browser'];
const METHOD = /^[A-Z]+$/;
const WELL_KNOWN = '/.well-known/';

/** What is wrong with routes as they were written; undefined: nothing. */
export function routesProblem(routes: unknown): string | undefined {
  if (!Array.isArray(routes)) return 'it is a list';
  for (const route of routes as unknown[]) {
    const problem = isObject(route)
      ? (shapeProblem(route as unknown as Route) ?? rightsOf(route as unknown as Route))
      : 'a route is an object';
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export interface RoutePlaces {
  readonly routes: readonly Route[];
  /** Paths of the server's own, which a pattern may not cover. */
  readonly taken: readonly string[];
  /** Whether something else of the server stands at a path. */
  readonly isTaken: (path: string) => boolean;
  readonly hasBrowser: boolean;
}

/** Throws a ServeError for one that would never be asked. */
export function checkPlaces({ hasBrowser, isTaken, routes, taken }: RoutePlaces): void {
  routes.forEach(({ auth, path }, at) => {
    if (isTaken(path) || taken.some((each) => covers(path, each))) {
      throw badOption('routes', `${path} is a path of the server`);
    }
    const before = routes.slice(0, at).find((each) => covers(each.path, path));
    if (before !== undefined) throw badOption('routes', `${path} is never reached: ${before.path} stands before it`);
    if (auth === 'browser' && !hasBrowser) {
      throw badOption('routes', `${path} is for people, who sign in with \`session()\`, which is not in auth`);
    }
  });
}

/** Whether a pattern is good for a path, or for all that another pattern is good for. */
export function covers(pattern: string, path: string): boolean {
  return pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

/** Whether clients, which resolve dots and encode what a URL may not hold, send a path as it is written. */
export function isPathAsSent(path: string): boolean {
  return URL.parse(`http://localhost${path}`)?.pathname === path;
}

function shapeProblem(route: Route): string | undefined {
  const { auth, handle, path } = route;
  if (!isPattern(path)) {
    return `${JSON.stringify(path)} is no path as clients send it, which may end with /* for all that is below it`;
  }
  if (!AUTH.includes(auth)) return `${path}: auth is none, required or browser`;
  if (typeof handle !== 'function') return `${path}: handle is a function`;
  if (!areMethods(route.methods)) return `${path}: methods is a list of names in capitals`;
  if (auth === 'browser' && path.endsWith('*')) return `${path}: a page has one path`;
  return auth !== 'none' && path.startsWith(WELL_KNOWN)
    ? `${path}: what stands below ${WELL_KNOWN} is for everybody`
    : undefined;
}

function isPattern(path: unknown): boolean {
  if (typeof path !== 'string' || !path.startsWith('/') || !isPathAsSent(path)) return false;
  return !path.replace(/\/\*$/, '').includes('*');
}

function areMethods(methods: unknown): boolean {
  if (methods === undefined) return true;
  return Array.isArray(methods) && methods.length > 0 && methods.every((each) => METHOD.test(String(each)));
}

function rightsOf(route: Route): string | undefined {
  const { auth, path } = route;
  const problem = rightsProblem(route, KNOWN);
  if (problem !== undefined) return `${path}: ${problem}`;
  const named = (['requireRole', 'requireScope'] as const).find((name) => Object.hasOwn(route, name));
  if (auth !== 'none' || named === undefined) return undefined;
  return `${path}: ${named} needs to know who asks, and auth is none`;
}
