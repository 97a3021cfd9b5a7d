import type { JsonObject } from '@sallyport/wire';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimAt, readClaims, type ClaimRules } from './claims.ts';

const RULES: ClaimRules = {
  issuer: 'https://id.test',
  claims: { roles: 'roles', groups: 'groups' },
  clockToleranceMs: 60_000,
  required: ['iss', 'exp'],
};
const CLAIMS: JsonObject = { iss: 'https://id.test', aud: 'us', sub: 'alice', exp: 2000 };

describe('claims by their paths', () => {
  it.each([
    ['roles', ['a']],
    ['realm_access.roles', ['b']],
    ['resource_access.gateway.roles', ['c']],
    ['https://x.test/roles', ['d']],
    ['realm_access', { roles: ['b'] }],
    ['none', undefined],
    ['realm_access.none', undefined],
    ['roles.0', undefined],
    ['roles.length', undefined],
    ['toString', undefined],
    ['__proto__', undefined],
    ['constructor.name', undefined],
    ['realm_access.__proto__', undefined],
    ['', undefined],
    ['.', undefined],
  ])('%s', (path, expected) => {
    const claims = {
      roles: ['a'],
      realm_access: { roles: ['b'] },
      resource_access: { gateway: { roles: ['c'] } },
      'https://x.test/roles': ['d'],
    };
    expect(claimAt(claims, path)).toEqual(expected);
  });

  it('takes a claim that is named by the whole path before one that is found by its parts', () => {
    expect(claimAt({ 'a.b': 1, a: { b: 2 } }, 'a.b')).toBe(1);
  });
});

describe('reading claims', () => {
  it('gives lists for lists, text with spaces, and nothing', () => {
    const found = readClaims({ ...CLAIMS, roles: ' dev  ops ', groups: null, scope: ['x y'] }, RULES, 0);
    expect(found).toMatchObject({ roles: ['dev', 'ops'], groups: [], scopes: ['x y'], audiences: ['us'] });
  });

  it('demands no more than the rules say', () => {
    const { iss: _iss, exp: _exp, ...rest } = CLAIMS;
    expect(readClaims(rest, { ...RULES, required: [] }, 0)).toMatchObject({ expiresAtMs: Infinity });
    for (const wrong of [{ iss: 'https://other.test' }, { iss: null }, { exp: '2000' }, { exp: 0 }]) {
      expect(readClaims({ ...rest, ...wrong }, { ...RULES, required: [] }, 100_000)).toMatchObject({
        problem: 'invalid',
      });
    }
  });

  it.each([['iss'], ['exp'], ['sub'], ['aud']])('demands %s', (name) => {
    const { [name]: _, ...rest } = CLAIMS;
    expect(readClaims(rest, RULES, 0)).toMatchObject({ problem: 'invalid' });
    for (const nothing of [null, '', [], {}]) {
      expect(readClaims({ ...rest, [name]: nothing }, RULES, 0)).toMatchObject({ problem: 'invalid' });
    }
  });

  it('never lets a role in that does not stand in the claims, whatever they are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (roles) => {
        const found = readClaims({ ...CLAIMS, roles }, RULES, 0);
        if ('problem' in found) return;
        const text = JSON.stringify(roles);
        for (const role of found.roles) expect(text).toContain(JSON.stringify(role).slice(1, -1));
        expect(found.roles.length).toBeLessThanOrEqual(512);
      }),
    );
  });

  it('puts no text of a token into the log that is longer than it should be', () => {
    const found = readClaims({ ...CLAIMS, iss: `\n${'x'.repeat(5000)}` }, RULES, 0);
    expect(found).toMatchObject({ problem: 'invalid' });
    const { detail } = found as { detail: string };
    expect(detail.length).toBeLessThan(300);
    expect(detail).not.toContain('\n');
  });
});
