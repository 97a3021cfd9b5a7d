/** What a gateway writes about people, wherever it writes it, and what is left of somebody who is forgotten. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configurationText, temporaryFolder } from '../gateway/gateway.ts';
import { serveRaw } from '../gateway/raw-http.ts';
import { temporaryHome } from '../support/home.ts';
import { run, start, type Finished } from '../support/process.ts';
import { bearer, createIssuer, knock, list } from './support.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));

type Record_ = Readonly<Record<string, unknown>>;

/** A gateway as a process, behind a proxy that names addresses, with tokens of an issuer; and verbs on its state. */
interface Place extends AsyncDisposable {
  readonly state: string;
  /** A call of somebody from an address; gives the status. */
  call(subject: string, address: string): Promise<number>;
  /** A request that is refused at the door. */
  refused(address: string): Promise<number>;
  verb(words: readonly string[]): Promise<Finished>;
  records(words?: readonly string[]): Promise<readonly Record_[]>;
  /** Everything under the state, and what the process said: name and bytes. */
  everything(): Promise<readonly (readonly [name: string, text: string])[]>;
  stop(): Promise<void>;
}

const ISSUER = createIssuer();
/** Records are written in batches, and a verb is a process. */
const SOON = { timeout: 15_000 };
const METRICS_KEY = 'metrics-0123456789-0123456789';

async function startPlace(settings: object): Promise<Place> {
  const stack = new AsyncDisposableStack();
  const home = stack.use(await temporaryHome());
  const folder = stack.use(await temporaryFolder());
  const up = stack.use(await serveRaw({ era: 'session' }));
  const state = join(home.path, 'state');
  const config = join(folder.path, 'sallyport.json');
  const sink = join(folder.path, 'copy.jsonl');
  await writeFile(
    config,
    configurationText({
      store: 'sqlite',
      auth: { mode: ['jwt', 'key'], jwt: { ...ISSUER.settings, audience: 'here' } },
      listen: { port: 0, trustProxy: ['127.0.0.1'] },
      telemetry: { log: { level: 'debug', format: 'json' }, metrics: { key: METRICS_KEY } },
      audit: { file: sink },
      mcpServers: { up: { url: up.url, type: 'http' } },
      ...settings,
    }),
  );
  const env = { ...home.env, SALLYPORT_HOME: state, SALLYPORT_CONFIG: config };
  const gateway = stack.use(start(process.execPath, [bin, 'serve'], { env, cwd: folder.path }));
  const [, port = ''] = await gateway.untilLine(/Sallyport is ready at http:\/\/127\.0\.0\.1:(\d+)/);
  const url = `http://127.0.0.1:${port}`;
  const verb = (words: readonly string[]): Promise<Finished> =>
    run(process.execPath, [bin, ...words], { env, cwd: folder.path, timeoutMs: 25_000 });
  const texts = async (root: string): Promise<[string, string][]> => {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ name, parentPath }) => join(parentPath, name));
    return await Promise.all(
      files.map(async (path): Promise<[string, string]> => [path, await readFile(path, 'latin1')]),
    );
  };
  return {
    state,
    call: async (subject, address) =>
      (
        await list(`${url}/mcp`, {
          ...bearer(ISSUER.token({ sub: subject, aud: 'here', email: `${subject}@home.example` })),
          'x-forwarded-for': address,
        })
      ).status,
    refused: async (address) => (await list(`${url}/mcp`, { ...bearer('wrong'), 'x-forwarded-for': address })).status,
    verb,
    records: async (words = []) => {
      const { code, stderr, stdout } = await verb(['audit', 'export', ...words]);
      expect(code, stderr).toBe(0);
      return stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record_);
    },
    everything: async () => [
      ...(await texts(state)),
      ['copy', await readFile(sink, 'utf8').catch(() => '')],
      ['log', gateway.lines.join('\n')],
      [
        'metrics',
        await knock(`${url}/metrics`, { headers: bearer(METRICS_KEY) }).then(
          ({ body }) => body,
          () => '',
        ),
      ],
    ],
    stop: async () => {
      await gateway.stop();
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Nothing of it is written anywhere, in no usual form. */
function expectNowhere(places: readonly (readonly [string, string])[], texts: readonly string[]): void {
  for (const [name, written] of places) {
    for (const text of texts) {
      const forms = [text, Buffer.from(text).toString('base64url'), Buffer.from(text).toString('hex')];
      for (const form of forms) expect(written.includes(form), `${form} in ${name}`).toBe(false);
    }
  }
}

/** Until the call of somebody has its record. */
async function untilRecorded(place: Place, who: string): Promise<void> {
  const calls = async (): Promise<number> =>
    (await place.records(['--principal', who])).filter(({ action }) => action === 'tools/list').length;
  await expect.poll(calls, SOON).toBeGreaterThan(0);
}

describe('what is written about people', () => {
  it('P3-13 with pseudonyms and without addresses, no file, log line, metric or copy names a person or an address', async () => {
    const canary = `canary-${randomBytes(8).toString('hex')}`;
    await using place = await startPlace({ privacy: { identities: 'pseudonym', addresses: 'none' } });
    for (const address of ['203.0.113.77', '2001:db8:77:77::77']) {
      expect(await place.call(canary, address)).not.toBe(401);
      expect(await place.refused(address)).toBe(401);
    }
    await untilRecorded(place, `${ISSUER.issuer}#${canary}`);
    const found = await place.records(['--principal', `${ISSUER.issuer}#${canary}`]);
    expect(new Set(found.map(({ principal }) => principal)).size).toBe(1);
    expect(found[0]?.['principal']).toMatch(/^p_[\w-]{22}$/);
    expectNowhere(await place.everything(), [canary, '203.0.113.77', '2001:db8:77:77::77', '203.0.113', '2001:db8:77']);
  });

  it('P3-13 in the default a person is named where records are read, and truncated addresses are networks everywhere', async () => {
    const canary = `canary-${randomBytes(8).toString('hex')}`;
    await using place = await startPlace({ privacy: { addresses: 'truncated' } });
    expect(await place.call(canary, '203.0.113.77')).not.toBe(401);
    await untilRecorded(place, `${ISSUER.issuer}#${canary}`);
    expect(await place.records()).toContainEqual(
      expect.objectContaining({
        principal: `${ISSUER.issuer}#${canary}`,
        address: '203.0.113.0/24',
        action: 'tools/list',
      }),
    );
    const all = await place.everything();
    expectNowhere(all, ['203.0.113.77']);
    // A copy is readable by itself; what lies in the state names nobody.
    expect(all.find(([name]) => name === 'copy')?.[1]).toContain(canary);
    expectNowhere(
      all.filter(([name]) => name.includes('.jsonl')),
      [canary],
    );
  });
});

describe('principal', () => {
  it('P3-13 list, export and forget: what is kept is shown, handed out, and gone, and the chain still verifies', async () => {
    const canary = `canary-${randomBytes(8).toString('hex')}`;
    const who = `${ISSUER.issuer}#${canary}`;
    await using place = await startPlace({});
    expect(await place.call(canary, '203.0.113.77')).not.toBe(401);
    expect((await place.verb(['key', 'create', `key-${canary}`])).code).toBe(0);
    await untilRecorded(place, who);
    const listed = JSON.parse((await place.verb(['principal', 'list', '--json'])).stdout) as { principals: Record_[] };
    expect(listed.principals).toMatchObject([
      { issuer: ISSUER.issuer, subject: canary, keys: 0, disabled: false },
      { issuer: 'local', subject: `key-${canary}`, keys: 1 },
    ]);

    const file = join(place.state, '..', 'export.json');
    expect((await place.verb(['principal', 'export', canary, '--issuer', ISSUER.issuer, '--out', file])).code).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const exported = JSON.parse(await readFile(file, 'utf8')) as Record_ & { records: Record_[] };
    expect(exported).toMatchObject({ principal: { issuer: ISSUER.issuer, subject: canary }, disabled: false });
    expect(exported.records).toContainEqual(expect.objectContaining({ principal: who, address: '203.0.113.77' }));
    expect((await place.verb(['principal', 'export', canary, '--issuer', ISSUER.issuer, '--out', file])).code).toBe(2);

    const anchor = join(place.state, '..', 'anchor.json');
    await writeFile(anchor, (await place.verb(['audit', 'verify', '--json'])).stdout);
    const before = await place.records();
    expect((await place.verb(['principal', 'forget', who])).code).toBe(2);
    const forgotten = await place.verb(['principal', 'forget', who, '--yes', '--json']);
    expect([forgotten.code, forgotten.stderr]).toEqual([0, '']);
    const { pseudonyms } = JSON.parse(forgotten.stdout) as { readonly pseudonyms: readonly string[] };
    expect(pseudonyms).toHaveLength(1);
    expect((await place.verb(['principal', 'forget', `key-${canary}`, '--yes'])).code).toBe(0);

    const after = await place.records();
    expect(JSON.stringify(after)).not.toContain(canary);
    expect(JSON.stringify(after)).not.toContain('203.0.113.77');
    expect(after.length).toBeGreaterThanOrEqual(before.length);
    expect(after.filter(({ principal }) => principal === pseudonyms[0])).not.toEqual([]);
    expect((await place.verb(['audit', 'verify', '--anchor', anchor])).code).toBe(0);
    expect((await place.verb(['principal', 'list', '--json'])).stdout).not.toContain(canary);

    // Whoever comes again is somebody new.
    await expect
      .poll(async () => {
        await place.call(canary, '203.0.113.77');
        return (await place.records(['--principal', who])).filter(({ principal }) => principal === who).length;
      }, SOON)
      .toBeGreaterThan(0);
    expect(JSON.stringify(await place.records(['--principal', pseudonyms[0] ?? '']))).not.toContain(canary);
    await place.stop();
    expect((await place.verb(['principal', 'forget', who, '--yes'])).code).toBe(0);
    expectNowhere(
      (await place.everything()).filter(([name]) => name.includes('state.db') || name.includes('audit/')),
      [canary],
    );
  });
});
