/**
 * What a good client feels while strangers try keys: `node bench/wrong-keys.ts [SECONDS]`. 200 wrong keys at once, again and
 * again, each on a connection of its own, first from many addresses and then from one; of the forms that cost most: our own
 * form, and free text, which may be what one of three bcrypt hashes was made of. Ends with 1 when the good client's p95 is
 * over its bound.
 */

import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Bed, connect } from './bed.ts';
import { ask } from './load/connection.ts';

import { quantile } from './statistics.ts';
import { gatewayConfig, GATEWAY, type System } from './systems.ts';

const BOUND_MS = 50;
const AT_ONCE = 200;
const GOOD = `good-client-${'0123456789abcdef'.repeat(2)}`;
const TIMEOUT_MS = 30_000;

if (process.argv[2] === 'attack') await attack(process.argv[3] ?? '', Number(process.argv[4]));
else await main(Number(process.argv[2] ?? 5));

async function main(seconds: number): Promise<void> {
  const bed = new Bed();
  try {
    const server = await bed.startServer({ tools: 1, sse: false });
    const upstream = { name: 'u', url: `http://127.0.0.1:${server.port}/mcp` };
    const running = await bed.start(guarded(), { upstreams: [upstream], tools: 1, timeoutMs: TIMEOUT_MS });
    const url = running.target.url ?? '';
    const rows: [string, number[]][] = [['quiet', await latencies(running, seconds)]];
    for (const addresses of [50, 1]) {
      const attacker = fork(import.meta.filename, ['attack', url, String(addresses)]);
      const refused = new Map<number, number>();
      attacker.on('message', (status: number) => refused.set(status, (refused.get(status) ?? 0) + 1));
      await once(attacker, 'message');
      const values = await latencies(running, seconds);
      attacker.kill();
      const told = [...refused].map(([status, count]) => `${count} × ${status}`).join(', ');
      rows.push([`${AT_ONCE} wrong keys at once, ${addresses} addresses (${told})`, values]);
    }
    for (const [what, values] of rows) console.log(`${what}: ${described(values)}`);
    const worst = Math.max(...rows.map(([, values]) => share(values, 0.95)));
    console.log(`worst p95: ${worst.toFixed(1)} ms, bound ${BOUND_MS} ms`);
    if (worst > BOUND_MS) process.exitCode = 1;
  } finally {
    await bed.close();
  }
}

/** Keys as text and as hashes; a proxy that is believed, so that one attacker can have many addresses. */
function guarded(): System {
  return {
    name: 'sallyport-keys',
    about: 'Sallyport with a key and three hashes',
    upstream: 'http',
    eras: ['session'],
    launch: (site) => {
      const env = { HOME: site.folder, SALLYPORT_HOME: join(site.folder, 'state') };
      const hashes = [1, 2, 3].map((n) => {
        const made = execFileSync(process.execPath, [GATEWAY, 'key', 'hash', '--new', '--json'], {
          env: { ...process.env, ...env },
        });
        return { name: `hashed${n}`, hash: (JSON.parse(made.toString()) as { hash: string }).hash };
      });
      const bare = gatewayConfig(site) as { listen: object; limits: object };
      const config = {
        ...bare,
        listen: { ...bare.listen, trustProxy: ['127.0.0.1'] },
        auth: { mode: 'key', keys: [{ name: 'good', key: GOOD }, ...hashes] },
        limits: { ...bare.limits, connections: 10_000, rate: { perPrincipal: 'off' } },
      };
      return {
        command: [process.execPath, GATEWAY, 'serve', '--config', site.write('sallyport.json', config)],
        env,
        target: { url: `http://127.0.0.1:${site.port}/mcp`, transport: 'streamable-http' },
        headers: () => ({ authorization: `Bearer ${GOOD}` }),
      };
    },
  };
}

/** Of one client that calls one after another, in milliseconds. */
async function latencies(running: Awaited<ReturnType<Bed['start']>>, seconds: number): Promise<number[]> {
  const connection = await connect(running.target, running.headers);
  const values: number[] = [];
  const end = performance.now() + seconds * 1000;
  for (let id = 10; performance.now() < end; id++) {
    const begin = performance.now();
    await ask(connection, { id, method: 'tools/list', params: {}, timeoutMs: TIMEOUT_MS });
    values.push(performance.now() - begin);
  }
  connection.close();
  return values.toSorted((a, b) => a - b);
}

async function attack(url: string, addresses: number): Promise<never> {
  const { request, Agent } = await import('undici');
  for (let n = 0; ; n++) {
    // Each burst on connections of its own, as strangers have.
    const dispatcher = new Agent({ connections: AT_ONCE });
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, each) => {
        const text = `${n}-${each}-${'x'.repeat(43)}`;
        const key = each % 2 === 0 ? `sp_0123456789abcdef_${text.slice(0, 43)}` : `wrong-${text}`;
        const headers = { authorization: `Bearer ${key}`, 'x-forwarded-for': `192.0.2.${each % addresses}` };
        const { body, statusCode } = await request(url, { method: 'POST', headers, body: '{}', dispatcher });
        await body.dump();
        process.send?.(statusCode);
      }),
    ).catch(() => undefined);
    await dispatcher.close();
  }
}

function described(values: readonly number[]): string {
  const each = [0.5, 0.95, 0.99].map((part) => `p${part * 100} ${share(values, part).toFixed(1)}`);
  return `${each.join(', ')} ms over ${values.length} calls`;
}

function share(values: readonly number[], part: number): number {
  return quantile(values, part) ?? Number.POSITIVE_INFINITY;
}
