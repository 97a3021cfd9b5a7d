import { anything, assert, constantFrom, dictionary, property } from 'fast-check';
import type { JsonObject } from '@sallyport/wire';
import { describe, expect, it } from 'vitest';
import { checkForm, readForm, type CheckedForm, type FormValue } from './form.ts';

const form = (properties: JsonObject, required: string[] = []): JsonObject => ({
  type: 'object',
  properties,
  required,
});

/** Of one field `x`. */
function check(field: JsonObject, value: unknown, required: boolean = false): CheckedForm {
  return checkForm(readForm(form({ x: field }, required ? ['x'] : [])), value === undefined ? {} : { x: value });
}

const codes = (checked: CheckedForm): string[] => (checked.ok ? [] : checked.problems.map(({ code }) => code));

const CHOICES = { enum: ['a', 'b'] };
const TITLED = [
  { const: 'a', title: 'An A' },
  { const: 'b', title: 'A B' },
];

describe('a field of a form', () => {
  it.each<[what: string, field: JsonObject, good: FormValue[], bad: [unknown, string][]]>([
    [
      'text',
      { type: 'string' },
      ['', 'x'],
      [
        [1, 'type'],
        [['x'], 'type'],
      ],
    ],
    [
      'text with lengths, by characters',
      { type: 'string', minLength: 2, maxLength: 3 },
      ['ab', 'abc', '😀😀😀'],
      [
        ['a', 'too_short'],
        ['😀', 'too_short'],
        ['abcd', 'too_long'],
      ],
    ],
    [
      'an email',
      { type: 'string', format: 'email' },
      ['a@b.example'],
      [
        ['a', 'format'],
        ['a@b@c', 'format'],
        ['a @b', 'format'],
      ],
    ],
    ['a uri', { type: 'string', format: 'uri' }, ['https://a.example/b'], [['a', 'format']]],
    [
      'a date',
      { type: 'string', format: 'date' },
      ['2024-02-29', '2026-11-22'],
      [
        ['2023-02-29', 'format'],
        ['2026-13-01', 'format'],
        ['22.11.2026', 'format'],
      ],
    ],
    [
      'a date with time',
      { type: 'string', format: 'date-time' },
      ['2026-11-22T05:00:00Z', '2026-11-22t05:00:00.5+01:00'],
      [
        ['2026-11-22T25:00:00Z', 'format'],
        ['2026-11-22T05:00:00', 'format'],
        ['2026-11-22', 'format'],
      ],
    ],
    ['a format that is not known', { type: 'string', format: 'colour' }, ['anything'], []],
    [
      'a number',
      { type: 'number', minimum: -1, maximum: 2.5 },
      [-1, 0, 2.5],
      [
        [-1.1, 'too_small'],
        [2.6, 'too_large'],
        ['1', 'type'],
        [NaN, 'type'],
        [Infinity, 'type'],
      ],
    ],
    [
      'a whole number',
      { type: 'integer', maximum: 9 },
      [9, -9],
      [
        [1.5, 'type'],
        [10, 'too_large'],
      ],
    ],
    [
      'yes or no',
      { type: 'boolean' },
      [true, false],
      [
        ['true', 'type'],
        [0, 'type'],
      ],
    ],
    [
      'one of several',
      { type: 'string', ...CHOICES },
      ['a'],
      [
        ['c', 'option'],
        [['a'], 'option'],
      ],
    ],
    ['one of several with titles', { type: 'string', oneOf: TITLED }, ['b'], [['A B', 'option']]],
    [
      'one of several with names',
      { type: 'string', ...CHOICES, enumNames: ['An A', 'A B'] },
      ['b'],
      [['A B', 'option']],
    ],
    [
      'some of several',
      { type: 'array', items: { type: 'string', ...CHOICES }, minItems: 1, maxItems: 1 },
      [['a']],
      [
        [[], 'too_few'],
        [['a', 'b'], 'too_many'],
        [['a', 'a'], 'option'],
        [['c'], 'option'],
        ['a', 'type'],
      ],
    ],
    [
      'some of several with titles',
      { type: 'array', items: { anyOf: TITLED } },
      [[], ['a', 'b']],
      [[['An A'], 'option']],
    ],
  ])('%s', (_what, field, good, bad) => {
    for (const value of good) expect(check(field, value), String(value)).toEqual({ ok: true, content: { x: value } });
    for (const [value, code] of bad) expect(codes(check(field, value)), String(value)).toEqual([code]);
  });

  it('gets its default when it is left out, unless that does not fit', () => {
    expect(check({ type: 'integer', default: 30 }, undefined, true)).toEqual({ ok: true, content: { x: 30 } });
    expect(check({ type: 'array', items: CHOICES, default: ['b'] }, null)).toEqual({ ok: true, content: { x: ['b'] } });
    expect(check({ type: 'string', default: 'long', maxLength: 3 }, undefined)).toEqual({ ok: true, content: {} });
    expect(codes(check({ type: 'string', ...CHOICES, default: 'c' }, undefined, true))).toEqual(['required']);
    expect(codes(check({ type: 'string', default: 'x' }, 1))).toEqual(['type']);
  });

  it('says what it is, for whoever shows it', () => {
    expect(readForm(form({ x: { type: 'string', title: 'X', description: 'An x', oneOf: TITLED } }, ['x']))).toEqual([
      {
        kind: 'choice',
        name: 'x',
        title: 'X',
        description: 'An x',
        required: true,
        default: undefined,
        options: [
          { value: 'a', title: 'An A' },
          { value: 'b', title: 'A B' },
        ],
      },
    ]);
  });
});

describe('a form', () => {
  it.each([
    [undefined],
    [{ type: 'array' }],
    [{ type: 'object' }],
    [form({ x: { type: 'object', properties: {} } })],
    [form({ x: { type: 'array', items: { type: 'string' } } })],
    [form({ x: true })],
    [form(Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x${index}`, { type: 'string' }])))],
  ])('of another shape is refused: %j', (schema) => {
    expect(() => readForm(schema)).toThrow(/schema|field/);
  });

  it('has no fields that nobody asked for, and names all that is wrong at once', () => {
    const fields = readForm(form({ a: { type: 'string' }, b: { type: 'number' } }, ['a', 'b']));
    const checked = checkForm(fields, { b: 'x', c: 1 });
    expect(checked).toMatchObject({
      problems: [
        { field: 'a', code: 'required' },
        { field: 'b', code: 'type' },
        { field: 'c', code: 'unknown_field' },
      ],
    });
  });

  it('is not fooled by the names of fields', () => {
    const schema = JSON.parse(
      '{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}},"required":["constructor"]}',
    ) as JsonObject;
    const fields = readForm(schema);
    expect(codes(checkForm(fields, {}))).toEqual(['required']);
    const checked = checkForm(fields, JSON.parse('{"__proto__":"p","constructor":"c"}') as Record<string, unknown>);
    expect(JSON.stringify(checked.ok && checked.content)).toBe('{"__proto__":"p","constructor":"c"}');
  });

  it('that is sent fits again, whatever was filled in', () => {
    const schema = form({
      name: { type: 'string', minLength: 1, default: 'n' },
      age: { type: 'integer', minimum: 0 },
      colours: { type: 'array', items: CHOICES, maxItems: 2 },
    });
    const fields = readForm(schema);
    assert(
      property(dictionary(constantFrom('name', 'age', 'colours', 'more'), anything()), (filled) => {
        const checked = checkForm(fields, filled);
        const isSound = checked.ok ? checkForm(fields, checked.content).ok : checked.problems.length > 0;
        expect(isSound).toBe(true);
      }),
    );
  });
});
