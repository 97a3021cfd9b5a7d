import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { ClientError } from './error.ts';
import { createOutputs, type Outputs } from './outputs.ts';

const rows: JsonObject = {
  type: 'object',
  required: ['rows'],
  properties: { rows: { type: 'array', items: { type: 'object', properties: { id: { type: 'integer' } } } } },
};

function knowing(outputSchema: JsonObject): { readonly outputs: Outputs; readonly warned: string[] } {
  const warned: string[] = [];
  const outputs = createOutputs((text) => warned.push(text));
  outputs.learn([{ name: 'query', inputSchema: {}, outputSchema }]);
  return { outputs, warned };
}

describe('a structured result', () => {
  it('that is not what was announced is refused, with the tool and the place', () => {
    const { outputs } = knowing(rows);
    expect(() => outputs.check('query', { structuredContent: { rows: [{ id: 1 }, { id: 'two' }] } })).toThrow(
      /^The tool "query" gave structuredContent .*: rows\[1\]\.id: /,
    );
    expect(() => outputs.check('query', {})).toThrow('"query" has an outputSchema, and gave no structuredContent');
    expect(() => outputs.check('query', {})).toThrow(ClientError);
    outputs.check('query', { structuredContent: { rows: [{ id: 1 }] } });
  });

  it('of a tool that failed, that is not known or not known any more is not looked at', () => {
    const { outputs, warned } = knowing(rows);
    outputs.check('query', { isError: true, structuredContent: { code: 'E1' } });
    outputs.check('other', { structuredContent: 1 });
    outputs.forget();
    outputs.check('query', {});
    expect(warned).toEqual([]);
  });

  it('is checked by a pattern in time that is linear', () => {
    const { outputs } = knowing({ type: 'object', properties: { text: { type: 'string', pattern: '^(a+)+$' } } });
    expect(() => outputs.check('query', { structuredContent: { text: `${'a'.repeat(40)}!` } })).toThrow('text: ');
  });

  it('that cannot be checked passes, and somebody is told: once for the schema', () => {
    const unknown = knowing({ type: 'object', $dynamicRef: '#x' });
    unknown.outputs.check('query', { structuredContent: 1 });
    unknown.outputs.check('query', { structuredContent: 1 });
    expect(unknown.warned).toEqual([expect.stringContaining('"query" are not checked')]);
    const costly = knowing({ anyOf: [{ $ref: '#' }] });
    costly.outputs.check('query', { structuredContent: {} });
    expect(costly.warned).toEqual([expect.stringContaining('would cost too much')]);
  });
});
