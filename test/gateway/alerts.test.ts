/** Alerts of a gateway that runs, as somebody elsewhere gets them, and what it says of itself to strangers. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryHome, type TemporaryHome } from '../support/home.ts';
import { run, start, type Running } from '../support/process.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const secret = 'signs what is told';
/** Answers what a gateway asks first, and says which process it is. */
const server = (pidFile: string): string => `
require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid));
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const answers = {
    initialize: { protocolVersion: params?.protocolVersion, capabilities: {}, serverInfo: { name: 's', version: '1' } },
    ping: {},
  };
  const answer = answers[method]
    ? { result: answers[method] }
    : { error: { code: -32601, message: 'no such method' } };
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...answer }) + '\\n');
});`;

interface Alert {
  readonly event: string;
  readonly text: string;
  readonly server?: string;
}

const got: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
const alerts = (): Alert[] => got.map(({ body }) => JSON.parse(body) as Alert);
const hook = createServer((request, response) => {
  void text(request).then((body) => {
    got.push({ headers: request.headers, body });
    response.end();
  });
});

let home: TemporaryHome;
let env: Record<string, string>;
let gateway: Running;
let base: string;
let pidFile: string;

beforeAll(async () => {
  home = await temporaryHome();
  pidFile = join(home.path, 'pid');
  hook.listen(0, '127.0.0.1');
  await once(hook, 'listening');
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/in`;
  const config = join(home.path, 'config.json');
  const written = {
    listen: { port: 0 },
    security: { contact: 'mailto:security@acme.test' },
    alerts: [{ to: { type: 'webhook', url, secret } }],
    mcpServers: {
      own: { command: process.execPath, args: ['-e', server(pidFile)], start: 'eager', sandbox: 'none' },
    },
  };
  await writeFile(config, JSON.stringify(written), { mode: 0o600 });
  env = { ...home.env, SALLYPORT_HOME: join(home.path, 'state'), SALLYPORT_CONFIG: config };
  gateway = start(process.execPath, [bin, 'serve'], { env, cwd: home.path });
  const [, ready = ''] = await gateway.untilLine(/ready at (\S+)/, 20_000);
  base = new URL(ready).origin;
});
afterAll(async () => {
  await gateway.stop();
  hook.close();
  await home.remove();
});

describe('a gateway with alerts', () => {
  it('publishes where holes are reported, without a credential', async () => {
    const response = await fetch(`${base}/.well-known/security.txt`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toMatch(/^Contact: mailto:security@acme\.test\nExpires: \d{4}-/);
    expect((await fetch(`${base}/.well-known/security.txt`, { method: 'POST' })).status).toBe(405);
  });

  it('P1-17 tells that a server was killed, signed', async () => {
    await expect.poll(() => readFile(pidFile, 'utf8').catch(() => '')).not.toBe('');
    const list = await run(process.execPath, [bin, 'list', '--json'], { env, cwd: home.path, timeoutMs: 20_000 });
    expect(list.stdout).toContain('"up"');
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
    await expect
      .poll(alerts, { timeout: 10_000 })
      .toContainEqual(
        expect.objectContaining({ event: 'sandbox', server: 'own', text: expect.stringContaining('(SIGKILL)') }),
      );
    const [{ body, headers } = { body: '', headers: {} as IncomingHttpHeaders }] = got;
    const [, t = '', v1 = ''] = /^t=(\d+),v1=(\w+)$/.exec(String(headers['sallyport-signature'])) ?? [];
    expect(v1).toBe(createHmac('sha256', secret).update(`${t}.${body}`).digest('hex'));
  });

  it('is looked at by the doctor, who tries the place of its alerts and says what a deployment lacks', async () => {
    const { code, stdout } = await run(process.execPath, [bin, 'doctor', '--alerts', '--json'], {
      env,
      cwd: home.path,
      timeoutMs: 20_000,
    });
    expect(code, stdout).toBe(0);
    expect(alerts()).toContainEqual(expect.objectContaining({ action: 'doctor.alert' }));
    const production = await run(process.execPath, [bin, 'doctor', '--production', '--json'], {
      env,
      cwd: home.path,
      timeoutMs: 20_000,
    });
    expect(production.code).toBe(1);
    expect(JSON.parse(production.stdout)).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([
        expect.objectContaining({ section: 'Access', check: 'policy', verdict: 'fail', remedy: expect.any(String) }),
        expect.objectContaining({ section: 'Content', check: 'sandbox of own', verdict: 'fail' }),
        expect.objectContaining({ section: 'Records', check: 'verify', verdict: 'ok' }),
        expect.objectContaining({ section: 'Access', check: 'security contact', verdict: 'ok' }),
      ]),
    });
  });

  it('a lockdown is told before the gateway ends', async () => {
    const { code, stderr } = await run(process.execPath, [bin, 'lockdown', '--yes'], {
      env,
      cwd: home.path,
      timeoutMs: 20_000,
    });
    expect(code, stderr).toBe(0);
    await gateway.exit;
    expect(alerts().map(({ event }) => event)).toContain('lockdown');
  });
});
