import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SpecError } from '../errors.ts';
import { EDITORS, type Editor } from './files.ts';
import { type Installed, installEditor } from './install.ts';

let base: string;
let folder: string;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'spec-editors-')));
  folder = join(base, 'project');
  await mkdir(folder);
});

afterEach(async () => rm(base, { recursive: true, force: true }));

const install = async (editor: Editor, more: { version?: string; dryRun?: boolean } = {}): Promise<Installed> =>
  installEditor({ folder, editor, version: '1', now: () => 0, ...more });

const put = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
};

const get = async (path: string): Promise<string> => readFile(join(folder, path), 'utf8');

const filesOf = async (): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.sallyport'))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();

const SERVER = { command: 'sallyport', args: ['spec', '--workspace', '${workspaceFolder}'] };
const CODEX = '[mcp_servers.spec]\ncommand = "sallyport"\nargs = ["spec"]\n';

describe.each(EDITORS)('the files of %s', (editor) => {
  it('are said first and then written as said, once, in a folder that has nothing', async () => {
    const { written: said } = await install(editor, { dryRun: true });
    expect(await readdir(folder)).toEqual([]);
    expect(await install(editor)).toEqual({ written: said, kept: [] });
    expect(await filesOf()).toEqual(said.toSorted());
    expect(said.length).toBeGreaterThan(13);
    expect(await install(editor)).toEqual({ written: [], kept: [] });
    expect(await install(editor, { dryRun: true })).toEqual({ written: [], kept: [] });
  });
});

it.each(['claude-code', 'vscode', 'codex'] as const)('commands of %s have front matter that reads', async (editor) => {
  const { written } = await install(editor);
  const texts = written.filter((path) => path.endsWith('.md'));
  const heads = await Promise.all(
    texts.map(async (path): Promise<unknown> => {
      const [, head = ''] = /^---\n(.*?)\n---\n\n/s.exec(await get(path)) ?? [];
      return parse(head);
    }),
  );
  const description = expect.stringMatching(/\w.{10}/) as string;
  const skill = (path: string): object => (path.endsWith('SKILL.md') ? { name: path.split('/').at(-2) } : {});
  expect(heads).toMatchObject(texts.map((path) => ({ description, ...skill(path) })));
});

it('a file of ours is renewed by another version, one of somebody else is not', async () => {
  const manifest = '.claude/skills/sallyport-spec/.claude-plugin/plugin.json';
  const command = '.claude/skills/sallyport-spec/commands/plan.md';
  await put(command, 'my own\n');
  expect((await install('claude-code')).kept).toEqual([{ path: command, why: expect.any(String) as string }]);
  expect(await install('claude-code', { version: '2' })).toMatchObject({ written: [manifest] });
  expect(JSON.parse(await get(manifest))).toMatchObject({ name: 'sallyport-spec', version: '2' });
  await put(manifest, '{"name":"another"}');
  expect((await install('claude-code')).kept.map(({ path }) => path)).toEqual([manifest, command]);
  expect([await get(manifest), await get(command)]).toEqual(['{"name":"another"}', 'my own\n']);
});

it('a configuration keeps all else that is in it', async () => {
  await put('.cursor/mcp.json', '{"mcpServers":{"mine":{"command":"x"}},"other":[1]}');
  await install('cursor');
  expect(JSON.parse(await get('.cursor/mcp.json'))).toEqual({
    mcpServers: { mine: { command: 'x' }, spec: SERVER },
    other: [1],
  });
  await install('vscode');
  expect(JSON.parse(await get('.vscode/mcp.json'))).toEqual({ servers: { spec: { type: 'stdio', ...SERVER } } });
  await put('.codex/config.toml', '# mine\nmodel = "x"\n');
  await install('codex');
  expect(await get('.codex/config.toml')).toBe(`# mine\nmodel = "x"\n\n${CODEX}`);
});

describe('a configuration that cannot be added to stays byte for byte, and what to write is told', () => {
  it.each([
    ['with comments', '{ // mine\n}'],
    ['with a server of this name', '{"mcpServers":{"spec":{"command":"other"}}}'],
    ['with ours, changed', '{"mcpServers":{"spec":{"command":"sallyport","args":["spec","--workspace","/x"]}}}'],
    ['that is a list', '[]'],
    ['whose servers are a list', '{"mcpServers":[]}'],
    ['that is half', '{"mcpServers":{'],
  ])('JSON %s', async (_what, text) => {
    await put('.cursor/mcp.json', text);
    const { kept, written } = await install('cursor');
    expect(kept).toEqual([{ path: '.cursor/mcp.json', why: expect.stringContaining('${workspaceFolder}') as string }]);
    expect([await get('.cursor/mcp.json'), written.length]).toEqual([text, 13]);
  });

  it.each([
    '[mcp_servers.spec]\ncommand = "other"\n',
    '[ mcp_servers . "spec" ]\nurl = "http://127.0.0.1/mcp"\n',
    '[mcp_servers.spec.env]\nA = "b"\n',
    'mcp_servers = { spec = { command = "other" } }\n',
    '[mcp_servers]\nspec = { command = "other" }\n',
    'mcp_servers.spec.command = "other"\n',
  ])('TOML %j', async (text) => {
    await put('.codex/config.toml', text);
    const { kept } = await install('codex');
    expect(kept).toEqual([{ path: '.codex/config.toml', why: expect.stringContaining(CODEX) as string }]);
    expect(await get('.codex/config.toml')).toBe(text);
  });
});

it('TOML with other servers and other line ends is added to once', async () => {
  await put('.codex/config.toml', '[mcp_servers.specs]\r\ncommand = "x"\r\n');
  expect((await install('codex')).written).toContain('.codex/config.toml');
  await put('.codex/config.toml', (await get('.codex/config.toml')).replaceAll(/\r?\n/g, '\r\n'));
  expect(await install('codex')).toEqual({ written: [], kept: [] });
});

it.each(EDITORS)('P3-06 a folder of %s that is a link out is not followed, and nothing is written', async (editor) => {
  const outside = join(base, 'outside');
  await mkdir(outside);
  for (const name of ['.claude', '.vscode', '.codex', '.cursor']) await symlink(outside, join(folder, name));
  for (const dryRun of [true, false]) await expect(install(editor, { dryRun })).rejects.toThrow(SpecError);
  expect([await readdir(outside), await filesOf()]).toEqual([[], []]);
});
