/** `sallyport principal list`: who is known to this state, by what, and when each was last seen. */
import type { Command } from 'commander';
import { nameOf, type Named } from '../privacy/index.ts';
import { globalsOf, type CliContext } from './context.ts';
import { minuteText, timeText } from './key-words.ts';
import { printResult } from './output.ts';
import { readKept, withState, type Kept, type OpenState } from './principal-state.ts';
import { oneLine, table } from './text.ts';

/** How somebody is known. */
interface KnownPrincipal {
  readonly issuer: string;
  readonly subject: string;
  readonly pseudonyms: readonly string[];
  /** ISO 8601, to the day where nothing else tells; null: never. */
  readonly lastSeen: string | null;
  readonly keys: number;
  /** A key of this name stands in the configuration. */
  readonly configured: boolean;
  /** Servers at which there is a login. */
  readonly logins: readonly string[];
  /** Records of the store, by collection: sign-ins, grants, catalogues and the like. */
  readonly stored: Readonly<Record<string, number>>;
  readonly disabled: boolean;
}

export function registerList(principal: Command, context: CliContext): void {
  principal
    .command('list')
    .summary('who is known here, and when each was last seen')
    .description(
      'Lists everybody of whom this state keeps something: keys, sign-ins, grants, logins at servers, records of the audit trail. No gateway needs to run.',
    )
    .action(async (_options: unknown, command: Command) => {
      const globals = globalsOf(command, context);
      const principals = await withState(context, globals, listKnown);
      printResult(context, globals, { principals }, textOf(principals, context));
    });
}

async function listKnown(open: OpenState): Promise<readonly KnownPrincipal[]> {
  const kept = await readKept(open);
  const known: KnownPrincipal[] = [];
  for (const who of kept.everybody) known.push(describe(who, await kept.of(who)));
  return known.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}

function describe(who: Named, kept: Kept): KnownPrincipal {
  const { identities, isConfigured, isDisabled, keys, logins, records } = kept;
  const seen = [
    ...identities.map(({ seenMs }) => seenMs),
    ...keys.flatMap(({ lastUsed }) => (lastUsed === undefined || lastUsed === 0 ? [] : [lastUsed])),
  ];
  const stored: Record<string, number> = {};
  for (const { collection } of records) stored[collection] = (stored[collection] ?? 0) + 1;
  return {
    ...who,
    pseudonyms: identities.map(({ pseudonym }) => pseudonym),
    lastSeen: seen.length === 0 ? null : (timeText(Math.max(...seen)) ?? null),
    keys: keys.length,
    configured: isConfigured,
    logins: logins.map(({ server }) => server),
    stored,
    disabled: isDisabled,
  };
}

const TITLES = ['PRINCIPAL', 'LAST SEEN', 'KEPT', 'NOTE'];

function textOf(principals: readonly KnownPrincipal[], context: Pick<CliContext, 'columns'>): string {
  if (principals.length === 0) return 'Nobody is known here but the user of this machine.';
  const rows = principals.map((one) => [
    oneLine(nameOf(one)),
    one.lastSeen === null ? 'never' : minuteText(Date.parse(one.lastSeen)),
    keptText(one),
    one.disabled ? 'shut out' : '',
  ]);
  const columns = TITLES.map((title) => ({ title }));
  return table(columns, rows, context.columns()).join('\n');
}

function keptText({ configured, keys, logins, pseudonyms, stored }: KnownPrincipal): string {
  const parts = [
    ...(keys > 0 ? ['key'] : []),
    ...(configured ? ['key in the configuration'] : []),
    ...(logins.length > 0 ? [`logins: ${logins.join(', ')}`] : []),
    ...Object.entries(stored).map(([collection, count]) => `${collection}: ${count}`),
    ...(pseudonyms.length > 0 ? ['audit'] : []),
  ];
  return parts.length === 0 ? '–' : oneLine(parts.join('; '));
}
