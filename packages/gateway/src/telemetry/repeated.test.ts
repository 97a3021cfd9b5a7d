import { expect, it } from 'vitest';
import { createRepeatedLines, type RepeatedLines } from './repeated.ts';

interface Opened {
  readonly repeated: RepeatedLines;
  readonly clock: { nowMs: number };
  readonly lines: unknown[];
}

function open(): Opened {
  const clock = { nowMs: 0 };
  const lines: unknown[] = [];
  const repeated = createRepeatedLines(
    (level, text, detail) => void lines.push([level, text, detail]),
    () => clock.nowMs,
  );
  return { repeated, clock, lines };
}

it('writes the first at once and then one a minute, with how many there were since', () => {
  const { clock, lines, repeated } = open();
  for (let at = 0; at < 2000; at++) repeated.write('info', 'refused', { address: '192.0.2.1', reason: `r${at}` });
  expect(lines.splice(0)).toEqual([['info', 'refused', { address: '192.0.2.1', reason: 'r0' }]]);
  clock.nowMs = 59_999;
  repeated.sweep();
  expect(lines).toEqual([]);
  clock.nowMs = 60_000;
  repeated.sweep();
  expect(lines.splice(0)).toEqual([['info', 'refused', { address: '192.0.2.1', reason: 'r1999', count: 1999 }]]);
  for (const nowMs of [60_001, 120_000]) {
    clock.nowMs = nowMs;
    repeated.write('info', 'refused', { address: '192.0.2.1' });
  }
  expect(lines.splice(0)).toEqual([['info', 'refused', { address: '192.0.2.1', count: 2 }]]);
  clock.nowMs = 180_000;
  repeated.sweep();
  repeated.write('info', 'refused', { address: '192.0.2.1' });
  expect(lines).toEqual([['info', 'refused', { address: '192.0.2.1' }]]);
});

it('tells kinds and networks apart', () => {
  const { lines, repeated } = open();
  for (let at = 0; at < 2; at++) {
    for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2', undefined]) {
      for (const text of ['refused', 'failed']) repeated.write('info', text, { address });
    }
  }
  expect(lines).toHaveLength(8);
});

it('writes what was counted when it ends', () => {
  const { lines, repeated } = open();
  for (let at = 0; at < 3; at++) repeated.write('error', 'failed');
  repeated.flush();
  repeated.flush();
  expect(lines).toEqual([
    ['error', 'failed', {}],
    ['error', 'failed', { count: 2 }],
  ]);
});

it('counts addresses together that are too many', () => {
  const { clock, lines, repeated } = open();
  const all = (): void => {
    for (let at = 0; at < 3000; at++) repeated.write('info', 'refused', { address: `10.0.${at >> 8}.${at & 255}` });
  };
  all();
  expect(lines.splice(0)).toHaveLength(1001);
  clock.nowMs = 60_000;
  repeated.sweep();
  expect(lines.splice(0)).toEqual([['info', 'refused', { address: 'several', count: 1999 }]]);
  all();
  expect(lines.length).toBeLessThan(1002);
});
