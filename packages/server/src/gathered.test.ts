import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Gathered } from './gathered.ts';

it('gives back what came, in order, and leaves what it was given alone', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 20 }), (pieces) => {
      const gathered = new Gathered();
      const buffers = pieces.map((piece) => Buffer.from(piece));
      for (const buffer of buffers) gathered.add(buffer);
      expect(gathered.length).toBe(buffers.reduce((sum, { length }) => sum + length, 0));
      expect(gathered.take().equals(Buffer.concat(pieces))).toBe(true);
      expect(buffers.every((buffer, at) => buffer.equals(pieces[at] as Uint8Array))).toBe(true);
      expect([gathered.length, gathered.take().length]).toEqual([0, 0]);
    }),
  );
});

it('does not hand out a piece again after it was taken', () => {
  const gathered = new Gathered();
  gathered.add(Buffer.from('ab'));
  gathered.add(Buffer.from('c'));
  const first = gathered.take();
  gathered.add(Buffer.from('de'));
  gathered.add(Buffer.from('f'));
  expect([first.toString(), gathered.take().toString()]).toEqual(['abc', 'def']);
});
