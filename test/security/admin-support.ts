/** A gateway with an admin API, and requests for it by those who may and those who may not. */
import { join } from 'node:path';
import { startGateway, temporaryFolder, type Started } from '../gateway/gateway.ts';
import { serveRaw } from '../gateway/raw-http.ts';
import { bearer, knock, randomKey, type Knocked } from './support.ts';

export const CANARY: string = ['CANARY', '0123456789', 'abcdef'].join('');

/** Too short for what is looked for in texts: nothing but where it stands says that it is nobody's. */
export const SHORT = 'q~7Z';

export interface Admin extends AsyncDisposable {
  readonly started: Started;
  readonly file: string;
  readonly base: string;
  /** Of a key with the role `admin`, of one without, and of this machine's user. */
  readonly admin: string;
  readonly client: string;
  readonly local: string;
  ask(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Knocked>;
}

/**
 * Servers: `up`, which answers; `off`, a command that is off; `bound`, which has a secret of the file. `isWritten`: the
 * configuration is a file, which it is unless something else is said.
 */
export async function startAdmin(
  more: Record<string, unknown> = {},
  { isWritten = true }: { readonly isWritten?: boolean } = {},
): Promise<Admin> {
  const folder = await temporaryFolder();
  const up = await serveRaw({ era: 'session' });
  const file = join(folder.path, 'sallyport.json');
  const [admin, client] = [randomKey(), randomKey()];
  const keys = [
    { name: 'root', key: admin, roles: ['admin'] },
    { name: 'ann', key: client, roles: ['dev'] },
  ];
  const configuration = {
    store: 'sqlite',
    auth: { mode: 'key', keys },
    mcpServers: {
      up: { url: up.url, type: 'http', headers: { 'x-thing': CANARY } },
      off: { command: '/nowhere/program', enabled: false, env: { PLAIN: CANARY, PIN: SHORT } },
      bound: { url: up.url, type: 'http', headers: { 'x-key': '${BOUND:-secret}' }, enabled: false },
    },
    ...more,
  };
  const started = await startGateway(configuration, {
    ...(isWritten && { file }),
    stateDirectory: join(folder.path, 'state'),
  });
  const base = `http://127.0.0.1:${started.port}/api/v1`;
  return {
    started,
    file,
    base,
    admin,
    client,
    local: started.gateway.localKey ?? '',
    ask: (method, path, body, headers = bearer(admin)) => {
      if (method === 'GET') return knock(`${base}${path}`, { headers });
      const text = JSON.stringify(body ?? {});
      const length = String(Buffer.byteLength(text));
      const all = { 'content-type': 'application/json', 'content-length': length, ...headers };
      return knock(`${base}${path}`, { method, headers: all, body: text });
    },
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      await up[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

export function json({ body }: Pick<Knocked, 'body'>): unknown {
  return JSON.parse(body);
}

/** What a proxy says of its client. */
export function from(address: string): Readonly<Record<string, string>> {
  return { 'x-forwarded-for': address };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Record<string, unknown> }>>>>;
}

/** As the document has it. */
export interface DocumentRoute {
  readonly method: string;
  readonly path: string;
  readonly statuses: readonly number[];
}

export async function routesOf(place: Admin): Promise<readonly DocumentRoute[]> {
  const { paths } = json(await place.ask('GET', '/openapi.json')) as Document;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { responses }]) => ({
      method: method.toUpperCase(),
      path,
      statuses: Object.keys(responses).map(Number),
    })),
  );
}

/** Every route of the document, with something in place of its parameters. */
export async function everyRoute(place: Admin): Promise<readonly (readonly [method: string, path: string])[]> {
  return (await routesOf(place)).map(({ method, path }) => [method, path.replaceAll(/\{\w+\}/g, 'up')] as const);
}
