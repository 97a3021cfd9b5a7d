/** The goals, and how far a run is from them. A goal whose parts were not run has no value. */

import { addedP50, against, part, replies, rounds, type Cell, type Results, type ScaleResults } from './results.ts';
import { median, medianRatio } from './statistics.ts';

export interface Goal {
  readonly what: string;
  readonly sense: 'at most' | 'at least';
  /** What has to be reached now, and what later; undefined: nothing more than now. */
  readonly now: number;
  readonly later?: number;
  readonly unit: '×' | 'MiB' | 'KiB' | 'replies';
  value(results: Results): number | undefined;
}

const US = 'sallyport';
const GUARDED = 'sallyport-on';
const SMALL_16: Cell = { bytes: 100, connections: 16 };
const SMALL_1: Cell = { bytes: 100, connections: 1 };
const LARGE_16: Cell = { bytes: 1 << 20, connections: 16 };

function quotient(value: number | undefined, divisor: number | undefined): number | undefined {
  return value === undefined || divisor === undefined || divisor === 0 ? undefined : value / divisor;
}

function startRatio(scale: ScaleResults | undefined, upstreams: number): number | undefined {
  const of = (system: string): readonly (number | null)[] =>
    scale?.starts.find((each) => each.system === system && each.upstreams === upstreams)?.readyMs ?? [];
  return medianRatio(of(US), of('sdk1'));
}

function listRatio(scale: ScaleResults | undefined, tools: number): number | undefined {
  const of = (system: string): readonly (number | null)[] =>
    scale?.lists.find((each) => each.system === system && each.tools === tools)?.ms ?? [];
  return medianRatio(of(US), of('direct'));
}

/** The tail of a system's latency against its middle, within a round. */
function spread({ calls }: Results): number | undefined {
  const http = part({ calls, scale: undefined }, 'http');
  return medianRatio(rounds(http, US, SMALL_1, 'p99Us'), rounds(http, US, SMALL_1, 'p50Us'));
}

function wrongReplies({ calls, scale }: Results): number | undefined {
  if (calls.length === 0 && scale === undefined) return undefined;
  return replies(calls).wrong;
}

export const GOALS: readonly Goal[] = [
  {
    what: 'CPU per call, 100 B × 16, against splice',
    sense: 'at most',
    now: 1.6,
    later: 1.25,
    unit: '×',
    value: (all) => against(part(all, 'http'), US, 'splice', SMALL_16, 'cpuUs'),
  },
  {
    what: 'CPU per call, 100 B × 16, all on, against splice',
    sense: 'at most',
    now: 2.2,
    later: 1.7,
    unit: '×',
    value: (all) => against(part(all, 'http'), GUARDED, 'splice', SMALL_16, 'cpuUs'),
  },
  {
    what: 'requests per second, 100 B × 16, all on, against mcp-hub',
    sense: 'at least',
    now: 5,
    later: 6,
    unit: '×',
    value: (all) => against(part(all, 'http'), GUARDED, 'mcp-hub', SMALL_16, 'requestsPerSecond'),
  },
  {
    what: 'requests per second, 100 B × 16, all on, against sdk1',
    sense: 'at least',
    now: 6,
    unit: '×',
    value: (all) => against(part(all, 'http'), GUARDED, 'sdk1', SMALL_16, 'requestsPerSecond'),
  },
  {
    what: 'CPU per call on a WebSocket, 100 B × 16, against HTTP',
    sense: 'at most',
    now: 1,
    unit: '×',
    value: (all) => against(part(all, 'http'), `${US}-ws`, US, SMALL_16, 'cpuUs'),
  },
  {
    what: 'CPU per call, 1 MiB × 16, all on, against splice',
    sense: 'at most',
    now: 1.8,
    later: 1.2,
    unit: '×',
    value: (all) => against(part(all, 'http'), GUARDED, 'splice', LARGE_16, 'cpuUs'),
  },
  {
    what: "p50 added to direct at one connection, against json's",
    sense: 'at most',
    now: 1.6,
    later: 1.15,
    unit: '×',
    value: (all) => quotient(addedP50(part(all, 'http'), US, SMALL_1), addedP50(part(all, 'http'), 'json', SMALL_1)),
  },
  {
    what: 'p99 against p50 at one connection',
    sense: 'at most',
    now: 3,
    later: 2,
    unit: '×',
    value: spread,
  },
  {
    what: 'stdio: CPU with the child, 100 B × 16, against bridge',
    sense: 'at most',
    now: 2.5,
    later: 1.35,
    unit: '×',
    value: (all) => against(part(all, 'stdio'), US, 'bridge', SMALL_16, 'cpuUs'),
  },
  {
    what: 'cold start with 1 HTTP upstream, against sdk1',
    sense: 'at most',
    now: 1.1,
    later: 0.65,
    unit: '×',
    value: ({ scale }) => startRatio(scale, 1),
  },
  {
    what: 'cold start with 20 HTTP upstreams, against sdk1',
    sense: 'at most',
    now: 1.1,
    later: 0.75,
    unit: '×',
    value: ({ scale }) => startRatio(scale, 20),
  },
  {
    what: 'idle with 20 HTTP upstreams',
    sense: 'at most',
    now: 110,
    later: 90,
    unit: 'MiB',
    value: ({ scale }) =>
      median(scale?.starts.find((each) => each.system === US && each.upstreams === 20)?.idleMiB ?? []),
  },
  {
    what: 'an idle session',
    sense: 'at most',
    now: 25,
    later: 3,
    unit: 'KiB',
    value: ({ scale }) => median(scale?.sessions.find((each) => each.system === US)?.kibEach ?? []),
  },
  {
    what: '`tools/list` of 10,000 tools, against direct',
    sense: 'at most',
    now: 1.5,
    later: 1.1,
    unit: '×',
    value: ({ scale }) => listRatio(scale, 10_000),
  },
  {
    what: 'wrong or lost replies',
    sense: 'at most',
    now: 0,
    unit: 'replies',
    value: wrongReplies,
  },
];

/** One line of the table of goals. */
export interface Reached {
  readonly goal: Goal;
  readonly value: number | undefined;
  readonly verdict: 'reached' | 'missed' | 'not run';
}

export function reach(results: Results): Reached[] {
  return GOALS.map((goal) => {
    const value = goal.value(results);
    if (value === undefined) return { goal, value, verdict: 'not run' };
    const isReached = goal.sense === 'at most' ? value <= goal.now : value >= goal.now;
    return { goal, value, verdict: isReached ? 'reached' : 'missed' };
  });
}
