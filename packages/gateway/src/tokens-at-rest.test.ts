/** Tokens at rest when the process dies in the middle of writing them. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { createSecretKey } from 'node:crypto';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sealing } from './credentials/seal.ts';
import { openSqliteStore } from './store/sqlite.ts';

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const COLLECTION = 'upstream-oauth';
const KEY = Buffer.alloc(32, 7);
const RECORDS = 10;

/** Writes one token after another, and says which is written. */
const WRITER = `
import { createSecretKey } from 'node:crypto';
import { writeSync } from 'node:fs';
import { sealing } from ${JSON.stringify(source('credentials/seal.ts'))};
import { openSqliteStore } from ${JSON.stringify(source('store/sqlite.ts'))};
const { seal } = sealing(createSecretKey(Buffer.alloc(32, 7)));
const store = await openSqliteStore({ path: process.argv[1], now: Date.now });
for (let n = Number(process.argv[2]); ; n++) {
  const key = 'grant/' + (n % ${RECORDS});
  await store.put('${COLLECTION}', key, seal(JSON.stringify({ n, refreshToken: 'r'.repeat(600) + n }), key));
  writeSync(1, n + '\\n');
}
`;

/** Resolves with the last number that was said to be written, after the writer was killed in the midst of it. */
async function writeUntilKilled(path: string, from: number, writes: number): Promise<number> {
  const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, path, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = from - 1;
  createInterface({ input: writer.stdout }).on('line', (line) => {
    last = Number(line);
    if (last >= from + writes) writer.kill('SIGKILL');
  });
  await once(writer, 'close');
  return last;
}

describe('tokens that are being written when the process is killed', () => {
  it('are whole: none that was written is lost, and none is torn', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'sallyport-tokens-'));
    const path = join(folder.path, 'state.db');
    const { unseal } = sealing(createSecretKey(KEY));
    let written = -1;
    for (let round = 0; round < 8; round++) {
      written = await writeUntilKilled(path, written + 1, 25 + round);
      const store = await openSqliteStore({ path, now: Date.now });
      const records = await store.list(COLLECTION, 'grant/');
      await store.close();
      const found = records.map(({ key, value }) => {
        const { n, refreshToken } = JSON.parse(unseal(value as string, key) ?? '{}') as {
          n: number;
          refreshToken: string;
        };
        expect(refreshToken).toBe('r'.repeat(600) + n);
        return n;
      });
      // One more may have been written than it could say.
      const expected = Array.from({ length: RECORDS }, (_, at) => written - at);
      const next = written + 1;
      const withNext = [...expected.slice(0, -1), next];
      const sorted = found.toSorted((a, b) => a - b);
      expect([expected, withNext].map((each) => each.toSorted((a, b) => a - b))).toContainEqual(sorted);
      written = Math.max(...found);
    }
    expect(written).toBeGreaterThan(200);
  });
});
