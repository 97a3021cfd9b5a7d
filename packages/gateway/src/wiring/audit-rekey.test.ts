import { createSecretKey, randomBytes } from 'node:crypto';
import { appendFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sealing } from '../credentials/seal.ts';
import { lockPath } from '../audit/folder.ts';
import { rekeyTrail, type TrailRekey } from '../audit/rekey.ts';
import { ANSWER, createTrail, madeCall, type TestTrail } from '../audit/testing/trails.ts';

const keysOf = (): TrailRekey['next'] => {
  const key = createSecretKey(randomBytes(32));
  return { mac: key, ...sealing(key) };
};
const [old, next] = [keysOf(), keysOf()];

/** One chain of two batches. */
async function written(trail: TestTrail, encrypt = false): Promise<string> {
  const audit = await trail.open({ encrypt, durability: 'strict' }, { keys: old });
  for (const at of [1, 2]) void audit.ended(madeCall(), ANSWER, at);
  await audit.close();
  return (await trail.segments()).at(-1) as string;
}

const withoutMacs = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/,"mac":"\w+"/, ''));

describe('a trail under another master key', () => {
  it.each([false, true])(
    'is whole there and by anchors of before, and no more where it was (encrypted: %s)',
    async (encrypt) => {
      await using trail = await createTrail();
      const names = [await written(trail, encrypt), await written(trail, encrypt)];
      const anchors = (await trail.verify([], old)).chains;
      const before = await trail.lines(names[0] ?? '');
      // The writer of the second one was killed.
      await writeFile(lockPath(trail.folder, anchors[1]?.chain ?? ''), '');
      expect(anchors.map(({ records }) => records)).toEqual([4, 4]);
      expect(await rekeyTrail(trail.folder, { old, next })).toBe(2);
      expect(await trail.verify(anchors, next)).toMatchObject({ problems: [], chains: anchors });
      // The other one is open, and a chain has no head before its first seal.
      expect((await trail.verify([], old)).problems).toMatchObject([{ chain: anchors[0]?.chain }]);
      const after = await trail.lines(names[0] ?? '');
      // Records and hashes are what they were.
      const isSame = withoutMacs(after).join('\n') === withoutMacs(before).join('\n');
      expect(isSame).toBe(!encrypt);
      expect((await stat(join(trail.folder, names[0] ?? ''))).mode & 0o777).toBe(0o600);
      // It goes on from there, and once more changes nothing.
      await (await trail.open({}, { keys: next })).close();
      expect(trail.logged.filter(({ level }) => level === 'error')).toEqual([]);
      expect((await trail.verify(anchors, next)).problems).toEqual([]);
      expect(await rekeyTrail(trail.folder, { old, next })).toBe(0);
    },
  );

  it('is changed over in the end when it was interrupted', async () => {
    await using trail = await createTrail();
    const name = await written(trail);
    const [segment, head] = [join(trail.folder, name), join(trail.folder, name.replace('.0001.jsonl', '.head'))];
    const [linesBefore, headBefore] = [await readFile(segment), await readFile(head)];
    await rekeyTrail(trail.folder, { old, next });
    const linesAfter = await readFile(segment, 'utf8');
    // Between the two files, and with half of the seals (as of a chain whose segments were done one by one).
    await writeFile(head, headBefore);
    const half = linesBefore.toString().split('\n').slice(0, 2);
    await writeFile(segment, [...half, ...linesAfter.split('\n').slice(2)].join('\n'));
    expect((await trail.verify([], next)).problems).toHaveLength(1);
    expect(await rekeyTrail(trail.folder, { old, next })).toBe(1);
    expect((await trail.verify([], next)).problems).toEqual([]);
    expect(await readFile(segment, 'utf8')).toBe(linesAfter);
  });

  it('is not made good where it was not', async () => {
    await using trail = await createTrail();
    const name = await written(trail);
    const path = join(trail.folder, name);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"up__echo"', '"up__evil"'));
    // Half a line, and bytes that are no text.
    await appendFile(path, Buffer.from([0x7b, 0xff, 0xfe]));
    const [first] = (await trail.verify([], old)).problems;
    await rekeyTrail(trail.folder, { old, next });
    expect((await trail.verify([], next)).problems).toEqual([first]);
    expect((await readFile(path)).subarray(-3)).toEqual(Buffer.from([0x7b, 0xff, 0xfe]));
    await rm(path.replace('.0001.jsonl', '.head'));
    await rekeyTrail(trail.folder, { old: next, next: old });
    expect((await trail.verify([], old)).problems).toMatchObject([{ message: expect.stringContaining('head') }]);
  });

  it('is left alone while a gateway writes it, and where there is none', async () => {
    await using trail = await createTrail();
    const name = await written(trail);
    const audit = await trail.open({}, { keys: old });
    const before = await readFile(join(trail.folder, name));
    await expect(rekeyTrail(trail.folder, { old, next })).rejects.toThrow('stop it first (`sallyport stop`)');
    expect(await readFile(join(trail.folder, name))).toEqual(before);
    await audit.close();
    expect(await rekeyTrail(trail.folder, { old, next })).toBe(2);
    expect(await rekeyTrail(join(trail.folder, 'none'), { old, next })).toBe(0);
  });

  it.each([false, true])(
    'P4-14 is not ended under another key before: it is left as it is, told as broken, and ended under its own (encrypted: %s)',
    async (encrypt) => {
      await using trail = await createTrail();
      const name = await written(trail, encrypt);
      const chain = name.slice(0, -'.0001.jsonl'.length);
      const path = join(trail.folder, name);
      // Its writer was killed in the midst of a line.
      await writeFile(lockPath(trail.folder, chain), '');
      await appendFile(path, '{"seq":5,"ti');
      const before = await readFile(path);
      await (await trail.open({}, { keys: next })).close();
      expect(await readFile(path)).toEqual(before);
      expect(JSON.stringify(trail.logged.filter(({ level }) => level === 'error'))).toContain(chain);
      await (await trail.open({}, { keys: old })).close();
      expect(await readFile(join(trail.folder, `${chain}.torn`), 'utf8')).toBe('{"seq":5,"ti');
    },
  );
});
