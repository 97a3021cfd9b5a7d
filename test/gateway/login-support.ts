/** What the tests of logins share: a gateway with people's keys in front of a server that wants a login, and their browsers. */
import { randomBytes } from 'node:crypto';
import { createOneTimeCodes } from '@sallyport/server/browser';
import { openStateStore, recordsOf } from '../../packages/gateway/src/cli/testing/state.ts';
import { WebBrowser, type WebPage } from '../../packages/server/src/browser/testing/web-browser.ts';
import { openProtectedServer, type ProtectedServer } from '../support/protected-server.ts';
import { startGateway, temporaryFolder, type Started, type StartOptions } from './gateway.ts';

const random = (): string => randomBytes(32).toString('base64url');

export const KEYS = { alice: random(), bob: random(), ada: random() };
export type Person = keyof typeof KEYS;

export interface Place extends AsyncDisposable {
  readonly started: Started;
  readonly up: ProtectedServer;
  readonly state: string;
  /** What another gateway on the same state needs. */
  readonly configuration: Record<string, unknown>;
}

export interface PlaceOptions extends Pick<StartOptions, 'env' | 'now'> {
  /** Of the server. */
  readonly oauth?: object;
  readonly configuration?: Record<string, unknown>;
  /** Of a client that was registered by hand; else the gateway registers itself. */
  readonly redirectUris?: readonly string[];
}

const OAUTH = { allowLoopbackHttp: true, scopes: ['read', 'offline_access'] };

/** A gateway with keys for alice, bob and ada, who is an admin, in front of a server that wants a login. */
export async function openPlace({
  oauth,
  configuration: more,
  redirectUris,
  ...options
}: PlaceOptions = {}): Promise<Place> {
  const stack = new AsyncDisposableStack();
  const up = stack.use(await openProtectedServer(redirectUris));
  const { path: state } = stack.use(await temporaryFolder());
  const keys = Object.entries(KEYS).map(([name, key]) => ({ name, key, ...(name === 'ada' && { roles: ['admin'] }) }));
  const configuration = {
    mcpServers: { up: { url: up.url, oauth: { ...OAUTH, ...oauth } } },
    auth: { mode: 'key', keys },
    store: 'sqlite',
    ...more,
  };
  const started = stack.use(await startGateway(configuration, { stateDirectory: state, ...options }));
  return { started, up, state, configuration, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

export function bearer(person: Person): { readonly headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${KEYS[person]}` } };
}

/** What `sallyport key link` makes. */
async function codeFor({ state }: Pick<Place, 'state'>, subject: string): Promise<string> {
  const store = await openStateStore(state);
  try {
    const codes = createOneTimeCodes({ records: recordsOf(store, 'browser'), now: Date.now, random: randomBytes });
    return (await codes.create({ issuer: 'local', subject, roles: [] })).code;
  } finally {
    await store.close();
  }
}

/** Opens a link as somebody who signs in with a one-time code, and stays at what it says. */
export async function openLink(
  place: Place,
  subject: string,
  url: string,
  browser = new WebBrowser(),
): Promise<WebPage> {
  const page = await browser.open(url);
  if (!page.text.includes('id="code"')) return page;
  return await browser.submit(page, 'id="code"', { code: await codeFor(place, subject) });
}

/** Agrees to what a link's page says, and goes wherever that leads, to the end. */
export async function agree(
  page: WebPage,
  browser = new WebBrowser(),
  until?: (url: string) => boolean,
): Promise<WebPage> {
  return await browser.submit(page, 'Go on to', {}, until);
}

/** The whole way: `account` logs in at the server. */
export async function logIn(place: Place, subject: string, url: string, account: string): Promise<WebPage> {
  place.up.person = account;
  const browser = new WebBrowser();
  return await agree(await openLink(place, subject, url, browser), browser);
}

/** In place of a person's browser: goes wherever it is sent, with cookies, and runs nothing. */
export const BROWSER: string = JSON.stringify([
  process.execPath,
  '-e',
  `let url = process.argv[1];
  const jar = new Map();
  (async () => {
    for (let hops = 0; hops < 20; hops++) {
      const cookie = [...jar].map(([name, value]) => name + '=' + value).join('; ');
      const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        jar.set(name, value);
      }
      const next = answer.headers.get('location');
      if (next === null) return;
      url = new URL(next, url).href;
    }
  })();`,
]);
