/**
 * `sallyport principal export WHO`: everything that this state keeps of somebody, as one JSON document: for a request of access
 * (GDPR Art. 15). Secrets, and hashes of them, are not in it.
 */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import { allRecords } from '../audit/in-order.ts';
import { nameOf, type Named } from '../privacy/index.ts';
import { openTrail } from './audit-read.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { timeText } from './key-words.ts';
import { note, printResult } from './output.ts';
import { isUser, readPrincipal } from './principal-name.ts';
import { isNothing, readKept, withState, type Kept, type KeptRecord } from './principal-state.ts';
import { count, oneLine } from './text.ts';

export const ISSUER = 'who issued the token or certificate; without it WHO is the name of a key, or ISSUER#SUBJECT';

interface Options {
  readonly issuer?: string;
  readonly out?: string;
}

export function registerExport(principal: Command, context: CliContext): void {
  principal
    .command('export')
    .summary('everything that is kept of somebody, as JSON')
    .description(
      'Writes everything that this state keeps of somebody, with the records of the audit trail, as one JSON document. Secrets are not in it. No gateway needs to run.',
    )
    .argument('<WHO>', 'the name of a key, or ISSUER#SUBJECT')
    .option('--issuer <ISSUER>', ISSUER)
    .option('--out <FILE>', 'a new file, for you alone (0600); else stdout')
    .action(async (name: string, options: Options, command: Command) => {
      const globals = globalsOf(command, context);
      const who = readPrincipal(name, options.issuer);
      const path = options.out === undefined ? undefined : resolve(context.cwd, options.out);
      if (path !== undefined && (await context.files.exists(path))) {
        throw new CliError(`${path} is there already: name another file`, exitCodes.usage);
      }
      const kept = await withState(context, globals, async (open) => {
        const found = await (await readKept(open)).of(who);
        if (!isUser(who) && isNothing(found)) {
          throw new CliError(`nothing is kept of ${oneLine(nameOf(who))}`, exitCodes.failed);
        }
        await open.audited({ action: 'principal.export', target: nameOf(who) }, async () => {});
        return found;
      });
      const written = await write(context, path, documentOf(context, who, kept), recordLines(context, who));
      if (path === undefined) return;
      printResult(
        context,
        globals,
        { path, records: written },
        `${path}: ${count(written, 'record')} of the audit trail`,
      );
      note(context, 'It holds personal data: hand it over safely, and remove it afterwards.');
    });
}

/** What is kept, but for the records of the trail, which come last. */
function documentOf({ now, version }: CliContext, who: Named, kept: Kept): Readonly<Record<string, unknown>> {
  const { identities, isConfigured, isDisabled, keys, logins, records } = kept;
  return {
    principal: { issuer: who.issuer, subject: who.subject },
    exported: timeText(now()),
    sallyport: version,
    pseudonyms: identities.map(({ pseudonym, seenMs }) => ({ pseudonym, lastSeen: timeText(seenMs) })),
    disabled: isDisabled,
    keys,
    keyInConfiguration: isConfigured,
    logins,
    stored: records.map(storedView),
  };
}

/** What opens something, and hashes of it. */
const SECRET = /hash|secret|token|code|challenge|verifier|cookie|^current$|^previous$|^browser$/i;

function storedView({ collection, expiresAtMs, key, value }: KeptRecord): object {
  return {
    collection,
    // The keys of some are what a link or cookie is found by.
    ...(collection.startsWith('catalog') && { key }),
    ...(expiresAtMs !== undefined && { expires: timeText(expiresAtMs) }),
    value: withoutSecrets(value),
  };
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => (SECRET.test(name) ? [] : [[name, withoutSecrets(member)]])),
  );
}

/** Where there is no trail there are none. */
async function* recordLines(context: CliContext, who: Named): AsyncGenerator<string> {
  const trail = await openTrail(context, nameOf(who)).catch((error: unknown) => {
    if (!(error instanceof CliError)) throw error;
    note(context, `note: ${oneLine(error.message)}`);
    return undefined;
  });
  if (trail !== undefined) for await (const { line } of allRecords(trail)) yield line;
}

/** Record by record: a trail is larger than what fits into memory. Gives how many there were. */
async function write(
  { stdout }: CliContext,
  path: string | undefined,
  document: Readonly<Record<string, unknown>>,
  records: AsyncIterable<string>,
): Promise<number> {
  const file = path === undefined ? undefined : createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
  const put = async (text: string): Promise<void> => {
    if (file === undefined) stdout.write(text);
    else if (!file.write(text)) await once(file, 'drain');
  };
  let written = 0;
  await put(`${JSON.stringify(document, null, 2).slice(0, -2)},\n  "records": [`);
  for await (const line of records) {
    await put(`${written === 0 ? '' : ','}\n    ${line}`);
    written += 1;
  }
  await put(`${written === 0 ? '' : '\n  '}]\n}\n`);
  if (file !== undefined) await finished(file.end());
  return written;
}
