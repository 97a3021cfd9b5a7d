/**
 * The load generator as a process of its own, so that what it costs is not measured with what it measures:
 * `node main.ts ORDER` with a `LoadOrder` in JSON; prints a `LoadReport`, or exits with 1 and says why.
 */

import { writeSync } from 'node:fs';
import { cpuMs } from '../processes.ts';
import { quantile } from '../statistics.ts';
import { listTools, shownName, type Connection } from './connection.ts';
import { ECHO_BYTES, Generator } from './generator.ts';
import { HttpConnection, type HttpTarget } from './http-connection.ts';
import { LONGEST_TIMES, type LoadOrder, type LoadReport } from './report.ts';
import { SseConnection } from './sse-connection.ts';
import { StdioConnection } from './stdio-connection.ts';
import { WebSocketConnection } from './web-socket-connection.ts';

const TIMEOUT_MS = 20_000;
/** For the last calls, when no further ones are sent. */
const LAST_CALLS_MS = 10_000;
/** A measurement goes on until so many calls of each connection began and ended meanwhile, as far as it may. */
const CALLS_EACH = 2;
const OPENED_AT_ONCE = 8;
const LIST_ID = 2;

async function sleep(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms);
  });
}

function connectionBy(transport: LoadOrder['transport'], target: HttpTarget): Connection {
  if (transport === 'web-socket') return new WebSocketConnection(target);
  return transport === 'http+sse' ? new SseConnection(target) : new HttpConnection(target);
}

async function openAll(order: LoadOrder): Promise<Connection[]> {
  if (order.url === undefined) {
    const only = new StdioConnection(order.command ?? [], order.era, TIMEOUT_MS);
    await only.open();
    return [only];
  }
  const target = { url: new URL(order.url), era: order.era, headers: order.headers, timeoutMs: TIMEOUT_MS };
  const opened: Connection[] = [];
  while (opened.length < order.connections) {
    const count = Math.min(OPENED_AT_ONCE, order.connections - opened.length);
    const some = Array.from({ length: count }, () => connectionBy(order.transport, target));
    await Promise.all(some.map((each) => each.open()));
    opened.push(...some);
  }
  return opened;
}

function report(generator: Generator, wallMs: number, cpu: number | undefined, connections: Connection[]): LoadReport {
  const { complaints, ended: calls, latencies, wrong } = generator.tally;
  const sorted = Float64Array.from(latencies).toSorted();
  const us = (share: number): number => Math.round((quantile(sorted, share) ?? 0) * 1000);
  return {
    calls: latencies.length === 0 ? 0 : calls,
    wrong,
    complaints,
    reconnects: connections.reduce((sum, each) => sum + (each instanceof HttpConnection ? each.reconnects : 0), 0),
    requestsPerSecond: Math.round((calls / wallMs) * 10_000) / 10,
    p50Us: us(0.5),
    p90Us: us(0.9),
    p99Us: us(0.99),
    maxUs: us(1),
    cpuUs: cpu === undefined || calls === 0 ? null : Math.round((cpu * 10_000) / calls) / 10,
  };
}

async function enoughCalls({ tally }: Generator, { connections, measureMs }: LoadOrder): Promise<void> {
  const isEnough = (): boolean => tally.latencies.length >= CALLS_EACH * connections;
  for (let times = 0; times === 0 || (times < LONGEST_TIMES && !isEnough()); times++) await sleep(measureMs);
}

async function run(order: LoadOrder): Promise<LoadReport> {
  const connections = await openAll(order);
  const [first] = connections;
  if (first === undefined) throw new Error('There is no connection.');
  const { names } = await listTools(first, order.era, LIST_ID, TIMEOUT_MS);
  const tool = order.bytes <= ECHO_BYTES ? 'echo' : 'payload';
  const name = shownName(names, tool);
  if (name === undefined) throw new Error(`There is no tool ${tool} among ${names.length}.`);
  const generator = new Generator({ name, bytes: order.bytes, era: order.era }, () => performance.now());
  const pid = first instanceof StdioConnection ? first.pid : order.pid;
  const cpuNow = (): number | undefined => (pid === undefined ? undefined : cpuMs(pid));

  for (let index = 0; index < order.connections; index++) generator.start(connections[index] ?? first);
  await sleep(order.warmUpMs);
  const cpuBefore = cpuNow();
  const start = performance.now();
  generator.measure(true);
  await enoughCalls(generator, order);
  generator.measure(false);
  const wallMs = performance.now() - start;
  const cpuAfter = cpuNow();
  await Promise.race([generator.stop(), sleep(LAST_CALLS_MS)]);
  generator.giveUp();
  for (const each of connections) each.close();
  const cpu = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
  return report(generator, wallMs, cpu, connections);
}

try {
  const done = await run(JSON.parse(process.argv[2] ?? '{}') as LoadOrder);
  writeSync(1, `${JSON.stringify(done)}\n`);
  // Sockets of servers that do not answer would keep the process.
  process.exit(0);
} catch (error) {
  writeSync(2, `${String(error)}\n`);
  process.exit(1);
}
