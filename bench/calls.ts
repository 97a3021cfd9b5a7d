/**
 * Throughput, latency and CPU time of calls: all systems run side by side, one is loaded at a time, in rounds of
 * alternating order, so that what disturbs the machine disturbs all of them alike.
 */

import { memoryMiB, sleep, upstreamsAt, type Bed, type Running } from './bed.ts';
import type { Era } from './load/connection.ts';
import type { LoadReport } from './load/report.ts';
import type { Cell, MeasuredSystem, NotRun, Round, Series } from './results.ts';
import { whyNot, type System } from './systems.ts';

export interface CallOptions {
  readonly upstream: 'http' | 'stdio';
  readonly era: Era;
  readonly sse: boolean;
  readonly cells: readonly Cell[];
  readonly rounds: number;
  readonly measureMs: number;
  /** Before each measurement, on its connections. */
  readonly warmUpMs: number;
  /** Once for each system, thrown away: its code is compiled meanwhile. 0: none. */
  readonly firstWarmUpMs: number;
  /** Until idle memory is read. */
  readonly settleMs: number;
}

export interface CallFindings {
  readonly systems: MeasuredSystem[];
  readonly notRun: NotRun[];
  readonly series: Series[];
  readonly problems: string[];
}

const TOOLS = 10;
const READY_MS = 30_000;
const WARM_UP: Cell = { bytes: 100, connections: 16 };

class CallRun {
  readonly findings: CallFindings = { systems: [], notRun: [], series: [], problems: [] };
  readonly #bed: Bed;
  readonly #options: CallOptions;
  readonly #say: (line: string) => void;
  readonly #running: Running[] = [];

  constructor(bed: Bed, options: CallOptions, say: (line: string) => void) {
    this.#bed = bed;
    this.#options = options;
    this.#say = say;
  }

  async start(systems: readonly System[]): Promise<void> {
    const { upstream, sse, settleMs } = this.#options;
    const server = await this.#bed.startServer({ tools: TOOLS, sse });
    const upstreams = upstreamsAt(upstream, 1, server.port, TOOLS);
    for (const system of systems) {
      const reason = whyNot(system);
      if (reason !== undefined) {
        this.findings.notRun.push({ name: system.name, reason });
        this.#say(`${system.name}: not run, ${reason}`);
        continue;
      }
      try {
        const running = await this.#bed.start(system, { upstreams, tools: TOOLS, timeoutMs: READY_MS });
        await sleep(settleMs);
        const { name, about } = system;
        const idleMiB = memoryMiB(running, 'VmRSS');
        this.#running.push(running);
        this.findings.systems.push({ name, about, readyMs: running.readyMs ?? null, idleMiB });
      } catch (error) {
        this.#fail(system.name, error);
      }
    }
  }

  async measure(): Promise<void> {
    const { cells, rounds, firstWarmUpMs } = this.#options;
    if (firstWarmUpMs > 0) for (const running of this.#running) await this.#round(running, WARM_UP, firstWarmUpMs);
    for (const cell of cells) {
      const taken = new Map<Running, (Round | null)[]>(this.#running.map((running) => [running, []]));
      for (let round = 0; round < rounds; round++) {
        const order = round % 2 === 0 ? this.#running : this.#running.toReversed();
        for (const running of order) taken.get(running)?.push(await this.#round(running, cell));
      }
      for (const [running, all] of taken) {
        this.findings.series.push({ system: running.system.name, ...cell, rounds: all });
      }
      this.#say(`${cell.bytes} B × ${cell.connections}: ${rounds} rounds done`);
    }
  }

  async #round(running: Running, cell: Cell, measureMs: number = this.#options.measureMs): Promise<Round | null> {
    const { target, headers, system, process } = running;
    const { era, warmUpMs } = this.#options;
    try {
      const pid = process && { pid: process.pid };
      const order = { ...target, ...cell, ...pid, headers, era, warmUpMs, measureMs };
      const report = await this.#bed.load(order);
      for (const text of report.complaints) this.findings.problems.push(`${system.name}: ${text}`);
      // Answers that came later than the measurement are right, but there is nothing to compare.
      return report.calls === 0 && report.wrong === 0 ? null : this.#taken(report, running);
    } catch (error) {
      this.#fail(`${system.name}, ${cell.bytes} B × ${cell.connections}`, error);
      return null;
    }
  }

  #taken(report: LoadReport, running: Running): Round {
    const { calls, wrong, requestsPerSecond, p50Us, p90Us, p99Us, maxUs, cpuUs } = report;
    const rssMiB = memoryMiB(running, 'VmRSS');
    const peakMiB = memoryMiB(running, 'VmHWM');
    return { calls, wrong, requestsPerSecond, p50Us, p90Us, p99Us, maxUs, cpuUs, rssMiB, peakMiB };
  }

  #fail(what: string, error: unknown): void {
    const text = `${what}: ${error instanceof Error ? error.message : String(error)}`;
    this.findings.problems.push(text);
    this.#say(text);
  }
}

/** Measures the systems that fit the upstream and the era. Nothing is thrown for a system that fails: it is a problem of the findings. */
export async function measureCalls(
  bed: Bed,
  systems: readonly System[],
  options: CallOptions,
  say: (line: string) => void,
): Promise<CallFindings> {
  const run = new CallRun(bed, options, say);
  await run.start(systems.filter((each) => each.upstream === options.upstream && each.eras.includes(options.era)));
  await run.measure();
  return run.findings;
}
