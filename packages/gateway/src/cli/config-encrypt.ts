/**
 * `sallyport config encrypt`: moves literal secrets of a configuration into the secret store and writes `${secret:NAME}` in
 * their place. Without `--yes` it only says what it would do. It knows secrets by their names and shapes, so not all.
 */
import { isDeepStrictEqual } from 'node:util';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { draftOf, writtenPath, type Draft } from '../config/check-text.ts';
import { editTexts } from '../config/edit-texts.ts';
import { planMoves, withMoves, type Move, type MovePlan } from '../config/encrypt.ts';
import { findConfig } from '../config/find.ts';
import { configFormat } from '../config/load.ts';
import { configError, ConfigError } from '../config/problems.ts';
import { maxFileBytes } from '../config/source.ts';
import { configHash, lockPath } from '../config/trust.ts';
import { backendOf } from '../config/secrets.ts';
import type { Secrets } from '../secrets/index.ts';
import { trustStore } from './configuration.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note, printResult } from './output.ts';
import { openSecrets } from './secret-store.ts';

export function registerEncrypt(config: Command, context: CliContext): void {
  config
    .command('encrypt')
    .summary('move literal secrets of the file into the secret store')
    .description(
      'Shows which literal secrets of a configuration would become ${secret:NAME}; with --yes it keeps them in the secret store and writes that in their place, comments kept. Copies of the file, and versions in a repository, still hold them: change secrets that others could have read.',
    )
    .argument('[FILE]', 'the configuration; else the one that `serve` would use')
    .option('--yes', 'do it', false)
    .action(async (file: string | undefined, { yes }: { readonly yes: boolean }, command: Command) =>
      encrypt(context, file, yes, command),
    );
}

/** A file as it is, and what to do. */
type Task = {
  readonly path: string;
  readonly realPath: string;
  readonly before: Uint8Array;
  readonly draft: Draft;
  readonly plan: MovePlan;
  readonly secrets: Secrets;
  /** The text after it. */
  readonly after: string;
};

async function encrypt(context: CliContext, file: string | undefined, yes: boolean, command: Command): Promise<void> {
  const globals = globalsOf(command, context);
  const wanted = file === undefined ? globals.config : resolve(context.cwd, file);
  const { path } = await findConfig({ ...context, file: wanted, exists: context.files.exists });
  const task = await taskOf(context, path);
  const { moves, left } = task.plan;
  if (yes && moves.length > 0) await carryOut(context, task);
  for (const key of left)
    note(context, `left: ${key.join('.')} has variables in it, and a kept value is never expanded`);
  const shown = moves.map(({ path: key, name }) => ({ path: key.join('.'), name }));
  printResult(context, globals, { path, written: yes && moves.length > 0, moves: shown }, wordsOf(path, moves, yes));
  if (yes) noteLeftovers(context, task);
}

function wordsOf(path: string, moves: readonly Move[], yes: boolean): string {
  if (moves.length === 0) return `${path} holds no literal secret that is known as one.`;
  const lines = moves.map(({ path: key, text }) => `  ${key.join('.')}: ${text}`);
  const said = yes ? `changed: ${path}` : `${path} would be changed; --yes does it:`;
  return [said, ...lines].join('\n');
}

async function taskOf(context: CliContext, path: string): Promise<Task> {
  const { files } = context;
  const { realPath } = await files.checkTrusted(path);
  const before = await files.read(realPath, maxFileBytes);
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(before);
  const format = configFormat(path);
  const draft = await draftOf(path, text, format);
  if (draft.source.value === undefined || draft.source.problems.length > 0) throw configError(draft.problems);
  const backend = backendOf((draft.value as { readonly secrets?: unknown }).secrets, {
    env: context.env,
    files: new Map(),
  });
  const secrets = await openSecrets(context, backend);
  const plan = planMoves(draft.value, await storedValues(secrets));
  const changes = plan.moves.map((move) => ({ path: writtenPath(move.path, draft.moved), text: move.text }));
  if (format === 'toml') throw tomlRefusal(path, plan.moves);
  const after = editTexts(text, format, changes);
  const isRight =
    after !== undefined &&
    isDeepStrictEqual((await draftOf(path, after, format)).value, withMoves(draft.value, plan.moves));
  if (!isRight) {
    throw new CliError(
      `${path} is left as it is: its secrets cannot be replaced one by one (anchors and aliases stand in the way). Use \`sallyport secret set\` and write \${secret:NAME} by hand`,
      exitCodes.failed,
    );
  }
  return { path, realPath, before, draft, plan, secrets, after };
}

/** By name. */
export async function storedValues(secrets: Secrets): Promise<Map<string, string>> {
  const names = (await secrets.list()).flatMap(({ name }) => name ?? []);
  // A name with a damaged value is taken all the same: no text is equal to this one.
  const values = [...(await secrets.read(names))];
  return new Map(values.map(([name, value]): [string, string] => [name, typeof value === 'string' ? value : '']));
}

function tomlRefusal(path: string, moves: readonly Move[]): ConfigError {
  const lines = moves.map(
    ({ path: key, text, name }) => `  ${key.join('.')} = ${JSON.stringify(text)}   # sallyport secret set ${name}`,
  );
  return new ConfigError(`${path}: TOML is not rewritten. Set each secret and write:\n${lines.join('\n')}`);
}

/** First kept, then taken out: between the two a secret stands in both places, never in none. */
async function carryOut(context: CliContext, task: Task): Promise<void> {
  const { files } = context;
  const { path, realPath, before, after, plan, secrets } = task;
  const store = await trustStore(context);
  const lock = (await files.exists(lockPath(path))) ? await files.read(lockPath(path), maxFileBytes * 8) : undefined;
  const wasTrusted = await store.isTrusted(path, configHash(before, lock));
  await secrets.set(new Map(plan.moves.map(({ name, value }) => [name, value])));
  await files.replace(realPath, after);
  if (wasTrusted) await store.trust(path, configHash(new TextEncoder().encode(after), lock));
}

/** Shorter values may stand somewhere by chance. */
const SHORTEST = 8;

/** A comment, say, may repeat what was moved. */
function noteLeftovers(context: CliContext, { path, plan, after }: Task): void {
  const lines = after.split('\n');
  for (const { name, value } of plan.moves) {
    const index = value.length < SHORTEST ? -1 : lines.findIndex((line) => line.includes(value));
    if (index !== -1)
      note(context, `warning: the value of ${name} still stands in ${path}, line ${index + 1}: take it out by hand`);
  }
}
