/** A server that lists something else to each principal, after a real login: what one sees of it is nobody else's. */
import { describe, expect, it } from 'vitest';
import { openSdk2 } from '../support/clients.ts';
import { openProtectedServer } from '../support/protected-server.ts';
import { ask, startGateway, temporaryFolder, type Started } from './gateway.ts';

/** In place of a person's browser: follows wherever it is sent, with cookies, and runs nothing. */
const BROWSER = `
  let url = process.argv[1];
  const jar = new Map();
  for (let hops = 0; hops < 20 && url !== undefined; hops++) {
    const cookie = [...jar].map(([name, value]) => name + '=' + value).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      jar.set(name, value);
    }
    const next = answer.headers.get('location');
    url = next === null ? undefined : new URL(next, url).href;
  }
`;
const env = { SALLYPORT_BROWSER: JSON.stringify([process.execPath, '--input-type=module', '-e', BROWSER]) };

/** What somebody who is not this machine's user is answered. */
async function asked(started: Started, who: string, method: string, params?: Record<string, string>): Promise<string> {
  const answer = (await ask(started, who, method, params)) as { before?: Buffer; after?: Buffer };
  const { after, before } = answer;
  const text = before && after ? before.toString() + after.toString() : JSON.stringify(answer);
  // Every refusal has an id, and every login link a secret of its own.
  return text.replaceAll(/"id":"[^"]*"|(?<=login\/)[\w-]+/g, '');
}

describe('what a login shows', () => {
  it('AUT-05 is shown to who logged in, and to nobody else, after a restart too', async () => {
    await using up = await openProtectedServer();
    await using state = await temporaryFolder();
    const configuration = {
      store: 'sqlite',
      mcpServers: {
        up: { url: up.url, oauth: { allowLoopbackHttp: true, scopes: ['read', 'offline_access'] } },
        // With one server alone a URI or method that nobody lists is meant for it.
        other: { command: process.execPath, args: [new URL('raw-server.ts', import.meta.url).pathname] },
      },
    };
    for (const run of ['first', 'again']) {
      await using started = await startGateway(configuration, { env, stateDirectory: state.path });
      await using opened = await openSdk2(started.url, { era: 'session' });
      const { tools } = await opened.client.listTools();
      expect([run, ...tools.map(({ name }) => name).filter((name) => name.startsWith('up'))]).toEqual([
        run,
        'up__whoami',
        'up__papers_of_alice',
      ]);
      const call = await opened.client.callTool({ name: 'up__papers_of_alice' });
      expect(call).toMatchObject({ content: [{ text: 'papers of alice' }] });

      const list = await asked(started, 'mallory', 'tools/list');
      expect([list.includes('up__'), list.includes('sallyport login up')]).toEqual([false, true]);
      const [hidden, unknown] = [
        await asked(started, 'mallory', 'tools/call', { name: 'up__papers_of_alice' }),
        await asked(started, 'mallory', 'tools/call', { name: 'up__papers_of_nobody' }),
      ];
      expect(hidden).toBe(unknown.replaceAll('nobody', 'alice'));
    }
    // One login was enough, and nobody else had a token.
    expect(up.tokenRequests.filter((grant) => grant === 'authorization_code')).toHaveLength(1);
    expect(new Set(up.requests.map(({ person }) => person))).toEqual(new Set([undefined, 'alice']));
  });
});
