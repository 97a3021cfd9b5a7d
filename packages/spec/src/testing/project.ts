/** A temporary project with the server on it and a client in the same process: for tests. */
import { mkdtemp, readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connectInMemory, type InMemoryClient, type InMemoryOptions } from '@sallyport/server/testing';
import type { Watching } from '../resources/watch.ts';
import { createSpecServer } from '../server.ts';
import { CONSTITUTION, DATA_MODEL, PLAN, RESEARCH, SPEC, TASKS } from './sample.ts';

export type Fields = Record<string, unknown>;

export interface TestProject {
  readonly folder: string;
  readonly client: InMemoryClient;
  /** Begins to tell of changed files. */
  readonly watch: () => Watching;
  /** The structured result; throws when the tool refused. */
  readonly call: (name: string, args?: Fields) => Promise<Fields>;
  /** The words of the refusal; throws when it did not refuse. */
  readonly refused: (name: string, args?: Fields) => Promise<string>;
  readonly read: (path: string) => Promise<string>;
  readonly write: (path: string, text: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

const NOW: number = Date.UTC(2026, 0, 7, 12);

/** `others` are further roots, which stay when it is closed. */
export async function testProject(
  options: InMemoryOptions = {},
  {
    others = [],
    env: more = {},
  }: { others?: readonly string[]; env?: Readonly<Record<string, string>> | undefined } = {},
): Promise<TestProject> {
  const folder = await mkdtemp(join(tmpdir(), 'spec-'));
  const env = { PATH: process.env['PATH'], HOME: folder, CANARY_SECRET: 'canary-4711-canary', ...more };
  const roots = [folder, ...others];
  const spec = createSpecServer({ roots, version: '0.0.0', env, now: () => NOW });
  const { server } = spec;
  const client = await connectInMemory(server, options);
  const raw = async (name: string, args: Fields = {}): Promise<{ failed: boolean; text: string; value: Fields }> => {
    const { isError, content, structuredContent } = await client.callTool(name, args as never);
    return { failed: isError === true, text: String(content[0]?.['text']), value: structuredContent as Fields };
  };
  return {
    folder,
    client,
    watch: () => spec.watch(),
    async call(name, args) {
      const { failed, text, value } = await raw(name, args);
      if (failed) throw new Error(`${name}: ${text}`);
      return value;
    },
    async refused(name, args) {
      const { failed, text } = await raw(name, args);
      if (!failed) throw new Error(`${name} did not refuse: ${text}`);
      return text;
    },
    read: async (path) => readFile(join(folder, path), 'utf8'),
    async write(path, text) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    },
    async close() {
      client.close();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The sample up to its list of tasks. */
export async function writeSample({ call }: TestProject): Promise<void> {
  await call('constitution_write', { content: CONSTITUTION });
  await call('feature_create', { description: 'Keep short notes', shortName: 'note-keeping', content: SPEC });
  await call('plan_write', { plan: PLAN, research: RESEARCH, dataModel: DATA_MODEL });
  await call('tasks_write', { content: TASKS });
}
