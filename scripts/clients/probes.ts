/**
 * How each AI client is told of a server and asked whether it reaches it, with the client's own commands and
 * without an account. What a client prints is judged here, and nothing else is.
 */
import type { Finished, Running } from '../../test/support/process.ts';

/** The name under which the clients know the gateway. */
const NAME = 'sallyport';
/** The environment variable in which Codex finds the key. */
const KEY_VARIABLE = 'SALLYPORT_KEY';
const CODEX_MS = 30_000;

/**
 * `join` is stdio to a program that passes everything on to a gateway that runs already; `connect` is whatever
 * `sallyport connect` writes into the client's own file.
 */
export type Way = 'http' | 'sse' | 'ws' | 'stdio' | 'join' | 'connect';

/** What a probe works with: an empty home, the gateway, and the client's program. */
export interface Surroundings {
  /** Where the gateway serves the transport in question. */
  readonly url: string;
  readonly key: string;
  /** The command that serves the gateway over stdio. */
  readonly stdio: readonly [command: string, ...args: string[]];
  /** Runs the client's program to its end, and shows the command and what it printed. */
  readonly run: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Finished>;
  /** `sallyport connect` for a client of this home. */
  readonly connect: (client: string) => Promise<Finished>;
  /** Starts the client's program and leaves it running. */
  readonly start: (args: readonly string[], env?: Readonly<Record<string, string>>) => Running;
}

export interface Verdict {
  readonly connected: boolean;
  /** The line it was judged by. */
  readonly said: string;
}

export interface AiClient {
  readonly title: string;
  readonly packageName: string;
  readonly program: string;
  /** The transports that it knows. */
  readonly ways: readonly Way[];
  readonly probe: (way: Way, at: Surroundings) => Promise<Verdict>;
}

const bearer = (key: string): string => `Authorization: Bearer ${key}`;
const startsProgram = (way: Way): boolean => way === 'stdio' || way === 'join';

function lastLine({ stdout, stderr, code, timedOut }: Finished): string {
  const line = `${stdout}\n${stderr}`.trim().split('\n').at(-1) ?? '';
  return timedOut ? `timed out: ${line}` : `exit ${code ?? 'by signal'}: ${line}`;
}

/** The line of `mcp list` about the gateway, and whether it says that it is connected. */
function judgeList(finished: Finished): Verdict {
  // Gemini prints its list on stderr.
  const line = `${finished.stdout}\n${finished.stderr}`.split('\n').find((text) => text.includes(`${NAME}: `));
  if (finished.code !== 0 || line === undefined) return { connected: false, said: lastLine(finished) };
  return { connected: /\bConnected$/.test(line.trim()), said: line.trim() };
}

function toolsOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('tools' in value)) return undefined;
  const { tools } = value;
  return typeof tools === 'object' && tools !== null ? Object.keys(tools).length : undefined;
}

const inspector: AiClient = {
  title: 'MCP Inspector CLI',
  packageName: '@modelcontextprotocol/inspector',
  program: 'mcp-inspector',
  ways: ['http', 'sse', 'stdio', 'join'],
  probe: async (way, at) => {
    const target = startsProgram(way)
      ? // What follows `--` is not taken for the Inspector's own options.
        ['--method', 'tools/list', '--', ...at.stdio]
      : [at.url, '--transport', way, '--header', bearer(at.key), '--method', 'tools/list'];
    const finished = await at.run(['--cli', ...target]);
    if (finished.code !== 0) return { connected: false, said: lastLine(finished) };
    const count = toolsOf(JSON.parse(finished.stdout));
    return { connected: count !== undefined && count > 0, said: `tools/list: ${count ?? 'no'} tools` };
  },
};

function claudeAdd(way: Way, { url, key, stdio }: Surroundings): readonly string[] {
  if (startsProgram(way)) return ['mcp', 'add', NAME, '--', ...stdio];
  // Of WebSocket its `mcp add` knows nothing, but its configuration does.
  const socket = { type: 'ws', url, headers: { Authorization: `Bearer ${key}` } };
  if (way === 'ws') return ['mcp', 'add-json', NAME, JSON.stringify(socket)];
  return ['mcp', 'add', '--transport', way, NAME, url, '--header', bearer(key)];
}

const claude: AiClient = {
  title: 'Claude Code',
  packageName: '@anthropic-ai/claude-code',
  program: 'claude',
  ways: ['http', 'sse', 'ws', 'stdio', 'join', 'connect'],
  probe: async (way, at) => {
    const added = way === 'connect' ? await at.connect('claude-code') : await at.run(claudeAdd(way, at));
    if (added.code !== 0) return { connected: false, said: lastLine(added) };
    return judgeList(await at.run(['mcp', 'list']));
  },
};

/** Asks Codex's own app server, because `codex mcp list` shows the configuration and connects to nothing. */
async function codexStatus(at: Surroundings, env: Readonly<Record<string, string>>): Promise<Verdict> {
  await using server = at.start(['app-server'], env);
  const send = (message: object): void => server.write(`${JSON.stringify(message)}\n`);
  send({ id: 1, method: 'initialize', params: { clientInfo: { name: NAME, title: NAME, version: '1.0.0' } } });
  await server.untilLine(/^\{"id":1,/, CODEX_MS);
  send({ method: 'initialized' });
  send({ id: 2, method: 'mcpServerStatus/list', params: {} });
  const { input } = await server.untilLine(/^\{"id":2,/, CODEX_MS);
  const { result } = JSON.parse(input) as { result?: { data?: { name: string; tools?: object }[] } };
  const status = result?.data?.find(({ name }) => name === NAME);
  const count = toolsOf(status) ?? 0;
  return { connected: count > 0, said: `app-server mcpServerStatus/list: ${count} tools` };
}

const codex: AiClient = {
  title: 'Codex CLI',
  packageName: '@openai/codex',
  program: 'codex',
  ways: ['http', 'stdio', 'join', 'connect'],
  probe: async (way, at) => {
    // What was connected has a key of its own, and is not given this one.
    const env = way === 'connect' ? {} : { [KEY_VARIABLE]: at.key };
    const server = startsProgram(way) ? ['--', ...at.stdio] : ['--url', at.url, '--bearer-token-env-var', KEY_VARIABLE];
    const added = way === 'connect' ? await at.connect('codex') : await at.run(['mcp', 'add', NAME, ...server], env);
    if (added.code !== 0) return { connected: false, said: lastLine(added) };
    const listed = await at.run(['mcp', 'list'], env);
    if (!new RegExp(`^${NAME} .*enabled`, 'm').test(listed.stdout)) return { connected: false, said: lastLine(listed) };
    return codexStatus(at, env);
  },
};

const gemini: AiClient = {
  title: 'Gemini CLI',
  packageName: '@google/gemini-cli',
  program: 'gemini',
  // Its `mcp list` calls nothing, so a gateway that it joined would have nothing to tell of it.
  ways: ['http', 'sse', 'stdio', 'connect'],
  probe: async (way, at) => {
    const [command, ...args] = at.stdio;
    const server = startsProgram(way)
      ? // What follows `--` is not taken for Gemini's own options.
        [NAME, command, '--', ...args]
      : ['--transport', way, '--header', bearer(at.key), NAME, at.url];
    const add = ['mcp', 'add', '--scope', 'user', ...server];
    const added = way === 'connect' ? await at.connect('gemini') : await at.run(add);
    if (added.code !== 0) return { connected: false, said: lastLine(added) };
    // In a folder that nobody has trusted yet it connects to nothing.
    return judgeList(await at.run(['mcp', 'list'], { GEMINI_CLI_TRUST_WORKSPACE: 'true' }));
  },
};

export const AI_CLIENTS: readonly AiClient[] = [inspector, claude, codex, gemini];
