/**
 * What the process says of itself: CPU, memory, file descriptors, delay of the event loop. Read at a scrape; the delay is
 * watched from the first scrape on, so that a gateway whose metrics nobody reads is not woken for it.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';
import type { ReadName } from './families.ts';

/** How often the event loop is asked for its delay: a wake-up each. */
const RESOLUTION_MS = 50;

export interface ProcessSource {
  /** Stops watching the event loop. Idempotent. */
  close(): void;
}

/** Tells `metrics` where to read what concerns the process. */
export function addProcessSource(metrics: Pick<Metrics, 'source'>, version: string): ProcessSource {
  const one = (name: ReadName, read: () => number | undefined): void => {
    metrics.source(name, () => {
      const value = read();
      return value === undefined ? [] : [{ labels: {}, value }];
    });
  };
  metrics.source('sallyport_build_info', () => [{ labels: { version, node: process.versions.node }, value: 1 }]);
  metrics.source('nodejs_version_info', () => [{ labels: nodeVersion(process.version), value: 1 }]);

  one('process_cpu_user_seconds_total', () => process.cpuUsage().user / 1e6);
  one('process_cpu_system_seconds_total', () => process.cpuUsage().system / 1e6);
  one('process_cpu_seconds_total', () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6);
  one('process_start_time_seconds', () => performance.timeOrigin / 1000);
  one('process_resident_memory_bytes', () => process.memoryUsage.rss());
  one('process_virtual_memory_bytes', () => virtualMemory(textOf('/proc/self/status')));
  one('process_open_fds', openFiles);
  one('process_max_fds', () => maxFiles(textOf('/proc/self/limits')));
  one('nodejs_heap_size_total_bytes', () => process.memoryUsage().heapTotal);
  one('nodejs_heap_size_used_bytes', () => process.memoryUsage().heapUsed);
  one('nodejs_external_memory_bytes', () => process.memoryUsage().external);
  return addLag(metrics);
}

type Watched = ReturnType<typeof monitorEventLoopDelay>;
type LagName = ReadName & `nodejs_eventloop_lag_${string}`;

/** Nanoseconds. The last one of the table is read last, and what comes after it counts for the next scrape. */
const LAG: readonly (readonly [LagName, (watched: Watched) => number])[] = [
  ['nodejs_eventloop_lag_min_seconds', (watched) => watched.min],
  ['nodejs_eventloop_lag_max_seconds', (watched) => watched.max],
  ['nodejs_eventloop_lag_mean_seconds', (watched) => watched.mean],
  ['nodejs_eventloop_lag_p50_seconds', (watched) => watched.percentile(50)],
  ['nodejs_eventloop_lag_p90_seconds', (watched) => watched.percentile(90)],
  ['nodejs_eventloop_lag_p99_seconds', (watched) => watched.percentile(99)],
];

function addLag(metrics: Pick<Metrics, 'source'>): ProcessSource {
  let watched: Watched | undefined;
  const last = LAG.at(-1)?.[0];
  for (const [name, read] of LAG) {
    metrics.source(name, () => {
      if (watched === undefined) {
        watched = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
        watched.enable();
      }
      // Without a sample there is no least and no mean.
      const value = watched.count === 0 ? 0 : lagSeconds(read(watched));
      if (name === last) watched.reset();
      return [{ labels: {}, value }];
    });
  }
  return { close: () => void watched?.disable() };
}

/** What was measured contains the time that was to pass anyway. */
function lagSeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds - RESOLUTION_MS * 1e6) / 1e9;
}

function nodeVersion(version: string): Record<string, string> {
  const [major = '', minor = '', patch = ''] = version.slice(1).split('.');
  return { version, major, minor, patch };
}

/** Undefined where there is no such file: on other systems than Linux, and where it is hidden. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function openFiles(): number | undefined {
  try {
    // The one that reads the folder is among them.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

function virtualMemory(status: string | undefined): number | undefined {
  const kibibytes = /^VmSize:\s+(\d+) kB$/m.exec(status ?? '')?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function maxFiles(limits: string | undefined): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? '')?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Infinity : Number(soft);
}
