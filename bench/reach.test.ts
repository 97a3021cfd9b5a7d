import { describe, expect, it } from 'vitest';
import { GOALS, reach } from './reach.ts';
import type { CallResults, Results, Round, ScaleResults } from './results.ts';

const facts = { at: '2026-01-02T03:04:05.000Z', machine: 'a machine', node: '24.0.0', notRun: [], problems: [] };

function round(cpuUs: number, requestsPerSecond: number, p50Us: number, p99Us: number): Round {
  const rest = { calls: 1, wrong: 0, p90Us: p50Us, maxUs: p99Us, rssMiB: null, peakMiB: null };
  return { ...rest, cpuUs, requestsPerSecond, p50Us, p99Us };
}

/** Figures for one system; the same in every cell. */
function calls(part: string, systems: Record<string, Round>): CallResults {
  const cells = [100, 1 << 20].flatMap((bytes) => [1, 16].map((connections) => ({ bytes, connections })));
  const series = Object.entries(systems).flatMap(([system, only]) =>
    cells.map((cell) => ({ system, ...cell, rounds: [only] })),
  );
  return { ...facts, part, systems: [], series };
}

const scale: ScaleResults = {
  ...facts,
  part: 'scale',
  starts: [1, 20].flatMap((upstreams) => [
    { system: 'sdk1', upstreams, readyMs: [100, 200], idleMiB: [300, 300] },
    { system: 'sallyport', upstreams, readyMs: [90, 180], idleMiB: [100, 102] },
  ]),
  lists: [
    { system: 'direct', tools: 10_000, bytes: 1, ms: [10] },
    { system: 'sallyport', tools: 10_000, bytes: 1, ms: [12] },
  ],
  sessions: [{ system: 'sallyport', sessions: 1000, kibEach: [4, 5, 6] }],
};

const whole: Results = {
  calls: [
    calls('http', {
      direct: round(0, 9000, 30, 90),
      splice: round(40, 4000, 100, 200),
      json: round(50, 3000, 130, 300),
      sdk1: round(900, 300, 1000, 2000),
      'mcp-hub': round(500, 500, 700, 2000),
      sallyport: round(60, 2700, 150, 300),
      'sallyport-ws': round(30, 2700, 150, 300),
      'sallyport-on': round(64, 2700, 150, 300),
    }),
    calls('stdio', { bridge: round(40, 1, 1, 1), sallyport: round(60, 1, 1, 1) }),
  ],
  scale,
};

describe('reach', () => {
  it('computes every goal from a whole run', () => {
    const values = reach(whole).map(({ value }) => Number(value?.toFixed(3)));
    expect(values).toEqual([1.5, 1.6, 5.4, 9, 0.5, 1.6, 1.2, 2, 1.5, 0.9, 0.9, 101, 5, 1.2, 0]);
    expect(reach(whole).every(({ verdict }) => verdict === 'reached')).toBe(true);
  });

  it('says of every goal when it is missed', () => {
    const http = whole.calls[0] as CallResults;
    const slow = { ...round(400, 100, 900, 9000), wrong: 1 };
    const poorly: Readonly<Record<string, typeof slow>> = {
      sallyport: slow,
      'sallyport-on': slow,
      'sallyport-ws': { ...slow, cpuUs: 800 },
    };
    const series = http.series.map((each) => ({ ...each, rounds: [poorly[each.system] ?? each.rounds[0] ?? null] }));
    const stdio = calls('stdio', { bridge: round(40, 1, 1, 1), sallyport: round(400, 1, 1, 1) });
    const poor: ScaleResults = {
      ...scale,
      starts: scale.starts.map((each) =>
        each.system === 'sallyport' ? { ...each, readyMs: [500, 500], idleMiB: [500, 500] } : each,
      ),
      lists: scale.lists.map((each) => (each.system === 'sallyport' ? { ...each, ms: [100] } : each)),
      sessions: [{ system: 'sallyport', sessions: 1000, kibEach: [99] }],
    };
    const missed = reach({ calls: [{ ...http, series }, stdio], scale: poor });
    expect(missed.filter(({ verdict }) => verdict !== 'missed')).toEqual([]);
  });

  it('has no value, and no verdict but that, for what was not run', () => {
    expect(reach({ calls: [], scale: undefined })).toEqual(
      GOALS.map((goal) => ({ goal, value: undefined, verdict: 'not run' })),
    );
  });

  it('asks at least as much later as now', () => {
    for (const { what, sense, now, later = now } of GOALS) {
      expect(sense === 'at most' ? later <= now : later >= now, what).toBe(true);
    }
  });
});
