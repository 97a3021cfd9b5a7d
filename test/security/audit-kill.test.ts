/** A gateway that is killed in the midst of its calls, again and again: what its trail says afterwards. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openSession } from '../gateway/raw-client.ts';
import { serveRaw } from '../gateway/raw-http.ts';
import { temporaryHome } from '../support/home.ts';
import { run, start } from '../support/process.ts';
import { bearer, randomKey } from './support.ts';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const KILLS = 20;
/** Of each life. */
const CALLS = 50;

it(
  'P4-14 after kill -9, 20 times in 1,000 calls, no torn line is believed, the chain goes on, and every answered call has its record',
  { timeout: 300_000 },
  async () => {
    await using home = await temporaryHome();
    await using up = await serveRaw({ era: 'session' });
    const state = join(home.path, 'state');
    const env = { ...home.env, SALLYPORT_HOME: state };
    const config = join(home.path, 'sallyport.json');
    const key = randomKey();
    const configuration = {
      listen: { port: 0 },
      auth: { mode: 'key', keys: [{ name: 'ann', key }] },
      audit: { durability: 'strict' },
      mcpServers: { up: { url: up.url, type: 'http' } },
    };
    await writeFile(config, JSON.stringify(configuration), { mode: 0o600 });
    const answered: string[] = [];
    for (let life = 0; life < KILLS; life++) {
      const gateway = start(process.execPath, [bin, 'serve', '--config', config], { env, cwd: home.path });
      const [, url = ''] = await gateway.untilLine(/ready at (http:\S+?\/mcp)/, 60_000);
      const client = await openSession(url, {}, bearer(key));
      // Another number of answers in each life, so that it ends in another moment.
      const dies = 1 + ((life * 7) % (CALLS - 1));
      let count = 0;
      const calls = Array.from({ length: CALLS }, async (_each, at) => {
        const given = { text: `${life}-${at}` };
        const answer = await client.call('tools/call', { name: 'up__odd', arguments: given }).catch(() => undefined);
        if (answer === undefined || !JSON.stringify(answer).includes('"result"')) return;
        answered.push(createHash('sha256').update(JSON.stringify(given)).digest('hex'));
        if (++count === dies) process.kill(gateway.pid, 'SIGKILL');
      });
      await Promise.all(calls);
      await gateway.stop();
    }
    const folder = join(state, 'audit');
    const verify = await run(process.execPath, [bin, 'audit', 'verify'], { env, cwd: home.path, timeoutMs: 60_000 });
    expect(verify.stdout).toContain('The trail is whole');
    expect(verify.code).toBe(0);
    const segments = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
    expect(segments.length).toBe(KILLS);
    const lines = (await Promise.all(segments.map((name) => readFile(join(folder, name), 'utf8'))))
      .join('')
      .split('\n');
    const recorded = new Set(
      lines.slice(0, -1).map((line) => (JSON.parse(line) as { argumentsHash?: string }).argumentsHash),
    );
    expect(answered.length).toBeGreaterThanOrEqual(KILLS);
    expect(answered.filter((hash) => !recorded.has(hash))).toEqual([]);
  },
);
