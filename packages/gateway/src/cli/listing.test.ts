import { describe, expect, it } from 'vitest';
import type { GatewayStatus, ServerStatus, ToolRecord } from '../wiring/status.ts';
import { listText, readStatus, type ListLayout } from './list.ts';
import { cells } from './text.ts';
import { toolsText } from './tools.ts';
import { welcome } from './welcome.ts';
import { serverStatus } from './testing/fakes.ts';

const server = serverStatus;
const layout: ListLayout = { columns: undefined, color: false, detail: false, lasting: true };
const text = (
  servers: readonly ServerStatus[],
  more: Partial<ListLayout> = {},
  hidden: GatewayStatus['hidden'] = [],
): string => listText({ servers, hidden }, { ...layout, ...more });

describe('the list of servers', () => {
  it('says of each how it is, and under it what is wrong', () => {
    const failed = server({
      name: 'broken',
      state: 'failed',
      known: false,
      eras: [],
      error: 'It\nbroke\u001b[2J',
      retryInMs: 1200,
    });
    expect(text([server({}), failed])).toBe(
      [
        'SERVER  TRANSPORT  STATE   TOOLS  PROMPTS  RESOURCES  ERA      SANDBOX',
        'a       stdio      up          3        0          2  session  standard',
        'broken  stdio      failed      –        –          –  –        standard',
        '  ! It broke\ufffd[2J (tried again in 2 s)',
      ].join('\n'),
    );
    expect(text([failed], { lasting: false })).not.toContain('tried again');
    expect(text([server({ enabled: false, state: 'disabled', eras: [] })])).toMatch(/disabled +– +– +–/);
    expect(text([])).toContain('sallyport add');
  });

  it('says what is done before a server can be started', () => {
    const doing = server({ state: 'starting', doing: 'installing pkg@1.2.3' });
    expect(text([doing]).split('\n').slice(2)).toEqual(['  … installing pkg@1.2.3']);
  });

  it('keeps to the width of the terminal', () => {
    const long = server({
      name: 'x'.repeat(32),
      state: 'failed',
      error: 'word '.repeat(60),
      description: 'much '.repeat(50),
    });
    for (const columns of [40, 80, 120]) {
      for (const line of text([long], { columns, detail: true }).split('\n'))
        expect(cells(line)).toBeLessThanOrEqual(columns);
    }
  });

  it('adds names of variables, never values, and what is hidden by its reason', () => {
    const environment = [
      { name: 'HOME', from: 'sandbox' as const },
      { name: 'LANG', from: 'gateway' as const },
      { name: 'PATH', from: 'gateway' as const },
      { name: 'SECRET', from: 'envFile' as const },
      { name: 'TOKEN', from: 'env' as const },
    ];
    const hidden = ['one', 'two'].map((what) => ({ server: 'a', what, reason: 'denied' }));
    const shown = text(
      [
        server({
          pid: 7,
          revision: '2025-11-25',
          restarts: 1,
          noiseLines: 2,
          environment,
          command: '/usr/bin/npx',
          package: { spec: 'pkg', version: '1.2.3', pinned: 'pkg@1.2.3' },
          sandbox: { level: 'limited', summary: 'limited: setpriv', gaps: ['No bubblewrap.'] },
        }),
      ],
      { detail: true },
      hidden,
    );
    expect(shown.split('\n').slice(2)).toEqual([
      '  command      /usr/bin/npx',
      '  package      pkg, installed apart (1.2.3; write pkg@1.2.3 to stay with it)',
      '  process      pid 7, 1 restart',
      '  sandbox      limited: setpriv',
      '               No bubblewrap.',
      '  revision     2025-11-25',
      '  noise        2 lines on stdout that are no messages',
      "  environment  LANG PATH (the gateway's own)",
      '               TOKEN (`env`)',
      '               SECRET (`envFile`)',
      '               HOME (its sandbox)',
      '  hidden       one two (denied)',
    ]);
  });

  it('says of a server that its clients do not share how they are kept apart', () => {
    const apart = server({ pid: 7, isolation: 'project', instances: 3 });
    expect(text([apart], { detail: true })).toContain('\n  isolation    project: 3 instances running');
    expect(text([server({ pid: 7 })], { detail: true })).not.toContain('isolation');
  });

  it('is coloured on request alone', () => {
    expect(text([server({})], { color: true })).toContain('\u001b[32mup\u001b[0m');
    expect(text([server({})])).not.toContain('\u001b');
  });
});

describe('the list of tools', () => {
  const tool = (name: string, description: string): ToolRecord => ({
    name,
    id: name,
    server: 'a',
    original: name,
    description,
    inputSchema: {},
    tokens: 1,
  });

  it('shows the first line of a description, cut to the terminal', () => {
    const tools = [tool('a__one', '\n first line \nsecond'), tool('a__three', 'x'.repeat(100))];
    expect(toolsText(tools, { columns: undefined, color: false }).split('\n')[0]).toBe('a__one    a  first line');
    for (const columns of [20, 60, 120]) {
      for (const line of toolsText(tools, { columns, color: false }).split('\n'))
        expect(cells(line)).toBeLessThanOrEqual(columns);
    }
  });

  it('leaves the server to the prefix where there is little room, if there is one', () => {
    const description = 'd'.repeat(50);
    expect(toolsText([tool('a__one', description)], { columns: 30, color: false })).toBe(`a__one  ${'d'.repeat(21)}…`);
    expect(toolsText([tool('one', description)], { columns: 30, color: false })).toBe(`one  a  ${'d'.repeat(21)}…`);
  });
});

describe('what is listed', () => {
  const reading = async (
    first: ServerStatus,
  ): Promise<{ readonly tools: number | undefined; readonly waited: boolean }> => {
    let waited = false;
    const { servers } = await readStatus({
      status: async () => ({
        servers: [waited ? { ...first, tools: 7 } : first],
        hidden: [],
        catalogVersion: '',
        discovery: { mode: 'full', shown: 'full', budget: 0, tokens: 0, always: [] },
        notes: [],
      }),
      tools: async () => {
        waited = true;
        return { catalogVersion: '', tools: [] };
      },
    });
    return { tools: servers[0]?.tools, waited };
  };

  it('is what servers say once they have said it: also of one that is up and has not come to its tools', async () => {
    expect(await reading(server({ tools: 0 }))).toEqual({ tools: 7, waited: true });
    expect(await reading(server({ tools: 0, known: false, state: 'idle' }))).toEqual({ tools: 7, waited: true });
  });

  it('waits for nobody who is off or has failed', async () => {
    expect(await reading(server({ tools: 0, state: 'failed' }))).toEqual({ tools: 0, waited: false });
    expect(await reading(server({ tools: 0, state: 'disabled', enabled: false }))).toEqual({ tools: 0, waited: false });
  });
});

describe('the welcome', () => {
  const facts = {
    url: 'http://127.0.0.1:7420/mcp',
    servers: [],
    configPath: "/it's/c.yaml",
    reload: 'auto',
  };

  it('has a whole line for each client, with the key', () => {
    const shown = welcome({ ...facts, key: 'sp_local_CANARY' });
    expect(shown).toContain('  key      sp_local_CANARY');
    for (const client of ['claude mcp add', 'codex mcp add', 'gemini mcp add', 'code --add-mcp', 'mcp.json'])
      expect(shown).toContain(client);
    expect(shown).toContain(String.raw`sallyport --config '/it'\''s/c.yaml' serve --stdio`);
    expect(shown).toContain(String.raw`sallyport add --config '/it'\''s/c.yaml' NAME`);
    expect(welcome({ ...facts, key: undefined })).not.toMatch(/Authorization|SALLYPORT_KEY/);
  });

  it.each([
    ['auto', 'of your own:'],
    ['confirm', 'of your own, then `sallyport reload`:'],
    ['off', 'of your own, then restart:'],
  ])('says what a new server needs with reload: %s', (reload, line) => {
    expect(welcome({ ...facts, reload, key: undefined })).toContain(line);
  });
});
