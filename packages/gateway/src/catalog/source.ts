/** A server's legs as the source that the catalogue reads. */

import { askAllPages, errorOf, type Leg } from '@sallyport/client';
import { ERRORS } from '@sallyport/wire';
import { unionCapabilities, type Source } from './index.ts';
import { LISTS, usableEntries } from './snapshot.ts';

/** Milliseconds that one page of a list may take. */
const LIST_TIMEOUT_MS = 30_000;

/** The lists of the first leg, with what the server says in either era that it can. */
export function sourceOf(legs: readonly Leg[]): Source {
  const [leg] = legs as readonly [Leg];
  const capabilities = legs.map(({ server }) => server.capabilities).reduce(unionCapabilities);
  return {
    capabilities,
    info: leg.server.info,
    instructions: leg.server.instructions,
    list: async (kind) => {
      const { method, member, capability } = LISTS[kind];
      if (leg.server.capabilities[capability] === undefined) return [];
      try {
        return usableEntries(kind, (await askAllPages(leg, method, member, { timeoutMs: LIST_TIMEOUT_MS })).items);
      } catch (error) {
        // Resources and templates are one capability: many servers declare it and serve only one of the two.
        if (errorOf(error)?.code === ERRORS.method_not_found.code) return [];
        throw error;
      }
    },
  };
}
