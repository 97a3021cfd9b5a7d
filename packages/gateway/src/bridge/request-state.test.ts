import type { JsonObject, JsonValue } from '@sallyport/wire';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refused } from '../errors.ts';
import { paramsDigest } from '../round.ts';
import { openState, sealState, type StateOptions } from './request-state.ts';
import { createSealer, fakeCall, type CallOptions } from './testing/fakes.ts';

const sealer = createSealer();
const options = (changes: Partial<StateOptions> = {}): StateOptions => ({
  ...sealer,
  owner: 'here',
  now: () => 0,
  ...changes,
});
const CALL: CallOptions = { params: { name: 'tool', arguments: { a: 1 } } };
const ticket = { nonce: 'n1', expiresAtMs: 1000 };
const state = sealState(options(), ticket, fakeCall(CALL));

/** The message of the refusal; undefined when the state is taken. */
function refusal(changed: CallOptions, given: JsonValue = state, how: Partial<StateOptions> = {}): string | undefined {
  try {
    openState(options(how), given, fakeCall(changed));
    return undefined;
  } catch (error) {
    if (error instanceof Refused && error.key === 'invalid_params') return error.message;
    throw error;
  }
}

describe('a request state', () => {
  it('opens for the request that it was given out for', () => {
    expect(openState(options(), state, fakeCall(CALL))).toBe('n1');
  });

  it('opens for the same parameters with what belongs to the round, in any order', () => {
    const params = {
      inputResponses: { a: {} },
      arguments: { a: 1 },
      requestState: state,
      name: 'tool',
      _meta: { x: 1 },
    };
    expect(openState(options(), state, fakeCall({ params }))).toBe('n1');
  });

  it.each<[string, CallOptions]>([
    ['principal', { ...CALL, subject: 'bob' }],
    ['endpoint', { ...CALL, endpoint: '/mcp/s/files' }],
    ['method', { ...CALL, method: 'prompts/get' }],
    ['argument', { params: { name: 'tool', arguments: { a: 2 } } }],
    ['parameter more', { params: { name: 'tool', arguments: { a: 1 }, b: null } }],
    ['server behind the name', { ...CALL, server: 'other' }],
  ])('is nothing for another %s', (_what, changed) => {
    expect(refusal(changed)).toContain('not given out for this request');
  });

  it.each<JsonValue>([null, 1, '', {}, [state], 'x'.repeat(5000)])('is no %j', (given) => {
    expect(refusal(CALL, given)).toContain('not given out');
  });

  it('is not looked at when it is longer than any of ours', () => {
    const seals = { unseal: () => JSON.stringify(['here', 'n1', 1000]) };
    expect(refusal(CALL, 'x'.repeat(4096), seals)).toBeUndefined();
    expect(refusal(CALL, 'x'.repeat(4097), seals)).toContain('not given out');
  });

  it('ends with its time', () => {
    expect(refusal(CALL, state, { now: () => 999 })).toBeUndefined();
    expect(refusal(CALL, state, { now: () => 1000 })).toContain('has expired');
  });

  it('of another process says that this one was restarted or is another replica', () => {
    expect(refusal(CALL, state, { owner: 'there' })).toMatch(/restarted.*replica.*again without requestState/);
  });

  it('SES-12 cannot be changed, cut or made longer', () => {
    fc.assert(
      fc.property(
        fc.nat(state.length - 1),
        fc.constantFrom('A', 'z', '0', '9', '-', '_', '=', ' '),
        fc.nat(2),
        (at, character, how) => {
          const rest = [state.slice(at + 1), state.slice(at), ''][how];
          const changed = state.slice(0, at) + character + rest;
          fc.pre(changed !== state);
          expect(refusal(CALL, changed)).toContain('not given out');
        },
      ),
    );
  });
});

/** The same value with the members of its objects the other way round. */
function reversed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, inner]) => [name, reversed(inner as JsonValue)]),
  );
}

describe('the digest of parameters', () => {
  const params = fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<JsonObject>;

  it('does not depend on the order of members', () => {
    fc.assert(
      fc.property(params, (value) => {
        expect(paramsDigest(reversed(value) as JsonObject)).toBe(paramsDigest(value));
      }),
    );
  });

  it('differs for what JSON writes differently', () => {
    const sorted = (value: JsonObject): string => JSON.stringify(value, (_name, inner: JsonValue) => sortedOnce(inner));
    fc.assert(
      fc.property(params, params, (a, b) => {
        expect(paramsDigest(a) === paramsDigest(b)).toBe(sorted(a) === sorted(b));
      }),
    );
    expect(paramsDigest({ a: ['b', 'c'] })).not.toBe(paramsDigest({ a: ['c', 'b'] }));
    expect(paramsDigest({ a: 'b,"c":1' })).not.toBe(paramsDigest({ a: 'b', c: 1 }));
  });
});

function sortedOnce(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
