import { describe, expect, it } from 'vitest';
import type { ChannelHooks } from '../duplex/channel.ts';
import type { LegEvents } from '../leg.ts';
import { openChild } from './connector.ts';

const nothing = (): undefined => undefined;
const events = { log: nothing } as unknown as LegEvents;

/** A child whose release is counted; `down` resolves when it is over. */
function prepared(command: string, script: string) {
  const ended = Promise.withResolvers<void>();
  const counted = { releases: 0 };
  const hooks = {
    maxMessageBytes: 1000,
    onMessage: nothing,
    onOversize: nothing,
    onUnsent: nothing,
    logId: nothing,
    onDown: () => ended.resolve(),
  } satisfies ChannelHooks;
  const release = async (): Promise<void> => {
    counted.releases += 1;
  };
  const prepare = async () => ({ command, args: ['-e', script], cwd: '/', env: {}, release });
  return { counted, down: ended.promise, open: () => openChild({ name: 'test', prepare, hooks, events }) };
}

describe('what was prepared for a child is released once', () => {
  it('when it is closed', async () => {
    const { counted, open } = prepared(process.execPath, 'process.stdin.resume()');
    const channel = await open();
    expect(counted.releases).toBe(0);
    await channel.close();
    expect(counted.releases).toBe(1);
  });

  it('when it ends by itself', async () => {
    const { counted, down, open } = prepared(process.execPath, '');
    const channel = await open();
    await down;
    await channel.close();
    expect(counted.releases).toBe(1);
  });

  it('when it is not started', async () => {
    const { counted, open } = prepared('/no/such/program', '');
    await expect(open()).rejects.toThrow(/could not be started/);
    expect(counted.releases).toBe(1);
  });
});
