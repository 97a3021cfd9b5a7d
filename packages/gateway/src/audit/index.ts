/**
 * The audit trail: a record for every call with its decision, and for what else happens, in a chain of hashes on the disk
 * (docs/AUDIT.md). A call is recorded in memory and written off its path. It decides nothing, except that nothing more
 * happens when it can no longer be recorded.
 */

import { open as openFile } from 'node:fs/promises';
import type { Call } from '../call.ts';
import { ChainFile, type Linked, type OpenFile } from './chain-file.ts';
import type { TrailKeys } from './folder.ts';
import { openChain, type OpenedChain } from './open.ts';
import { createRecordMaker, type RecordOptions } from './record.ts';
import { findOld, removeOld, type RetentionOptions } from './retention.ts';
import { openSinks, type Sinks, type SinkParts } from './sinks/index.ts';
import { Trail } from './trail.ts';
import type { Audit, AuditEvent, AuditSettings, AuditType, RecordedPeople, RecordEvent } from './types.ts';

export type { Audit, AuditEvent, AuditSettings, RecordedPeople, RecordEvent } from './types.ts';

export interface AuditOptions extends Omit<SinkParts, 'onLost' | 'outward'> {
  /** What happens to the trail itself, when it happens: a record comes late, or never. */
  readonly told?: RecordEvent;
  readonly settings: AuditSettings;
  /** The folder of the trail. */
  readonly folder: string;
  readonly keys: TrailKeys & {
    /** Encrypts a batch. */
    readonly seal: (plain: string, bound: string) => string;
  };
  readonly redact: RecordOptions['redact'];
  readonly people: RecordedPeople;
  readonly traceIdOf: (exchange: Call['exchange']) => string | undefined;
  readonly pid: number;
  /** What the first record says of this process besides. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly openFile?: OpenFile;
  /** A segment that has so many bytes is followed by another. */
  readonly segmentBytes?: number;
}

const SEGMENT_BYTES = 64 * 1024 * 1024;
/** How often it is looked for what is too old. */
const RETENTION_EVERY_MS = 6 * 60 * 60 * 1000;

/** Where there is no trail. */
export const NO_AUDIT: Audit = {
  record: () => undefined,
  blocked: () => undefined,
  ended: () => undefined,
  notes: () => [],
  close: () => Promise.resolve(),
};

/** Opens a chain of its own. Rejects with an error for a person when there can be none: then nothing may begin. */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const { folder, keys, now, pid } = options;
  const opened = await openChain({ folder, keys, now, pid });
  const room = new AuditRoom(options, opened);
  try {
    await room.begin();
  } catch (error) {
    await room.close();
    throw error;
  }
  return room;
}

class AuditRoom implements Audit {
  readonly #options: AuditOptions;
  readonly #opened: OpenedChain;
  readonly #file: ChainFile;
  readonly #trail: Trail;
  readonly #maker: ReturnType<typeof createRecordMaker>;
  readonly #sinks: Sinks;
  readonly #types: ReadonlySet<AuditType>;
  readonly #isStrict: boolean;
  #cancelRetention: (() => void) | undefined;
  #removing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: AuditOptions, opened: OpenedChain) {
    const { folder, keys, log, now, people, settings, setTimer } = options;
    this.#options = options;
    this.#opened = opened;
    this.#types = new Set(settings.events);
    this.#isStrict = settings.durability === 'strict';
    this.#maker = createRecordMaker({ ...options, values: settings.values });
    this.#sinks = openSinks(settings, {
      ...options,
      outward: (line) => people.outward(line),
      onLost: (target, dropped) =>
        this.#tell(dropped === undefined ? 'audit.recover' : 'audit.drop', { target, dropped }),
    });
    this.#file = new ChainFile({
      folder,
      chain: opened.chain,
      macKey: keys.mac,
      seal: settings.encrypt ? keys.seal : undefined,
      openFile: options.openFile ?? openFile,
      now,
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
    });
    this.#trail = new Trail({
      file: {
        link: (members) => this.#file.link(members),
        // What nobody could read is not written.
        append: async (records) => {
          await people.saved();
          await this.#file.append(records);
        },
      },
      isStrict: this.#isStrict,
      setTimer,
      gapText: ({ count, fromMs, toMs }) => {
        this.#tell('audit.gap');
        return this.#maker.eventText({
          type: 'admin_actions',
          action: 'audit.gap',
          decision: 'error',
          reason: 'The trail could not be written: so many calls were refused and so many events were not recorded.',
          facts: { missed: count, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() },
        });
      },
      onWritten: (records: readonly Linked[]) => this.#sinks.take(records),
      onFailure: (isOver) => this.#tell(isOver ? 'audit.recover' : 'audit.fail'),
      log,
      now,
    });
  }

  /** The first record: it is on the disk before anything else happens. */
  async begin(): Promise<void> {
    const { cut, former, recovered } = this.#opened;
    const { facts, pid } = this.#options;
    const isWritten = await this.#trail.commit({
      text: () =>
        this.#maker.eventText({
          type: 'admin_actions',
          action: 'audit.start',
          decision: 'allow',
          facts: {
            ...facts,
            pid,
            chain: this.#opened.chain,
            ...(former !== undefined && { former }),
            ...(recovered.length > 0 && { recovered }),
            ...(cut.length > 0 && { cut }),
          },
        }),
    });
    if (!isWritten) {
      const { folder } = this.#options;
      throw new Error(
        `The audit trail in ${folder} ${this.#trail.failure ?? 'cannot be written'}. Make room or repair the folder; \`audit.enabled: false\` runs without a trail.`,
      );
    }
    for (const { chain, tornBytes } of recovered) {
      this.#options.log('warn', 'a process that wrote the audit trail was killed', { chain, tornBytes });
    }
    for (const chain of cut) {
      this.#options.log('error', 'a chain of the audit trail is not whole: see `sallyport audit verify`', { chain });
      this.#tell('audit.broken', { target: chain });
    }
    await this.#removal();
  }

  #tell(action: string, { dropped, target }: { target?: string; dropped?: number | undefined } = {}): void {
    const decision = action === 'audit.recover' ? 'allow' : 'error';
    const facts = dropped !== undefined && { facts: { dropped } };
    this.#options.told?.({ type: 'admin_actions', action, decision, target, ...facts });
  }

  readonly record = (event: AuditEvent): void => {
    if (this.#types.has(event.type)) this.#trail.add(this.#maker.ofEvent(event));
  };

  blocked(): string | undefined {
    const reason = this.#trail.blocked();
    if (reason !== undefined) this.#trail.missed();
    return reason;
  }

  ended(...[call, answer, durationMs]: Parameters<Audit['ended']>): Promise<boolean> | undefined {
    const entry = this.#maker.ofCall(call, answer, durationMs);
    if (!this.#types.has(entry.type)) return undefined;
    if (this.#isStrict) return this.#trail.commit(entry);
    this.#trail.add(entry);
    return undefined;
  }

  notes(): readonly string[] {
    const { failure } = this.#trail;
    return [...(failure === undefined ? [] : [`the audit trail ${failure}`]), ...this.#sinks.notes()];
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#cancelRetention?.();
    await this.#removing;
    this.#trail.add({
      text: () => this.#maker.eventText({ type: 'admin_actions', action: 'audit.stop', decision: 'allow' }),
    });
    await this.#trail.close();
    await this.#sinks.close();
    await this.#file.close();
    await this.#opened.end();
  }

  #removal(): Promise<void> {
    this.#removing = this.#removeOld();
    return this.#removing;
  }

  /** A record of it is on the disk first. That it fails stops nothing: the files are still there. */
  async #removeOld(): Promise<void> {
    const { folder, keys, log, now, setTimer, settings } = this.#options;
    const options: RetentionOptions = {
      folder,
      keys,
      now,
      retentionMs: settings.retentionMs,
      own: this.#opened.chain,
    };
    try {
      for (const old of await findOld(options)) {
        const isWritten = await this.#trail.commit({
          text: () =>
            this.#maker.eventText({
              type: 'admin_actions',
              action: 'audit.remove',
              decision: 'allow',
              reason: 'Older than audit.retention.',
              facts: { removed: old },
            }),
        });
        if (!isWritten) break;
        await removeOld(old, options, (first) => this.#file.startsAt(first));
        log('info', 'records of the audit trail were removed: they are older than audit.retention', {
          chain: old.chain,
          segments: old.segments.length,
        });
      }
    } catch (error) {
      log('error', 'old records of the audit trail could not be removed', { error: String(error) });
    }
    if (this.#closing === undefined) {
      this.#cancelRetention = setTimer(() => void this.#removal(), RETENTION_EVERY_MS);
    }
  }
}
