import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits, exceedsShape, members, nestedMembers, shapeOf } from './json-text.ts';

const space = fc.constantFrom('', '', '', ' ', '\n', '\t', '\r\n ', '  ');

/** A string as it may be written: escapes of every kind, brackets, separators, quotes, lone surrogates. */
const stringText = fc
  .array(
    fc.constantFrom(
      'a',
      ' ',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '\\"',
      '\\\\',
      '\\/',
      '\\n',
      '\\u0041',
      '\\ud800',
      'é',
      '😀',
      '\u2028',
    ),
    { maxLength: 12 },
  )
  .map((parts) => `"${parts.join('')}"`);

const scalarText = fc.oneof(
  stringText,
  fc.constantFrom(
    'true',
    'false',
    'null',
    '0',
    '-0',
    '1.50',
    '1e400',
    '-1E+2',
    '123456789012345678901234567890',
    '9007199254740993',
  ),
);

const { value: valueText } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalarText,
    fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 4 })
      .map((entries) => `[${entries.map((entry) => entry.join('')).join(',')}]`),
    fc
      .array(fc.tuple(space, stringText, space, space, tie('value'), space), { maxLength: 4 })
      .map(
        (entries) => `{${entries.map(([a, name, b, c, value, d]) => a + name + b + ':' + c + value + d).join(',')}}`,
      ),
  ),
}));

/** A name that is written without an escape. */
const plainName = fc.oneof(
  fc.constantFrom(
    '',
    'id',
    'method',
    'params',
    '__proto__',
    'constructor',
    '0',
    '1',
    'é',
    '😀',
    ' ',
    '{',
    '}',
    ',',
    ':',
  ),
  fc.string({ maxLength: 6 }).filter((name) => !JSON.stringify(name).includes('\\')),
);

interface Member {
  readonly before: string;
  readonly name: string;
  readonly value: string;
  readonly after: string;
}

const member: fc.Arbitrary<Member> = fc
  .record({
    before: fc.tuple(space, plainName, space, space),
    value: valueText,
    after: space,
  })
  .map(({ before: [a, name, b, c], value, after }) => ({ before: `${a}"${name}"${b}:${c}`, name, value, after }));

const objectParts = fc.tuple(
  space,
  fc.uniqueArray(member, { selector: ({ name }) => name, maxLength: 7 }),
  space,
  space,
);

function write([start, entries, empty, end]: [string, Member[], string, string]): string {
  const inside = entries.map(({ before, value, after }) => before + value + after).join(',');
  return `${start}{${entries.length === 0 ? empty : inside}}${end}`;
}

const entriesOf = (text: string): string => JSON.stringify(Object.entries(JSON.parse(text) as object));

describe('members and applyEdits', () => {
  it('finds every member of any object, each where its value stands', () => {
    fc.assert(
      fc.property(objectParts, (parts) => {
        const text = write(parts);
        const found = members(text, 0);
        expect([...(found ?? [])].map(([name, span]) => [name, text.slice(span.start, span.end)])).toEqual(
          parts[1].map(({ name, value }) => [name, value]),
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('replaces values and leaves every other byte as it came', () => {
    const edited = fc.tuple(objectParts, fc.infiniteStream(fc.option(valueText, { nil: undefined })), fc.boolean());
    fc.assert(
      fc.property(edited, ([parts, replacements, reversed]) => {
        const text = write(parts);
        const spans = members(text, 0);
        const news = parts[1].map((entry) => ({
          ...entry,
          replacement: replacements.next().value as string | undefined,
        }));
        const edits = news.flatMap(({ name, replacement }) =>
          replacement === undefined ? [] : [{ ...spans!.get(name)!, text: replacement }],
        );
        const result = applyEdits(text, reversed ? edits.toReversed() : edits);
        const wanted = news.map(({ replacement, value, ...rest }) => ({ ...rest, value: replacement ?? value }));
        expect(result).toBe(write([parts[0], wanted, parts[2], parts[3]]));
        expect(entriesOf(result)).toBe(entriesOf(write([parts[0], wanted, parts[2], parts[3]])));
      }),
      { numRuns: 2000 },
    );
  });

  it('finds in one pass what it finds in two', () => {
    const texts = fc
      .tuple(
        objectParts,
        fc.constantFrom('{"a":', '{ "b":[{"a":{}}], "a" : ', '{"b":'),
        fc.constantFrom('}', ' ,"c":2}'),
      )
      .map(([parts, before, after]) => before + write(parts) + after);
    fc.assert(
      fc.property(texts, (text) => {
        const outer = members(text, 0)!;
        const a = outer.get('a');
        expect(nestedMembers(text, 0, 'a')).toEqual({ outer, inner: a && members(text, a.start) });
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['[{"a":{}}]', undefined],
    ['{"a":{},"a":{}}', undefined],
    ['{"a":{"x":1,"x":2}}', undefined],
    ['{"a":{"\\u0078":1}}', undefined],
    ['{"\\u0061":{}}', undefined],
    ['{"b":{"x":1,"x":2}}', { inner: undefined }],
    ['{"a":[{"x":1}]}', { inner: undefined }],
    ['{"a":"{"}', { inner: undefined }],
  ])('finds plain names alone, on both levels: %s', (text, expected) => {
    const found = nestedMembers(text, 0, 'a');
    expect(found && { inner: found.inner }).toEqual(expected);
  });

  it('finds members of an object inside another', () => {
    const text = '{"a":[1,{"b":2}],"params" : {"name":"x","arguments":{"}":"{"}}}';
    const params = members(text, members(text, 0)!.get('params')!.start)!;
    const inner = members(text, params.get('arguments')!.start)!;
    expect(text.slice(inner.get('}')!.start, inner.get('}')!.end)).toBe('"{"');
  });

  it.each([
    ['a name twice', '{"a":1,"b":2,"a":3}'],
    ['a name twice, once empty', '{"":1,"":2}'],
    ['an escaped name', '{"\\u0061":1}'],
    ['an escaped name that equals another', '{"a":1,"\\u0061":2}'],
    ['a name that ends in an escaped quote', '{"a\\"":1}'],
    ['an array', '["a",1]'],
    ['a string', '"{}"'],
    ['nothing', '  '],
  ])('gives nothing for %s', (_what, text) => {
    expect(members(text, 0)).toBeUndefined();
  });

  it('keeps the order of insertions at one place', () => {
    expect(
      applyEdits('ad', [
        { start: 1, end: 1, text: 'b' },
        { start: 1, end: 1, text: 'c' },
      ]),
    ).toBe('abcd');
  });

  it('ends on any text, and stays inside it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('{', '}', '"', '\\', ':', ',', '[', 'a', ' ', '1')), (parts) => {
        const text = parts.join('');
        for (const { start, end } of members(text, 0)?.values() ?? []) expect(start <= end).toBe(true);
        expect(() => nestedMembers(text, 0, 'a')).not.toThrow();
        expect(exceedsShape(text, 1000, 1000)).toBeUndefined();
      }),
    );
  });
});

function count(value: unknown): { depth: number; values: number; names: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, values: 0, names: 0 };
  const children = Object.values(value).map((child) => count(child));
  return {
    depth: 1 + Math.max(0, ...children.map(({ depth }) => depth)),
    values: Math.max(1, children.length) + children.reduce((sum, { values }) => sum + values, 0),
    names: (Array.isArray(value) ? 0 : children.length) + children.reduce((sum, { names }) => sum + names, 0),
  };
}

describe('exceedsShape', () => {
  it('agrees with a count over the parsed value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.boolean(), (value, pretty) => {
        const text = JSON.stringify(value, undefined, pretty ? 1 : 0);
        const { depth, values, names } = count(JSON.parse(text));
        expect(shapeOf(text, depth, values)).toEqual({ excess: undefined, names });
        expect(exceedsShape(text, depth - 1, values)).toBe(depth > 0 ? 'levels' : undefined);
        expect(exceedsShape(text, depth, values - 1)).toBe(values > 0 ? 'members' : undefined);
      }),
      { numRuns: 1000 },
    );
  });

  it('does not count what stands in strings', () => {
    expect(exceedsShape(`{"[[[[,,,,\\"{{{{":"\\\\","b":"]]]],,,"}`, 1, 2)).toBeUndefined();
  });

  it.each([
    ['100,000 levels of arrays', '['.repeat(100_000), 'levels'],
    ['100,000 levels of objects', '{"a":'.repeat(100_000), 'levels'],
    ['levels after an excess of closing brackets', `[${']'.repeat(10)}${'['.repeat(100_000)}`, 'levels'],
    ['a million names', `{${Array.from({ length: 1_000_000 }, (_, i) => `"${i}":0`).join(',')}}`, 'members'],
    ['objects of one member within each other', `[${'{"a":{"a":{}}},'.repeat(70_000)}0]`, 'members'],
  ])('stops at %s', (_what, text, excess) => {
    expect(exceedsShape(text, 64, 200_000)).toBe(excess);
  });
});

/** A text that counts what is done with it: a step is one character looked at. */
class CountedText {
  steps = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get length(): number {
    return this.#text.length;
  }

  charCodeAt(at: number): number {
    this.steps++;
    return this.#text.charCodeAt(at);
  }

  indexOf(wanted: string, from: number): number {
    const found = this.#text.indexOf(wanted, from);
    this.steps += (found === -1 ? this.#text.length : found) - from + 1;
    return found;
  }

  slice(from: number, to: number): string {
    return this.#text.slice(from, to);
  }
}

describe('steps', () => {
  const size = 1 << 20;
  const hostile: readonly (readonly [string, string])[] = [
    ['backslashes', `"${'\\'.repeat(size)}"`],
    ['backslashes that never close', `"${'\\'.repeat(size)}`],
    ['escaped quotes', `"${'\\"'.repeat(size / 2)}"`],
    ['escaped backslashes before quotes', `"${'\\\\\\"'.repeat(size / 4)}"`],
    ['a long run of backslashes before each of many quotes', `"${`${'\\'.repeat(1023)}"`.repeat(size / 1024)}"`],
    ['quotes', '"'.repeat(size)],
    ['quotes and backslashes at odds', '"\\'.repeat(size / 2)],
    ['empty strings in a list', `[${'"",'.repeat(size / 3)}""]`],
  ];

  it.each(hostile)('are linear in the length for %s', (_what, text) => {
    const shape = new CountedText(text);
    exceedsShape(shape as unknown as string, 64, Infinity);
    expect(shape.steps).toBeLessThan(4 * text.length);
    const object = new CountedText(`{"a":${text}}`);
    members(object as unknown as string, 0);
    expect(object.steps).toBeLessThan(4 * text.length);
  });
});
