import { afterEach, describe, expect, it } from 'vitest';
import { openSetting } from '../cli/testing/stranger.ts';
import { gatewayStatus } from './status.ts';
import { createRedactor } from '../telemetry/redact.ts';

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of disposables.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

describe('how the servers are', () => {
  it('says nothing of secrets and sends nothing to a terminal that a server wrote before it ended', async () => {
    const setting = await openSetting({});
    disposables.push(setting);
    const lastError = 'It said last: key hunter2hunter2\u001b[2J';
    const upstreams = {
      isolation: () => 'shared',
      notes: () => [],
      status: () => ({ state: 'failed', eras: [], retryInMs: 0, restarts: 0, noiseLines: 0, instances: 0, lastError }),
    };
    const rooms = new Proxy(setting.rooms, {
      get: (given, name) => {
        if (name === 'upstreams') return upstreams;
        if (['auditNotes', 'blocked', 'pinNotes'].includes(String(name))) return () => [];
        const value: unknown = Reflect.get(given, name, given);
        return typeof value === 'function' ? value.bind(given) : value;
      },
    });
    const redactor = createRedactor();
    redactor.learn(['hunter2hunter2']);
    const [server] = gatewayStatus(rooms, {}, (text) => redactor.text(text)).servers;
    expect(server?.error).toContain('It said last: key [redacted]');
    expect(server?.error).not.toContain('\u001b');
  });
});
