import { UpstreamError } from '@sallyport/client';
import { describe, expect, it } from 'vitest';
import { Renewal } from './renewal.ts';

const refused = new UpstreamError('unauthorized', 'no');
const told: string[] = [];
const renewal = (renew: (server: string) => boolean | undefined): Renewal =>
  new Renewal({ renew, log: (_level, text) => told.push(text) });

describe('after a refusal', () => {
  it('reads the configuration again once for all who were refused meanwhile', async () => {
    const asked: string[] = [];
    const reading = Promise.withResolvers<undefined>();
    let readings = 0;
    const one = renewal((server) => {
      asked.push(server);
      return true;
    });
    one.use(async () => {
      readings += 1;
      await reading.promise;
    });
    const both = Promise.all([one.after(refused, 'a'), one.after(refused, 'a')]);
    reading.resolve(undefined);
    expect(await both).toEqual([true, true]);
    expect([asked, readings]).toEqual([['a'], 1]);
    await one.after(refused, 'a');
    expect(readings).toBe(2);
  });

  it('tries once more, and reads nothing, when it was renewed a moment ago', async () => {
    let readings = 0;
    const one = renewal(() => false);
    one.use(async () => (readings += 1));
    expect([await one.after(refused, 'a'), readings]).toEqual([true, 0]);
  });

  it('does nothing for what no command gave, for a login, for other trouble, and before the file is known', async () => {
    let asked = 0;
    const one = renewal(() => {
      asked += 1;
      return undefined;
    });
    one.use(() => Promise.reject(new Error('not to be read')));
    expect(await one.after(refused, 'a')).toBe(false);
    expect(await one.after(new UpstreamError('down', 'no'), 'a')).toBe(false);
    expect(await one.after(new Error('no'), 'a')).toBe(false);
    expect(asked).toBe(1);
    expect(await renewal(() => true).after(refused, 'a')).toBe(false);
  });

  it('goes on when the configuration cannot be read', async () => {
    const one = renewal(() => true);
    one.use(() => Promise.reject(new Error('broken')));
    expect(await one.after(refused, 'a')).toBe(true);
  });
});
