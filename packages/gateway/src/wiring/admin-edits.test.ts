import { describe, expect, it } from 'vitest';
import { configActs } from './admin-edits.ts';
import type { ConfigFile, Rewrite } from './admin-config.ts';

const HOW = {
  mayCommand: true,
  confirm: undefined,
  isTrial: false,
  by: { issuer: 'local', subject: 'root' },
  action: 'config.restore',
};
const ENTRY = { id: '1', time: '', by: 'file', action: 'config.read', diff: [] };

/** Of a file that says `now`, with one edition of before. Gives the text after a change. */
function actsOver(now: string, before = ''): ReturnType<typeof configActs> {
  const change = async (rewrite: Rewrite): Promise<{ status: 'applied'; diff: string[] }> => ({
    status: 'applied',
    diff: [await rewrite(now, 'json')],
  });
  const file: ConfigFile = { change, edition: async () => 'e', reloaded: () => undefined };
  const history = { list: async () => [], get: async () => ({ ...ENTRY, text: before }), add: async () => undefined };
  return configActs({ file, history, servers: () => ['up'] });
}

describe('changes of the file', () => {
  it('ADM-02 no edition comes back that would run another command for a secret', async () => {
    const now = '{"secrets": {"exec": {"A": ["cat", "a"]}}}';
    const evil = actsOver(now, '{"secrets": {"exec": {"A": ["sh"]}}}');
    await expect(evil.restoreConfig('1', HOW)).rejects.toMatchObject({ status: 409 });
    const same = '{"strict": true, "secrets": {"exec": {"A": ["cat", "a"]}}}';
    expect(await actsOver(now, same).restoreConfig('1', HOW)).toMatchObject({ diff: [same] });
  });

  it('turns on a server that a file of another program has off in its own words', async () => {
    const acts = actsOver('{"mcpServers": {"up": {"url": "http://a", "disabled": true}}}');
    const { diff } = (await acts.patch('up', { enabled: true, tags: ['x'] }, HOW)) as { diff: string[] };
    expect(JSON.parse(diff[0] ?? '')).toEqual({ mcpServers: { up: { url: 'http://a', tags: ['x'] } } });
  });

  it('says where there is no file, and which server there is not', async () => {
    const none = configActs({ file: undefined, history: undefined, servers: () => [] });
    await expect(none.patchConfig({ strict: true }, HOW)).rejects.toMatchObject({ status: 409, code: 'no_file' });
    await expect(actsOver('{}').remove('other', HOW)).rejects.toMatchObject({ status: 404 });
    await expect(actsOver('{}').add('UP', { url: 'http://a' }, HOW)).rejects.toMatchObject({ code: 'name_taken' });
  });
});
