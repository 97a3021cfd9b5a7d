import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { checkConfig } from './check.ts';
import { map, object } from './schema-parts.ts';

const found = (value: unknown): string[] =>
  checkConfig(value).findings.map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('parts of the schema', () => {
  it('names every unknown key, not the first alone', () => {
    expect(found({ listn: {}, naming: { mod: 1, maxLenght: 2 }, zzz: 1 })).toEqual([
      'naming.mod: unknown key — did you mean `mode`?',
      'naming.maxLenght: unknown key — did you mean `maxLength`?',
      'listn: unknown key — did you mean `listen`?',
      expect.stringMatching(/^zzz: unknown key; expected `\$schema`, /),
    ]);
  });

  it.each([
    ['an object', { listen: [] }, 'listen: expected an object, not a list'],
    [
      'an object with words of its own',
      { mcpServers: { a: [] } },
      'mcpServers.a: expected an object with command, url or openapi, …',
    ],
    [
      'a map',
      { mcpServers: { a: { command: 'x', env: ['A=b'] } } },
      'mcpServers.a.env: expected an object, not a list',
    ],
    ['a map with words of its own', { mcpServers: [] }, 'mcpServers: expected server names, each with an object'],
  ])('takes no list for %s', (_what, value, expected) => {
    expect(found(value)).toEqual([expected]);
  });

  it.each(['constructor', 'prototype'])('refuses the name %s in a map, which would be left out', (name) => {
    expect(found({ mcpServers: { [name]: { command: 'x' }, b: { command: 'y' } } })).toEqual([
      `mcpServers.${name}: this name is never allowed`,
    ]);
    expect(v.safeParse(map(v.string(), v.string()), { [name]: 'x' }).success).toBe(false);
  });

  it('says of a key that is missing what is expected there', () => {
    expect(found({ policy: { rules: [{}] } })).toEqual(['policy.rules.0.effect: expected `allow`, `deny` or `ask`']);
  });

  it('knows nothing that every object has', () => {
    expect(v.safeParse(object({}), { toString: 1 }).success).toBe(false);
  });
});
