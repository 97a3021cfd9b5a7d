import type { Answer } from '@sallyport/server';
import { describe, expect, it } from 'vitest';
import { createYoungHeap, openCollection } from './young-heap.ts';

const MIB = 1024 * 1024;

function answerOf(bytes: number): Answer {
  const rest = { bytes: bytes - 2, pipe: () => undefined, resume: () => undefined, cancel: () => undefined };
  return { kind: 'result', before: Buffer.alloc(1), after: Buffer.alloc(1), rest };
}

describe('the young heap', () => {
  it('is collected for every 16 MiB of large answers, and never for small ones', () => {
    let collected = 0;
    const passed = createYoungHeap(() => () => void collected++);
    for (let n = 0; n < 15; n++) passed(answerOf(MIB));
    for (let n = 0; n < 1000; n++) passed(answerOf(64 * 1024));
    for (let n = 0; n < 1000; n++) passed({ kind: 'value', result: {} });
    expect(collected).toBe(0);
    passed(answerOf(MIB));
    expect(collected).toBe(1);
    for (let n = 0; n < 32; n++) passed(answerOf(MIB));
    expect(collected).toBe(3);
  });

  it('frees buffers that nobody has any more, and lets nobody else see the collector', () => {
    const collect = openCollection();
    collect();
    const { arrayBuffers } = process.memoryUsage();
    for (let n = 0; n < 20; n++) Buffer.alloc(MIB);
    collect();
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(arrayBuffers + 5 * MIB);
    expect('gc' in globalThis).toBe(false);
  });
});
