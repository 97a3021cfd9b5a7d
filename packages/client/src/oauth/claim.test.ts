/** Where the secret of a configured client is shown. */
import { describe, expect, it } from 'vitest';
import { createClaim, type Claimed } from './claim.ts';
import { memoryRecords, testSealing } from './testing/memory-records.ts';
import { createVault } from './vault.ts';

const ONE = 'https://one.test';
const OTHER = 'https://other.test';

describe('the secret of a configured client', () => {
  it('UPS-05 is shown to the first server alone, until it is another secret', async () => {
    const vault = createVault<Claimed>(
      memoryRecords(() => 0),
      testSealing,
      'claim',
    );
    const claim = (issuer: string, clientSecret = 's', url = 'https://up.test/mcp'): Promise<void> =>
      createClaim(url, { clientId: 'c', clientSecret }, vault)(issuer);
    await claim(ONE);
    await claim(ONE);
    await expect(claim(OTHER)).rejects.toMatchObject({
      problem: 'refused',
      message: expect.stringContaining(OTHER) as string,
    });
    await claim(OTHER, 's', 'https://another.test/mcp');
    await claim(OTHER, 'new');
    await expect(claim(ONE, 'new')).rejects.toMatchObject({ problem: 'refused' });
  });

  it('is there once for two who come at the same time', async () => {
    const vault = createVault<Claimed>(
      memoryRecords(() => 0),
      testSealing,
      'claim',
    );
    const claim = createClaim('https://up.test/mcp', { clientId: 'c', clientSecret: 's' }, vault);
    const outcomes = await Promise.allSettled([claim(ONE), claim(OTHER)]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('is no matter of a client that has none', async () => {
    const records = memoryRecords(() => 0);
    const claim = createClaim('https://up.test/mcp', { clientId: 'c' }, createVault(records, testSealing, 'claim'));
    for (const issuer of [ONE, OTHER]) await claim(issuer);
    expect(records.all.size).toBe(0);
  });
});
