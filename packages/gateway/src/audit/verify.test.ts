import { createSecretKey, randomBytes } from 'node:crypto';
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseLine, linkLine } from './chain.ts';
import { ANSWER, createTrail, KEYS, madeCall, type TestTrail } from './testing/trails.ts';

/** One chain of 1 + `count` + 1 records, in batches of `batch`. */
async function written(trail: TestTrail, { count = 20, batch = 5, encrypt = false } = {}): Promise<string> {
  const audit = await trail.open({ encrypt });
  for (let at = 1; at <= count; at++) {
    void audit.ended(madeCall(), ANSWER, at);
    if (at % batch === 0) await settled(trail);
  }
  await audit.close();
  return (await trail.segments()).at(-1) as string;
}

/** What waits is on the disk. */
async function settled(trail: TestTrail): Promise<void> {
  const before = await sizes(trail);
  trail.tick();
  while ((await sizes(trail)) === before) await new Promise(setImmediate);
}

async function sizes(trail: TestTrail): Promise<string> {
  const heads = (await trail.segments()).map((name) => name.replace('.0001.jsonl', '.head'));
  return (await Promise.all(heads.map((name) => readFile(join(trail.folder, name), 'utf8').catch(() => '')))).join();
}

/** Rewrites a segment. */
async function tamper(trail: TestTrail, segment: string, change: (lines: string[]) => string[]): Promise<void> {
  const lines = await trail.lines(segment);
  await writeFile(
    join(trail.folder, segment),
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

function changed(line: string, from: string, to: string): string {
  expect(line).toContain(from);
  return line.replace(from, to);
}

/** The line with a hash that fits it again, as somebody without the key would make it. */
function relinked(line: string, prev?: string): string {
  const parsed = parseLine(line);
  const members = line.slice(1, line.indexOf(',"prev":"'));
  const link = linkLine(members, prev ?? parsed?.prev ?? '').line;
  return parsed?.mac === undefined ? link : `${link.slice(0, -1)},"mac":"${parsed.mac}"}`;
}

describe('a trail that nobody touched', () => {
  it.each([false, true])('is whole (encrypted: %s)', async (encrypt) => {
    await using trail = await createTrail();
    await written(trail, { encrypt });
    await written(trail, { encrypt });
    const { chains, notes, problems } = await trail.verify();
    expect(problems).toEqual([]);
    expect(notes).toEqual([]);
    expect(chains.map(({ records }) => records)).toEqual([22, 22]);
  });

  it('shows nothing of an encrypted record', async () => {
    await using trail = await createTrail();
    const [segment] = [await written(trail, { encrypt: true })];
    const text = await readFile(join(trail.folder, segment), 'utf8');
    expect(text).not.toContain('alice');
    expect(text).toContain('"batch":1,');
  });

  it('is not whole for another key', async () => {
    await using trail = await createTrail();
    await written(trail);
    const mac = createSecretKey(randomBytes(32));
    expect((await trail.verify([], { ...KEYS, mac })).problems).toHaveLength(1);
  });
});

describe('P4-14 tampering is found, and the first bad record named', () => {
  it('a record that was changed', async () => {
    await using trail = await createTrail();
    const segment = await written(trail);
    await tamper(trail, segment, (lines) =>
      lines.with(7, changed(lines[7] ?? '', '"decision":"allow"', '"decision":"deny"')),
    );
    const { problems } = await trail.verify();
    expect(problems).toMatchObject([{ seq: 8, message: expect.stringContaining('changed') as string }]);
  });

  it('a record that was changed, with a hash that fits', async () => {
    await using trail = await createTrail();
    const segment = await written(trail);
    await tamper(trail, segment, (lines) => lines.with(7, relinked(changed(lines[7] ?? '', '"allow"', '"deny"'))));
    expect((await trail.verify()).problems).toMatchObject([{ seq: 8 }]);
  });

  it('a record that was changed, and everything behind it made to fit', async () => {
    await using trail = await createTrail();
    const segment = await written(trail);
    await tamper(trail, segment, (lines) => {
      let prev = parseLine(lines[6] ?? '')?.hash ?? '';
      return lines.map((line, at) => {
        if (at < 7) return line;
        const forged = relinked(at === 7 ? changed(line, '"allow"', '"deny"') : line, prev);
        prev = parseLine(forged)?.hash ?? '';
        return forged;
      });
    });
    // The batch of the records 7 to 11 is sealed in its last.
    expect((await trail.verify()).problems).toMatchObject([
      { seq: 7, message: expect.stringContaining('up to 11') as string },
    ]);
  });

  it('a record that was removed', async () => {
    await using trail = await createTrail();
    const segment = await written(trail);
    await tamper(trail, segment, (lines) => lines.toSpliced(7, 1));
    expect((await trail.verify()).problems).toMatchObject([
      { seq: 8, message: expect.stringContaining('Missing') as string },
    ]);
  });

  it('a record that was inserted', async () => {
    await using trail = await createTrail();
    const segment = await written(trail);
    await tamper(trail, segment, (lines) => lines.toSpliced(7, 0, lines[7] ?? ''));
    expect((await trail.verify()).problems).toMatchObject([{ seq: 9 }]);
  });

  it('records in another order', async () => {
    await using trail = await createTrail();
    const segment = await written(trail);
    await tamper(trail, segment, (lines) => lines.with(7, lines[8] ?? '').with(8, lines[7] ?? ''));
    expect((await trail.verify()).problems).toMatchObject([{ seq: 8 }]);
  });

  it.each([1, 2, 9])('a tail of %i records that was cut off', async (count) => {
    await using trail = await createTrail();
    const segment = await written(trail);
    await tamper(trail, segment, (lines) => lines.slice(0, -count));
    const first = 23 - count;
    expect((await trail.verify()).problems).toMatchObject([
      { seq: first, message: expect.stringContaining('tail was cut off') as string },
    ]);
  });

  it('a tail that was cut off together with its head', async () => {
    await using trail = await createTrail();
    const audit = await trail.open();
    const [segment = ''] = await trail.segments();
    const head = join(trail.folder, segment.replace('.0001.jsonl', '.head'));
    const [early, earlyLines] = [await readFile(head), await trail.lines(segment)];
    void audit.ended(madeCall(), ANSWER, 1);
    await audit.close();
    const anchors = (await trail.verify()).chains;
    await writeFile(head, early);
    await tamper(trail, segment, () => earlyLines);
    expect((await trail.verify()).problems).toEqual([]);
    // The next chain, and an anchor, know how far it had come.
    expect((await trail.verify(anchors)).problems).toMatchObject([{ seq: 2 }]);
  });

  it('a trail that somebody with the key wrote anew', async () => {
    await using trail = await createTrail();
    const segment = await written(trail);
    const { chains } = await trail.verify();
    expect((await trail.verify(chains)).problems).toEqual([]);
    const anchors = chains.map((anchor) => ({ ...anchor, seq: 5, hash: 'f'.repeat(64) }));
    expect((await trail.verify(anchors)).problems).toMatchObject([
      {
        seq: 5,
        file: join(trail.folder, segment),
        message: expect.stringContaining('not the one that was here') as string,
      },
    ]);
  });

  it('is found by the next chain too', async () => {
    await using trail = await createTrail();
    const audit = await trail.open();
    const [segment = ''] = await trail.segments();
    const head = join(trail.folder, segment.replace('.0001.jsonl', '.head'));
    const [early, earlyLines] = [await readFile(head), await trail.lines(segment)];
    await audit.close();
    await written(trail);
    await writeFile(head, early);
    await tamper(trail, segment, () => earlyLines);
    expect((await trail.verify()).problems).toMatchObject([{ seq: 2 }]);
  });

  it('a file in the place of another', async () => {
    await using trail = await createTrail();
    const one = await written(trail);
    const other = await written(trail);
    const path = (name: string): string => join(trail.folder, name);
    await rename(path(one), path('x'));
    await rename(path(other), path(one));
    await rename(path('x'), path(other));
    const { problems } = await trail.verify();
    expect(problems).toHaveLength(2);
    expect(problems.map(({ seq }) => seq)).toEqual([1, 1]);
  });

  it('a whole chain that was taken away', async () => {
    await using trail = await createTrail();
    const one = await written(trail);
    await written(trail);
    const chain = one.replace('.0001.jsonl', '');
    await rm(join(trail.folder, one));
    await rm(join(trail.folder, `${chain}.head`));
    expect((await trail.verify()).problems).toMatchObject([
      { chain, message: expect.stringContaining('missing') as string },
    ]);
  });

  it('records that were written behind the last seal', async () => {
    await using trail = await createTrail();
    const segment = await written(trail);
    const last = (await trail.lines(segment)).at(-1) ?? '';
    const forged = linkLine(
      '"seq":23,"time":"2026-11-21T12:00:00.000Z","action":"x"',
      parseLine(last)?.hash ?? '',
    ).line;
    await appendFile(join(trail.folder, segment), `${forged}\n`);
    expect((await trail.verify()).problems).toMatchObject([
      { seq: 23, message: expect.stringContaining('seal') as string },
    ]);
  });

  it('in an encrypted chain', async () => {
    await using trail = await createTrail();
    const segment = await written(trail, { encrypt: true });
    await tamper(trail, segment, (lines) => lines.toSpliced(2, 1));
    expect((await trail.verify()).problems).toMatchObject([{ seq: 7 }]);
  });
});
