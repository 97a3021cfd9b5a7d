/** Tokens at rest when the process dies in the middle of writing them, and when there is no room for them. */
import { once } from 'node:events';
import { spawn, spawnSync } from 'node:child_process';
import { createSecretKey, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtempDisposable, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sealing } from '../credentials/seal.ts';
import { Logins } from '../logins/index.ts';
import { createMemoryStore } from '../store/memory.ts';
import { recordsOf } from '../store/records.ts';
import { openSqliteStore } from '../store/sqlite.ts';

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const COLLECTION = 'upstream-oauth';
const KEY = Buffer.alloc(32, 7);
const RECORDS = 10;

/** Writes one token after another, and says which is written. */
const WRITER = `
import { createSecretKey } from 'node:crypto';
import { writeSync } from 'node:fs';
import { sealing } from ${JSON.stringify(source('../credentials/seal.ts'))};
import { openSqliteStore } from ${JSON.stringify(source('../store/sqlite.ts'))};
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

/** A resource with a server that takes every refresh token once, and is logged in at by a code. */
interface Place extends AsyncDisposable {
  readonly url: string;
  /** Refresh tokens that came. */
  readonly sent: string[];
  /** Before a token is answered. */
  before: () => void;
}

async function openPlace(): Promise<Place> {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const place: Place = {
    url: `${origin}/mcp`,
    sent: [],
    before: () => undefined,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  const documents: Readonly<Record<string, object>> = {
    '/.well-known/oauth-protected-resource/mcp': { resource: place.url, authorization_servers: [origin] },
    '/.well-known/oauth-authorization-server': {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      device_authorization_endpoint: `${origin}/device`,
      code_challenge_methods_supported: ['S256'],
    },
    '/device': { device_code: 'd', user_code: 'u', verification_uri: `${origin}/enter`, interval: 0.01 },
  };
  let count = 0;
  const token = (body: string): object => {
    const shown = new URLSearchParams(body).get('refresh_token');
    if (shown !== null) place.sent.push(shown);
    place.before();
    count += 1;
    return { access_token: `at${count}`, refresh_token: `rt${count}`, expires_in: 3600, token_type: 'Bearer' };
  };
  http.on('request', (request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(documents[request.url ?? ''] ?? token(body)));
    });
  });
  return place;
}

describe('tokens on a full file system of 1 MB', () => {
  it.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
    'P1-04 P1-06 no refresh token is lost, and none is sent twice (mounts a tmpfs: as root on Linux only)',
    async (test) => {
      await using folder = await mkdtempDisposable(join(tmpdir(), 'sallyport-tokens-'));
      await using place = await openPlace();
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'sallyport-test', folder.path]);
      if (mounted.status !== 0) test.skip(`mount is not allowed here: ${mounted.stderr.toString().trim()}`);
      const filler = join(folder.path, 'filler');
      const fill = (): void => {
        expect(() => writeFileSync(filler, randomBytes(2_000_000))).toThrow('ENOSPC');
      };
      let passed = 0;
      const start = Date.now();
      const now = (): number => start + passed;
      const store = await openSqliteStore({ path: join(folder.path, 'state.db'), now });
      const others = createMemoryStore({ now });
      /** Another process on the same store. */
      const open = (): Logins =>
        new Logins({
          servers: [
            {
              name: 'up',
              url: place.url,
              oauth: {
                clientId: 'c',
                scopes: [],
                grant: 'authorization_code',
                per: 'gateway',
                allowLoopbackHttp: true,
              },
            },
          ],
          allow: [],
          env: {},
          records: recordsOf(store, COLLECTION),
          asked: recordsOf(others, 'asked'),
          browsers: recordsOf(others, 'browsers'),
          news: recordsOf(others, 'news'),
          sealing: sealing(createSecretKey(KEY)),
          user: { issuer: 'local', subject: 'alice' },
          redirectUri: () => 'http://127.0.0.1:1/oauth/callback',
          log: () => undefined,
          told: () => undefined,
          now,
        });
      const logins = open();
      try {
        await (
          await logins.beginDevice('up', undefined)
        ).device.finished;
        const authorization = logins.authorizationFor('up', undefined);
        const token = async (): Promise<string | undefined> => await authorization?.token();
        expect(await token()).toBe('at1');
        // There is no room before it is asked for the next one: nothing is sent that could not be written down.
        passed = 3_500_000;
        fill();
        expect(await token()).toBe('at1');
        expect(place.sent).toEqual([]);
        await rm(filler);
        passed += 60_000;
        expect(await token()).toBe('at2');
        // There is none when it comes.
        passed += 3_600_000;
        place.before = fill;
        await expect(token()).rejects.toThrow('No room to write');
        await rm(filler);
        place.before = () => undefined;
        expect(await token()).toBe('at3');
        const again = open();
        await again.open();
        expect(await again.authorizationFor('up', undefined)?.token()).toBe('at3');
        passed += 3_600_000;
        expect(await again.authorizationFor('up', undefined)?.token()).toBe('at4');
        expect(place.sent).toEqual(['rt1', 'rt2', 'rt3']);
        await again.close();
      } finally {
        await logins.close();
        await store.close();
        expect(spawnSync('umount', [folder.path]).status).toBe(0);
      }
    },
  );
});
