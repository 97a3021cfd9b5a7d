import { describe, expect, it } from 'vitest';
import { checkConfig } from './check.ts';
import { checkDraft, draftOf } from './check-text.ts';

async function problemsOf(admin: unknown): Promise<readonly string[]> {
  const draft = await draftOf('/sallyport.json', JSON.stringify({ admin }), 'json');
  return checkDraft(draft, { env: {}, files: new Map() }).problems.map(({ message }) => message);
}

describe('admin', () => {
  it('is local by default, and changes nothing from elsewhere', () => {
    const { entry } = checkConfig({}) as { entry: { admin: unknown } };
    expect(entry.admin).toEqual({ enabled: true, path: '/api/v1', hosts: [], remoteWrite: false, commands: false });
  });

  it('ADM-01 refuses the dashboard that there is none of by name, and takes that there is none', async () => {
    expect(await problemsOf({ dashboard: true })).toEqual(['`admin.dashboard: true` is not available in this version']);
    expect(await problemsOf({ dashboard: false })).toEqual([]);
  });

  it.each([['example.com'], ['10.0.0.0/33'], ['10.0.0.0/8/8'], ['::1/129'], ['*'], ['']])(
    'refuses the host %j',
    async (host) => {
      expect(await problemsOf({ hosts: [host] })).toHaveLength(1);
    },
  );

  it.each([['10.0.0.7'], ['10.0.0.0/8'], ['fd00::/8'], ['::1']])('takes the host %j', async (host) => {
    expect(await problemsOf({ hosts: [host] })).toEqual([]);
  });

  it.each([['api'], ['/'], ['/api/'], ['/mcp'], ['/mcp/admin'], ['/metrics'], ['/a/../b'], ['/a?b']])(
    'refuses the path %j',
    async (path) => {
      expect((await problemsOf({ path })).length).toBeGreaterThan(0);
    },
  );
});
