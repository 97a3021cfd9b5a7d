/**
 * What a server of the framework serves beside the same on the official SDK: `node bench/framework.ts [SECONDS]`. One tool that
 * greets, over HTTP in a session, asked on 16 connections; the two in turns, each in a process of its own. Prints the calls a
 * second of each turn and the median of their ratios, so that
 * what disturbs the machine for a while disturbs both. Ends with 1 when that is below its bound.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { medianRatio } from './statistics.ts';

const BOUND = 3;
const CONNECTIONS = 16;
const TURNS = 7;
const SERVERS = {
  framework: new URL('../test/framework/hello/framework.ts', import.meta.url),
  sdk: new URL('../test/framework/hello/sdk.ts', import.meta.url),
};
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

interface Running {
  readonly process: ChildProcess;
  readonly url: URL;
}

await main(Number(process.argv[2] ?? 1));

async function main(seconds: number): Promise<void> {
  const running = new Map<string, Running>();
  const rates = new Map<string, number[]>(Object.keys(SERVERS).map((name) => [name, []]));
  try {
    for (const [name, program] of Object.entries(SERVERS)) running.set(name, await start(fileURLToPath(program)));
    for (let turn = 0; turn <= TURNS; turn++) {
      for (const [name, { url }] of running) {
        const rate = await measure(url, seconds);
        // The first turn warms up.
        if (turn > 0) rates.get(name)?.push(rate);
      }
    }
  } finally {
    for (const { process } of running.values()) process.kill();
  }
  for (const [name, values] of rates)
    console.log(`${name}: ${values.map((rate) => rate.toFixed(0)).join(', ')} calls/s`);
  const ratio = medianRatio(rates.get('framework') ?? [], rates.get('sdk') ?? []) ?? 0;
  console.log(`the framework serves ${ratio.toFixed(1)} × the calls of the SDK, bound ${BOUND} ×`);
  if (ratio < BOUND) process.exitCode = 1;
}

async function start(program: string): Promise<Running> {
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { process: child, url: new URL(line) };
}

/** Calls that are answered in a second. */
async function measure(url: URL, seconds: number): Promise<number> {
  const pool = new Pool(url.origin, { connections: CONNECTIONS });
  const post = async (message: object, headers: Record<string, string> = {}): Promise<[string, string | undefined]> => {
    const response = await pool.request({
      path: url.pathname,
      method: 'POST',
      headers: { ...JSON_HEADERS, ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
    return [await response.body.text(), response.headers['mcp-session-id'] as string | undefined];
  };
  const clientInfo = { name: 'bench', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const [, session = ''] = await post({ id: 0, method: 'initialize', params });
  const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
  await post({ method: 'notifications/initialized' }, headers);
  const call = { method: 'tools/call', params: { name: 'hello', arguments: { name: 'bench' } } };
  const beganMs = performance.now();
  let count = 0;
  const ask = async (): Promise<void> => {
    while (performance.now() - beganMs < seconds * 1000) {
      const [text] = await post({ id: ++count, ...call }, headers);
      if (!text.includes('Hello, bench!')) throw new Error(`not greeted: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, ask));
  const rate = (count * 1000) / (performance.now() - beganMs);
  await pool.close();
  return rate;
}
