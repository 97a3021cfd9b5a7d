/** The gateway as a program over its own stdio, with the clients of both SDKs. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openSdk1, openSdk2 } from '../support/clients.ts';
import type { Handlers, Opened } from '../support/clients.ts';
import { temporaryHome } from '../support/home.ts';
import type { TemporaryHome } from '../support/home.ts';

const PROGRAM = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));
const EVERYTHING = fileURLToPath(new URL('../everything/server.ts', import.meta.url));

type Client = Awaited<ReturnType<typeof openSdk1>>['client'];

const handlers: Handlers = {
  elicitation: () => ({ action: 'accept', content: { username: 'ada', email: 'a@b' } }),
};

async function open(home: TemporaryHome, kind: string, eras: string): Promise<Opened<Client>> {
  const file = join(home.path, 'sallyport.json');
  const e = { command: process.execPath, args: [EVERYTHING, '--stdio', '--eras', eras] };
  await writeFile(file, JSON.stringify({ mcpServers: { e }, store: 'memory' }), { mode: 0o600 });
  const args = [PROGRAM, 'serve', '--stdio', '--config', file];
  const program = { command: process.execPath, args, env: { ...home.env }, cwd: home.path };
  if (kind === 'v1') return await openSdk1(program, { handlers });
  const era = kind === 'v2 session' ? 'session' : 'stateless';
  return (await openSdk2(program, { era, handlers })) as unknown as Opened<Client>;
}

describe.each(['session', 'stateless'])('serve --stdio in front of a child of the %s era', (eras) => {
  it.each(['v1', 'v2 session', 'v2 stateless'])('serves SDK %s', async (kind) => {
    await using home = await temporaryHome();
    await using opened = await open(home, kind, eras);
    const { client } = opened;
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('e__echo');
    const echoed = await client.callTool({ name: 'e__echo', arguments: { text: 'héllo\n' } });
    expect(echoed.content).toEqual([{ type: 'text', text: 'héllo\n' }]);
    expect((await client.readResource({ uri: 'test://static-text' })).contents).toHaveLength(1);
    const asked = await client.callTool({ name: 'e__test_elicitation', arguments: { message: 'who?' } });
    expect(JSON.stringify(asked.content)).toContain('ada');
  });
});
