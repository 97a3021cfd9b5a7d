/** Client certificates through a whole gateway: whom they name, which of them do not count, and what taking one back does. */
import { Agent } from 'node:https';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ask,
  askList,
  askMcp,
  openPki,
  startSecured,
  toolsOf,
  type Asked,
  type Authority,
  type Pair,
  type Pki,
  type Secured,
} from './web-support.ts';

const made: { pki?: Pki } = {};
const pki = (): Pki => made.pki as Pki;
const ca = (): string => pki().authority.cert;

beforeAll(async () => {
  made.pki = await openPki();
});
afterAll(async () => await made.pki?.[Symbol.asyncDispose]());

const ALICE = 'URI:spiffe://test/alice';
const POLICY = {
  roles: { dev: { claims: { san: [ALICE] } } },
  rules: [{ effect: 'allow', roles: ['dev'], servers: ['up'], tools: ['up__pid'] }],
};

describe('client certificates', () => {
  const at: { people?: Authority; strangers?: Authority; gateway?: Secured } = {};
  const people = (): Authority => at.people as Authority;
  const gateway = (): Secured => at.gateway as Secured;
  const url = (): string => `${gateway().base}/mcp`;
  const shown = (pair: Pair | undefined): Asked => ({ with: { ca: ca(), ...pair } });
  /** Of a certificate: the status, and the tools where there are some. */
  const outcome = async (pair: Pair | undefined, more: Asked = {}): Promise<unknown> => {
    const answer = await askList(url(), { ...more, ...shown(pair) });
    return answer.status === 200 ? toolsOf(answer) : answer.status;
  };

  beforeAll(async () => {
    at.people = pki().authorityOf('people');
    at.strangers = pki().authorityOf('strangers');
    const clientCa = await pki().write('people.pem', people().cert);
    const crl = await pki().write('crl.pem', people().revocations());
    at.gateway = await startSecured(pki(), { auth: { mode: 'mtls' }, policy: POLICY }, { tls: { clientCa, crl } });
  });
  afterAll(async () => await at.gateway?.[Symbol.asyncDispose]());

  it('P4-10 the right one is whom its subjectAltName says, in the role that the policy gives for it', async () => {
    const alice = people().issue({ commonName: 'x', subjectAltName: ALICE });
    expect(await outcome(alice)).toEqual(['up__pid']);
    const called = await askMcp(url(), 'tools/call', { name: 'up__pid', arguments: {} }, shown(alice));
    expect(called.body).toContain(`"text":"${process.pid}"`);
    // Whoever is known and has no role sees nothing, and the name of the role in the common name is none.
    expect(await outcome(people().issue({ odd: true }))).toEqual([]);
    const bob = people().issue({ commonName: 'dev', subjectAltName: 'URI:spiffe://test/bob' });
    expect(await outcome(bob)).toEqual([]);
    expect(await outcome(people().issue({ subjectAltName: 'URI:spiffe://test/bob,URI:spiffe://test/alice' }))).toEqual([
      'up__pid',
    ]);
  });

  const refused: readonly (readonly [string, () => Pair | undefined])[] = [
    ['none', () => undefined],
    ['one of another authority', () => at.strangers?.issue({ subjectAltName: ALICE })],
    ['one of the authority of servers', () => pki().authority.issue({ subjectAltName: ALICE })],
    ['one that has expired', () => people().issue({ subjectAltName: ALICE, expired: true })],
    ['one for servers', () => people().issue({ subjectAltName: ALICE, usage: 'serverAuth' })],
    ['one for nothing in particular', () => people().issue({ subjectAltName: ALICE, usage: null })],
    ['one with a common name alone', () => people().issue({ commonName: 'spiffe.test alice' })],
  ];

  it.each(refused)('P4-10 %s is refused', async (_name, make) => {
    expect(await outcome(make())).toBe(401);
    expect(await outcome(people().issue({ subjectAltName: ALICE }))).toEqual(['up__pid']);
  });

  it('P4-10 one that is revoked while its connection is open is cut off, and refused anew', async () => {
    const alice = people().issue({ subjectAltName: ALICE });
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: ca(), ...alice });
    expect(toolsOf(await askList(url(), { with: { agent } }))).toEqual(['up__pid']);
    const [socket] = Object.values(agent.freeSockets).flatMap((each) => each ?? []);
    const closed = new Promise<void>((resolve) => socket?.once('close', () => resolve()));
    await pki().write('crl.pem', people().revocations(alice));
    await closed;
    expect((await askList(url(), { with: { agent } })).status).toBe(401);
    expect(await outcome(people().issue({ subjectAltName: ALICE }))).toEqual(['up__pid']);
    agent.destroy();
  });

  it('P4-10 a session that is resumed after its authority was taken away is nobody’s', async () => {
    const alice = people().issue({ subjectAltName: ALICE });
    const options = { port: gateway().started.port, host: 'localhost', servername: 'localhost', ca: ca(), ...alice };
    const socket = connect(options);
    const sessions: Buffer[] = [];
    socket.on('session', (session) => sessions.push(session));
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    const crl = await pki().read('crl.pem');
    await pki().write('people.pem', at.strangers?.cert ?? '');
    await pki().write('crl.pem', at.strangers?.revocations() ?? '');
    await expect.poll(() => outcome(alice), { timeout: 20_000 }).toBe(401);
    const answer = await askList(url(), {
      with: { ca: ca(), ...alice, ...(sessions[0] && { session: sessions[0] }) },
    });
    expect(answer.status).toBe(401);
    await pki().write('people.pem', people().cert);
    await pki().write('crl.pem', crl);
    await expect.poll(() => outcome(alice), { timeout: 20_000 }).toEqual(['up__pid']);
  });

  it('P4-10 without one there is no connection where the listener is not for this machine alone', async () => {
    const clientCa = await pki().write('all.pem', people().cert);
    await using open = await startSecured(
      pki(),
      { auth: { mode: 'mtls' } },
      { tls: { clientCa }, listen: { host: '0.0.0.0' } },
    );
    await expect(ask(`${open.base}/healthz`, { with: { ca: ca() } })).rejects.toThrow(
      /socket hang up|ECONNRESET|disconnected/,
    );
    const alice = people().issue({ subjectAltName: ALICE });
    expect((await askList(`${open.base}/mcp`, { with: { ca: ca(), ...alice } })).status).toBe(200);
  });
});
