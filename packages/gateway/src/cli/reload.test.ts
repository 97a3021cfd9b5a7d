import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../cli.ts';
import type { ReloadResult } from '../config/reload.ts';
import { deriveKey, openLocalKey, openMasterKey } from '../credentials/index.ts';
import { announceDaemon, answerChallenge, thisProcess } from '../wiring/daemon.ts';
import type { CliSystem } from './context.ts';
import { realSystem } from './system.ts';

/** A gateway that proves itself and answers a reload as the test wants. */
let state: string;
let server: Server;
let answers: (ReloadResult | number)[];
let bodies: unknown[];

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'sallyport-reload-'));
  answers = [];
  bodies = [];
  const key = deriveKey(await openMasterKey({ directory: state, env: {} }), 'daemon-challenge');
  const local = await openLocalKey({ directory: state });
  server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const nonce = /nonce=([\w-]+)/.exec(request.url ?? '')?.[1];
    if (nonce !== undefined) {
      response.end(JSON.stringify({ answer: answerChallenge(key, nonce, port) }));
      return;
    }
    const isOwn = request.headers.authorization === `Bearer ${local}` && request.url === '/api/v1/reload';
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
      const answer = answers.shift();
      response.statusCode = !isOwn || answer === undefined ? 418 : typeof answer === 'number' ? answer : 200;
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await announceDaemon(state, {
    ...thisProcess(),
    id: 'a',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    startedMs: 0,
    configPath: '/a.json',
    configHash: 'h',
    logPath: undefined,
    words: [],
    cwd: '/',
    reload: 'confirm',
  });
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(state, { recursive: true, force: true });
});

async function reload(
  words: readonly string[],
  more: Partial<CliSystem> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const real = realSystem();
  const code = await run(['reload', ...words], {
    ...real,
    env: {},
    cwd: state,
    isTerminal: false,
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    files: { ...real.files, stateDirectory: async () => state },
    ...more,
  });
  return { code, stdout: out.join(''), stderr: err.join('') };
}

const waiting: ReloadResult = { status: 'confirm', diff: ['+ mcpServers.b', '- x\u001b[2J'], hash: 'abc' };

describe('reload', () => {
  it('says what was taken over, and that nothing was', async () => {
    answers = [{ status: 'applied', diff: ['+ mcpServers.b'] }, { status: 'unchanged' }];
    expect(await reload([])).toMatchObject({
      code: 0,
      stdout: 'Reloaded: the new configuration is in force.\n  + mcpServers.b\n',
    });
    expect(await reload([])).toMatchObject({ code: 0, stdout: 'Nothing has changed.\n' });
    expect(bodies).toEqual([{}, {}]);
  });

  it.each([
    [
      {
        status: 'invalid',
        message: 'as a whole',
        problems: [{ file: '/a.json', position: { line: 2, column: 3 }, path: ['mcpServers', 'a'], message: 'no' }],
      },
      'was not taken over, the one before it is in force:\n/a.json:2:3: mcpServers.a: no',
    ],
    [
      { status: 'refused', message: 'auth: less authentication takes a restart' },
      'less authentication takes a restart',
    ],
  ] as const)('ends with 3 for %j', async (answer, text) => {
    answers = [answer, answer];
    const outcome = await reload([]);
    expect(outcome).toMatchObject({ code: 3, stdout: '' });
    expect(outcome.stderr).toContain(text);
    const asJson = await reload(['--json']);
    expect(asJson.code).toBe(3);
    expect(JSON.parse(asJson.stdout)).toEqual(answer);
  });

  it('shows what would change and takes it over after a yes to just that', async () => {
    const asked: string[] = [];
    const confirm = async (question: string): Promise<boolean> => asked.push(question) > 0;
    answers = [waiting, { status: 'applied', diff: [] }];
    const outcome = await reload([], { isTerminal: true, confirm });
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.stderr).toBe('This would change:\n  + mcpServers.b\n  - x\ufffd[2J\n');
    expect(asked).toHaveLength(1);
    expect(bodies).toEqual([{}, { confirm: 'abc' }]);
  });

  it('needs no question with --yes, and says so when the file changed again', async () => {
    answers = [waiting, waiting];
    const outcome = await reload(['--yes']);
    expect(outcome).toMatchObject({ code: 3 });
    expect(outcome.stderr).toContain('changed again meanwhile');
    expect(bodies).toEqual([{}, { confirm: 'abc' }]);
  });

  it('changes nothing after a no, and where nobody can be asked', async () => {
    answers = [waiting, waiting];
    expect(await reload([], { isTerminal: true, confirm: async () => false })).toMatchObject({ code: 4 });
    const outcome = await reload([]);
    expect(outcome).toMatchObject({ code: 4, stdout: '' });
    expect(outcome.stderr).toContain('sallyport reload --yes');
    expect(bodies).toEqual([{}, {}]);
  });

  it.each([
    [401, 4, 'does not accept the local key'],
    [404, 4, 'not for this machine alone'],
    [500, 1, 'answered 500'],
  ])('ends a %i with %i', async (status, code, text) => {
    answers = [status];
    const outcome = await reload([]);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toContain(text);
  });
});
