import type { JsonObject } from '@sallyport/wire';
import type { WebSocket } from 'ws';
import { afterEach, describe, expect, it } from 'vitest';
import { createSocketServers, greeter, say, type SocketServer } from '../testing/socket-servers.ts';
import { createMultiClient, type MultiClient, type MultiClientOptions } from './multi.ts';

const sockets = createSocketServers();
afterEach(() => sockets.end());

const LONG = 'x'.repeat(80);

/** Offers these tools; a call is answered with the name of the server and of the tool. `isDown` ends what begins. */
function server(name: string, tools: readonly string[], isDown: () => boolean = () => false): Promise<SocketServer> {
  const answers = (method: unknown, params: JsonObject = {}): JsonObject => {
    if (method === 'tools/list')
      return { tools: tools.map((tool) => ({ name: tool, inputSchema: { type: 'object' } })) };
    return { content: [{ type: 'text', text: `${name} ${params['name'] as string}` }] };
  };
  return sockets.serve({
    onSocket: (socket) => isDown() && socket.terminate(),
    onMessage: greeter('session', ({ id, method, params }, socket) =>
      say(socket, { id, result: answers(method, params as JsonObject) }),
    ),
  });
}

const urlOf = ({ port }: SocketServer): string => `ws://127.0.0.1:${port}/mcp`;
const NOWHERE = 'ws://127.0.0.1:1/mcp';

function multi(options?: MultiClientOptions): MultiClient {
  const client = createMultiClient(options);
  sockets.onEnd(() => client.destroy());
  return client;
}

const textOf = async (call: Promise<{ content: readonly { text?: string }[] }>): Promise<string | undefined> =>
  (await call).content[0]?.text;

describe('several servers', () => {
  it('have one list, in which no name collides, and are called by it', async () => {
    const client = multi({ maxNameLength: 32 });
    await client.addServer('one', urlOf(await server('one', ['echo', 'echo', 'a b', 'a.b', LONG])));
    await client.addServer('two', urlOf(await server('two', ['echo', 'one__echo'])));
    const { items, failures } = await client.listTools();
    expect(failures).toEqual([]);
    const names = items.map(({ name }) => name);
    expect(names).toEqual([
      'one__echo',
      expect.stringMatching(/^one__a_b_[0-9a-f]{6}$/),
      expect.stringMatching(/^one__a_b_[0-9a-f]{6}$/),
      expect.stringMatching(/^one__x{20}_[0-9a-f]{6}$/),
      'two__echo',
      'two__one__echo',
    ]);
    expect(new Set(names).size).toBe(6);
    expect(items[2]).toMatchObject({ server: 'one', original: 'a.b', inputSchema: { type: 'object' } });
    const said = await Promise.all(names.map((name) => textOf(client.callTool(name))));
    expect(said).toEqual(['one echo', 'one a b', 'one a.b', `one ${LONG}`, 'two echo', 'two one__echo']);
  });

  it('are called without having been listed; a name that nobody has is refused', async () => {
    const client = multi();
    await client.addServer('one', urlOf(await server('one', ['echo'])));
    expect(await textOf(client.callTool('one__echo'))).toBe('one echo');
    await expect(client.callTool('echo')).rejects.toMatchObject({ code: 'unknown_name' });
    await expect(client.callTool('two__echo')).rejects.toMatchObject({ code: 'unknown_name' });
  });

  it('do not suffer from one that is dead', async () => {
    const client = multi();
    const good = await server('good', ['echo']);
    const [dead] = await Promise.all([client.addServer('dead', NOWHERE), client.addServer('good', urlOf(good))]);
    expect(dead).toMatchObject({ state: 'down', error: { code: 'unavailable' } });
    const { items, failures } = await client.listTools();
    expect(items.map(({ name }) => name)).toEqual(['good__echo']);
    expect(failures).toMatchObject([{ server: 'dead', error: { code: 'unavailable' } }]);
  });

  it('come and go while it runs', async () => {
    const client = multi();
    const [one, two] = [await server('one', ['echo']), await server('two', ['echo'])];
    await client.addServer('one', urlOf(one));
    await client.addServer('two', urlOf(two));
    await client.listTools();
    expect(await client.removeServer('one')).toBe(true);
    expect(await client.removeServer('one')).toBe(false);
    expect(client.servers.map(({ name, state }) => [name, state])).toEqual([['two', 'up']]);
    await expect(client.callTool('one__echo')).rejects.toMatchObject({ code: 'unknown_name' });
    expect(await textOf(client.callTool('two__echo'))).toBe('two echo');
    await client.addServer('one', urlOf(await server('another one', ['other'])));
    await expect(client.callTool('one__echo')).rejects.toMatchObject({ code: 'unknown_name' });
    expect(await textOf(client.callTool('one__other'))).toBe('another one other');
    await client.close();
    expect(client.servers.map(({ state }) => state)).toEqual(['closed', 'closed']);
    await expect(client.addServer('three', NOWHERE)).rejects.toMatchObject({ code: 'closed' });
  });

  it('of which one goes down say so to who calls it, and to who listens', async () => {
    const client = multi();
    let isDown = false;
    const one = await server('one', ['echo'], () => isDown);
    await client.addServer('one', urlOf(one));
    await client.listTools();
    isDown = true;
    const wentDown = new Promise<void>((resolve) => {
      client.on('servers', ([first]) => first?.state === 'down' && resolve());
    });
    for (const socket of one.sockets.all) socket.terminate();
    await wentDown;
    await expect(client.callTool('one__echo')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('ask one handler, which is told who asks; one of them may have its own', async () => {
    const params = { message: 'Which?', requestedSchema: { type: 'object', properties: {} } };
    const which = { resultType: 'input_required', inputRequests: { which: { method: 'elicitation/create', params } } };
    const asking = async (): Promise<string> => {
      const onMessage = greeter('stateless', ({ id, method, params: given }, socket) => {
        const { inputResponses } = given as {
          readonly inputResponses?: { readonly which: { readonly action: string } };
        };
        const tools = [{ name: 'ask', inputSchema: {} }];
        if (method === 'tools/list') say(socket, { id, result: { resultType: 'complete', tools } });
        else if (inputResponses === undefined) say(socket, { id, result: which });
        else say(socket, { id, result: { content: [{ type: 'text', text: inputResponses.which.action }] } });
      });
      return urlOf(await sockets.serve({ onMessage }));
    };
    const told: string[] = [];
    const form = ({ server: who }: { readonly server: string }): { readonly action: 'decline' } => {
      told.push(who);
      return { action: 'decline' };
    };
    const client = multi({ elicitation: { form } });
    await client.addServer('one', await asking());
    await client.addServer('two', await asking(), { elicitation: { form: () => ({ action: 'cancel' }) } });
    expect(await textOf(client.callTool('one__ask'))).toBe('decline');
    expect(await textOf(client.callTool('two__ask'))).toBe('cancel');
    expect(told).toEqual(['one']);
  });

  it('tell whose list has changed', async () => {
    const client = multi();
    const one = await server('one', ['echo']);
    await client.addServer('one', urlOf(one));
    const changed = new Promise((resolve) => void client.on('toolsChanged', resolve));
    say(one.sockets.all[0] as WebSocket, { method: 'notifications/tools/list_changed' });
    expect(await changed).toEqual({ server: 'one' });
  });

  it.each(['', 'a__b', 'a_', 'a b', 'a/b', 'x'.repeat(33), '__proto__'])(
    'have names that cannot be mistaken: not %j',
    async (name) => {
      await expect(multi().addServer(name, NOWHERE)).rejects.toThrow(TypeError);
    },
  );

  it('have each a name of its own', async () => {
    const client = multi();
    const both = await Promise.allSettled([client.addServer('one', NOWHERE), client.addServer('one', NOWHERE)]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(client.servers).toHaveLength(1);
  });
});
