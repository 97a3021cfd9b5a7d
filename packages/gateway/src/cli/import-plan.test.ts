import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIXTURES } from '../clients/testing/fixtures.ts';
import { AI_CLIENTS, findClient, type Machine } from '../clients/index.ts';
import { expand } from '../config/expand.ts';
import { readClientFile, type ClientFile } from './client-file.ts';
import type { CliContext } from './context.ts';
import { planImport, type ImportPlan } from './import-plan.ts';

const HOMES = { linux: '/home/me', darwin: '/Users/me', win32: 'C:\\Users\\me' } as const;
type System = keyof typeof HOMES;

function machine(system: System): Machine {
  const home = HOMES[system];
  return { platform: system, home, project: `${home}${system === 'win32' ? '\\' : '/'}work`, env: {} };
}

/** A world that holds one file. */
function holding(files: Readonly<Record<string, string>>): CliContext {
  return {
    files: {
      exists: async (path: string) => Object.hasOwn(files, path),
      read: async (path: string) => new TextEncoder().encode(files[path]),
    },
  } as unknown as CliContext;
}

async function read(client: string, system: System, path: string, text: string): Promise<ClientFile[]> {
  const places = findClient(client)?.places(machine(system)) ?? [];
  const found = await Promise.all(places.map((place) => readClientFile(holding({ [path]: text }), place)));
  return found.filter((file) => file !== undefined);
}

async function plan(client: string, system: System, path: string, text: string): Promise<ImportPlan> {
  return await planImport(await read(client, system, path, text), machine(system), new Map());
}

describe('files of the clients', () => {
  const cases = FIXTURES.flatMap((fixture) =>
    (Object.keys(HOMES) as System[]).map((system) => ({ ...fixture, system, path: fixture.paths[system] })),
  );
  it.each(cases)(
    '$client, $scope, on $system',
    async ({ client, system, path, text, servers, dropped, left, scope }) => {
      const files = await read(client, system, path, text);
      expect(files.map(({ place }) => [place.path, place.scope])[0]).toEqual([path, scope]);
      const { servers: planned, left: gone } = await planImport(files, machine(system), new Map());
      const { project } = machine(system);
      const expected = JSON.parse(
        JSON.stringify(servers)
          .replaceAll(
            '{project}/',
            JSON.stringify(`${project}${client === 'roo' || system !== 'win32' ? '/' : '\\'}`).slice(1, -1),
          )
          .replaceAll('{project}', JSON.stringify(project).slice(1, -1))
          .replaceAll('${HOME}', system === 'win32' ? '${USERPROFILE}' : '${HOME}'),
      ) as unknown;
      expect(Object.fromEntries(planned.map(({ name, value }) => [name, value]))).toEqual(expected);
      const keys = planned.flatMap((one) => one.dropped.map((key) => `${one.name}.${key.split(': ')[0] ?? ''}`));
      expect(keys).toEqual(dropped ?? []);
      expect(gone.map(({ name }) => name)).toEqual(left ?? []);
    },
  );

  it('has one for every client', () => {
    const seen = new Set(FIXTURES.map(({ client }) => client));
    expect(AI_CLIENTS.map(({ id }) => id).filter((id) => !seen.has(id))).toEqual([]);
  });
});

describe('an import', () => {
  const cursor = '/home/me/.cursor/mcp.json';
  const of = (servers: unknown): Promise<ImportPlan> =>
    plan('cursor', 'linux', cursor, JSON.stringify({ mcpServers: servers }));

  it('never takes over what opens something here', async () => {
    const opening = {
      sandbox: 'none',
      isolation: 'shared',
      tls: { pin: 'x' },
      readOnly: false,
      features: {},
      tags: ['a'],
    };
    const { servers } = await of({ a: { command: 'x', ...opening, tools: { allow: ['*'] } } });
    expect(servers[0]?.value).toEqual({ command: 'x' });
    expect(servers[0]?.dropped).toEqual([...Object.keys(opening), 'tools']);
  });

  it('leaves Sallyport itself, and what could not be used', async () => {
    const { servers, left } = await of({
      sallyport: { url: 'http://127.0.0.1:7420/mcp' },
      again: { command: '/usr/bin/node', args: ['/opt/sallyport.js', 'serve', '--stdio'] },
      broken: { args: ['x'] },
      list: [],
      fine: { command: 'x' },
      FINE: { command: 'y' },
    });
    expect(servers.map(({ name }) => name)).toEqual(['fine']);
    expect(left.map(({ name }) => name)).toEqual(['sallyport', 'again', 'broken', 'list', 'FINE']);
  });

  it('gives names that the configuration takes', async () => {
    const { servers, left } = await of({
      'a b.c': { command: 'x' },
      x__y_: { command: 'x' },
      '🙂': { command: 'x' },
      __proto: { command: 'x' },
    });
    expect(left).toEqual([]);
    for (const { name } of servers) expect(name).toMatch(/^(?!.*__)[A-Za-z0-9_-]{1,32}(?<!_)$/);
    expect(servers.map(({ original }) => original)).toEqual(['a b.c', 'x__y_', '🙂', '__proto']);
  });

  it('reads no file where the client reads none', async () => {
    const text = '{ "mcpServers": { "a": { "url": "https://x.example/", "headers": { "K": "${file:/run/k}" } } } }';
    for (const [client, path, expected] of [
      ['cursor', '/home/me/.cursor/mcp.json', '$${file:/run/k}'],
      ['windsurf', '/home/me/.codeium/windsurf/mcp_config.json', '${file:/run/k}'],
    ] as const) {
      const { servers } = await plan(client, 'linux', path, text);
      expect(servers[0]?.value['headers'], client).toEqual({ K: expected });
    }
  });

  it('takes nothing over that would have the name of Sallyport', async () => {
    const { servers, left } = await of({ 'Sallyport ': { command: 'x' }, ' -sallyport': { command: 'x' } });
    expect([servers, left.map(({ reason }) => reason)]).toEqual([
      [],
      ['it is Sallyport itself', 'it is Sallyport itself'],
    ]);
  });

  it('says no value of a server', async () => {
    const { servers, left } = await of({
      a: { command: 'x', env: { K: 'hunter2-secret' }, foo: 'hunter2-secret' },
      b: { url: 'hunter2-secret' },
    });
    expect(JSON.stringify([servers.map(({ dropped, notes }) => [dropped, notes]), left])).not.toContain('hunter2');
  });

  it('gives a child exactly what the client would have given it', async () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .array(fc.constantFrom('$', '$$', '{', '}', '${A}', '${env:A}', '$A', '${file:/x}', '${secret:A}', 'x'), {
          maxLength: 8,
        })
        .map((all) => all.join('')),
    );
    // The configuration itself refuses the syntax of OpenCode there, since nobody means it literally.
    const value = text.filter((one) => !one.includes('\0') && !/\{(?:env|file):/.test(one));
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 3 }), value, async (args, variable) => {
        // Claude Desktop expands nothing: every text is itself.
        const file = JSON.stringify({ mcpServers: { a: { command: 'x', args, env: { V: variable } } } });
        const { servers } = await plan(
          'claude-desktop',
          'linux',
          '/home/me/.config/Claude/claude_desktop_config.json',
          file,
        );
        const { args: given = [], env } = (servers[0]?.value ?? {}) as { args?: unknown; env?: unknown };
        const expanded = expand({ args: given, env }, { env: { A: 'never' }, files: new Map() });
        expect(expanded).toMatchObject({ value: { args, env: { V: variable } }, problems: [] });
      }),
    );
  });

  it('expands as the client would have', async () => {
    const env: Record<string, string> = { A: 'one', B_2: 'two' };
    const piece = fc.constantFrom('$', '${', '}', '$A', '${A}', '${B_2}', '${A:-d}', '${C:-d}', '$9', ' ', '-');
    const asGemini = (text: string): string =>
      text.replaceAll(
        /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::-([^}]*))?\})/g,
        (raw, bare: string, braced: string, fallback?: string) => env[bare ?? braced] ?? fallback ?? raw,
      );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const text = pieces.join('');
        const file = JSON.stringify({ mcpServers: { a: { command: 'x', env: { V: text } } } });
        const { servers } = await plan('gemini', 'linux', '/home/me/.gemini/settings.json', file);
        const expanded = expand(servers[0]?.value['env'], { env, files: new Map() });
        expect(expanded.value).toEqual({ V: asGemini(text) });
      }),
    );
  });
});
