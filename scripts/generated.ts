/**
 * The files that are made from the sources and committed: writes them anew, or with `--check` says which are stale.
 * A file whose generator does not exist yet is skipped by name, unless the file is there already.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { capture, outputOf, type Capture, type Command } from './run.ts';
import { root } from './workspace.ts';

/** A generated file: `command` prints it, and needs the file `needs`. Paths are relative to the repository. */
export interface Generated {
  readonly file: string;
  readonly command: Command;
  readonly needs: string;
}

const generated: readonly Generated[] = [
  { file: 'test/exports.json', command: ['node', 'scripts/exports.ts'], needs: 'scripts/exports.ts' },
  {
    file: 'schema/sallyport.schema.json',
    command: ['node', 'packages/gateway/bin/sallyport.js', 'config', 'schema'],
    needs: 'packages/gateway/dist/cli.js',
  },
  { file: 'schema/openapi.json', command: ['node', 'scripts/openapi.ts'], needs: 'scripts/openapi.ts' },
  { file: 'docs/api/server.md', command: ['node', 'scripts/api.ts', 'server'], needs: 'scripts/api.ts' },
  { file: 'docs/api/client.md', command: ['node', 'scripts/api.ts', 'client'], needs: 'scripts/api.ts' },
];

/** Writes the files of `list`, or only compares them; answers the exit code. */
export function main(
  from: string,
  list: readonly Generated[],
  checkOnly: boolean,
  run: Capture,
  write: (line: string) => void,
): number {
  const states = list.map((each) => bringUpToDate(from, each, checkOnly, run));
  for (const { line } of states) write(line);
  const stale = states.some((each) => !each.fine);
  if (stale) write('Generated files are stale: npm run generate, look at the difference, commit it.');
  return stale ? 1 : 0;
}

function bringUpToDate(
  from: string,
  each: Generated,
  checkOnly: boolean,
  run: Capture,
): { fine: boolean; line: string } {
  const path = join(from, each.file);
  const present = existsSync(path);
  if (!existsSync(join(from, each.needs))) {
    return { fine: !present, line: `${each.file}: skipped, its generator ${each.needs} does not exist` };
  }
  const text = outputOf(run, each.command, from);
  if (text === '') throw new Error(`${each.command.join(' ')} printed nothing: ${each.file} would be empty`);
  if (present && readFileSync(path, 'utf8') === text) return { fine: true, line: `${each.file}: up to date` };
  if (checkOnly) return { fine: false, line: `${each.file}: ${present ? 'STALE' : 'MISSING'}` };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return { fine: true, line: `${each.file}: written` };
}

if (import.meta.main) {
  const checkOnly = process.argv.includes('--check');
  process.exitCode = main(root, generated, checkOnly, capture, (line) => void process.stdout.write(`${line}\n`));
}
