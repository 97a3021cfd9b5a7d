import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockPath } from './folder.ts';
import { ANSWER, createTrail, madeCall, type TestTrail } from './testing/trails.ts';

/** A chain as a kill -9 leaves it: three whole batches, a lock that nobody holds. Its segment. */
async function killed(trail: TestTrail, encrypt = false): Promise<string> {
  const audit = await trail.open({ durability: 'strict', encrypt });
  await audit.ended(madeCall(), ANSWER, 1);
  await audit.ended(madeCall(), ANSWER, 2);
  const [segment = ''] = await trail.segments();
  const [path, head] = [join(trail.folder, segment), join(trail.folder, `${segment.slice(0, -11)}.head`)];
  const [bytes, headBytes] = [await readFile(path), await readFile(head)];
  await audit.close();
  await writeFile(path, bytes);
  await writeFile(head, headBytes);
  await writeFile(lockPath(trail.folder, segment.slice(0, -11)), '');
  return segment;
}

describe('P4-14 a writer that was killed', () => {
  it.each([false, true])(
    'in the midst of a line: what is torn is kept apart and believed by nobody (encrypted: %s)',
    async (encrypt) => {
      await using trail = await createTrail();
      const segment = await killed(trail, encrypt);
      const path = join(trail.folder, segment);
      const whole = await readFile(path, 'utf8');
      await appendFile(path, whole.slice(0, 100));
      expect(await trail.verify()).toMatchObject({ problems: [], notes: [expect.stringContaining('half written')] });
      await (await trail.open()).close();
      expect(await readFile(path, 'utf8')).toBe(whole);
      expect(await readFile(join(trail.folder, `${segment.slice(0, -11)}.torn`), 'utf8')).toBe(whole.slice(0, 100));
      const { chains, problems } = await trail.verify();
      expect(problems).toEqual([]);
      expect(chains.map(({ seq }) => seq)).toEqual([3, 2]);
      const [, second = ''] = await trail.segments();
      expect((await trail.lines(second))[0]).toContain('"tornBytes":100');
      expect((await trail.lines(second))[0]).toContain(`"former":{"chain":"${segment.slice(0, -11)}","seq":3`);
    },
  );

  it('between the lines of a batch: those that no seal covers are kept apart too', async () => {
    await using trail = await createTrail();
    const segment = await killed(trail);
    const lines = await trail.lines(segment);
    const unsealed = (lines[2] ?? '').replace(/,"mac":"[0-9a-f]+"/, '');
    await writeFile(join(trail.folder, segment), [...lines.slice(0, 2), unsealed].map((line) => `${line}\n`).join(''));
    await writeFile(join(trail.folder, `${segment.slice(0, -11)}.head`), '');
    await (await trail.open()).close();
    expect((await trail.verify()).problems).toEqual([]);
    expect(await trail.lines(segment)).toHaveLength(2);
  });

  it('and whose tail was then cut off, is not taken for whole', async () => {
    await using trail = await createTrail();
    const segment = await killed(trail);
    const lines = await trail.lines(segment);
    await writeFile(
      join(trail.folder, segment),
      lines
        .slice(0, 2)
        .map((line) => `${line}\n`)
        .join(''),
    );
    await (await trail.open()).close();
    expect((await trail.verify()).problems).toMatchObject([
      { seq: 3, message: expect.stringContaining('cut off') as string },
    ]);
  });

  it('before its first record was whole leaves no chain', async () => {
    await using trail = await createTrail();
    const segment = await killed(trail);
    await writeFile(join(trail.folder, segment), '{"seq":1,"ti');
    await writeFile(join(trail.folder, `${segment.slice(0, -11)}.head`), '');
    await (await trail.open()).close();
    const { chains } = await trail.verify();
    expect(chains).toHaveLength(1);
    expect(await trail.segments()).toHaveLength(1);
  });

  it('is not mistaken for one that lives', async () => {
    await using trail = await createTrail();
    const alive = await trail.open({ durability: 'strict' });
    const other = await trail.open();
    await alive.ended(madeCall(), ANSWER, 1);
    await other.close();
    await alive.close();
    const { chains, problems } = await trail.verify();
    expect(problems).toEqual([]);
    expect(chains).toHaveLength(2);
  });
});
