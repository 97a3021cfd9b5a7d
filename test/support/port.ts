/** Loopback ports: a free one, and waiting until someone listens. */
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WAIT_MS } from './inbox.ts';

const PROBE_INTERVAL_MS = 50;

/** A port that was free a moment ago; prefer port 0 and the printed URL where a program offers that. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/** Resolves when a connection to the port is accepted; rejects when `signal` aborts or after `timeoutMs`. */
export async function untilListening(port: number, signal: AbortSignal, timeoutMs: number = WAIT_MS): Promise<void> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  while (!(await accepts(port))) await delay(PROBE_INTERVAL_MS, undefined, { signal: bounded });
}
