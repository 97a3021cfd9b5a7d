/**
 * Copies of the records elsewhere. They are written to the trail first; a sink that is slow or away holds nobody up, and what
 * it never gets is counted and said.
 */

import type { AuditSettings, SinkSettings } from '../types.ts';
import { createFileSink } from './file.ts';
import { createHttpSink } from './http.ts';
import { openQueue, type Queue } from './queue.ts';
import { createSyslogSink } from './syslog.ts';
import type { Sink, SinkParts } from './types.ts';

export { createPostSink } from './http.ts';
export { openQueue } from './queue.ts';
export { createSyslogSink } from './syslog.ts';
export type { Sink, SinkParts } from './types.ts';

export interface Sinks {
  take(records: readonly { readonly line: string }[]): void;
  notes(): readonly string[];
  /** Gives them a moment for what is left. */
  close(): Promise<void>;
}

export function openSinks({ file, sinks }: Pick<AuditSettings, 'file' | 'sinks'>, parts: SinkParts): Sinks {
  const all: readonly SinkSettings[] = [
    ...(file === undefined ? [] : [{ type: 'file' as const, path: file }]),
    ...sinks,
  ];
  const queues = all.map((settings): Queue => openQueue(createSink(settings, parts), parts));
  return {
    take: (records) => {
      if (queues.length === 0) return;
      const lines = records.map(({ line }) => parts.outward(line));
      for (const queue of queues) queue.add(lines);
    },
    notes: () => queues.flatMap((queue) => queue.note() ?? []),
    close: async () => {
      await Promise.all(queues.map((queue) => queue.close()));
    },
  };
}

function createSink(settings: SinkSettings, parts: SinkParts): Sink {
  if (settings.type === 'file') return createFileSink(settings.path);
  return settings.type === 'syslog' ? createSyslogSink(settings, parts) : createHttpSink(settings, parts);
}
