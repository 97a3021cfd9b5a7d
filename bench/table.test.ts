import { describe, expect, it } from 'vitest';
import type { CallResults, Round } from './results.ts';
import { cpuTable, detailTable, figure, latencyTable, reachTable, size, table, throughputTable } from './table.ts';

function round(more: Partial<Round>): Round {
  const times = { p50Us: 100, p90Us: 200, p99Us: 300, maxUs: 400 };
  return { calls: 10, wrong: 0, requestsPerSecond: 1000, ...times, cpuUs: 50, rssMiB: 80, peakMiB: 90, ...more };
}

function results(series: CallResults['series']): CallResults {
  const names = [...new Set(series.map((each) => each.system))];
  return {
    at: '2026-01-02T03:04:05.000Z',
    machine: 'a machine',
    node: '24.0.0',
    part: 'http',
    systems: names.map((name) => ({ name, about: `what ${name} is`, readyMs: 100, idleMiB: 60 })),
    notRun: [],
    series,
    problems: [],
  };
}

const cell = { bytes: 100, connections: 16 };
const measured = results([
  { system: 'direct', ...cell, rounds: [round({ cpuUs: null, requestsPerSecond: 4000, p50Us: 40 }), null] },
  { system: 'splice', ...cell, rounds: [round({ cpuUs: 40 }), round({ cpuUs: 80 })] },
  { system: 'sallyport', ...cell, rounds: [round({ cpuUs: 60 }), round({ cpuUs: 120, wrong: 2 })] },
]);

describe('figure', () => {
  it.each([
    [12_844.4, '12,844'],
    [633.3, '633'],
    [49.14, '49.1'],
    [1.254, '1.25'],
    [0.0382, '0.038'],
    [0, '0'],
    [null, '–'],
    [undefined, '–'],
  ])('shows %s as %s', (value, text) => {
    expect(figure(value)).toBe(text);
  });
});

describe('size', () => {
  it('counts in binary units', () => {
    expect([100, 10_240, 1 << 20].map(size)).toEqual(['100 B', '10 KiB', '1 MiB']);
  });
});

describe('table', () => {
  it('pads all columns, and sets figures flush right', () => {
    expect(
      table(
        ['system', 'µs'],
        [
          ['a', '1'],
          ['bb', '12,345'],
        ],
      ),
    ).toBe(['| system |     µs |', '| ------ | -----: |', '| a      |      1 |', '| bb     | 12,345 |'].join('\n'));
  });

  it('leaves a cell empty that a row does not have', () => {
    expect(table(['a', 'b'], [['x']]).split('\n')[2]).toBe('| x   |     |');
  });
});

describe('tables of calls', () => {
  it('compare CPU time with the yardstick of the same round', () => {
    const lines = cpuTable(measured, 'splice').split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[3]).toContain('sallyport: what sallyport is');
    expect(lines[3]).toContain('90 (1.5 ×)');
  });

  it('compare throughput with direct, over the rounds that both have', () => {
    expect(throughputTable(measured)).toMatch(/sallyport +\| +0\.25 \|/);
  });

  it('show what latency is added', () => {
    expect(latencyTable(measured)).toMatch(/sallyport +\| +100 \| +200 \| +300 \| +60 \| +60 \| +90 \|/);
  });

  it('show wrong replies', () => {
    expect(detailTable(measured)).toMatch(/sallyport \|.*\| +2 \|$/m);
    expect(detailTable(measured)).toMatch(/splice +\|.*\| +0 \|$/m);
  });
});

describe('reachTable', () => {
  it('says what was not run', () => {
    const lines = reachTable({ calls: [], scale: undefined }).split('\n').slice(2);
    expect(lines.every((line) => line.includes('not run'))).toBe(true);
  });

  it('judges by the limit of now', () => {
    const text = reachTable({ calls: [measured], scale: undefined });
    expect(text).toMatch(
      /CPU per call, 100 B × 16, against splice +\| +≤ 1\.6 × \| +≤ 1\.25 × \| +1\.5 × \| +reached \|/,
    );
    expect(text).toMatch(/wrong or lost replies +\| +≤ 0 \| +– \| +2 \| +missed \|/);
  });
});
