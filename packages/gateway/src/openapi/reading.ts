/** Reads a document in a thread of its own (thread.ts), and takes what comes of it piece by piece. */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { DocumentError } from './document.ts';
import type { About, FromThread, Order } from './messages.ts';
import { arrivedTool } from './sent-tool.ts';
import type { ApiTool } from './tool.ts';

export interface ReadApi extends About {
  readonly tools: readonly ApiTool[];
}

/** Of the thread: the largest document that is published takes a quarter of it. */
const THREAD_MIB = 768;

/** Rejects with `DocumentError`, or the signal's reason. */
export async function readInThread(order: Order, signal: AbortSignal): Promise<ReadApi> {
  signal.throwIfAborted();
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
    env: {},
    execArgv: [],
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_MIB },
  });
  worker.unref();
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  worker.on('error', (error) => ended.reject(new DocumentError(`the document cannot be read: ${error.message}`)));
  worker.on('exit', () => ended.reject(new DocumentError('the thread that read the document has ended')));
  const giveUp = (): void => ended.reject(signal.reason as Error);
  signal.addEventListener('abort', giveUp);
  const next = async (): Promise<FromThread> => {
    const [message] = (await Promise.race([once(worker, 'message'), ended.promise])) as [FromThread];
    return message;
  };
  try {
    return await gathered(worker, next);
  } finally {
    signal.removeEventListener('abort', giveUp);
    void worker.terminate();
  }
}

async function gathered(worker: Worker, next: () => Promise<FromThread>): Promise<ReadApi> {
  const first = await next();
  if (first.kind === 'refused') throw new DocumentError(first.message);
  const tools: ApiTool[] = [];
  for (;;) {
    worker.postMessage('more');
    const piece = await next();
    if (piece.kind !== 'tools' || piece.tools.length === 0) break;
    tools.push(...piece.tools.map(arrivedTool));
  }
  return { ...(first as Extract<FromThread, { readonly kind: 'about' }>).about, tools };
}
