/** `sallyport add io.github.owner/name`: a server of the registry, its version pinned, its values asked for. */
import { variableName } from '../clients/index.ts';
import { escapeLiteral } from '../config/expand.ts';
import { shorten } from '../config/problems.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { changeAll, createFirst } from './edit.ts';
import { CliError, exitCodes } from './exit.ts';
import { problemOf } from './import-plan.ts';
import { note } from './output.ts';
import { openRegistry } from './registry.ts';
import { waysOf, type Need, type Way } from './registry-server.ts';
import { newSecrets, type NewSecrets } from './secret-new.ts';
import { oneLine } from './text.ts';

export interface ListedOptions {
  readonly registry?: string;
  readonly as?: string;
  readonly via?: string;
  /** `NAME=VALUE`. */
  readonly given: Readonly<Record<string, string>>;
  readonly description?: string;
}

export interface AddedListed {
  readonly path: string;
  readonly name: string;
  readonly server: Readonly<Record<string, unknown>>;
  readonly version: string;
}

/** `io.github.owner/name`, perhaps with `@1.2.3`. */
export function isListedName(name: string): boolean {
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)+\/[\w.-]+(?:@[\w.+-]+)?$/i.test(name);
}

export async function addListed(
  context: CliContext,
  globals: GlobalOptions,
  wanted: string,
  options: ListedOptions,
): Promise<AddedListed> {
  const [full = '', version] = wanted.split('@');
  const listed = await (await openRegistry(context, globals, options.registry)).find(full, version);
  if (listed === undefined) {
    throw new CliError(`the registry has no ${oneLine(wanted)}. Look with \`sallyport search\``, exitCodes.failed);
  }
  if (listed.status === 'deleted') {
    throw new CliError(`${full} ${oneLine(listed.version)} was taken out of the registry`, exitCodes.refused);
  }
  if (listed.status !== 'active') {
    const why = listed.statusMessage === undefined ? '' : `: ${oneLine(listed.statusMessage)}`;
    note(context, `warning: ${full} ${oneLine(listed.version)} is ${oneLine(listed.status)}${why}`);
  }
  const { ways, left } = waysOf(listed.detail);
  const way = await chooseWay(context, full, ways, left, options.via);
  await createFirst(context, globals);
  const store = await newSecrets(context, globals);
  const { answers, secrets } = await answersOf(context, way, options.given, store.nameFor);
  const server = way.server(answers, escapeLiteral);
  const description = options.description ?? shorten(oneLine(listed.description));
  const name = options.as ?? nameOf(full);
  const value = { ...server, ...(description !== '' && { description: escapeLiteral(description) }) };
  const problem = await problemOf(name, value);
  if (problem !== undefined) throw new CliError(`${full} cannot be added: ${oneLine(problem)}`, exitCodes.failed);
  await store.set(secrets);
  const { path } = await changeAll(context, globals, [{ kind: 'put', name, server: value }]);
  return { path, name, server: value, version: listed.version };
}

async function chooseWay(
  context: CliContext,
  name: string,
  ways: readonly Way[],
  left: readonly string[],
  via: string | undefined,
): Promise<Way> {
  const fitting = via === undefined ? ways : ways.filter(({ kind }) => kind === via);
  const [first] = fitting;
  if (first === undefined) {
    const kinds = [...new Set(ways.map(({ kind }) => kind))];
    const had = via === undefined || kinds.length === 0 ? '' : `; it has ${kinds.join(', ')}`;
    throw new CliError(
      [`${name} cannot be added${via === undefined ? '' : ` via ${oneLine(via)}`}${had}`, ...left.map(oneLine)].join(
        '\n',
      ),
      exitCodes.failed,
    );
  }
  if (fitting.length === 1 || !context.isTerminal) return first;
  const choices = fitting.map((way, index) => ({ value: String(index), label: `${way.kind}  ${oneLine(way.label)}` }));
  const chosen = await context.prompts.choose({ message: `How to run ${name}?`, choices, initial: '0' });
  const way = fitting[Number(chosen ?? Number.NaN)];
  if (way === undefined) throw new CliError('nothing was added', exitCodes.failed);
  return way;
}

/** Texts in the syntax of the configuration, and values for the secret store. */
async function answersOf(
  context: CliContext,
  { needs }: Way,
  given: Readonly<Record<string, string>>,
  nameFor: NewSecrets['nameFor'],
): Promise<{ readonly answers: ReadonlyMap<string, string>; readonly secrets: ReadonlyMap<string, string> }> {
  const answers = new Map<string, string>();
  const secrets = new Map<string, string>();
  const unknown = Object.keys(given).find((id) => !needs.some((need) => need.id === id));
  if (unknown !== undefined) {
    const names = needs.map(({ id }) => id).join(', ') || 'nothing';
    throw new CliError(`--env ${oneLine(unknown)}: it takes ${oneLine(names)}`, exitCodes.usage);
  }
  for (const need of needs) {
    const { id, required, secret } = need;
    const asked = given[id] ?? (required && context.isTerminal ? await ask(context, need) : '');
    if (asked === '') {
      if (required) answers.set(id, standIn(context, need));
    } else if (secret) {
      const name = nameFor(variableName(id));
      answers.set(id, `\${secret:${name}}`);
      secrets.set(name, asked);
    } else answers.set(id, escapeLiteral(asked));
  }
  return { answers, secrets };
}

/** What stands where nobody gave a value: the one that the publisher names, else a variable. */
function standIn(context: CliContext, { id, fallback, description }: Need): string {
  if (fallback !== undefined) return escapeLiteral(fallback);
  const variable = variableName(id);
  const what = description === '' ? '' : ` (${oneLine(description)})`;
  note(
    context,
    `${oneLine(id)} is needed${what}: set the variable ${variable} for the gateway, or give it with --env ${oneLine(id)}=VALUE`,
  );
  return `\${${variable}}`;
}

async function ask({ prompts }: CliContext, { id, description, secret, fallback, choices }: Need): Promise<string> {
  const message = `${oneLine(id)}${description === '' ? '' : `: ${oneLine(description)}`}`;
  const answer =
    choices !== undefined
      ? await prompts.choose({ message, choices: choices.map((value) => ({ value, label: oneLine(value) })) })
      : secret
        ? await prompts.hidden({ message })
        : await prompts.text({ message, initial: fallback ?? '', problem: () => undefined });
  if (answer === undefined) throw new CliError('nothing was added', exitCodes.failed);
  return answer;
}

/** The last part of the name, as far as the configuration takes it. */
function nameOf(full: string): string {
  const last = full.slice(full.lastIndexOf('/') + 1);
  const plain = last
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/_{2,}/g, '_')
    .replace(/^[-_]+/, '');
  return plain.slice(0, 32).replace(/[-_]+$/, '') || 'server';
}
