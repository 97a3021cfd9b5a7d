/**
 * For tests: a site with the pages of {@link createBrowser}, over TLS or on plain loopback, and one page of its own that asks
 * who sits there and has a form.
 */

import { execFileSync } from 'node:child_process';
import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFailureLimit } from '../../auth/failures.ts';
import type { Principal } from '../../exchange.ts';
import { createBrowser, type Browser, type BrowserOptions } from '../create.ts';
import { html } from '../html.ts';
import type { BrowserEvent } from '../types.ts';
import { createMemoryRecords } from '../../memory-records.ts';

/** A certificate of its own making for `localhost`, and its key. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export function createCertificate(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-browser-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface Site {
  /** `https://localhost:…` or `http://127.0.0.1:…`. */
  readonly origin: string;
  readonly browser: Browser;
  readonly clock: { nowMs: number };
  readonly records: ReturnType<typeof createMemoryRecords>;
  readonly events: BrowserEvent[];
  /** What the page's form did, and who had submitted it. */
  readonly done: { readonly principal: Principal; readonly what: string }[];
  close(): Promise<void>;
}

export interface SiteServer {
  readonly origin: string;
  readonly server: Server;
}

/** A port that is open and a site that is not there yet: a provider wants to know the port before. */
export async function openServer(certificate?: Certificate): Promise<SiteServer> {
  const server = certificate === undefined ? createServer() : createTlsServer({ ...certificate });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, origin: certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}` };
}

export const MINUTE = 60_000;

export function openSite({ origin, server }: SiteServer, options: Partial<BrowserOptions> = {}): Site {
  const clock = { nowMs: Date.now() };
  const now = (): number => clock.nowMs;
  const records = createMemoryRecords(now);
  const events: BrowserEvent[] = [];
  const done: Site['done'] = [];
  const isSecure = (request: IncomingMessage): boolean => 'encrypted' in request.socket;
  const browser = createBrowser({
    product: 'Sallyport',
    records,
    now,
    random: randomBytes,
    lifetimes: { idleMs: 30 * MINUTE, absoluteMs: 12 * 60 * MINUTE, rotateMs: 15 * MINUTE },
    provider: undefined,
    isSecure,
    isLocal: (request) => !isSecure(request),
    addressOf: (request) => request.socket.remoteAddress,
    publicUrl: undefined,
    returnPaths: ['/consent'],
    key: createSecretKey(randomBytes(32)),
    failures: createFailureLimit(60, now),
    codeHint: 'Run `make <a> code` in a terminal on this machine.',
    purposes: {},
    report: (event) => events.push(event),
    ...options,
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url?.replace(/\?.*/, '') ?? '';
    const handler = browser.route(path);
    if (handler !== undefined) handler(request, response);
    else if (path === '/consent') void consent(browser, done, request, response);
    else response.writeHead(404).end();
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { origin, browser, clock, records, events, done, close };
}

async function consent(
  browser: Browser,
  done: Site['done'],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'POST') {
    const posted = await browser.posted(request, response, 'consent');
    if (posted === undefined) return;
    done.push({ principal: posted.session.principal, what: posted.form.get('what') ?? '' });
    return browser.page(response, { title: 'Done', body: html`<p>done</p>` });
  }
  const session = await browser.signedIn(request, response);
  if (session === undefined) return browser.startSignIn(request, response, request.url ?? '');
  const { subject, roles } = session.principal;
  const body = html`<p>You are ${subject}, ${roles.join()}.</p>
    <form method="post">${session.fields('consent')}<input name="what" /><button>Agree</button></form>`;
  browser.page(response, { title: 'Consent', body });
}
