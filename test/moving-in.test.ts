/** From an AI client with servers of its own to one that uses the gateway: `init`, `connect --status`, `instructions`, `disconnect`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryHome, type TemporaryHome } from './support/home.ts';
import { freePort } from './support/port.ts';
import { run, type Finished } from './support/process.ts';

const PROGRAM = join(import.meta.dirname, '../packages/gateway/bin/sallyport.js');
const EVERYTHING = join(import.meta.dirname, 'everything/server.ts');

let home: TemporaryHome;
const sallyport = (...words: readonly string[]): Promise<Finished> =>
  run(process.execPath, [PROGRAM, ...words], { cwd: home.path, env: home.env, timeoutMs: 60_000 });

beforeAll(async () => {
  home = await temporaryHome();
  await mkdir(join(home.path, '.cursor'));
  const everything = {
    command: process.execPath,
    args: [EVERYTHING, '--stdio'],
    env: { A_TOKEN: 'literal-t0ken-value' },
  };
  await writeFile(join(home.path, '.cursor/mcp.json'), JSON.stringify({ mcpServers: { everything } }));
});
afterAll(async () => {
  await sallyport('stop');
  await home.remove();
});

describe('moving in', () => {
  it('takes over, starts, connects and proves it', async () => {
    const config = join(home.path, 'mine.yaml');
    await writeFile(config, `mcpServers: {}\nlisten: { port: ${await freePort()} }\n`, { mode: 0o600 });
    const { code, stdout, stderr } = await sallyport('init', '--yes', '--json', '--config', config);
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({
        created: false,
        imported: [{ client: 'cursor', servers: [{ name: 'everything', action: 'added' }] }],
        connected: [expect.objectContaining({ client: 'cursor', action: 'connected' })],
        servers: [expect.objectContaining({ name: 'everything', known: true })],
        call: expect.stringContaining('everything__') as string,
        ok: true,
      }),
    ]);
    expect(stdout + stderr + (await readFile(config, 'utf8'))).not.toContain('literal-t0ken-value');

    const entry = JSON.parse(await readFile(join(home.path, '.cursor/mcp.json'), 'utf8')) as {
      mcpServers: { sallyport: { url: string; headers: Record<string, string> } };
    };
    const { url, headers } = entry.mcpServers.sallyport;
    const ping = async (): Promise<number> =>
      (
        await fetch(url, {
          method: 'POST',
          headers: { ...headers, accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
          body: JSON.stringify({
            jsonrpc: '2.0',
            id: 1,
            method: 'initialize',
            params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
          }),
        })
      ).status;
    expect(await ping()).toBe(200);

    const status = await sallyport('connect', '--status', '--json', '--config', config);
    expect(JSON.parse(status.stdout)).toMatchObject([{ client: 'cursor', state: 'connected', beside: ['everything'] }]);
    const skill = await sallyport('instructions', '--skill', '--config', config);
    expect(skill.stdout).toMatch(
      /^---\nname: sallyport\ndescription: ".*everything.*"\n---\n[^]*- \*\*everything\*\* \(\d+ tools/,
    );

    expect((await sallyport('disconnect', 'cursor', '--config', config)).code).toBe(0);
    await expect.poll(ping, { timeout: 5_000 }).toBe(401);
  });
});
