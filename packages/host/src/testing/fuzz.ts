/** What is asked of the reader of a child's stdout for any input (`npm run fuzz`). It makes no inputs. */

import assert from 'node:assert/strict';
import { LineSplitter } from '../child-lines.ts';

export const OUTPUTS: readonly string[] = [
  '{"jsonrpc":"2.0","id":1,"result":{}}\n',
  'starting…\r\n\u001b[32m{"jsonrpc":"2.0","id":1,"result":{}}\u001b[0m\r\n\n\ufeff[1]\n',
  '\u001b]0;title\u0007{"a":1}{"b":2}\n  \t{\n}\n',
];

/** The same lines, noise and lines that are too long come out however the bytes are cut; no line is over its limit. */
export function checkOutput(text: string, random: (below: number) => number): void {
  const bytes = Buffer.from(text);
  const limit = 8 + random(512);
  const read = (size: () => number): unknown => {
    const seen: unknown[] = [];
    const splitter = new LineSplitter({
      maxLineBytes: limit,
      onLine: (line) => {
        assert(line.length <= limit);
        assert(line[0] === 0x7b || line[0] === 0x5b);
        assert(!line.includes(0x0a));
        seen.push(line.toString('latin1'));
      },
      onOversize: ({ head, tail }) => {
        assert(head.length <= 256 && (tail?.length ?? 0) <= 256);
        seen.push(['oversize', head.toString('latin1')]);
      },
    });
    for (let at = 0; at < bytes.length;) {
      const end = at + size();
      splitter.push(Buffer.from(bytes.subarray(at, end)));
      at = end;
    }
    splitter.end();
    return seen;
  };
  assert.deepEqual(
    read(() => 1 + random(40)),
    read(() => bytes.length),
  );
}
