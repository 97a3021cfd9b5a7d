/** Every route of the admin API with every status of its description: the description is what the gateway does. */
import { describe, expect, it } from 'vitest';
import { from, json, routesOf, startAdmin, type Admin, type DocumentRoute } from './admin-support.ts';
import { bearer, type Knocked } from './support.ts';

/** What is sent, and which status comes back. `of`: which gateway; the one with everything where nothing is said. */
type Row = readonly [method: string, path: string, status: number, body?: object, ifMatch?: string, of?: 'bare'];

const COMMAND = { command: '/nowhere/program' };
const FAR = { url: 'http://127.0.0.1:9/mcp' };

/** In this order, on the same gateway. */
const TABLE: readonly Row[] = [
  ['GET', '/openapi.json', 200],
  ['GET', '/servers', 200],
  ['GET', '/servers?limit=x', 400],
  ['GET', '/servers/up', 200],
  ['GET', '/servers/none', 404],
  ['GET', '/servers/%ff', 400],
  ['GET', '/servers/up/logs', 200],
  ['GET', '/servers/none/logs', 404],
  ['GET', '/servers/%ff/logs', 400],
  ['POST', '/servers/up/restart', 200],
  ['POST', '/servers/none/restart', 404],
  ['POST', '/servers/off/restart', 409],
  ['POST', '/servers/%ff/restart', 400],
  ['GET', '/tools', 200],
  ['GET', '/tools?limit=0', 400],
  ['POST', '/servers', 200, { name: 'far', server: FAR }],
  ['POST', '/servers', 412, { name: 'far', server: FAR }, '"old"'],
  ['POST', '/servers', 409, { name: 'far', server: FAR }],
  ['POST', '/servers', 400, { name: 'a__b', server: FAR }],
  ['PUT', '/servers/far', 428, { server: FAR }],
  ['PUT', '/servers/far', 412, { server: FAR }, '"old"'],
  ['PUT', '/servers/far', 400, { server: { ...FAR, ...COMMAND } }, '*'],
  ['PUT', '/servers/far', 409, { server: COMMAND }, '*'],
  ['PUT', '/servers/far', 200, { server: FAR }, '*'],
  ['PATCH', '/servers/far', 428, { tags: ['x'] }],
  ['PATCH', '/servers/far', 412, { tags: ['x'] }, '"old"'],
  ['PATCH', '/servers/far', 400, { tags: 'x' }, '*'],
  ['PATCH', '/servers/none', 404, { tags: ['x'] }],
  ['PATCH', '/servers/off', 409, { enabled: true }, '*'],
  ['PATCH', '/servers/far', 200, { tags: ['x'], timeout: { call: '5s' } }, '*'],
  ['DELETE', '/servers/far', 428],
  ['DELETE', '/servers/far', 412, {}, '"old"'],
  ['DELETE', '/servers/far?dryRun=perhaps', 400, {}, '*'],
  ['DELETE', '/servers/none', 404],
  ['DELETE', '/servers/far', 200, {}, '*'],
  ['DELETE', '/servers/up', 409, {}, '*', 'bare'],
  ['GET', '/pins', 200],
  ['GET', '/pins?limit=x', 400],
  ['GET', '/pins/diff', 200],
  ['GET', '/pins/diff?cursor=x', 400],
  ['POST', '/pins/approve', 412, { pins: [{ id: '{pin}', hash: 'another' }] }],
  ['POST', '/pins/approve', 200, { pins: [{ id: '{pin}', hash: '{hash}' }] }],
  ['POST', '/pins/approve', 400],
  ['POST', '/pins/approve', 404, { pins: [{ id: 'up__none', hash: '' }] }],
  ['POST', '/pins/approve', 412, { pins: [{ id: 'up__none', hash: '' }] }, '"old"'],
  ['GET', '/sessions', 200],
  ['GET', '/sessions?limit=x', 400],
  ['DELETE', '/sessions/none', 404],
  ['DELETE', '/sessions/none', 412, {}, '*'],
  ['DELETE', '/sessions/%ff', 400],
  ['GET', '/principals', 200],
  ['GET', '/principals?limit=x', 400],
  ['GET', '/principals/ann', 200],
  ['GET', '/principals/%23', 400],
  ['GET', '/principals/local', 409],
  ['PUT', '/principals/eve', 200, { disabled: true }],
  ['PUT', '/principals/eve', 412, { disabled: true }, '"old"'],
  ['PUT', '/principals/eve', 400],
  ['PUT', '/principals/local', 409, { disabled: true }],
  ['POST', '/keys', 200, { name: 'bob' }],
  ['POST', '/keys', 409, { name: 'bob' }],
  ['POST', '/keys', 400, { name: 'bob', expires: 'soon' }],
  ['POST', '/keys', 412, { name: 'bob' }, '"old"'],
  ['GET', '/keys', 200],
  ['GET', '/keys?limit=x', 400],
  ['GET', '/keys', 409, {}, '', 'bare'],
  ['GET', '/keys/bob', 200],
  ['GET', '/keys/none', 404],
  ['GET', '/keys/%ff', 400],
  ['GET', '/keys/bob', 409, {}, '', 'bare'],
  ['POST', '/keys/bob/rotate', 200],
  ['POST', '/keys/bob/rotate', 400, { graceSeconds: -1 }],
  ['POST', '/keys/none/rotate', 404],
  ['POST', '/keys/bob/rotate', 412, {}, '"old"'],
  ['POST', '/keys/bob/rotate', 409, {}, '', 'bare'],
  ['DELETE', '/keys/bob', 412, {}, '"old"'],
  ['DELETE', '/keys/%ff', 400],
  ['DELETE', '/keys/bob', 200],
  ['DELETE', '/keys/bob', 404],
  ['DELETE', '/keys/bob', 409, {}, '', 'bare'],
  ['GET', '/config', 200],
  ['PATCH', '/config', 428, { strict: false }],
  ['PATCH', '/config', 412, { strict: false }, '"old"'],
  ['PATCH', '/config', 400, { limits: { human: 'x' } }, '*'],
  ['PATCH', '/config', 409, { guard: { secrets: 'off' } }, '*'],
  ['PATCH', '/config', 200, { limits: { human: '5m' } }, '*'],
  ['POST', '/reload', 200],
  ['POST', '/reload', 400, { confirm: 1 }],
  ['GET', '/config/history', 200],
  ['GET', '/config/history?limit=x', 400],
  ['GET', '/config/history', 409, {}, '', 'bare'],
  ['GET', '/config/history/{id}', 200],
  ['GET', '/config/history/0', 404],
  ['GET', '/config/history/%ff', 400],
  ['GET', '/config/history/1', 409, {}, '', 'bare'],
  ['POST', '/config/history/{id}/restore', 428],
  ['POST', '/config/history/{id}/restore', 412, {}, '"old"'],
  ['POST', '/config/history/{id}/restore', 400, { confirm: 1 }, '*'],
  ['POST', '/config/history/0/restore', 404, {}, '*'],
  ['POST', '/config/history/{id}/restore', 200, {}, '*'],
  ['POST', '/config/history/1/restore', 409, {}, '', 'bare'],
  ['GET', '/health', 200],
  ['GET', '/system', 200],
  ['POST', '/cache/clear', 200],
  ['GET', '/audit', 200],
  ['GET', '/audit?since=never', 400],
  ['GET', '/audit', 409, {}, '', 'bare'],
  ['POST', '/audit/verify', 200],
  ['POST', '/audit/verify', 400, { chains: 1 }],
  ['POST', '/audit/verify', 409, {}, '', 'bare'],
  ['POST', '/login', 400],
  ['POST', '/login', 200, { server: 'up' }],
  ['POST', '/logout', 400],
  ['POST', '/logout', 200, { server: 'up' }],
  ['POST', '/explain', 200, { id: 'up__odd' }],
];

/** Statuses that take more than a request: they have tests of their own. */
const ELSEWHERE: Readonly<Record<string, readonly number[]>> = {
  'DELETE /sessions/{id}': [200, 409],
};

/** Who is not counted is never too many. */
const OF_THE_USER: readonly string[] = ['/login', '/logout', '/explain'];

/** Something in place of what a path leaves open. */
function filledWith(word: string, path: string): string {
  return path.replaceAll(/\{\w+\}/g, word);
}

/** Which statuses came, by method and path as the description has them, and what was no refusal as it should be. */
class Seen {
  readonly misshapen: string[] = [];
  readonly #routes: readonly DocumentRoute[];
  readonly #statuses: Map<string, Set<number>> = new Map();

  constructor(routes: readonly DocumentRoute[]) {
    this.#routes = routes;
  }

  /** `isOurs`: it came as far as the work of the route. */
  note(method: string, path: string, { body, status }: Knocked, isOurs: boolean): void {
    const name = `${method} ${this.#pathOf(method, path)}`;
    this.#statuses.set(name, (this.#statuses.get(name) ?? new Set()).add(status));
    const { error } = JSON.parse(body) as { error?: Record<string, unknown> };
    const wanted = status < 400 ? [] : ['code', 'message', ...(isOurs ? ['id'] : [])];
    if (!wanted.every((member) => typeof error?.[member] === 'string'))
      this.misshapen.push(`${name} ${status} ${body}`);
  }

  /** By route, those that came; and those that are described. */
  both(): readonly [Readonly<Record<string, number[]>>, Readonly<Record<string, number[]>>] {
    const names = this.#routes.map(({ method, path }) => `${method} ${path}`);
    const came = names.map((name) => [name, ascending(this.#statuses.get(name) ?? [])]);
    const described = this.#routes.map(({ statuses }, at) => {
      const elsewhere = ELSEWHERE[names[at] ?? ''] ?? [];
      return [names[at], ascending(statuses.filter((status) => !elsewhere.includes(status)))];
    });
    return [Object.fromEntries(came), Object.fromEntries(described)];
  }

  /** As the gateway does: the first one that fits. */
  #pathOf(method: string, path: string): string {
    const [bare = ''] = path.split('?');
    const fits = (pattern: string): boolean => new RegExp(`^${filledWith('[^/]+', pattern)}$`).test(bare);
    return this.#routes.find((route) => route.method === method && fits(route.path))?.path ?? path;
  }
}

function ascending(statuses: Iterable<number>): number[] {
  return [...statuses].toSorted((a, b) => a - b);
}

interface Answered {
  readonly history?: readonly { readonly id: string }[];
  readonly pins?: readonly { readonly id: string; readonly hash: string }[];
}

/** What can only be known when it is there: ids of what was answered before. */
class Known {
  readonly #words: Map<string, string> = new Map();

  fill(text: string): string {
    return text.replaceAll(/\{(?:id|pin|hash)\}/g, (name) => this.#words.get(name) ?? name);
  }

  learn(path: string, answer: Knocked): void {
    const { history, pins } = json(answer) as Answered;
    const [pin] = pins ?? [];
    if (history !== undefined) this.#words.set('{id}', history.at(-1)?.id ?? '');
    if (path === '/pins' && pin !== undefined) this.#words.set('{pin}', pin.id).set('{hash}', pin.hash);
  }
}

interface Places {
  readonly place: Admin;
  readonly bare: Admin;
  readonly remote: Admin;
}

/** Sends a row, and gives what came back. */
async function send([method, path, , body = {}, ifMatch = '', of]: Row, { bare, place }: Places): Promise<Knocked> {
  const tag = ifMatch === '' ? {} : { 'if-match': ifMatch };
  if (of === 'bare') return await bare.ask(method, path, body, tag);
  const key = OF_THE_USER.includes(path) ? place.local : place.admin;
  return await place.ask(method, path, body, { ...bearer(key), ...tag });
}

/** What stands before the work of every route. */
async function knockEverywhere(routes: readonly DocumentRoute[], seen: Seen, { place, remote }: Places): Promise<void> {
  const user = bearer(place.local);
  const there = { ...bearer(remote.admin), ...from('198.51.100.9') };
  for (const { method, path } of routes) {
    const at = filledWith('none', path);
    const note = async (body: unknown, headers: Readonly<Record<string, string>>): Promise<void> =>
      seen.note(method, path, await place.ask(method, at, body, headers), false);
    await note({}, {});
    await note({}, bearer(place.client));
    if (method === 'GET') continue;
    await note({}, { ...user, 'content-type': 'text/plain' });
    await note({ x: 'x'.repeat(300_000) }, user);
    await note([], user);
  }
  for (const { method, path } of routes.filter(({ statuses }) => statuses.includes(403)))
    seen.note(method, path, await remote.ask(method, filledWith('none', path), {}, there), true);
  // And when too many come.
  for (let count = 0; count < 601; count++) await place.ask('GET', '/openapi.json');
  for (const { method, path } of routes.filter((route) => !OF_THE_USER.includes(route.path)))
    seen.note(method, path, await place.ask(method, filledWith('none', path)), false);
}

describe('every route', () => {
  it('ADM-01 answers with every status that the description says, and with no other', async () => {
    await using place = await startAdmin({ limits: { failedAuthentications: 10_000 } });
    await using bare = await startAdmin({ store: 'memory', auth: { mode: 'none' } }, { isWritten: false });
    const admin = { hosts: ['198.51.100.0/24'] };
    await using remote = await startAdmin({ listen: { port: 0, trustProxy: ['127.0.0.1'] }, admin });
    const places = { place, bare, remote };
    const routes = await routesOf(place);
    const seen = new Seen(routes);
    const known = new Known();
    for (const row of TABLE) {
      const filled = JSON.parse(known.fill(JSON.stringify(row))) as Row;
      const [method, path, status] = filled;
      const answer = await send(filled, places);
      expect(answer.status, `${JSON.stringify(filled)}: ${answer.body}`).toBe(status);
      seen.note(method, path, answer, true);
      known.learn(path, answer);
    }
    await knockEverywhere(routes, seen, places);
    const [came, described] = seen.both();
    expect(came).toEqual(described);
    expect(seen.misshapen).toEqual([]);
  }, 120_000);
});
