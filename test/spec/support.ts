/** `sallyport spec` on a temporary project, with official clients on it. The folder beside the project is outside. */
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONSTITUTION, DATA_MODEL, PLAN, RESEARCH, SPEC, TASKS } from '../../packages/spec/src/testing/sample.ts';
import { openSdk1, openSdk2, type Program } from '../support/clients.ts';
import { start, type Running } from '../support/process.ts';

export const KEY = 'Vd8mQz2Lr5Tn9Xw3Kc7Hb1Jf6Yg4Ps0-spec';
export const CANARY = 'canary-Wq7Zt3Rb9Lm2';

const bin = fileURLToPath(new URL('../../packages/gateway/bin/sallyport.js', import.meta.url));

export type Fields = Record<string, unknown>;

/** What a tool answered. A refusal of the protocol (wrong arguments) counts as a refusal, with its message. */
export interface Told {
  readonly refused: boolean;
  readonly text: string;
  readonly value: Fields;
}

export interface Caller extends AsyncDisposable {
  readonly tell: (name: string, args?: Fields) => Promise<Told>;
  /** The structured result; throws when it was refused. */
  readonly call: (name: string, args?: Fields) => Promise<Fields>;
  readonly tools: () => Promise<
    readonly { readonly name: string; readonly inputSchema: Fields; readonly annotations?: Fields }[]
  >;
  /** The text of a resource; throws when it is refused. */
  readonly resource: (uri: string) => Promise<string>;
  readonly prompt: (name: string, args: Record<string, string>) => Promise<string>;
}

export interface Site extends AsyncDisposable {
  /** Real path; holds `project` and `outside`. */
  readonly base: string;
  readonly folder: string;
  readonly outside: string;
  /** PATH, HOME and a canary that no command may get. */
  readonly env: Record<string, string>;
  write(path: string, text: string): Promise<void>;
  read(path: string): Promise<string>;
  program(env?: Record<string, string>): Program;
}

export async function makeSite(): Promise<Site> {
  const base = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-spec-')));
  const [folder, outside, home] = [join(base, 'project'), join(base, 'outside'), join(base, 'home')];
  for (const path of [folder, outside, home]) await mkdir(path);
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(':');
  const env = { PATH: path, HOME: home, TMPDIR: home, LANG: 'C.UTF-8', CANARY };
  return {
    base,
    folder,
    outside,
    env,
    async write(name, text) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    },
    read: async (name) => readFile(join(folder, name), 'utf8'),
    program: (more = {}) => ({
      command: process.execPath,
      args: [bin, 'spec', '--workspace', folder],
      env: { ...env, ...more },
      cwd: base,
    }),
    [Symbol.asyncDispose]: async () => rm(base, { recursive: true, force: true, maxRetries: 5 }),
  };
}

const textOf = (content: unknown): string => {
  const [first] = content as readonly { readonly text?: string }[];
  return first?.text ?? '';
};

type Client = Awaited<ReturnType<typeof openSdk1>>['client'] | Awaited<ReturnType<typeof openSdk2>>['client'];

function callerOf(client: Client, dispose: () => PromiseLike<void>): Caller {
  const tell = async (name: string, args: Fields = {}): Promise<Told> => {
    try {
      const result = (await client.callTool({ name, arguments: args })) as Fields;
      const value = (result['structuredContent'] ?? {}) as Fields;
      return { refused: result['isError'] === true, text: textOf(result['content']), value };
    } catch (error) {
      return { refused: true, text: error instanceof Error ? error.message : String(error), value: {} };
    }
  };
  return {
    tell,
    async call(name, args) {
      const { refused, text, value } = await tell(name, args);
      if (refused) throw new Error(`${name}: ${text}`);
      return value;
    },
    async tools() {
      const tools: Awaited<ReturnType<Caller['tools']>>[number][] = [];
      let cursor: string | undefined;
      do {
        const page = await client.listTools(cursor === undefined ? {} : { cursor });
        tools.push(...(page.tools as unknown as typeof tools));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return tools;
    },
    resource: async (uri) => textOf((await client.readResource({ uri })).contents),
    async prompt(name, args) {
      const { messages } = await client.getPrompt({ name, arguments: args });
      return messages.map(({ content }) => textOf([content])).join('\n');
    },
    [Symbol.asyncDispose]: dispose,
  };
}

export interface Way {
  readonly sdk: 1 | 2;
  readonly era: 'session' | 'stateless';
  readonly key?: string;
}

/** An official client on a URL, or on a program of its own. */
export async function over(target: string | Program, { sdk, era, key }: Way): Promise<Caller> {
  const options = key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } };
  const opened = sdk === 1 ? await openSdk1(target, options) : await openSdk2(target, { era, ...options });
  return callerOf(opened.client, () => opened[Symbol.asyncDispose]());
}

/** A process of its own on stdio, and SDK v1 on it. */
export const overStdio = async (site: Site, env?: Record<string, string>): Promise<Caller> =>
  over(site.program(env), { sdk: 1, era: 'session' });

/** SDK v2 in the stateless era over HTTP. */
export const overHttp = async (url: string, key?: string): Promise<Caller> =>
  over(url, { sdk: 2, era: 'stateless', ...(key === undefined ? {} : { key }) });

export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly running: Running;
}

/** `sallyport spec --http` on a free port, once it listens. */
export async function serveHttp(
  site: Site,
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Promise<Served> {
  const { command, args } = site.program();
  const running = start(command, [...args, '--http', '--port', '0', ...flags], {
    env: { ...site.env, ...env },
    cwd: site.base,
  });
  const [, url = ''] = await running.untilLine(/^sallyport spec listens on (\S+)$/);
  return { url, running, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

/** Writes the sample up to its list of tasks. */
export async function sample({ call }: Caller): Promise<void> {
  await call('constitution_write', { content: CONSTITUTION });
  await call('feature_create', { description: 'Keep short notes', shortName: 'note-keeping', content: SPEC });
  await call('plan_write', { plan: PLAN, research: RESEARCH, dataModel: DATA_MODEL });
  await call('tasks_write', { content: TASKS });
}
