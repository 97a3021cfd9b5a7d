/** For tests: calls of a client, what they hear meanwhile, and timers that a test fires. Nothing of the package imports it. */

import type { JsonRpcNotification, JsonRpcRequest } from '@sallyport/wire';
import type { SetTimer } from '../clock.ts';
import { UpstreamError, type Cause, type Outgoing, type ServerRequestAnswer, type UpstreamAnswer } from '../leg.ts';
import { Inbox } from './inbox.ts';

export class TestCause implements Cause {
  readonly notes: Inbox<JsonRpcNotification> = new Inbox();
  readonly asked: Inbox<JsonRpcRequest> = new Inbox();
  reply: Promise<ServerRequestAnswer> = Promise.resolve({ result: { roots: [] } });

  notify(message: JsonRpcNotification): void {
    this.notes.push(message);
  }

  ask(message: JsonRpcRequest): Promise<ServerRequestAnswer> {
    this.asked.push(message);
    return this.reply;
  }
}

export function callOf(more: Partial<Outgoing> = {}): Outgoing {
  return {
    method: 'tools/call',
    name: 'echo',
    text: (id) =>
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","_meta":{"progressToken":${id}}}}`,
    timeoutMs: 5000,
    maxMs: 10_000,
    ...more,
  };
}

/** The whole body with the id of the caller in it. */
export function whole(answer: UpstreamAnswer, id: string): string {
  if (answer.kind === 'error') throw new Error(`It was answered with an error: ${answer.error.message}`);
  const { before, after } = answer;
  return before.toString() + id + after.toString();
}

export async function failure(answer: Promise<unknown>): Promise<UpstreamError> {
  const error: unknown = await answer.then(
    () => new Error('It was answered.'),
    (reason: unknown) => reason,
  );
  if (error instanceof UpstreamError) return error;
  throw error;
}

export interface ManualTimer {
  readonly ms: number;
  readonly fire: () => void;
  readonly isOn: () => boolean;
}

/** Timers that a test fires. */
export function manualTimers(): { readonly setTimer: SetTimer; readonly set: Inbox<ManualTimer> } {
  const set = new Inbox<ManualTimer>();
  return {
    set,
    setTimer: (fire, ms) => {
      let isOn = true;
      set.push({ ms, fire: () => isOn && fire(), isOn: () => isOn });
      return () => {
        isOn = false;
      };
    },
  };
}
