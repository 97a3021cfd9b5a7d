/** `sallyport audit tail [-f]`: the newest records, and those that come. */
import type { Command } from 'commander';
import { listChains, type ChainFiles } from '../audit/folder.ts';
import { readRecord, type AuditRecord, type ReadRecord } from '../audit/in-order.ts';
import { recordsOf } from '../audit/read.ts';
import { openTrail, WHO, type OpenTrail } from './audit-read.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';
import { createInterrupt } from './interrupt.ts';
import { oneLine } from './text.ts';

interface TailOptions {
  readonly follow: boolean;
  readonly lines: string;
  readonly principal?: string;
}

/** Chains of verbs are short: the newest records are in those that are open and in so many of the newest. */
const NEWEST_CHAINS = 50;
/** Changes that come closer together are read together; without a word from the system it is looked so often. */
const GATHER_MS = 200;
const LOOK_MS = 1000;

export function registerTail(audit: Command, context: CliContext): void {
  audit
    .command('tail')
    .summary('the newest records')
    .option('-f, --follow', 'go on as more are written, until Ctrl+C', false)
    .option('-n, --lines <N>', 'so many of the last records', '20')
    .option('--principal <WHO>', WHO)
    .action(async ({ follow, lines, principal }: TailOptions, command: Command) => {
      const wanted = Number(lines);
      if (!Number.isInteger(wanted) || wanted < 0) {
        throw new CliError(`--lines: expected a whole number, not ${lines}`, exitCodes.usage);
      }
      const { json } = globalsOf(command, context);
      const print = (found: readonly ReadRecord[]): void =>
        void context.stdout.write(found.map(({ line, record }) => `${json ? line : textOf(record)}\n`).join(''));
      const trail = await openTrail(context, principal);
      const reader = new Reader(trail);
      const newest = await reader.more(trail.chains.slice(-NEWEST_CHAINS).map(({ chain }) => chain));
      print(wanted === 0 ? [] : newest.slice(-wanted));
      if (follow) await goOn(context, reader, print);
    });
}

/** Where it has read to in each chain. */
class Reader {
  readonly #trail: OpenTrail;
  readonly #places: Map<string, { readonly segment: number; readonly end: number }> = new Map();

  /** Chains that had ended before, and are of no interest. */
  readonly #passed: Set<string> = new Set();

  constructor(trail: OpenTrail) {
    this.#trail = trail;
  }

  /** What has come since, by its time. `only`: of chains that are closed, these alone. */
  async more(only?: readonly string[]): Promise<readonly ReadRecord[]> {
    const kept: KeptLine[] = [];
    for (const files of await listChains(this.#trail.folder)) {
      if (only !== undefined && !files.isOpen && !only.includes(files.chain)) this.#passed.add(files.chain);
      if (!this.#passed.has(files.chain)) kept.push(...(await this.#read(files, only !== undefined)));
    }
    // Whom they are about was kept before they were.
    if (kept.length > 0) await this.#trail.refresh();
    return kept
      .flatMap(({ chain, text }) => readRecord(text, chain, this.#trail) ?? [])
      .toSorted((one, other) => one.timeMs - other.timeMs);
  }

  /** Of a chain that was there already, the last segment is enough for the newest records. */
  async #read({ chain, segments }: ChainFiles, isFirst: boolean): Promise<readonly KeptLine[]> {
    const { folder, keys } = this.#trail;
    const place = this.#places.get(chain);
    const from = place?.segment ?? segments.at(isFirst ? -1 : 0) ?? 0;
    const found: KeptLine[] = [];
    for (const segment of segments.filter((each) => each >= from)) {
      let end = segment === place?.segment ? place.end : 0;
      for await (const record of recordsOf(folder, chain, segment, keys, end)) {
        end = record.end;
        found.push({ chain, text: record.text });
      }
      this.#places.set(chain, { segment, end });
    }
    return found;
  }
}

/** A line as it is kept. */
interface KeptLine {
  readonly chain: string;
  readonly text: string;
}

async function goOn(context: CliContext, reader: Reader, print: (found: readonly ReadRecord[]) => void): Promise<void> {
  const { processes } = context;
  const interrupt = createInterrupt(context);
  const over = new AbortController();
  interrupt.onAsked(() => over.abort());
  try {
    while (!over.signal.aborted) {
      print(await reader.more());
      await processes.delay(LOOK_MS - GATHER_MS, over.signal);
    }
  } finally {
    interrupt.forget();
  }
}

/** A record as one line for a person. */
function textOf(record: AuditRecord): string {
  const { action, address, count, decision, durationMs, principal, reason, rule, server, target, time } = record;
  const what = [action, target ?? server].filter((part) => part !== undefined).join(' ');
  const more = [
    rule === undefined ? '' : `by ${rule}`,
    durationMs === undefined ? '' : `${durationMs} ms`,
    count === undefined ? '' : `${count} more`,
    reason ?? '',
  ].filter((part) => part !== '');
  const who = principal ?? address ?? '–';
  return `${time}  ${decision.padEnd(5)}  ${oneLine(who)}  ${oneLine(what)}${more.length > 0 ? `  (${oneLine(more.join(', '))})` : ''}`;
}
