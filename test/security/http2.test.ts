/** HTTP/2 is not spoken, so nothing that is sent in its frames is looked at. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasOpenssl } from '../../packages/server/src/testing/certificates.ts';
import { startGateway } from '../gateway/gateway.ts';
import { openPki, startSecured, type Pki, type Secured } from './web-support.ts';

/** The preface of a client (RFC 9113 §3.4), and a stream that is opened and reset at once, very often. */
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HEADERS = Buffer.from('0000030105000000018286 84'.replace(' ', ''), 'hex');
const RESET = Buffer.from('00000403000000000100000008', 'hex');
const RAPID = Buffer.concat(Array.from({ length: 2000 }, () => Buffer.concat([HEADERS, RESET])));

/** All that comes before the connection is over. */
function heard(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  // A connection that is cut is what is wanted.
  socket.on('error', () => undefined).on('close', () => resolve(text));
  return promise;
}

describe('HTTP/2', () => {
  it('INP-09 on a plain port costs its connection, and others are served', async () => {
    await using started = await startGateway({});
    const socket = connect(started.port, '127.0.0.1');
    const answer = heard(socket);
    socket.write(Buffer.concat([Buffer.from(PREFACE), RAPID]));
    expect(await answer).toMatch(/^HTTP\/1\.1 400 /);
    expect((await fetch(`http://127.0.0.1:${started.port}/healthz`)).status).toBe(200);
  });
});

describe.skipIf(!hasOpenssl())('HTTP/2 over TLS (needs openssl)', () => {
  const at: { pki?: Pki; place?: Secured } = {};

  beforeAll(async () => {
    at.pki = await openPki();
    at.place = await startSecured(at.pki, {});
  });
  afterAll(async () => {
    await at.place?.[Symbol.asyncDispose]();
    await at.pki?.[Symbol.asyncDispose]();
  });

  /** The protocol that is agreed upon; undefined: there is no connection. */
  const agreed = (protocols: string[]): Promise<string | false | undefined> => {
    const { promise, resolve } = Promise.withResolvers<string | false | undefined>();
    const port = at.place?.started.port;
    const socket = connectTls({ host: 'localhost', port, ca: at.pki?.authority.cert, ALPNProtocols: protocols });
    socket.on('secureConnect', () => {
      resolve(socket.alpnProtocol ?? undefined);
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
    return promise;
  };

  it('INP-09 is not offered: HTTP/1.1 is agreed upon, or nothing', async () => {
    expect(await agreed(['h2', 'http/1.1'])).toBe('http/1.1');
    expect(await agreed(['h2'])).toBeUndefined();
  });
});
