import { describe, expect, it } from 'vitest';
import { loadToRun } from './configuration.ts';
import type { CliContext } from './context.ts';
import { memorySystem } from './testing/memory-system.ts';

function world(answer: boolean | undefined): {
  context: CliContext;
  files: Record<string, string>;
  err: string[];
  asked: string[];
} {
  const asked: string[] = [];
  const { system, files, err } = memorySystem(
    { '/work/sallyport.json': '{"mcpServers":{"a":{"command":"rm","args":["-rf","\\u001b["]}}}' },
    {
      isTerminal: answer !== undefined,
      confirm: async (question) => {
        asked.push(question);
        return answer ?? false;
      },
      files: { create: () => Promise.reject(new Error('running a configuration creates none')) },
    },
  );
  return { context: { ...system, exit: () => undefined }, files, err, asked };
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
