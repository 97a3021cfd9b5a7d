import { describe, expect, it } from 'vitest';
import type { ToolRecord } from '../wiring/status.ts';
import { contextReport, contextText, type Counted } from './cost.ts';

/** A token for each character. */
const tokens = (text: string): number => text.length;

function tool(server: string, name: string, description: string): ToolRecord {
  const id = `${server}__${name}`;
  return { name: id, id, server, original: name, description, inputSchema: { type: 'object' }, tokens: 0 };
}

const counted: Counted = {
  discovery: { mode: 'auto', shown: 'full', budget: 10_000, tokens: 50, always: [] },
  servers: [
    { name: 'a', enabled: true, known: true, description: 'First' },
    { name: 'b', enabled: true, known: true },
    { name: 'c', enabled: false, known: false },
  ],
  tools: [tool('a', 'x', 'short'), tool('b', 'y', 'a much longer text'), tool('b', 'z', '')],
  used: new Map([['b__y', 3]]),
};

describe('the cost of context', () => {
  it('is that of the definitions, by server and tool, the most expensive first', () => {
    const { servers, unused } = contextReport(counted, tokens);
    const cost = (name: string, description: string): number =>
      JSON.stringify({ name, description, inputSchema: { type: 'object' } }).length;
    expect(servers).toEqual([
      {
        server: 'b',
        tokens: cost('b__y', 'a much longer text') + cost('b__z', ''),
        tools: [
          { id: 'b__y', tokens: cost('b__y', 'a much longer text'), calls: 3 },
          { id: 'b__z', tokens: cost('b__z', ''), calls: 0 },
        ],
      },
      { server: 'a', tokens: cost('a__x', 'short'), tools: [{ id: 'a__x', tokens: cost('a__x', 'short'), calls: 0 }] },
    ]);
    expect(unused).toEqual({ days: 30, tools: ['a__x', 'b__z'] });
  });

  it('says nothing of use where nothing is recorded', () => {
    const { servers, unused } = contextReport({ ...counted, used: undefined }, tokens);
    expect(unused).toBeUndefined();
    expect(JSON.stringify(servers)).not.toContain('calls');
  });

  it('has each mode, with the tools that are always shown, and marks the one in force', () => {
    const { modes } = contextReport(counted, tokens);
    const always = { ...counted.discovery, always: ['a__x'] };
    const more = contextReport({ ...counted, discovery: always }, tokens).modes;
    expect(more.full).toBe(modes.full);
    expect((more.search ?? 0) - (modes.search ?? 0)).toBeGreaterThan(30);
    const text = contextText(contextReport(counted, tokens), undefined);
    expect(text.split('\n')[1]).toMatch(/^full .*in force$/);
    expect(text).toContain('Not called in 30 days: a__x, b__z.');
  });
});
