/** The specification server as one behind the gateway: found, called by its prefixed names, refused by policy, and asking through it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SPEC } from '../../packages/spec/src/testing/sample.ts';
import { startGateway, type Started } from '../gateway/gateway.ts';
import { openSdk1, openSdk2, type Handlers } from '../support/clients.ts';
import { type Fields, makeSite, overStdio, sample, type Site } from './support.ts';

describe('behind the gateway', () => {
  let site: Site;
  let started: Started;

  beforeAll(async () => {
    site = await makeSite();
    await using direct = await overStdio(site);
    await sample(direct);
    const { args, command, env } = site.program();
    started = await startGateway({
      mcpServers: { spec: { command, args, env } },
      policy: {
        default: 'allow',
        rules: [
          { effect: 'deny', tools: ['spec__quality_*'], reason: 'No commands here.' },
          { effect: 'deny', tools: ['spec__undo'], when: "arguments.scope == 'workspace'", reason: 'Not this one.' },
        ],
      },
    });
    // A busy machine may start it after the list's deadline.
    await using opened = await openSdk1(`${started.url}?discovery=full`);
    for (let listed = 0; listed < 20;) listed = (await opened.client.listTools()).tools.length;
  });

  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  const open = {
    session: async (url: string, handlers?: Handlers) => openSdk1(url, handlers === undefined ? {} : { handlers }),
    stateless: async (url: string, handlers?: Handlers) =>
      openSdk2(url, { era: 'stateless', ...(handlers === undefined ? {} : { handlers }) }),
  };

  const call = async (
    { client }: Awaited<ReturnType<typeof openSdk1>> | Awaited<ReturnType<typeof openSdk2>>,
    name: string,
    args: Fields = {},
  ): Promise<Fields> => client.callTool({ name, arguments: args });

  it.each(['session', 'stateless'] as const)(
    'works by its prefixed names, with prompts and resources, in the %s era',
    async (era) => {
      await using opened = await open[era](started.url);
      const description = `Keep short notes, ${era}`;
      const made = await call(opened, 'spec__feature_create', {
        description,
        shortName: `notes-${era}`,
        content: SPEC,
      });
      expect(made['structuredContent']).toMatchObject({ directory: expect.stringContaining(`notes-${era}`) as string });
      const { prompts } = await opened.client.listPrompts();
      // A dot is none of the characters of the gateway's names: it is replaced, and a hash tells the names apart.
      const plan = prompts.find(({ name }) => name.startsWith('spec__speckit_plan_'))?.name ?? '';
      const { messages } = await opened.client.getPrompt({ name: plan, arguments: {} });
      expect(JSON.stringify(messages)).toContain('step_begin');
      const { contents } = await opened.client.readResource({ uri: 'spec://constitution' });
      expect(JSON.stringify(contents)).toContain('Constitution');
      await expect(opened.client.readResource({ uri: 'spec://features/999-none/spec' })).rejects.toThrow(/\w/);
    },
  );

  it('is found by what it does, called through the search, and what policy refuses is not there', async () => {
    await using opened = await open.stateless(`${started.url}?discovery=search`);
    const { tools } = await opened.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['find_tools', 'call_tool']));
    expect(tools.length).toBeLessThan(10);
    const found = await call(opened, 'find_tools', { query: 'which tasks can be begun next' });
    expect(JSON.stringify(found['structuredContent'])).toContain('spec__implement_next');
    const status = await call(opened, 'call_read_tool', { name: 'spec__workflow_status', arguments: {} });
    expect(status['structuredContent']).toMatchObject({ constitution: true });
    const quality = await call(opened, 'find_tools', { query: 'quality lint format test audit', limit: 20 });
    expect(JSON.stringify(quality)).not.toContain('quality_');
  });

  it('is held by policy, on the name and on the arguments', async () => {
    await using opened = await open.session(`${started.url}?discovery=full`);
    const { tools } = await opened.client.listTools();
    expect(tools.map(({ name }) => name).filter((name) => name.includes('quality_'))).toEqual([]);
    await expect(call(opened, 'spec__quality_test')).rejects.toThrow(/quality_test/);
    await expect(call(opened, 'spec__undo', { scope: 'workspace' })).rejects.toThrow(/Not this one/);
  });

  it.each(['session', 'stateless'] as const)('asks its question through the gateway in the %s era', async (era) => {
    const asked: string[] = [];
    const handlers: Handlers = {
      elicitation: ({ message }) => {
        asked.push(message);
        return { action: 'accept', content: { answer: 'a year' } };
      },
    };
    await using opened = await open[era](started.url, handlers);
    const options = [{ label: 'a year' }, { label: 'for ever' }];
    const add = { section: 'assumptions', text: `Notes are kept {answer}, ${era}.` };
    const question = `How long are notes kept, ${era}?`;
    const result = await call(opened, 'spec__clarify_ask', { question, options, add });
    expect(result['structuredContent']).toMatchObject({ outcome: 'answered', answer: 'a year' });
    expect(asked).toEqual([expect.stringContaining(question)]);
  });
});
