/** What a start loads. A parser or a transport that the configuration does not ask for is time that every start would pay. */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryHome } from './support/home.ts';
import { run } from './support/process.ts';

const bin = fileURLToPath(new URL('../packages/gateway/bin/sallyport.js', import.meta.url));
const TIMEOUT_MS = 20_000;
const OPTIONAL = ['jsonc-parser', 'smol-toml', 'ws', 'yaml'];

interface ScriptCoverage {
  readonly result: readonly { readonly url: string }[];
}

/** Serves one client, who leaves at once, and gives the packages of `OPTIONAL` that were loaded, as V8 saw them. */
async function loadedFor(name: string, text: string): Promise<string[]> {
  await using home = await temporaryHome();
  const seen = join(home.path, 'seen');
  await mkdir(seen);
  await writeFile(join(home.path, name), text, { mode: 0o600 });
  const { code, stderr } = await run(process.execPath, [bin, 'serve', name, '--stdio'], {
    env: { ...home.env, SALLYPORT_HOME: join(home.path, 'state'), NODE_V8_COVERAGE: seen },
    cwd: home.path,
    timeoutMs: TIMEOUT_MS,
    input: '',
  });
  expect(code, stderr).toBe(0);
  const reports = await Promise.all((await readdir(seen)).map((file) => readFile(join(seen, file), 'utf8')));
  const urls = reports.flatMap((report) => (JSON.parse(report) as ScriptCoverage).result.map(({ url }) => url));
  return OPTIONAL.filter((each) => urls.some((url) => url.includes(`/node_modules/${each}/`)));
}

describe('a start loads of the parsers and transports', () => {
  it.each([
    ['the reader of JSON alone', 'a.json', '{"mcpServers":{}}', ['jsonc-parser']],
    ['the reader of YAML alone', 'a.yaml', 'mcpServers: {}\n', ['yaml']],
    ['the reader of TOML alone', 'a.toml', '[mcpServers]\n', ['smol-toml']],
  ])('%s', async (_what, name, text, expected) => {
    expect(await loadedFor(name, text)).toEqual(expected);
  });
});
