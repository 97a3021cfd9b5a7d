import type { Answer } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import { createYoungHeap, openCollector, type Timer } from './young-heap.ts';

const MIB = 1024 * 1024;

function answerOf(bytes: number): Answer {
  const rest = { bytes: bytes - 2, pipe: () => undefined, resume: () => undefined, cancel: () => undefined };
  return { kind: 'result', before: Buffer.alloc(1), after: Buffer.alloc(1), rest };
}

/** A heap that writes down what it is told, and the end of its quiet minute. */
function watched(): { readonly passed: (answer: Answer) => void; readonly told: string[]; readonly fall: () => void } {
  const told: string[] = [];
  let fall = (): void => undefined;
  const timer: Timer = (run, ms) => {
    told.push(`timer ${ms}`);
    fall = run;
    return { refresh: () => told.push('refresh') };
  };
  const collector = {
    young: () => void told.push('young'),
    keep: () => void told.push('keep'),
    giveBack: () => void told.push('give back'),
  };
  return { passed: createYoungHeap(() => collector, timer), told, fall: () => fall() };
}

describe('the young heap', () => {
  it('is collected for every 16 MiB of large answers, and never for small ones', () => {
    const { passed, told } = watched();
    for (let n = 0; n < 15; n++) passed(answerOf(MIB));
    for (let n = 0; n < 1000; n++) passed(answerOf(64 * 1024));
    for (let n = 0; n < 1000; n++) passed({ kind: 'value', result: {} });
    expect(told).toEqual([]);
    passed(answerOf(MIB));
    for (let n = 0; n < 32; n++) passed(answerOf(MIB));
    expect(told.filter((each) => each === 'young')).toHaveLength(3);
  });

  it('keeps its memory until no large answer has passed for a minute', () => {
    const { passed, told, fall } = watched();
    for (let n = 0; n < 32; n++) passed(answerOf(MIB));
    expect(told).toEqual(['keep', 'timer 60000', 'young', 'refresh', 'young']);
    fall();
    for (let n = 0; n < 16; n++) passed(answerOf(MIB));
    expect(told.slice(5)).toEqual(['give back', 'keep', 'timer 60000', 'young']);
  });

  it('frees buffers that nobody has any more, and lets nobody else see the collector', () => {
    const collector = openCollector();
    collector.young();
    const { arrayBuffers } = process.memoryUsage();
    for (let n = 0; n < 20; n++) Buffer.alloc(MIB);
    collector.young();
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(arrayBuffers + 5 * MIB);
    expect('gc' in globalThis).toBe(false);
  });
});
