import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outbox, parseEventId, type EventWriter } from './outbox.ts';

function writer(): EventWriter & { readonly seen: string[]; ended: number } {
  const seen: string[] = [];
  return {
    seen,
    ended: 0,
    write: (event) => void seen.push(String(event)),
    end() {
      this.ended++;
    },
  };
}

const outbox = (events = 4, bytes = 100): Outbox => new Outbox('s', { events, bytes }, (data, id) => `${id}=${data}`);

describe('Outbox', () => {
  it('gives each event exactly once, wherever the connection breaks', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('send', 'break', 'resume'), { maxLength: 60 }), (steps) => {
        const box = outbox(1000, 1e6);
        const seen: string[] = [];
        let current: (EventWriter & { readonly seen: string[] }) | undefined;
        let sent = 0;
        const resume = (): void => {
          const last = seen.at(-1);
          current = { ...writer(), seen, write: (event) => void seen.push(String(event)) };
          box.connect(current, last === undefined ? undefined : Number(last.split('=')[1]));
        };
        for (const step of steps) {
          if (step === 'send') box.send(String(++sent));
          else if (step === 'resume') resume();
          else if (current !== undefined) box.disconnect(current);
        }
        resume();
        expect(seen).toEqual(Array.from({ length: sent }, (_, at) => `s.${at + 1}=${at + 1}`));
      }),
    );
  });

  it('keeps so many events and bytes, and knows what it cannot give any more', () => {
    const box = outbox(4, 10);
    for (const data of ['1', '2', '3', '4', '5']) box.send(data);
    expect([0, 1, 5, 6, -1].map((at) => box.holds(at))).toEqual([false, true, true, false, false]);
    box.send('sixsix');
    expect([2, 3, 6].map((at) => box.holds(at))).toEqual([true, true, true]);
    box.send('ääääää');
    expect([6, 7].map((at) => box.holds(at))).toEqual([false, true]);
    const late = writer();
    box.connect(late, undefined);
    expect(late.seen).toEqual([]);
  });

  it('ends the writer before the newest, and the newest with the stream', () => {
    const box = outbox();
    const [first, second, third] = [writer(), writer(), writer()];
    box.connect(first, undefined);
    box.send('1');
    box.connect(second, undefined);
    box.disconnect(first, true);
    box.send('2');
    box.end();
    box.connect(third, 1);
    expect([first, second, third].map(({ seen, ended }) => [seen, ended])).toEqual([
      [['s.1=1'], 1],
      [['s.2=2'], 1],
      [['s.2=2'], 1],
    ]);
    expect(box.connected).toBe(false);
  });

  it('can be resumed once a client has had an event', () => {
    const box = outbox();
    box.send('1');
    expect(box.resumable).toBe(false);
    box.connect(writer(), undefined);
    expect(box.resumable).toBe(true);
  });
});

it('event ids are read as they are written, and nothing else is one', () => {
  expect(parseEventId('1z.42')).toEqual({ name: '1z', sequence: 42 });
  for (const id of ['', '.1', '1.', '1', 'A.1', '1.-1', '1.1.1', ' 1.1', '1.1\n', '1.1e3', `${'a'.repeat(17)}.1`]) {
    expect(parseEventId(id), id).toBeUndefined();
  }
});
