import { describe, expect, it } from 'vitest';
import { loadToRun } from './configuration.ts';
import type { CliContext } from './context.ts';
import { NO_PROCESSES } from './testing/fakes.ts';

function world(answer: boolean | undefined): {
  context: CliContext;
  files: Record<string, string>;
  err: string[];
  asked: string[];
} {
  const files: Record<string, string> = {
    '/work/sallyport.json': '{"mcpServers":{"a":{"command":"rm","args":["-rf","\\u001b["]}}}',
  };
  const err: string[] = [];
  const asked: string[] = [];
  const read = async (path: string): Promise<Uint8Array> => new TextEncoder().encode(files[path]);
  const context: CliContext = {
    stdout: { write: () => true },
    stderr: { write: (text) => err.push(text) },
    stdin: (async function* () {})(),
    env: {},
    cwd: '/work',
    home: '/home/me',
    version: '1.2.3',
    nodeVersion: '24.0.0',
    isTerminal: answer !== undefined,
    columns: () => undefined,
    errorColumns: () => undefined,
    now: () => 0,
    prompts: {
      text: async () => undefined,
      hidden: async () => undefined,
      choose: async () => undefined,
      chooseMany: async () => undefined,
    },
    onInterrupt: () => () => undefined,
    exit: () => undefined,
    confirm: async (question) => {
      asked.push(question);
      return answer ?? false;
    },
    files: {
      exists: async (path) => files[path] !== undefined,
      read,
      readSecret: read,
      checkTrusted: async (path) => ({ realPath: path, readableByOthers: false }),
      linked: async () => undefined,
      replace: async (path, data) => void (files[path] = String(data)),
      create: () => Promise.reject(new Error('running a configuration creates none')),
      readState: async (path) => files[path],
      writeState: async (path, text) => void (files[path] = text),
      stateDirectory: async () => '/state',
    },
    processes: NO_PROCESSES,
  };
  return { context, files, err, asked };
}
const globals = { json: false, color: false };

describe('loadToRun', () => {
  it('does not use a stranger’s configuration where nobody can be asked', async () => {
    const { context, asked } = world(undefined);
    await expect(loadToRun(context, globals)).rejects.toThrow(/sallyport trust/);
    expect(asked).toEqual([]);
  });

  it('asks on a terminal, shows what would be started, and remembers a yes', async () => {
    const { context, err, asked, files } = world(true);
    await loadToRun(context, globals);
    expect(err.join('')).toContain(String.raw`a: rm -rf "\u001b["`);
    await loadToRun(context, globals);
    expect(asked).toHaveLength(1);
    files['/work/sallyport.json'] = '{"mcpServers":{"a":{"command":"other"}}}';
    await loadToRun(context, globals);
    expect(asked).toHaveLength(2);
  });

  it('takes no for an answer, and asks again', async () => {
    const { context, asked, files } = world(false);
    await expect(loadToRun(context, globals)).rejects.toThrow(/not trusted/);
    await expect(loadToRun(context, globals)).rejects.toThrow(/not trusted/);
    expect(asked).toHaveLength(2);
    expect(files['/state/trust.json']).toBeUndefined();
  });

  it('needs no trust for a file that was named', async () => {
    const { context, asked } = world(false);
    expect((await loadToRun(context, globals, 'sallyport.json')).config.servers).toHaveLength(1);
    expect((await loadToRun(context, { ...globals, config: 'sallyport.json' })).path).toBe('/work/sallyport.json');
    expect(asked).toEqual([]);
  });
});
