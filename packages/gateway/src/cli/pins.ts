/**
 * `sallyport pins`: the definitions of tools that are pinned, what was offered since, and a word about it. It starts nothing;
 * a gateway that runs takes an approval over within a second.
 */
import type { Command } from 'commander';
import { didYouMean } from '../config/problems.ts';
import { canonicalId } from '../canonical-id.ts';
import { approve } from '../pins/approving.ts';
import type { Difference } from '../pins/changes.ts';
import { diffPins, reportPins, type PinDiff, type PinReport } from '../pins/report.ts';
import { globalsOf, type CliContext, type GlobalOptions } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { note, printResult } from './output.ts';
import { withPins, type OpenPins } from './pin-store.ts';
import { registerLock } from './pins-lock.ts';
import { count, cut, oneLine, painter, table } from './text.ts';

export function register(program: Command, context: CliContext): void {
  const pins = program
    .command('pins')
    .summary('definitions of tools, as they were first seen')
    .description(
      'Shows the tools whose definitions are pinned: new (as first seen), approved, changed, or quarantined. What is changed is seen with `pins diff` and taken with `pins approve`.',
    )
    .action(async (_options: unknown, command: Command) => list(context, globalsOf(command, context)));
  pins
    .command('diff')
    .summary('what is another than it was')
    .argument('[ID]', 'of one tool, `server__tool`')
    .action(async (id: string | undefined, _options: unknown, command: Command) =>
      diff(context, globalsOf(command, context), id),
    );
  pins
    .command('approve')
    .summary('take what is offered now')
    .argument('[IDS...]', 'of tools, `server__tool`')
    .option('--all', 'all of them', false)
    .action(async (ids: readonly string[], { all }: { readonly all: boolean }, command: Command) =>
      take(context, globalsOf(command, context), ids, all),
    );
  registerLock(pins, context);
}

function reported({ servers, setup }: OpenPins): PinReport[] {
  return servers.flatMap(({ locked, record, server }) => reportPins(server, record, locked, setup.mode));
}

async function list(context: CliContext, globals: GlobalOptions): Promise<void> {
  const { mode, rows } = await withPins(context, globals, async (open) => ({
    mode: open.setup.mode,
    rows: reported(open),
  }));
  if (mode === 'off') note(context, 'note: `guard.pins.mode` is off: nothing is held against these');
  const text =
    rows.length === 0
      ? 'Nothing is pinned yet: tools are, when their server is first asked what it has.'
      : table(
          ['ID', 'STATE', 'HASH', 'CHANGES'].map((title) => ({ title })),
          rows.map(({ changes, hash, id, state }) => [
            oneLine(id),
            state,
            hash.slice(0, 12),
            changes.map(oneLine).join(', '),
          ]),
          context.columns(),
        ).join('\n');
  printResult(context, globals, rows, text);
}

async function diff(context: CliContext, globals: GlobalOptions, id: string | undefined): Promise<void> {
  const found = await withPins(context, globals, async (open) => {
    if (id !== undefined) known(open, [id]);
    return open.servers.flatMap(({ locked, record, server }) => diffPins(server, record, locked, open.setup.mode));
  });
  const wanted = found.filter((each) => id === undefined || each.id === id);
  const paint = painter(globals.color && context.columns() !== undefined);
  const text =
    wanted.length === 0 ? 'Nothing waits for a word.' : wanted.map((each) => diffText(each, paint)).join('\n\n');
  printResult(context, globals, wanted, text);
}

/** A value that nobody can read in a terminal is cut; `--json` has it whole. */
const MAX_VALUE_CELLS = 2000;

function diffText({ changes, differences, hash, id, state }: PinDiff, paint: ReturnType<typeof painter>): string {
  const shown = (sign: string, value: string): string => `    ${sign} ${cut(visible(value), MAX_VALUE_CELLS)}`;
  const lines = differences.flatMap(({ after, before, path }: Difference) => [
    `  ${visible(path)}`,
    ...(before === undefined ? [] : [paint('red', shown('-', before))]),
    ...(after === undefined ? [] : [paint('green', shown('+', after))]),
  ]);
  return [
    paint('bold', `${visible(id)}: ${state}, ${hash.slice(0, 12)}`),
    ...changes.map((change) => `  ! ${visible(change)}`),
    ...lines,
  ].join('\n');
}

/** What cannot be seen is what somebody would hide: it is spelled out. */
function visible(text: string): string {
  const spelled = text.replaceAll(
    /[^\P{C}\n\t]|[\p{Zl}\p{Zp}\p{Variation_Selector}]/gu,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
  return oneLine(spelled);
}

async function take(context: CliContext, globals: GlobalOptions, ids: readonly string[], all: boolean): Promise<void> {
  if (all === ids.length > 0) {
    throw new CliError('name the tools to approve, or say --all', exitCodes.usage);
  }
  const done = await withPins(context, globals, async (open) => {
    if (!all) known(open, ids);
    const wanted = new Set(ids);
    const taken: { readonly id: string; readonly hash: string }[] = [];
    for (const { server } of open.servers) {
      const wants = (name: string): boolean => all || wanted.has(canonicalId(server, name));
      if (!all && ![...wanted].some((id) => id.startsWith(canonicalId(server, '')))) continue;
      const target = all
        ? `${canonicalId(server, '')}*`
        : ids.filter((id) => id.startsWith(canonicalId(server, ''))).join(' ');
      const approved = await open.audited({ action: 'pins.approve', target }, () => approve(open.store, server, wants));
      taken.push(...approved.map(({ hash, name }) => ({ id: canonicalId(server, name), hash })));
    }
    return taken;
  });
  const text =
    done.length === 0
      ? 'Nothing waited for a word.'
      : [
          `approved: ${count(done.length, 'definition')}`,
          ...done.map(({ hash, id }) => `  ${oneLine(id)}  ${hash.slice(0, 12)}`),
        ].join('\n');
  printResult(context, globals, done, text);
}

function known(open: OpenPins, ids: readonly string[]): void {
  const all = reported(open).map(({ id }) => id);
  for (const id of ids) {
    if (all.includes(id)) continue;
    throw new CliError(
      `no tool \`${oneLine(id)}\` is pinned${didYouMean(id, all)}. See \`sallyport pins\``,
      exitCodes.failed,
    );
  }
}
