/** A gateway and a server behind it that speaks TLS: whom it trusts by the configuration, and what it shows of itself. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { hash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, startGateway, type Started } from '../gateway/gateway.ts';
import { LOCALHOST, openPki, type Pair, type Pki } from './web-support.ts';

interface Made {
  readonly pki: Pki;
  readonly server: Server;
  readonly pair: Pair;
  /** Names in the certificates that were shown with each request. */
  readonly shown: unknown[];
}

const made: { all?: Made } = {};
const all = (): Made => made.all as Made;
const url = (): string => `https://localhost:${(all().server.address() as AddressInfo).port}/mcp`;

beforeAll(async () => {
  const pki = await openPki();
  const pair = pki.authority.issue(LOCALHOST);
  const shown: unknown[] = [];
  const options = { ...pair, ca: pki.authority.cert, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, (request, response) => {
    shown.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
    if (request.method !== 'POST') return void response.writeHead(405).end();
    return void json(request).then((body) => {
      const { id, method } = body as { id?: number; method: string };
      if (id === undefined) return void response.writeHead(202).end();
      const results: Readonly<Record<string, unknown>> = {
        initialize: {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'up', version: '1' },
        },
        'tools/list': { tools: [{ name: 'behind', inputSchema: { type: 'object' } }] },
      };
      const result = results[method];
      const rest = result === undefined ? { error: { code: -32601, message: 'No.' } } : { result };
      response.writeHead(200, { 'content-type': 'application/json' });
      return void response.end(JSON.stringify({ jsonrpc: '2.0', id, ...rest }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  made.all = { pki, server, pair, shown };
});
afterAll(async () => {
  all().server.close();
  all().server.closeAllConnections();
  await all().pki[Symbol.asyncDispose]();
});

async function start(tls: Readonly<Record<string, string>> | undefined): Promise<Started> {
  all().shown.length = 0;
  return await startGateway({ mcpServers: { up: { url: url(), type: 'http', ...(tls && { tls }) } } });
}

async function toolsOf(started: Started): Promise<string> {
  const { before, after } = (await ask(started, 'alice', 'tools/list')) as { before: Buffer; after: Buffer };
  return Buffer.concat([before, after]).toString();
}

function pinOf({ cert }: Pair): string {
  const key = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${hash('sha256', key, 'base64')}`;
}

describe('mcpServers.*.tls', () => {
  it('P1-12 nobody is trusted for having a certificate, and nothing is said to him', async () => {
    await using started = await start(undefined);
    expect(await toolsOf(started)).not.toContain('up__behind');
    await started.log.until(({ text }) => text.includes('of no authority that is trusted here'), 'the reason');
    expect(all().shown).toEqual([]);
  });

  it('P1-12 its authority, a certificate of ours, and a pin that fits', async () => {
    const { pki, pair } = all();
    const client = pki.authority.issue({ ...LOCALHOST, commonName: 'the gateway', usage: 'clientAuth' });
    const ca = await pki.write('ca.pem', pki.authority.cert);
    const cert = await pki.write('client.pem', client.cert);
    const key = await pki.write('client.key', client.key);
    await using started = await start({ ca, cert, key, pin: pinOf(pair) });
    expect(await toolsOf(started)).toContain('up__behind');
    expect(new Set(all().shown)).toEqual(new Set(['the gateway']));
  });

  it('P1-12 a pin that does not fit keeps every byte back', async () => {
    const { pki } = all();
    const ca = await pki.write('ca.pem', pki.authority.cert);
    await using started = await start({ ca, pin: `sha256/${'A'.repeat(43)}=` });
    expect(await toolsOf(started)).not.toContain('up__behind');
    await started.log.until(({ text }) => text.includes('not the one of tls.pin'), 'the reason');
    expect(all().shown).toEqual([]);
  });

  it('P1-12 a file that is not there stops the start, with its key', async () => {
    await expect(start({ ca: `${all().pki.folder}/none.pem` })).rejects.toThrow(/mcpServers\.up\.tls\.ca: .*none\.pem/);
  });
});
