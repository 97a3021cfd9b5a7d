/**
 * The tutorial does what it says, from the tarballs that users get: its files are written, its commands run in order in an empty
 * folder, and what stands below a command is in its output. Lines behind `>` are typed. Needs a build. Installs from npm's
 * cache alone where that is enough; else it asks the registry, and says so.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packAll } from '../scripts/pack.ts';
import { capture, outputOf, type Command } from '../scripts/run.ts';
import { root } from '../scripts/workspace.ts';
import { run } from './support/process.ts';

const place = mkdtempSync(join(tmpdir(), 'sallyport-tutorial-'));
const INSTALL: Command = ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund'];
const TIMEOUT_MS = 60_000;

interface Block {
  readonly language: string;
  readonly file: string | undefined;
  readonly text: string;
}

const blocks: readonly Block[] = [
  ...readFileSync(join(root, 'docs/TUTORIAL.md'), 'utf8').matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm),
].map(([, language = '', file, text = '']) => ({ language, file, text }));

interface State {
  folder: string;
  /** Of the commands of the last block. */
  output: string;
}

let tarballs: Record<string, string>;
beforeAll(() => {
  tarballs = Object.fromEntries(
    Object.entries(packAll(root, place, capture)).map(([name, file]) => [name, `file:${join(place, file)}`]),
  );
  // What `npx` would fetch.
  writeFileSync(join(place, 'package.json'), JSON.stringify({ private: true }));
  install(place);
}, 300_000);
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** Packages of this house come from their tarballs, since no registry has them yet. */
function install(folder: string): void {
  const path = join(folder, 'package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as { dependencies?: object };
  writeFileSync(path, JSON.stringify({ ...manifest, dependencies: { ...manifest.dependencies, ...tarballs } }));
  if (capture([...INSTALL, '--offline'], folder).code === 0) return;
  process.stderr.write('tutorial.test: npm’s cache does not hold all dependencies, so the registry is asked\n');
  outputOf(capture, INSTALL, folder);
}

async function act(state: State, line: string, input: string | undefined): Promise<string> {
  const [program = '', ...words] = line.split(' ');
  if (program === 'cd') {
    state.folder = join(state.folder, words.join(' '));
    return '';
  }
  if (program === 'npm' && words[0] === 'install') {
    install(state.folder);
    return '';
  }
  const argv = program === 'npx' ? words : [program, ...words];
  const path = [state.folder, place].map((each) => join(each, 'node_modules/.bin'));
  const env = {
    PATH: [...path, dirname(process.execPath), process.env['PATH']].join(delimiter),
    HOME: place,
    NO_COLOR: '1',
  };
  const options = { cwd: state.folder, env, timeoutMs: TIMEOUT_MS, ...(input !== undefined && { input }) };
  const done = await run(argv[0] ?? '', argv.slice(1), options);
  expect(done.code, `${line}\n${done.stdout}${done.stderr}`).toBe(0);
  return done.stdout + done.stderr;
}

/** What stands below a command: whole lines of it, or their beginnings. */
const shownLines = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('> '));

it('every step of docs/TUTORIAL.md', async () => {
  const state: State = { folder: join(place, 'empty'), output: '' };
  mkdirSync(state.folder);
  const missing: string[] = [];
  for (const [at, { file, language, text }] of blocks.entries()) {
    if (file !== undefined) writeFileSync(join(state.folder, file), text);
    else if (language === 'sh') {
      const next = blocks[at + 1];
      const typed = next?.language === 'text' ? [...next.text.matchAll(/^> (.*\n)/gm)].map(([, line]) => line) : [];
      state.output = '';
      for (const line of text.trim().split('\n')) {
        state.output += await act(state, line, typed.length > 0 ? typed.join('') : undefined);
      }
    } else missing.push(...shownLines(text).filter((line) => !state.output.includes(line)));
  }
  expect(missing).toEqual([]);
  const shown = blocks.filter(({ language }) => language === 'text').flatMap(({ text }) => shownLines(text));
  expect(shown.length).toBeGreaterThan(15);
}, 300_000);
