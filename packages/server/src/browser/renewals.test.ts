import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Principal } from '../exchange.ts';
import { ProviderError, type Provider, type Renewed } from './provider.ts';
import { createRenewals, type Renewals } from './renewals.ts';
import { createMemoryRecords } from '../memory-records.ts';

const ALICE: Principal = { issuer: 'https://id.test', subject: 'alice', roles: ['dev'] };
const RENEWAL_MS = 3_600_000;

interface World {
  readonly clock: { nowMs: number };
  /** Refresh tokens that the provider was shown. */
  readonly shown: string[];
  /** What it says to each. */
  answer: (token: string) => Promise<Renewed>;
  /** As in another process. */
  readonly another: (renewalMs?: number) => Renewals;
}

function createWorld(): World {
  const clock = { nowMs: 1_000_000 };
  const records = createMemoryRecords(() => clock.nowMs);
  const world: World = {
    clock,
    shown: [],
    answer: (token) => Promise.resolve({ principal: { ...ALICE, roles: [token] }, refreshToken: `${token}+` }),
    another: (renewalMs = RENEWAL_MS) =>
      createRenewals({ records, provider, renewalMs, now: () => clock.nowMs, random: randomBytes }),
  };
  const provider: Provider = {
    name: 'Test',
    authorizationUrl: () => Promise.reject(new Error('unused')),
    redeem: () => Promise.reject(new Error('unused')),
    refreshTokenOf: () => 'r',
    renew: (token) => {
      world.shown.push(token);
      return world.answer(token);
    },
  };
  return world;
}

const refused = (): Promise<never> => Promise.reject(new ProviderError('refused', 'invalid_grant'));

describe('who somebody is who signed in a while ago', () => {
  it('is asked with the newest token, once for all that ask together or a moment later', async () => {
    const world = createWorld();
    const renewals = world.another();
    const name = (await renewals.keep(ALICE)) as string;
    expect((await renewals.renew(name))?.roles).toEqual(['dev']);
    world.clock.nowMs += 60_000;
    const found = await Promise.all([1, 2, 3].map(async () => await renewals.renew(name)));
    expect(found.map((one) => one?.roles)).toEqual([['r'], ['r'], ['r']]);
    expect((await world.another().renew(name))?.roles).toEqual(['r']);
    world.clock.nowMs += 60_000;
    expect((await world.another().renew(name))?.roles).toEqual(['r+']);
    expect(world.shown).toEqual(['r', 'r+']);
  });

  it('is nobody when the provider says so, for good; and unknown while it says nothing', async () => {
    const world = createWorld();
    const renewals = world.another();
    const name = (await renewals.keep(ALICE)) as string;
    world.clock.nowMs += 60_000;
    world.answer = () => Promise.reject(new ProviderError('unavailable', 'it does not answer'));
    await expect(renewals.renew(name)).rejects.toThrow('does not answer');
    world.answer = refused;
    expect(await renewals.renew(name)).toBeUndefined();
    expect(await renewals.renew(name)).toBeUndefined();
    expect(world.shown).toHaveLength(2);
    expect(await renewals.renew('another name')).toBeUndefined();
  });

  it('is what another process was told that exchanged the token at the same time', async () => {
    const world = createWorld();
    const [here, there] = [world.another(), world.another()];
    const name = (await here.keep(ALICE)) as string;
    world.clock.nowMs += 60_000;
    const good = world.answer;
    world.answer = async () => {
      world.answer = good;
      await there.renew(name);
      return await refused();
    };
    expect((await here.renew(name))?.roles).toEqual(['r']);
  });

  it('is not kept for nobody, nor longer than is said', async () => {
    const world = createWorld();
    expect(await world.another(0).keep(ALICE)).toBeUndefined();
    const name = (await world.another().keep(ALICE)) as string;
    world.clock.nowMs += RENEWAL_MS;
    expect(await world.another().renew(name)).toBeUndefined();
    expect(world.shown).toEqual([]);
  });
});
