import { describe, expect, it } from 'vitest';
import { relativeCommands, riskyVariables, unpinned } from './children.ts';
import { checkConfig } from './check.ts';
import { withAbsolutePaths } from './paths.ts';
import type { ConfigEntry } from './schema.ts';

const hook = { name: 'h', url: 'https://hooks.acme.test/in', phases: ['before-call'] };
const program = { name: 'p', command: 'node', args: ['p.mjs'], phases: ['after-call', 'list'] };

function check(interceptors: unknown): { readonly entry: ConfigEntry | undefined; readonly problems: string[] } {
  const { entry, findings } = checkConfig({ mcpServers: { files: { command: 'x' } }, interceptors });
  return { entry, problems: findings.map(({ message, path }) => `${path.join('.')}: ${message}`) };
}

describe('interceptors', () => {
  it('are asked for a second, closed, about a mebibyte, unless it is written', () => {
    const { entry, problems } = check([hook, { ...program, timeout: '5s', onError: 'open', maxBytes: '4 KiB' }]);
    expect(problems).toEqual([]);
    const sandbox = { read: [], write: [] };
    const kinds = ['tool', 'prompt', 'resource'];
    expect(entry?.interceptors).toEqual([
      {
        name: 'h',
        phases: ['before-call'],
        kinds,
        timeoutMs: 1000,
        onError: 'closed',
        maxBytes: 1024 * 1024,
        target: { kind: 'http', url: 'https://hooks.acme.test/in', headers: {} },
      },
      {
        name: 'p',
        phases: ['after-call', 'list'],
        kinds,
        timeoutMs: 5000,
        onError: 'open',
        maxBytes: 4096,
        target: { kind: 'child', command: 'node', args: ['p.mjs'], env: {}, cwd: '.', sandbox },
      },
    ]);
    expect(check(undefined).entry?.interceptors).toEqual([]);
  });

  it('are asked about tools alone where tools are named, unless it is written', () => {
    const written = [
      { ...hook, tools: ['*'] },
      { ...program, tools: ['*'], kinds: ['resource', 'tool'] },
    ];
    expect(check(written).entry?.interceptors.map(({ kinds }) => kinds)).toEqual([['tool'], ['resource', 'tool']]);
  });

  it.each([
    [{ ...hook, command: 'x' }, '0: expected `url`'],
    [{ name: 'n', phases: ['list'] }, '0: expected `url`'],
    [{ ...hook, args: ['a'] }, '0.args: only for an interceptor with `command`'],
    [{ ...hook, sandbox: 'strict' }, '0.sandbox: only for an interceptor with `command`'],
    [{ ...program, headers: { a: 'b' } }, '0.headers: only for an interceptor with `url`'],
    [{ ...program, secret: 'signs what is asked' }, '0.secret: only for an interceptor with `url`'],
    [{ ...hook, phases: [] }, '0.phases: expected before-call'],
    [{ ...hook, phases: ['before'] }, '0.phases.0: expected `before-call`'],
    [{ ...hook, name: 'a b' }, '0.name: expected a name'],
    [{ ...hook, url: 'ftp://x' }, '0.url: expected an http'],
    [{ ...hook, servers: ['fils'] }, '0.servers.0: there is no such server — did you mean `files`?'],
    [{ ...hook, tools: [] }, '0.tools: expected a list of globs'],
    [{ ...hook, kinds: [] }, '0.kinds: expected tool'],
    [{ ...hook, kinds: ['task'] }, '0.kinds.0: expected `tool`'],
    [{ ...hook, kinds: ['prompt'], tools: ['x'] }, '0.tools: only where `tool`'],
    [{ ...program, kinds: ['prompt'] }, '0.phases: `list` is about tools'],
  ])('that are none are refused: %j', (entry, problem) => {
    expect(check([entry]).problems).toEqual([expect.stringContaining(`interceptors.${problem}`)]);
  });

  it('have names of their own', () => {
    expect(check([hook, program, hook]).problems).toEqual(['interceptors.2.name: another interceptor has this name']);
  });

  it('are programs beside the file, on PATH or anywhere', () => {
    const commands = ['node', './bin/p', '/opt/p'];
    const { entry } = check(
      commands.map((command, n) => ({ ...program, name: `p${n}`, command, sandbox: { read: ['a'] } })),
    );
    const placed = withAbsolutePaths(entry as ConfigEntry, '/c').interceptors.map(({ target }) => target);
    expect(placed).toMatchObject(
      ['node', '/c/bin/p', '/opt/p'].map((command) => ({ command, cwd: '/c', sandbox: { read: ['/c/a'], write: [] } })),
    );
  });

  it('are warned about like commands of servers', () => {
    const { entry } = check([{ ...program, command: 'npx', args: ['-y', 'masker'], env: { LD_PRELOAD: 'x' } }]);
    expect(unpinned(entry as ConfigEntry)).toMatchObject([{ path: ['interceptors', 0, 'args', 1] }]);
    expect(riskyVariables(entry as ConfigEntry)).toMatchObject([{ path: ['interceptors', 0, 'env', 'LD_PRELOAD'] }]);
    const relative = check([{ ...program, command: './p' }]).entry as ConfigEntry;
    expect(relativeCommands(relative)).toMatchObject([{ path: ['interceptors', 0, 'command'] }]);
  });
});
