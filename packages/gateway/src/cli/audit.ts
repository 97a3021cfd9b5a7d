/**
 * `sallyport audit`: the audit trail of this state, also without a gateway that runs: whether it is as it was written, its
 * newest records, all of them, and a page about them. It changes nothing.
 */
import type { Command } from 'commander';
import { allRecords } from '../audit/in-order.ts';
import { readAnchors, verifyTrail, type Anchor, type Verified } from '../audit/verify.ts';
import { findTrail, openTrail, periodOf, WHO } from './audit-read.ts';
import { reportOf, reportText } from './audit-report.ts';
import { registerTail } from './audit-tail.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { printResult } from './output.ts';
import { count, oneLine } from './text.ts';

interface PeriodOptions {
  readonly since?: string;
  readonly until?: string;
  readonly principal?: string;
}

const MAX_ANCHOR_BYTES = 16 * 1024 * 1024;
const SINCE = 'not before: a time (2027-01-31T12:00:00Z), or how long ago (24h, 30d)';
const UNTIL = 'not after: a time, or how long ago';

export function register(program: Command, context: CliContext): void {
  const audit = program
    .command('audit')
    .summary('the audit trail')
    .description('Shows and checks the audit trail of this state. No gateway needs to run.');
  audit
    .command('verify')
    .summary('whether it is as it was written')
    .description(
      'Follows every chain from its beginning and names the first bad record of each. What `audit verify --json` prints is an anchor: kept elsewhere, it also shows a trail that was replaced by somebody with the master key.',
    )
    .option('--anchor <FILE>', 'what an earlier `audit verify --json` printed')
    .action(async (options: { readonly anchor?: string }, command: Command) => verify(context, options, command));
  registerTail(audit, context);
  audit
    .command('export')
    .summary('all records, one a line, as JSON')
    .option('--since <WHEN>', SINCE)
    .option('--until <WHEN>', UNTIL)
    .option('--principal <WHO>', WHO)
    .action(async (options: PeriodOptions) => {
      const trail = await openTrail(context, options.principal);
      const period = periodOf(options, context.now());
      for await (const { line } of allRecords(trail, period)) context.stdout.write(`${line}\n`);
    });
  audit
    .command('report')
    .summary('a page for a person: who, what, refusals, gaps')
    .option('--since <WHEN>', SINCE)
    .option('--until <WHEN>', UNTIL)
    .option('--principal <WHO>', WHO)
    .action(async (options: PeriodOptions, command: Command) => {
      const trail = await openTrail(context, options.principal);
      const report = await reportOf(allRecords(trail, periodOf(options, context.now())));
      const verified = await verifyTrail(trail.folder, trail.keys);
      const value = { ...report, problems: verified.problems };
      const text = `${reportText(report, context.columns())}\n\n${verifiedText(verified)}`;
      printResult(context, globalsOf(command, context), value, text);
    });
}

async function verify(context: CliContext, { anchor }: { anchor?: string }, command: Command): Promise<void> {
  const anchors = anchor === undefined ? [] : await readAnchor(context, anchor);
  const trail = await findTrail(context);
  const verified = await verifyTrail(trail.folder, trail.keys, anchors);
  printResult(context, globalsOf(command, context), verified, verifiedText(verified));
  if (verified.problems.length > 0) context.exit(exitCodes.failed);
}

function verifiedText({ chains, notes, problems }: Verified): string {
  const records = chains.reduce((sum, chain) => sum + chain.records, 0);
  const lines = problems.map(({ chain, file, message, seq }) => {
    const place = seq === undefined ? '' : `, record ${seq}`;
    return `BAD ${oneLine(file ?? chain)}${place}: ${message}`;
  });
  const all = `${count(records, 'record')} in ${count(chains.length, 'chain')}`;
  const result =
    problems.length === 0
      ? `The trail is whole: ${all}.`
      : `The trail is NOT whole: ${all} are good before what is bad.`;
  return [...lines, ...notes.map((note) => `note: ${note}`), result].join('\n');
}

async function readAnchor({ files }: CliContext, path: string): Promise<readonly Anchor[]> {
  const text = Buffer.from(await files.read(path, MAX_ANCHOR_BYTES)).toString('utf8');
  const anchors = chainsIn(text);
  if (anchors === undefined) {
    throw new CliError(`${path} is no anchor: it is what \`audit verify --json\` printed`, exitCodes.usage);
  }
  return anchors;
}

function chainsIn(text: string): readonly Anchor[] | undefined {
  try {
    return readAnchors((JSON.parse(text) as { readonly chains: unknown }).chains);
  } catch {
    return undefined;
  }
}
