/** For tests: clients whose timers the test fires. Nothing of the package imports it. */

import type { LinkedClient } from '../connect/client.ts';
import { openClient } from '../connect/connect.ts';
import type { ConnectOptions } from '../connect/options.ts';
import type { ConnectTarget } from '../connect/target.ts';
import type { ClientEvents } from '../connect/api.ts';
import { manualTimers, type ManualTimer } from './calls.ts';
import { Inbox } from './inbox.ts';

export interface TestClient {
  readonly client: LinkedClient;
  readonly states: Inbox<ClientEvents['state']>;
  readonly diagnostics: string[];
  readonly timers: Inbox<ManualTimer>;
  /** Lets its time go by. */
  readonly fire: (timer: ManualTimer) => void;
}

export async function testClient(target: ConnectTarget, options: ConnectOptions = {}): Promise<TestClient> {
  const { setTimer, set } = manualTimers();
  const states = new Inbox<ClientEvents['state']>();
  const diagnostics: string[] = [];
  let skippedMs = 0;
  const client = await openClient(
    target,
    { onDiagnostic: ({ level, text }) => diagnostics.push(`${level} ${text}`), ...options },
    { setTimer, monotonic: () => performance.now() + skippedMs, random: () => 0, env: { PATH: process.env['PATH'] } },
  );
  client.on('state', (event) => states.push(event));
  return {
    client,
    states,
    diagnostics,
    timers: set,
    fire: (timer) => {
      skippedMs += timer.ms;
      timer.fire();
    },
  };
}
