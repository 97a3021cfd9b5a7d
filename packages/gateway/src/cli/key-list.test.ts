import type { ClientKey } from '@sallyport/server';
import { expect, it } from 'vitest';
import { keysText } from './key.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const HOUR_MS = 3_600_000;
const key = (name: string, more: Partial<ClientKey> = {}): ClientKey => ({
  id: '0123456789abcdef',
  name,
  roles: [],
  created: NOW - HOUR_MS,
  ...more,
});
const text = (keys: readonly ClientKey[], configured: readonly string[] = []): string[] =>
  keysText(keys, configured, { now: () => NOW, columns: () => undefined }).split('\n');

it('shows keys as they are, without a column for notes when there are none', () => {
  const keys = [key('alice', { roles: ['dev', 'ops'], lastUsed: NOW }), key('bob', { expires: NOW })];
  expect(text(keys)).toEqual([
    'ID                NAME   ROLES    CREATED            EXPIRES  LAST USED',
    '0123456789abcdef  alice  dev,ops  2026-11-21T11:00Z  never    2026-11-21T12:00Z',
    '0123456789abcdef  bob    –        2026-11-21T11:00Z  expired  never',
  ]);
});

it('says what was rotated, and what the configuration stands before', () => {
  const keys = [
    key('alice', { rotated: NOW, previousValidUntil: NOW + HOUR_MS }),
    key('bob', { rotated: NOW, expires: NOW + HOUR_MS }),
    key('ci'),
    key('dave'),
  ];
  expect(text(keys, ['ci']).map((line) => line.split(/ {2,}/).slice(4))).toEqual([
    ['EXPIRES', 'LAST USED', 'NOTE'],
    ['never', 'never', 'rotated, the key before is good until 2026-11-21T13:00Z'],
    ['2026-11-21T13:00Z', 'never', 'rotated 2026-11-21T12:00Z'],
    ['never', 'never', 'refused: the configuration has a key of this name'],
    ['never', 'never'],
  ]);
});
