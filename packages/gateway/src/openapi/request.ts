/** The HTTP request of a call: the caller's arguments at the places that the document gives them, and nowhere else. */

import type { JsonValue } from '@sallyport/wire';
import { encodeBody, type EncodedBody } from './body.ts';
import { membersOf } from './members.ts';
import { BadArgument, escaped, inCookie, inHeader, inPath, inQuery } from './parameters.ts';
import type { Along } from './security.ts';
import { BODY, type ApiTool } from './tool.ts';

export interface ApiRequest {
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: EncodedBody | undefined;
}

/** Names, escaped and lower case, that hold credentials. */
export interface CredentialNames {
  readonly query: ReadonlySet<string>;
  readonly cookie: ReadonlySet<string>;
}

/** Throws `BadArgument`. */
export function requestOf(
  tool: ApiTool,
  args: JsonValue | undefined,
  { boundary, secretNames }: { readonly boundary: () => string; readonly secretNames: CredentialNames },
): ApiRequest {
  const given = argumentsOf(tool, args);
  const at = (
    place: string,
  ): { readonly parameter: ApiTool['arguments'][number]['parameter']; readonly value: JsonValue }[] =>
    tool.arguments.flatMap(({ name, parameter }) => {
      const value = parameter.in === place ? given.get(name) : undefined;
      return value === undefined ? [] : [{ parameter, value }];
    });
  const values = new Map(at('path').map(({ parameter, value }) => [parameter.name, inPath(parameter, value)]));
  const query = at('query').flatMap(({ parameter, value }) => inQuery(parameter, value));
  const cookies = at('cookie').flatMap(({ parameter, value }) => inCookie(parameter, value));
  // The members of an object may be names of their own.
  refuseSecret(query, secretNames.query);
  refuseSecret(cookies, secretNames.cookie);
  const body = given.get(BODY);
  return {
    path: pathOf(tool, values),
    query,
    headers: Object.fromEntries(
      at('header').map(({ parameter, value }) => [parameter.name.toLowerCase(), inHeader(parameter, value)]),
    ),
    cookies: cookies.map((pair) => pair.join('=')),
    body: tool.body === undefined || body === undefined ? undefined : encodeBody(tool.body, body, boundary),
  };
}

function refuseSecret(pairs: ApiRequest['query'], secret: ReadonlySet<string>): void {
  // With brackets behind it the same name is a list or an object to many servers.
  const [name] = pairs.find(([each]) => secret.has(each.toLowerCase().replace(/%5b.*$/s, ''))) ?? [];
  if (name !== undefined) throw new BadArgument(`\`${name}\` is not yours to say.`);
}

/** Those that say something. */
function argumentsOf(tool: ApiTool, args: JsonValue | undefined): ReadonlyMap<string, JsonValue> {
  const given = new Map(membersOf(args));
  const known = new Set(tool.arguments.map(({ name }) => name));
  if (tool.body !== undefined) known.add(BODY);
  const unknown = [...given.keys()].find((name) => !known.has(name));
  if (unknown !== undefined) throw new BadArgument(`There is no argument \`${unknown.slice(0, 100)}\`.`);
  // In no place but a body can nothing be told from what is not there.
  for (const { name } of tool.arguments) if (given.get(name) === null) given.delete(name);
  const needed = tool.arguments.filter(({ parameter }) => parameter.required).map(({ name }) => name);
  if (tool.body?.required === true) needed.push(BODY);
  const missing = needed.find((name) => !given.has(name));
  if (missing !== undefined) throw new BadArgument(`\`${missing}\` is missing.`);
  return given;
}

function pathOf({ base, operation }: ApiTool, values: ReadonlyMap<string, string>): string {
  const path =
    base.pathname.replace(/\/$/, '') +
    operation.path.replaceAll(/\{([^{}]*)\}/g, (_all, name: string) => values.get(name) ?? '');
  // Several values of one segment may come to what none of them is.
  const leads = path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment.replace(/;.*$/s, '')));
  if (leads || path.startsWith('//')) throw new BadArgument('The arguments of the path lead elsewhere.');
  return path;
}

/** What goes out, as `GuardedOrigin` takes it. */
export function outgoing(
  { body, cookies, headers, path, query }: ApiRequest,
  along: Along,
  own: Readonly<Record<string, string>>,
): { readonly path: string; readonly headers: Record<string, string>; readonly body: Uint8Array | null } {
  const pairs = [...query, ...along.query].map((pair) => pair.join('='));
  const crumbs = [...cookies, ...along.cookies];
  return {
    path: pairs.length === 0 ? path : `${path}?${pairs.join('&')}`,
    headers: {
      accept: 'application/json, */*;q=0.5',
      'user-agent': 'sallyport',
      ...headers,
      ...(body !== undefined && { 'content-type': body.type }),
      ...(crumbs.length > 0 && { cookie: crumbs.join('; ') }),
      // Nobody's arguments stand in the place of what the operator has sent.
      ...own,
      ...along.headers,
    },
    body: body?.bytes ?? null,
  };
}

export function credentialNames(
  schemes: Iterable<{ readonly kind: string; readonly in?: string; readonly name?: string }>,
): CredentialNames {
  const all = [...schemes];
  const namesIn = (place: string): ReadonlySet<string> =>
    new Set(
      all.flatMap((scheme) =>
        scheme.in === place && scheme.name !== undefined ? [escaped(scheme.name).toLowerCase()] : [],
      ),
    );
  return { query: namesIn('query'), cookie: namesIn('cookie') };
}

/** A text of the request without what may be secret in it. */
export function placeOf({ base }: ApiTool, { path }: ApiRequest): string {
  return base.origin + path;
}

/** What was asked, without credentials. */
export function askedUrl(tool: ApiTool, request: ApiRequest): URL {
  const url = new URL(placeOf(tool, request));
  url.search = request.query.map((pair) => pair.join('=')).join('&');
  return url;
}
