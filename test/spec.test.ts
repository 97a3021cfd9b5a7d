/** The command `sallyport spec` with peers that share no code with it: the official client of both lines, over both transports. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CONSTITUTION, DATA_MODEL, PLAN, RESEARCH, SPEC, TASKS } from '../packages/spec/src/testing/sample.ts';
import { openSdk1, openSdk2 } from './support/clients.ts';
import { temporaryHome, type TemporaryHome } from './support/home.ts';

const bin = fileURLToPath(new URL('../packages/gateway/bin/sallyport.js', import.meta.url));
const KEY = 'a-key-of-this-test-0123456789-abcdef';

type Fields = Record<string, unknown>;
type Call = (name: string, args?: Fields) => Promise<Fields>;

/** Any client that calls tools. */
interface Caller {
  callTool(request: { name: string; arguments: Fields }): Promise<unknown>;
}

function callerOf(client: Caller): Call {
  return async (name, args = {}) => {
    const result = (await client.callTool({ name, arguments: args })) as {
      isError?: boolean;
      content: unknown;
      structuredContent: Fields;
    };
    expect(result.isError, JSON.stringify(result.content)).not.toBe(true);
    return result.structuredContent;
  };
}

async function walk(call: Call): Promise<void> {
  for (const step of ['constitution', 'specify'] as const)
    expect(await call('step_begin', { step })).toMatchObject({ step });
  await call('constitution_write', { content: CONSTITUTION });
  await call('feature_create', { description: 'Keep short notes', shortName: 'note-keeping', content: SPEC });
  await call('clarify_answer', {
    question: 'How long are notes kept?',
    answer: 'a year',
    add: { section: 'requirements', text: 'Notes MUST be kept for {answer}.' },
  });
  await call('plan_write', {
    plan: PLAN,
    research: RESEARCH,
    dataModel: DATA_MODEL,
    quickstart: '# Quickstart\n\n1. Start it.\n',
  });
  expect(await call('contracts_generate', { format: 'openapi' })).toMatchObject({ models: 1 });
  const question = 'Is the limit of a search named? [Completeness, Spec §FR-003]';
  expect(
    await call('checklist_write', { domain: 'limits', items: [{ category: 'Limits', text: question }] }),
  ).toMatchObject({ added: ['CHK001'] });
  await call('tasks_write', { content: TASKS });
  const { findings } = await call('analyze');
  expect(findings).toEqual(expect.arrayContaining([expect.objectContaining({ summary: 'No task serves FR-004.' })]));
  for (let open = 9; open > 0; open -= 1) {
    const { next } = (await call('implement_next')) as { next: { id: string }[] };
    await call('tasks_tick', { taskId: next[0]?.id });
  }
  expect(await call('implement_verify')).toMatchObject({ open: [] });
  const work = 'Remove notes after a year in src/notes.ts';
  const gap = { source: 'FR-004', gap: 'missing', severity: 'HIGH', work };
  expect(await call('converge', { findings: [gap] })).toMatchObject({ outcome: 'tasks_appended', added: ['T010'] });
  await call('tasks_tick', { taskId: 'T010' });
  expect(await call('converge', { findings: [] })).toMatchObject({ outcome: 'converged', changed: [] });
}

async function workspaceIn(home: TemporaryHome): Promise<string> {
  const folder = join(home.path, 'project');
  await mkdir(folder);
  return folder;
}

/** The server over HTTP, and where it listens. */
async function overHttp(home: TemporaryHome, folder: string): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [bin, 'spec', '--workspace', folder, '--http', '--port', '0'], {
    env: { ...home.env, API_KEY: KEY },
    cwd: home.path,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /^sallyport spec listens on (\S+)$/.exec(line)?.[1];
    if (url !== undefined) {
      child.stderr.resume();
      return { url, child };
    }
  }
  throw new Error('it ended before it listened');
}

describe('sallyport spec', () => {
  it('goes through the whole chain over stdio', async () => {
    await using home = await temporaryHome();
    const folder = await workspaceIn(home);
    const program = { command: process.execPath, args: [bin, 'spec', '--workspace', folder], env: { ...home.env } };
    await using opened = await openSdk1(program);
    await walk(callerOf(opened.client));
    expect(await readFile(join(folder, 'specs/001-note-keeping/tasks.md'), 'utf8')).toContain(
      '## Phase 6: Convergence\n\n- [X] T010 Remove notes after a year in src/notes.ts per FR-004 (missing)\n',
    );
  });

  it('goes through the whole chain over HTTP, and ends when it is asked to', async () => {
    await using home = await temporaryHome();
    const { url, child } = await overHttp(home, await workspaceIn(home));
    try {
      const headers = { Authorization: `Bearer ${KEY}` };
      await using opened = await openSdk2(url, { headers, era: 'stateless' });
      await walk(callerOf(opened.client));
      expect(
        (await opened.client.getPrompt({ name: 'speckit.plan', arguments: { feature: '001' } })).messages,
      ).toHaveLength(1);
    } finally {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    }
  });
});
