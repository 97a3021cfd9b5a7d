/** Where a run takes place: its temporary folder, its processes, upstreams and systems under test. Everything is gone after `close`. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listTools, type Connection, type ToolList } from './load/connection.ts';
import { HttpConnection } from './load/http-connection.ts';
import { LONGEST_TIMES, type LoadOrder, type LoadReport } from './load/report.ts';
import { SseConnection } from './load/sse-connection.ts';
import { Fleet, freePort, memoryKiB, type Started } from './processes.ts';
import type { UpstreamAddress } from './references/upstreams.ts';
import type { Launch, Site, System } from './systems.ts';

const BENCH = import.meta.dirname;
const POLL_MS = 15;
const PROBE_MS = 30_000;
const LIST_ID = 2;
/** How much longer than its measurement a generator may take, its start and handshakes included. */
const LOAD_SLACK_MS = 45_000;

/** A system under test that has answered a list with all tools. */
export interface Running {
  readonly system: System;
  readonly target: Launch['target'];
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined when nothing stands in between. */
  readonly process: Started | undefined;
  /** From the start until the list was there. */
  readonly readyMs: number | undefined;
}

export interface StartOptions {
  readonly upstreams: Site['upstreams'];
  /** How many tools it must list before it counts as ready. */
  readonly tools: number;
  readonly timeoutMs: number;
}

export interface ServerOptions {
  readonly tools: number;
  readonly sse: boolean;
}

export async function sleep(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms);
  });
}

export class Bed {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  readonly #fleet = new Fleet();
  #lastSite = 0;

  /** Starts a reference server; answers its port. */
  async startServer({ tools, sse }: ServerOptions): Promise<{ readonly process: Started; readonly port: number }> {
    const port = await freePort();
    const script = join(BENCH, 'upstream/server.ts');
    const args = ['--port', String(port), '--tools', String(tools), ...(sse ? ['--sse'] : [])];
    const log = join(this.folder, `server-${port}.log`);
    const started = this.#fleet.launch({ command: [process.execPath, script, ...args], cwd: this.folder, log });
    await this.#until(started, log, PROBE_MS, async () => {
      await new HttpConnection(httpTarget(`http://127.0.0.1:${port}/mcp`, {})).open();
    });
    return { process: started, port };
  }

  /** Starts a system and waits until it lists all tools. Rejects with what its log says when it does not. */
  async start(system: System, { upstreams, tools, timeoutMs }: StartOptions): Promise<Running> {
    const folder = join(this.folder, `${system.upstream}-${system.name}-${++this.#lastSite}`);
    mkdirSync(folder);
    const write = (name: string, content: unknown): string => {
      writeFileSync(join(folder, name), JSON.stringify(content));
      return join(folder, name);
    };
    const launch = system.launch({ port: await freePort(), upstreams, folder, write });
    const { target, command } = launch;
    if (command === undefined) return { system, target, headers: {}, process: undefined, readyMs: undefined };
    const log = join(folder, 'log');
    const start = performance.now();
    const started = this.#fleet.launch({ command, cwd: folder, log, ...(launch.env && { env: launch.env }) });
    await this.#until(started, log, timeoutMs, async () => {
      const { names } = await readTools(target, launch.headers?.() ?? {});
      if (names.length < tools) throw new Error(`It lists ${names.length} of ${tools} tools.`);
    });
    const readyMs = Math.round(performance.now() - start);
    return { system, target, headers: launch.headers?.() ?? {}, process: started, readyMs };
  }

  async stop(running: Pick<Running, 'process'>): Promise<void> {
    if (running.process !== undefined) await this.#fleet.stop(running.process);
  }

  /** Runs the load generator in a process of its own. */
  async load(order: LoadOrder): Promise<LoadReport> {
    const log = join(this.folder, `load-${++this.#lastSite}`);
    const command = [process.execPath, join(BENCH, 'load/main.ts'), JSON.stringify(order)];
    const started = this.#fleet.launch({ command, cwd: this.folder, log });
    const timer = setTimeout(
      () => void this.#fleet.stop(started),
      order.warmUpMs + order.measureMs * LONGEST_TIMES + LOAD_SLACK_MS,
    );
    const end = await started.ended;
    clearTimeout(timer);
    await this.#fleet.stop(started);
    const text = readFileSync(log, 'utf8').trim();
    rmSync(log);
    if (end !== '0') throw new Error(`The load generator ended with ${end}: ${text.slice(0, 300)}`);
    return JSON.parse(text) as LoadReport;
  }

  async close(): Promise<void> {
    await this.#fleet.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** For when the run is interrupted. */
  destroy(): void {
    this.#fleet.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Tries until it succeeds; rejects when the process ends or the time is over. */
  async #until(started: Started, log: string, timeoutMs: number, attempt: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        await attempt();
        return;
      } catch (error) {
        const over = performance.now() > deadline;
        if (over || started.end !== undefined) {
          await this.#fleet.stop(started);
          const why = over ? `was not ready in ${timeoutMs} ms` : `ended with ${started.end ?? ''}`;
          throw new Error(`It ${why}. ${String(error)} Its log: ${readFileSync(log, 'utf8').slice(-400)}`, {
            cause: error,
          });
        }
        await sleep(POLL_MS);
      }
    }
  }
}

function httpTarget(
  url: string,
  headers: Readonly<Record<string, string>>,
): ConstructorParameters<typeof HttpConnection>[0] {
  return { url: new URL(url), era: 'session', headers, timeoutMs: PROBE_MS };
}

/** A session of its own, opened. */
export async function connect(
  target: Launch['target'],
  headers: Readonly<Record<string, string>>,
): Promise<Connection> {
  const http = httpTarget(target.url ?? '', headers);
  const connection = target.transport === 'http+sse' ? new SseConnection(http) : new HttpConnection(http);
  try {
    await connection.open();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** The tools that a new session sees. */
export async function readTools(
  target: Launch['target'],
  headers: Readonly<Record<string, string>>,
): Promise<ToolList> {
  const connection = await connect(target, headers);
  try {
    return await listTools(connection, 'session', LIST_ID, PROBE_MS);
  } finally {
    connection.close();
  }
}

/** Addresses of `count` upstreams, all of them behind one port, or each a child of its own. */
export function upstreamsAt(kind: 'http' | 'stdio', count: number, port: number, tools: number): Site['upstreams'] {
  const script = join(BENCH, 'upstream/server.ts');
  const at = (index: number): UpstreamAddress => {
    const name = count === 1 ? 'up' : `up${index + 1}`;
    return kind === 'http'
      ? { name, url: `http://127.0.0.1:${port}/${name}/mcp` }
      : { name, command: process.execPath, args: [script, '--stdio', '--tools', String(tools)] };
  };
  return [at(0), ...Array.from({ length: count - 1 }, (_, index) => at(index + 1))];
}

/** Resident memory of a system's process tree, in MiB. */
export function memoryMiB(running: Running, key: 'VmRSS' | 'VmHWM'): number | null {
  const kib = running.process && memoryKiB(running.process.pid, key);
  return kib === undefined ? null : Math.round(kib / 102.4) / 10;
}
