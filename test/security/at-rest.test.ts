/** What a gateway sends when nobody asks it anything, in a network of its own that counts what leaves it. */
import { describe, expect, it } from 'vitest';
import { canWatch, watchAtRest } from '../../scripts/pentest/rest.ts';

const REST_MS = 2000;

describe('a gateway that nobody asks anything', () => {
  it.skipIf(!canWatch())(
    'SUP-06 connects to its own servers and to nothing else (needs unshare, ip and leave to make a network)',
    () => {
      expect(watchAtRest(REST_MS)).toEqual([]);
    },
  );
});
