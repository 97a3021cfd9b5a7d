/** For tests: an upstream of one server, what it tells, and verdicts in memory. Nothing of the package imports it. */

import type { JsonRpcNotification, JsonRpcRequest } from '@sallyport/wire';
import type { UpstreamError } from '../leg.ts';
import { createUpstream } from '../supervise.ts';
import type { Target, Upstream, UpstreamOptions, Verdict, VerdictStore } from '../upstream.ts';
import { Inbox } from './inbox.ts';

export class MemoryVerdicts implements VerdictStore {
  readonly kept: Map<string, Verdict> = new Map();

  get(key: string): Promise<Verdict | undefined> {
    return Promise.resolve(this.kept.get(key));
  }

  put(key: string, verdict: Verdict): Promise<void> {
    this.kept.set(key, verdict);
    return Promise.resolve();
  }
}

export interface TestUpstream {
  readonly upstream: Upstream;
  readonly notifications: Inbox<JsonRpcNotification>;
  readonly unattributed: Inbox<JsonRpcRequest>;
  readonly downs: Inbox<UpstreamError>;
  readonly logs: Inbox<string>;
}

export function testUpstream(target: Target, more: Partial<UpstreamOptions> = {}): TestUpstream {
  const told = {
    notifications: new Inbox<JsonRpcNotification>(),
    unattributed: new Inbox<JsonRpcRequest>(),
    downs: new Inbox<UpstreamError>(),
    logs: new Inbox<string>(),
  };
  const upstream = createUpstream({
    name: 'test',
    target,
    era: 'auto',
    connectTimeoutMs: 10_000,
    idleMs: 0,
    clientInfo: { name: 'sallyport', version: '0' },
    clientCapabilities: { sampling: {}, elicitation: {}, roots: {} },
    maxMessageBytes: 1024 * 1024,
    verdicts: new MemoryVerdicts(),
    events: {
      onUp: () => undefined,
      onDown: (error) => told.downs.push(error),
      onNotification: (_leg, message) => told.notifications.push(message),
      onUnattributed: (_leg, message) => {
        told.unattributed.push(message);
        return { error: { code: -31003, message: 'Refused.' } };
      },
      log: (level, text, detail) => told.logs.push(`${level} ${text} ${JSON.stringify(detail ?? {})}`),
    },
    env: {},
    now: () => 1_000_000,
    ...more,
  });
  return { upstream, ...told };
}
