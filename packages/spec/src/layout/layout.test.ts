import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorkspaces, type Workspace } from '../workspace/workspace.ts';
import { findFeature, listFeatures, nextFeature, shortNameOf } from './features.ts';
import { hooksFor } from './hooks.ts';
import { listInstalled } from './packs.ts';
import { resolveTemplate } from './templates.ts';

let at: string;
let workspace: Workspace;

const put = (path: string, text: string): void => {
  mkdirSync(join(at, path, '..'), { recursive: true });
  writeFileSync(join(at, path), text);
};

beforeEach(() => {
  at = realpathSync(mkdtempSync(join(tmpdir(), 'spec-layout-')));
  workspace = createWorkspaces({ roots: [at], now: () => 0 }).open();
});

afterEach(() => rmSync(at, { recursive: true, force: true }));

describe('a template', () => {
  const content = async (): Promise<string> => (await resolveTemplate(workspace, 'spec-template')).content;

  it('comes from overrides before presets before extensions before the core before what is shipped', async () => {
    expect(await content()).toContain('# Feature Specification');
    put('.specify/templates/spec-template.md', 'core');
    expect(await content()).toBe('core');
    put('.specify/extensions/ext/templates/spec-template.md', 'extension');
    expect(await content()).toBe('extension');
    put('.specify/presets/b/templates/spec-template.md', 'preset b');
    put('.specify/presets/a/templates/spec-template.md', 'preset a');
    put(
      '.specify/presets/.registry',
      JSON.stringify({ presets: { a: { priority: 20 }, b: { priority: 5 }, c: { enabled: false } } }),
    );
    put('.specify/presets/c/templates/spec-template.md', 'preset c');
    expect(await content()).toBe('preset b');
    put('.specify/templates/overrides/spec-template.md', 'override');
    expect(await content()).toBe('override');
  });

  it('is put before, behind and around by strategy, from the bottom up', async () => {
    const preset = (id: string, strategy: string, text: string): void => {
      put(`.specify/presets/${id}/x/y.md`, text);
      put(
        `.specify/presets/${id}/preset.yml`,
        `provides:\n  templates:\n    - {type: template, name: spec-template, file: x/y.md, strategy: ${strategy}}\n`,
      );
    };
    put('.specify/templates/spec-template.md', 'core\n');
    preset('p3', 'prepend', 'before');
    preset('p2', 'append', 'behind\n');
    preset('p1', 'wrap', '<{CORE_TEMPLATE}>');
    put(
      '.specify/presets/.registry',
      JSON.stringify({ presets: { p1: { priority: 1 }, p2: { priority: 2 }, p3: { priority: 3 } } }),
    );
    expect(await content()).toBe('<before\n\ncore\n\nbehind\n>');
    expect((await resolveTemplate(workspace, 'spec-template')).layers.map(({ source }) => source)).toEqual([
      'preset:p1',
      'preset:p2',
      'preset:p3',
      'core',
    ]);
    preset('p1', 'wrap', 'without a place');
    await expect(content()).rejects.toMatchObject({ code: 'grammar' });
    preset('p1', 'replace-all', 'x');
    await expect(content()).rejects.toMatchObject({ code: 'grammar' });
  });

  it('of a preset is not read from outside', async () => {
    put(
      '.specify/presets/evil/preset.yml',
      'provides:\n  templates:\n    - {name: spec-template, file: ../../../../../../etc/passwd}\n',
    );
    await expect(content()).rejects.toMatchObject({ code: 'outside_workspace' });
  });
});

describe('the feature that is meant', () => {
  beforeEach(() => {
    for (const name of ['001-a', '002-b', '010-c', '20260105-101010-d']) put(`specs/${name}/spec.md`, 'x');
  });

  it('is what is named, then the environment, then the pointer, then the newest', async () => {
    const name = async (env: Record<string, string>, named?: string): Promise<string> =>
      (await findFeature(workspace, env, named)).name;
    expect(await name({})).toBe('20260105-101010-d');
    expect(await name({ SPECIFY_FEATURE: '002-other-branch' })).toBe('002-b');
    put('.specify/feature.json', '{"feature_directory":"specs/001-a"}');
    expect(await name({ SPECIFY_FEATURE: '002-b' })).toBe('001-a');
    expect(await name({ SPECIFY_FEATURE_DIRECTORY: join(at, 'specs/010-c') })).toBe('010-c');
    expect(await name({ SPECIFY_FEATURE_DIRECTORY: 'specs/010-c' }, '002')).toBe('002-b');
    put('.specify/feature.json', 'broken');
    expect(await name({})).toBe('20260105-101010-d');
    await expect(name({}, '999')).rejects.toMatchObject({ code: 'not_found' });
    await expect(name({ SPECIFY_FEATURE_DIRECTORY: '/etc' })).rejects.toMatchObject({ code: 'outside_workspace' });
  });

  it('gets the next number, or the time', async () => {
    const features = await listFeatures(workspace);
    expect(nextFeature(features, 'x', 'sequential', 0).directory).toBe('specs/011-x');
    expect(nextFeature(features, 'x', 'timestamp', Date.UTC(2026, 0, 7, 9, 8, 7)).name).toBe('20260107-090807-x');
    expect(shortNameOf('I want to add user authentication with OAuth2')).toBe('user-authentication-oauth2');
    expect(shortNameOf('!!!')).toBe('feature');
  });
});

describe('extensions', () => {
  it('have their hooks told, and nothing run', async () => {
    put(
      '.specify/extensions.yml',
      'hooks:\n  before_plan:\n    - {extension: git, command: speckit.git.commit, optional: false}\n    - {command: off, enabled: false}\n    - {command: maybe, condition: "x == 1"}\n',
    );
    expect(await hooksFor(workspace, 'before', 'plan')).toMatchObject([
      { command: 'speckit.git.commit', optional: false },
      { command: 'maybe', optional: true, condition: 'x == 1' },
    ]);
    put('.specify/extensions.yml', ': : :\n\t-');
    expect(await hooksFor(workspace, 'before', 'plan')).toEqual([]);
  });

  it('are shown with workflows and catalogs, broken ones with the reason', async () => {
    put(
      '.specify/extensions/git/extension.yml',
      'extension: {name: Git, version: 1.0.0}\nprovides: {commands: [{name: speckit.git.commit}]}\nhooks: {after_plan: {command: x}}\n',
    );
    put('.specify/workflows/ship/workflow.yml', 'workflow: {name: Ship}\nsteps: [{id: specify}, {command: plan}]\n');
    put('.specify/presets/bad/preset.yml', 'a: [\n');
    put('.specify/preset-catalogs.yml', 'catalogs: [{url: "https://example.com/c.json"}]\n');
    expect(await listInstalled(workspace)).toMatchObject([
      { kind: 'preset', id: 'bad', problem: expect.stringContaining('cannot be read') as string },
      { kind: 'extension', id: 'git', name: 'Git', contains: ['speckit.git.commit', 'hook after_plan'] },
      { kind: 'workflow', id: 'ship', name: 'Ship', contains: ['specify', 'plan'] },
      { kind: 'catalog', id: 'preset-catalogs', contains: ['https://example.com/c.json'] },
    ]);
  });
});
