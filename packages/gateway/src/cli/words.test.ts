import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CliError } from './exit.ts';
import { missingArguments, readPairs, readWords, shapeText } from './words.ts';

async function* stdin(...chunks: readonly string[]): AsyncIterable<string> {
  for (const chunk of chunks) yield chunk;
}

describe('the words after a name', () => {
  it('are one JSON object, stdin, or pairs', async () => {
    expect(await readWords([], stdin())).toEqual({ kind: 'object', value: {} });
    expect(await readWords([' {"a":1}'], stdin())).toEqual({ kind: 'object', value: { a: 1 } });
    expect(await readWords(['-'], stdin('{"a"', ':"ü"}'))).toEqual({ kind: 'object', value: { a: 'ü' } });
    expect(await readWords(['a=1=2', 'b='], stdin())).toEqual({
      kind: 'pairs',
      pairs: [
        ['a', '1=2'],
        ['b', ''],
      ],
    });
  });

  it.each([[['hi']], [['=x']], [['{"a":']], [['[1]']], [['{"a":1}', 'b=2']], [['a=1', '-']]])(
    'are refused when they are %j',
    async (words) => {
      await expect(readWords(words, stdin())).rejects.toMatchObject({ exitCode: 2 });
    },
  );

  it('of stdin are refused when they are no object, or too many', async () => {
    await expect(readWords(['-'], stdin('null'))).rejects.toMatchObject({ exitCode: 2 });
    const endless = async function* (): AsyncIterable<string> {
      for (;;) yield 'x'.repeat(1_000_000);
    };
    await expect(readWords(['-'], endless())).rejects.toThrow(/more than 4194304 bytes/);
  });
});

describe('pairs', () => {
  const schema = {
    properties: {
      text: { type: 'string' },
      count: { type: 'integer' },
      ratio: { type: ['number', 'null'] },
      on: { type: 'boolean' },
      either: { anyOf: [{ type: 'number' }, { type: 'string' }] },
      tags: { type: 'array', items: { type: 'string' } },
      sizes: { type: 'array', items: { type: 'number' } },
      options: { type: 'object' },
      free: {},
    },
  };
  const read = (...pairs: [string, string][]): unknown => readPairs(pairs, schema);

  it.each([
    ['text', '12', '12'],
    ['text', 'true', 'true'],
    ['count', '12', 12],
    ['ratio', '1.5', 1.5],
    ['ratio', 'null', null],
    ['on', 'true', true],
    ['either', '7', '7'],
    ['tags', '7', ['7']],
    ['tags', '["a","b"]', ['a', 'b']],
    ['sizes', '7', [7]],
    ['options', '{"a":1}', { a: 1 }],
    ['free', '7', '7'],
    ['unheard', '7', '7'],
  ])('give %s=%s as %j', (name, text, value) => {
    expect(read([name, text])).toEqual({ [name]: value });
  });

  it.each([
    ['count', '1.5'],
    ['count', 'x'],
    ['count', ''],
    ['on', 'yes'],
    ['options', '[1]'],
    ['sizes', 'x'],
    ['txt', 'x'],
  ])('refuse %s=%s', (name, text) => {
    expect(() => read([name, text])).toThrow(CliError);
  });

  it('make a list of a name that is given again, where the schema has one', () => {
    expect(read(['tags', 'a'], ['tags', 'b'])).toEqual({ tags: ['a', 'b'] });
    expect(() => read(['text', 'a'], ['text', 'b'])).toThrow(/given twice/);
  });

  it('refuse every unknown name where the schema is closed, and change no prototype', () => {
    expect(() => readPairs([['other', '1']], { properties: {}, additionalProperties: false })).toThrow(
      /no argument `other`/,
    );
    fc.assert(
      fc.property(fc.constantFrom('__proto__', 'constructor', 'toString'), (name) => {
        const value = readPairs([[name, 'x']], undefined);
        expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
        expect(Object.entries(value)).toEqual([[name, 'x']]);
      }),
    );
  });
});

describe('what a tool takes', () => {
  it('is told a line each, foreign text made safe', () => {
    const schema = {
      properties: {
        a: { type: 'string', description: 'one\n\u001b[2Jtwo' },
        b: { enum: ['x', 'y'] },
        c: { type: ['number', 'null'] },
      },
      required: ['a'],
    };
    expect(shapeText(schema)).toBe('  a (string, required): one \ufffd[2Jtwo\n  b ("x" | "y")\n  c (number or null)');
    expect(shapeText(undefined)).toBe('  no arguments');
    expect(missingArguments({ b: 1 }, schema)).toEqual(['a']);
  });
});
