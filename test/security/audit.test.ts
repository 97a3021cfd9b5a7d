/** The audit trail of a gateway that runs: what is in it, what is not, and what the command line says of it. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { configurationText, startGateway, temporaryFolder } from '../gateway/gateway.ts';
import { serveRaw } from '../gateway/raw-http.ts';
import { temporaryHome } from '../support/home.ts';
import { run, start, type Finished } from '../support/process.ts';
import { openCaller } from './callers.ts';
import { bearer, knock, list, randomKey, startGuarded } from './support.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));

type Record_ = Readonly<Record<string, unknown>>;

const POLICY = {
  roles: { dev: {} },
  rules: [
    { effect: 'deny', tools: ['up__raw'], reason: 'not for you' },
    { effect: 'allow', tools: ['up__odd'], roles: ['dev'] },
  ],
};

/** `sallyport audit` on a state, without a gateway. */
async function audit(state: string, words: readonly string[]): Promise<Finished> {
  await using home = await temporaryHome();
  const env = { ...home.env, SALLYPORT_HOME: state };
  return await run(process.execPath, [bin, 'audit', ...words], { env, cwd: home.path, timeoutMs: 25_000 });
}

async function exported(state: string): Promise<Record_[]> {
  const { code, stderr, stdout } = await audit(state, ['export']);
  expect(code, stderr).toBe(0);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record_);
}

it('P4-14 every kind of event, allowed and denied, has its record: who, what, when, decision, correlation', async () => {
  await using folder = await temporaryFolder();
  const state = join(folder.path, 'state');
  const file = join(folder.path, 'sallyport.json');
  await using up = await serveRaw({ era: 'session' });
  const key = randomKey();
  const configuration = {
    store: 'sqlite',
    auth: { mode: 'key', keys: [{ name: 'ann', key, roles: ['dev'] }] },
    policy: POLICY,
    mcpServers: { up: { url: up.url, type: 'http' }, gone: { command: '/nowhere/program' } },
  };
  {
    await using started = await startGateway(configuration, { file, stateDirectory: state });
    const base = `http://127.0.0.1:${started.port}`;
    await using caller = await openCaller('session', started, key);
    await caller.ask('tools/list');
    await caller.ask('tools/call', { name: 'up__odd', arguments: { text: 'x' } });
    await caller.ask('tools/call', { name: 'up__raw', arguments: {} });
    await list(`${base}/mcp`, bearer('sp_wrong'));
    await knock(`${base}/api/v1/servers`, { headers: bearer(key) });
    const local = (await readFile(join(state, 'local.key'), 'utf8')).trim();
    await writeFile(file, configurationText({ ...configuration, naming: { maxLength: 40 } }));
    await knock(`${base}/api/v1/reload`, {
      method: 'POST',
      headers: { ...bearer(local), 'content-type': 'application/json' },
      body: '{}',
    });
    await writeFile(file, '{ "nonsense": 1 }');
    await started.gateway.reload();
  }
  const records = await exported(state);
  const has = (type: string, decision: string, more: Record_): void =>
    expect(records, `${type} ${decision}`).toContainEqual(expect.objectContaining({ type, decision, ...more }));
  has('authentication', 'allow', { action: 'session.open', principal: 'local#ann' });
  has('authentication', 'deny', { action: 'credential.refuse', address: '127.0.0.1', reason: 'unauthenticated' });
  has('authorization', 'allow', { action: 'tools/list', principal: 'local#ann' });
  has('authorization', 'deny', { action: 'tools/call', principal: 'local#ann', target: 'up__raw' });
  has('server_access', 'allow', { action: 'tools/call', target: 'up__odd', server: 'up', rule: 'rules[1]' });
  has('server_access', 'deny', { action: 'server.start', server: 'gone' });
  has('configuration_change', 'allow', {
    action: 'config.reload',
    changes: [expect.stringContaining('naming.maxLength')],
  });
  has('configuration_change', 'deny', { action: 'config.reload' });
  has('admin_actions', 'allow', { action: 'reload', principal: 'local#local' });
  has('admin_actions', 'deny', { action: 'admin.request', principal: 'local#ann', target: '/api/v1/servers' });
  for (const record of records) {
    expect(record).toMatchObject({
      seq: expect.any(Number) as number,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      type: expect.any(String) as string,
      action: expect.any(String) as string,
      decision: expect.stringMatching(/^(?:allow|deny|error)$/) as string,
    });
  }
  expect(records.map(({ seq }) => seq)).toEqual(records.map((_record, at) => at + 1));
  const verified = await audit(state, ['verify']);
  expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('The trail is whole')]);
  const report = await audit(state, ['report']);
  expect(report.stdout).toMatch(/local#ann +3 +1 +0/);
});

it('AUD-01 a refused call is found in the trail by the id in its answer', async () => {
  await using folder = await temporaryFolder();
  const key = randomKey();
  {
    await using guarded = await startGuarded(
      {
        store: 'sqlite',
        auth: { mode: 'key', keys: [{ name: 'ann', key }] },
        limits: { rate: { perPrincipal: '1/h' } },
      },
      { stateDirectory: folder.path },
    );
    await using caller = await openCaller('stateless', guarded.started, key);
    await caller.ask('tools/list');
    const refused = JSON.parse(await caller.ask('tools/call', { name: 'up__odd', arguments: {} })) as {
      error: { data: { id: string } };
    };
    await writeFile(join(folder.path, 'id'), refused.error.data.id);
  }
  const id = await readFile(join(folder.path, 'id'), 'utf8');
  expect((await exported(folder.path)).filter(({ correlationId }) => correlationId === id)).toMatchObject([
    { decision: 'deny', error: 'rate_limited', action: 'tools/call' },
  ]);
});

it('P1-22 P3-13 no credential, argument or result is in the trail', async () => {
  await using folder = await temporaryFolder();
  const key = randomKey();
  const canary = `CANARY-${randomBytes(12).toString('hex')}`;
  {
    await using guarded = await startGuarded(
      { store: 'sqlite', auth: { mode: 'key', keys: [{ name: 'ann', key }] } },
      { stateDirectory: folder.path },
    );
    const { started } = guarded;
    await using caller = await openCaller('session', started, key);
    await caller.ask('tools/call', { name: 'up__odd', arguments: { text: canary } });
    await caller.ask('tools/call', { name: 'up__raw', arguments: { text: canary } });
    await caller.ask('prompts/get', { name: 'nobody', arguments: { who: canary } });
    await list(started.url, bearer(`Bearer-${canary}`));
    await list(`${started.url}?key=${canary}`, bearer(key));
  }
  const names = await readdir(join(folder.path, 'audit'));
  const texts = await Promise.all(names.map((name) => readFile(join(folder.path, 'audit', name), 'utf8')));
  const local = (await readFile(join(folder.path, 'local.key'), 'utf8')).trim();
  expect(texts.join('\n')).toContain('up__odd');
  for (const secret of [canary, key, local]) expect(texts.join('\n')).not.toContain(secret);
});

it('AUD-02 names of strangers cannot forge a record', async () => {
  await using folder = await temporaryFolder();
  const key = randomKey();
  const forged = 'x\r\n{"seq":1,"action":"forged"}\u001b[2J\u2028\u202e';
  {
    await using guarded = await startGuarded(
      { store: 'sqlite', auth: { mode: 'key', keys: [{ name: 'ann', key }] } },
      { stateDirectory: folder.path },
    );
    await using caller = await openCaller('session', guarded.started, key);
    await caller.ask('tools/call', { name: forged, arguments: {} });
    await caller.ask('tools/call', { name: 'y'.repeat(1_000_000), arguments: {} });
  }
  const { stdout } = await audit(folder.path, ['export']);
  const lines = stdout.split('\n').slice(0, -1);
  expect(lines.length).toBe((await exported(folder.path)).length);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(20_000);
  // What could drive a terminal.
  expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028\u202e]/u);
  expect((await exported(folder.path)).filter(({ action }) => action === 'forged')).toEqual([]);
});

it('changes at the command line are recorded, each in a chain of its process, and tampering with them is found', async () => {
  await using home = await temporaryHome();
  const state = join(home.path, 'state');
  const env = { ...home.env, SALLYPORT_HOME: state };
  const verb = (words: readonly string[]): Promise<Finished> =>
    run(process.execPath, [bin, ...words], { env, cwd: home.path, timeoutMs: 25_000 });
  expect((await verb(['key', 'create', 'bob', '--role', 'dev'])).code).toBe(0);
  expect((await verb(['key', 'create', 'bob'])).code).toBe(1);
  expect((await verb(['key', 'revoke', 'bob'])).code).toBe(0);
  const changes = (await exported(state)).filter(({ action }) => String(action).startsWith('key.'));
  expect(changes).toMatchObject([
    {
      type: 'admin_actions',
      action: 'key.create',
      decision: 'allow',
      principal: 'local#local',
      target: 'bob',
      roles: ['dev'],
    },
    { action: 'key.create', decision: 'deny', target: 'bob' },
    { action: 'key.revoke', decision: 'allow', target: 'bob' },
  ]);
  const tail = await verb(['audit', 'tail', '-n', '2', '--json']);
  expect(
    tail.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as Record_)['action']),
  ).toEqual(['key.revoke', 'audit.stop']);
  await using following = start(process.execPath, [bin, 'audit', 'tail', '-f', '-n', '1'], { env, cwd: home.path });
  await following.untilLine(/audit\.stop/);
  await verb(['principal', 'disable', 'bob']);
  await following.untilLine(/allow +local#local +principal\.disable bob/);
  const anchor = join(home.path, 'anchor.json');
  await writeFile(anchor, (await verb(['audit', 'verify', '--json'])).stdout);
  expect((await verb(['audit', 'verify', '--anchor', anchor])).code).toBe(0);
  const segments = (await readdir(join(state, 'audit'))).filter((name) => name.endsWith('.jsonl')).toSorted();
  const path = join(state, 'audit', segments[1] ?? '');
  await writeFile(path, (await readFile(path, 'utf8')).replace('"decision":"deny"', '"decision":"allow"'));
  const bad = await verb(['audit', 'verify']);
  expect([bad.code, bad.stdout]).toEqual([1, expect.stringMatching(/BAD .*, record 2: The record was changed\./)]);
});

it('without a state that lasts there is no trail, and it is said once', async () => {
  await using folder = await temporaryFolder();
  await using started = await startGateway({ mcpServers: {} }, { stateDirectory: folder.path });
  const { text } = await started.log.until(({ text: said }) => said.includes('audit'), 'the word');
  expect(text).toContain('there is no audit trail');
  expect(await readdir(folder.path)).not.toContain('audit');
});
