/** Rights to standing things, subscriptions and streams: asked before they are given, and gone when they are taken away. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationText } from '../gateway/gateway.ts';
import { openSession, stateless, type Reply } from '../gateway/raw-client.ts';
import { temporaryHome } from '../support/home.ts';
import { openCaller } from './callers.ts';
import { bearer, createIssuer, list, randomKey, startGuarded } from './support.ts';

const ENDED_MS = 5000;

describe('a subscription', () => {
  const URIS = ['raw://open', 'raw://inside', 'raw://asked', 'raw://scoped'];

  it('AUT-02 is given to what could be read now, and to nothing else that may be seen', async () => {
    const issuer = createIssuer();
    const rules = [
      { effect: 'allow', resources: ['raw://open'] },
      { effect: 'allow', resources: ['raw://inside'], when: "inCidr(address, '10.0.0.0/8')" },
      { effect: 'ask', resources: ['raw://asked'] },
      { effect: 'allow', resources: ['raw://scoped'], scopes: ['deep'] },
    ];
    await using place = await startGuarded(
      { auth: { mode: 'jwt', jwt: issuer.settings }, policy: { rules } },
      { server: { resources: URIS.map((uri) => ({ uri, name: uri })) } },
    );
    const { gateway, url } = place.started;
    await gateway.rooms.catalog.root.ready();
    const who = bearer(issuer.token({ aud: url, sub: 'ann', scope: 'shallow' }));
    const ann = await openSession(url, {}, who);
    const { result } = await ann.call('resources/list');
    expect(result?.['resources']).toEqual(URIS.map((uri) => ({ uri, name: uri })));
    const codes: unknown[] = [];
    for (const uri of [...URIS, 'none://x']) codes.push((await ann.call('resources/subscribe', { uri })).error?.code);
    expect(codes).toEqual([undefined, -32002, -32002, -32002, -32002]);
    const listening = await stateless(url, {}, who).start('subscriptions/listen', {
      notifications: { resourceSubscriptions: URIS },
    });
    const { message } = await listening.messages.until(() => true, 'the acknowledgement');
    expect(message.params?.['notifications']).toEqual({ resourceSubscriptions: ['raw://open'] });
    await expect.poll(() => place.up.server.of('resources/subscribe')).toHaveLength(1);
    listening.abort();
  });
});

describe('a server that is taken from somebody', () => {
  it('AUT-08 takes what is open at its endpoint with it, and leaves the others theirs', async () => {
    await using home = await temporaryHome();
    const [boss, dev, file] = [randomKey(), randomKey(), join(home.path, 'sallyport.json')];
    const keys = [
      { name: 'ann', key: boss, roles: ['boss'] },
      { name: 'bob', key: dev, roles: ['dev'] },
    ];
    const policy = { roles: { boss: {}, dev: {} }, rules: [{ effect: 'allow', servers: ['a', 'b'] }] as object[] };
    await using up = await startGuarded({});
    const server = { url: up.up.url, type: 'http' };
    const configuration = { mcpServers: { a: server, b: server }, auth: { keys } };
    await using place = await startGuarded({ ...configuration, policy }, { file });
    const { gateway, url } = place.started;
    const ended: string[] = [];
    const replies: Reply[] = [];
    const hold = async (who: string, key: string, at: string): Promise<void> => {
      const session = await openSession(`${url}${at}`, {}, bearer(key));
      const notifications = { toolsListChanged: true };
      const modern = stateless(`${url}${at}`, {}, bearer(key));
      const held = {
        stream: await session.listen(),
        listen: await modern.start('subscriptions/listen', { notifications }),
      };
      for (const [what, reply] of Object.entries(held)) {
        replies.push(reply);
        void reply.messages.until(() => false, 'its end', 60_000).catch(() => ended.push(`${who} ${what} ${at}`));
      }
    };
    await hold('ann', boss, '/s/b');
    await hold('bob', dev, '/s/b');
    await hold('bob', dev, '/s/a');
    await hold('bob', dev, '/s/b?tools=b__pid');
    await using socket = await openCaller('websocket', place.started, dev, '/mcp/s/b');
    void socket.channel?.heard.until(() => false, 'its end', 60_000).catch(() => ended.push('bob websocket /s/b'));
    const before = [...gateway.rooms.sessions].length;

    policy.rules.push({ effect: 'deny', roles: ['dev'], servers: ['b'] });
    await writeFile(file, configurationText({ ...configuration, policy }));
    await gateway.reload();
    expect((await list(`${url}/s/b`, bearer(dev))).status).toBe(404);
    await expect
      .poll(() => ended.toSorted(), { timeout: ENDED_MS })
      .toEqual([
        'bob listen /s/b',
        'bob listen /s/b?tools=b__pid',
        'bob stream /s/b',
        'bob stream /s/b?tools=b__pid',
        'bob websocket /s/b',
      ]);
    await expect.poll(() => before - [...gateway.rooms.sessions].length).toBe(3);
    expect((await list(`${url}/s/b`, bearer(boss))).status).toBe(200);
    for (const reply of replies) reply.abort();
  });
});
