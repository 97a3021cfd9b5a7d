import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  announceDaemon,
  answerChallenge,
  checkChallenge,
  daemonsDirectory,
  readDaemons,
  removeDaemon,
  thisProcess,
  type DaemonRecord,
} from './daemon.ts';

let state: string;

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'sallyport-daemon-'));
});
afterEach(() => rm(state, { recursive: true, force: true }));

const record = (id: string, more: Partial<DaemonRecord> = {}): DaemonRecord => ({
  ...thisProcess(),
  id,
  url: 'http://127.0.0.1:7420/mcp',
  startedMs: 1000,
  configPath: `/${id}.json`,
  configHash: 'h',
  logPath: undefined,
  words: ['serve'],
  cwd: '/',
  reload: 'auto',
  ...more,
});
const newest = async (): Promise<unknown> =>
  (JSON.parse(await readFile(join(state, 'daemon.json'), 'utf8')) as { id: string }).id;

describe('the records of gateways', () => {
  it('are one each, and daemon.json is the newest of those that are left', async () => {
    const takeBackA = await announceDaemon(state, record('a', { startedMs: 1 }));
    const takeBackB = await announceDaemon(state, record('b', { startedMs: 2 }));
    expect(await readDaemons(state)).toEqual([record('b', { startedMs: 2 }), record('a', { startedMs: 1 })]);
    expect(await newest()).toBe('b');
    await takeBackB();
    expect(await newest()).toBe('a');
    await takeBackA();
    expect(await readDaemons(state)).toEqual([]);
    expect(await readdir(state)).toEqual(['daemons']);
  });

  it('of one gateway are left alone when another one goes', async () => {
    await announceDaemon(state, record('b'));
    await announceDaemon(state, record('a'));
    await removeDaemon(state, record('b'));
    expect(await newest()).toBe('a');
    // One that has no file of its own, as other versions write it.
    await writeFile(join(state, 'daemon.json'), JSON.stringify({ url: 'u', pid: 7, startedMs: 9 }), { mode: 0o600 });
    await removeDaemon(state, record('a'));
    await removeDaemon(state, { id: '', pid: 8 });
    expect((await readDaemons(state)).map(({ pid }) => pid)).toEqual([7]);
    await removeDaemon(state, { id: '', pid: 7 });
    expect(await readDaemons(state)).toEqual([]);
  });

  it('that cannot be read as one are passed over, and a missing place or name is none', async () => {
    await mkdir(daemonsDirectory(state), { mode: 0o700 });
    const put = async (name: string, value: unknown): Promise<void> =>
      writeFile(join(daemonsDirectory(state), name), typeof value === 'string' ? value : JSON.stringify(value), {
        mode: 0o600,
      });
    await put('a.json', '{');
    await put('b.json', { url: 'x', pid: 0, startedMs: 1 });
    await put('c.json', { url: 'x', pid: -7, startedMs: 1 });
    await put('d.json', { url: 'x', pid: 7, startedMs: 'now' });
    await put('E.json', record('e'));
    await writeFile(
      join(state, 'daemon.json'),
      JSON.stringify({ url: 'u', pid: 7, startedMs: 1, id: '../../etc/x', words: ['a', 1] }),
      { mode: 0o600 },
    );
    expect(await readDaemons(state)).toEqual([
      {
        id: '',
        url: 'u',
        pid: 7,
        place: '',
        startedMs: 1,
        configPath: undefined,
        configHash: undefined,
        logPath: undefined,
        words: ['a'],
        cwd: '',
        reload: 'off',
      },
    ]);
  });
});

describe('the challenge', () => {
  const key = createSecretKey(randomBytes(32));
  const who = { pid: 7, place: 'pid:[1]' };
  const answer = answerChallenge(key, 'nonce', 7420, who);

  it('is passed by the process that is named, on its port, with the key', () => {
    expect(checkChallenge(key, 'nonce', 7420, who, answer)).toBe(true);
    expect(checkChallenge(key, 'nonce', 7420, thisProcess(), answerChallenge(key, 'nonce', 7420))).toBe(true);
  });

  it.each([
    ['another process', key, 'nonce', 7420, { ...who, pid: 8 }, answer],
    ['another name space', key, 'nonce', 7420, { ...who, place: '' }, answer],
    ['another port', key, 'nonce', 7421, who, answer],
    ['another nonce', key, 'other', 7420, who, answer],
    ['another key', createSecretKey(randomBytes(32)), 'nonce', 7420, who, answer],
    ['a shorter answer', key, 'nonce', 7420, who, answer.slice(1)],
    ['no answer', key, 'nonce', 7420, who, ''],
  ])('is not passed by %s', (_what, aKey, nonce, port, aWho, given) => {
    expect(checkChallenge(aKey, nonce, port, aWho, given)).toBe(false);
  });
});
