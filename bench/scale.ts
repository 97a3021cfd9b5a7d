/** What grows: cold start and idle memory with the number of upstreams, lists with the number of tools, memory with the number of sessions. */

import { connect, memoryMiB, readTools, sleep, upstreamsAt, type Bed, type Running } from './bed.ts';
import { listTools } from './load/connection.ts';
import type { Lists, NotRun, Sessions, Starts } from './results.ts';
import { median } from './statistics.ts';
import { whyNot, type System } from './systems.ts';

export interface ScaleOptions {
  /** Numbers of upstreams of a cold start. */
  readonly upstreams: readonly number[];
  readonly tools: readonly number[];
  readonly sessions: number;
  /** Opened before, and not counted: the heap has found its size by then. */
  readonly firstSessions: number;
  readonly rounds: number;
  /** Until memory is read. */
  readonly settleMs: number;
}

export interface ScaleFindings {
  readonly notRun: NotRun[];
  readonly starts: Starts[];
  readonly lists: Lists[];
  readonly sessions: Sessions[];
  readonly problems: string[];
}

const TOOLS = 10;
const READY_MS = 60_000;
const LIST_MS = 30_000;
const AT_ONCE = 8;
/** Lists of one round; the median counts. */
const LISTS_PER_ROUND = 5;

class ScaleRun {
  readonly findings: ScaleFindings = { notRun: [], starts: [], lists: [], sessions: [], problems: [] };
  readonly #bed: Bed;
  readonly #options: ScaleOptions;
  readonly #say: (line: string) => void;
  readonly #systems: readonly System[];

  constructor(bed: Bed, systems: readonly System[], options: ScaleOptions, say: (line: string) => void) {
    this.#bed = bed;
    this.#options = options;
    this.#say = say;
    for (const system of systems) {
      const reason = whyNot(system);
      if (reason !== undefined) this.findings.notRun.push({ name: system.name, reason });
    }
    this.#systems = systems.filter((system) => whyNot(system) === undefined);
  }

  async starts(): Promise<void> {
    const server = await this.#bed.startServer({ tools: TOOLS, sse: false });
    for (const count of this.#options.upstreams) {
      const upstreams = upstreamsAt('http', count, server.port, TOOLS);
      const taken = this.#gateways().map((system) => ({
        system,
        readyMs: [] as (number | null)[],
        idleMiB: [] as (number | null)[],
      }));
      for (let round = 0; round < this.#options.rounds; round++) {
        for (const { system, readyMs, idleMiB } of round % 2 === 0 ? taken : taken.toReversed()) {
          const running = await this.#start(system, upstreams, TOOLS * count);
          await sleep(this.#options.settleMs);
          readyMs.push(running?.readyMs ?? null);
          idleMiB.push(running === undefined ? null : memoryMiB(running, 'VmRSS'));
          if (running !== undefined) await this.#bed.stop(running);
        }
      }
      for (const { system, readyMs, idleMiB } of taken) {
        this.findings.starts.push({ system: system.name, upstreams: count, readyMs, idleMiB });
      }
      this.#say(`cold start with ${count}: done`);
    }
    await this.#bed.stop(server);
  }

  async lists(): Promise<void> {
    for (const tools of this.#options.tools) {
      const server = await this.#bed.startServer({ tools, sse: false });
      const upstreams = upstreamsAt('http', 1, server.port, tools);
      const taken: { running: Running; bytes: number; ms: (number | null)[] }[] = [];
      for (const system of this.#systems) {
        const running = await this.#start(system, upstreams, tools);
        if (running !== undefined) taken.push({ running, bytes: 0, ms: [] });
      }
      for (let round = -1; round < this.#options.rounds; round++) {
        for (const each of round % 2 === 0 ? taken : taken.toReversed()) {
          const { ms, bytes } = await this.#list(each.running, tools);
          each.bytes = bytes;
          // The first is thrown away: code is compiled, catalogues are read.
          if (round >= 0) each.ms.push(ms);
        }
      }
      for (const { running, bytes, ms } of taken) {
        this.findings.lists.push({ system: running.system.name, tools, bytes, ms });
        await this.#bed.stop(running);
      }
      await this.#bed.stop(server);
      this.#say(`lists of ${tools} tools: done`);
    }
  }

  async sessions(): Promise<void> {
    const server = await this.#bed.startServer({ tools: TOOLS, sse: false });
    const upstreams = upstreamsAt('http', 1, server.port, TOOLS);
    const { sessions, firstSessions, rounds, settleMs } = this.#options;
    const taken = this.#gateways()
      .filter((system) => system.name !== 'mcp-hub')
      .map((system) => ({ system, kibEach: [] as (number | null)[] }));
    for (let round = 0; round < rounds; round++) {
      for (const { system, kibEach } of taken) {
        const running = await this.#start(system, upstreams, TOOLS);
        if (running === undefined) continue;
        await this.#openSessions(running, firstSessions);
        await sleep(settleMs);
        const before = memoryMiB(running, 'VmRSS');
        await this.#openSessions(running, sessions);
        await sleep(settleMs);
        const after = memoryMiB(running, 'VmRSS');
        kibEach.push(
          before === null || after === null ? null : Math.round(((after - before) * 10_240) / sessions) / 10,
        );
        await this.#bed.stop(running);
      }
    }
    for (const { system, kibEach } of taken) this.findings.sessions.push({ system: system.name, sessions, kibEach });
    await this.#bed.stop(server);
    this.#say(`${sessions} sessions: done`);
  }

  /** Those that can stand in front of several upstreams. */
  #gateways(): System[] {
    return this.#systems.filter((system) => system.isSingle !== true);
  }

  async #start(
    system: System,
    upstreams: Parameters<Bed['start']>[1]['upstreams'],
    tools: number,
  ): Promise<Running | undefined> {
    try {
      return await this.#bed.start(system, { upstreams, tools, timeoutMs: READY_MS });
    } catch (error) {
      this.#fail(`${system.name} with ${upstreams.length} upstreams and ${tools} tools`, error);
      return undefined;
    }
  }

  async #list({ system, target, headers }: Running, tools: number): Promise<{ ms: number | null; bytes: number }> {
    const connection = await connect(target, headers);
    const all: number[] = [];
    let bytes = 0;
    try {
      for (let turn = 0; turn < LISTS_PER_ROUND; turn++) {
        const start = performance.now();
        const list = await listTools(connection, 'session', turn + 2, LIST_MS);
        all.push(performance.now() - start);
        bytes = list.bytes;
        if (list.names.length < tools) throw new Error(`It lists ${list.names.length} tools.`);
      }
      return { ms: Math.round((median(all) ?? 0) * 100) / 100, bytes };
    } catch (error) {
      this.#fail(`${system.name}, list of ${tools} tools`, error);
      return { ms: null, bytes };
    } finally {
      connection.close();
    }
  }

  /** Each lists the tools once; then it is left alone. */
  async #openSessions({ system, target, headers }: Running, count: number): Promise<void> {
    let left = count;
    const open = async (): Promise<void> => {
      while (left-- > 0) await readTools(target, headers);
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, open));
    } catch (error) {
      this.#fail(`${system.name}, ${count} sessions`, error);
    }
  }

  #fail(what: string, error: unknown): void {
    const text = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    this.findings.problems.push(text);
    this.#say(text);
  }
}

/** Systems are those with an HTTP upstream. What fails is a problem of the findings. */
export async function measureScale(
  bed: Bed,
  systems: readonly System[],
  options: ScaleOptions,
  say: (line: string) => void,
): Promise<ScaleFindings> {
  const run = new ScaleRun(bed, systems, options, say);
  await run.starts();
  await run.lists();
  await run.sessions();
  return run.findings;
}
