/** The everything server of the framework as a program, asked by the official SDK's clients: peers that share no code with it. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answering, openSdk1, openSdk2 } from '../../support/clients.ts';
import type { Target } from '../../support/clients.ts';
import { start } from '../../support/process.ts';
import type { Running } from '../../support/process.ts';
import { WATCHED_URI } from './state.ts';

const SERVER = fileURLToPath(new URL('server.ts', import.meta.url));
const OVER_STDIO: Target = { command: process.execPath, args: [SERVER, '--stdio'] };

const shared: { running?: Running; url: string } = { url: '' };

beforeAll(async () => {
  shared.running = start(process.execPath, [SERVER]);
  [shared.url] = await shared.running.untilLine(/http:\S+/);
});

afterAll(async () => {
  await shared.running?.stop();
});

const ways: [string, () => Target][] = [
  ['http', () => shared.url],
  ['stdio', () => OVER_STDIO],
];

describe.each(ways)('over %s', (_way, target) => {
  it.each(['session', 'stateless', 'auto'] as const)('is understood by SDK 2 in the era %s', async (era) => {
    const asked: string[] = [];
    await using opened = await openSdk2(target(), { era, handlers: answering(asked) });
    const { client } = opened;
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    expect(await client.callTool({ name: 'echo', arguments: { text: 'hi' } })).toMatchObject({
      content: [{ text: 'hi' }],
    });
    const round = await client.callTool({ name: 'test_input_required_result_multi_round' });
    expect(round).toMatchObject({ content: [{ type: 'text', text: 'Ada likes blue' }] });
    expect(asked).toEqual(['Step 1: What is your name?', 'Step 2: What is your favorite color?']);
    expect((await client.readResource({ uri: WATCHED_URI })).contents).toMatchObject([{ uri: WATCHED_URI }]);
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1);
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(3);
  });

  it('is understood by SDK 1', async () => {
    await using opened = await openSdk1(target());
    await opened.client.subscribeResource({ uri: WATCHED_URI });
    await opened.client.callTool({ name: 'bump' });
    const updated = await opened.notices.until(
      ({ method }) => method === 'notifications/resources/updated',
      'an update',
    );
    expect(updated.params).toMatchObject({ uri: WATCHED_URI });
    await opened.notices.until(({ method }) => method === 'notifications/tools/list_changed', 'a changed list');
    const structured = await opened.client.callTool({ name: 'cancellations' });
    expect(structured.structuredContent).toEqual({ count: 0 });
  });
});
